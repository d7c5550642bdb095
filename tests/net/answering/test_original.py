"""
Requests that the original, ``dht-rpc``, answers although they are odd.
"""

from __future__ import annotations

from dwdht_twisted import Request
from dwdht_twisted._core import wire
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nodes import COMMAND
from tests.helpers.networks.peers import RawPeer
from tests.helpers.networks.servers import ResponderTestCase

#: Sizes of ids that are not valid, in bytes.
WRONG_SIZES = (0, 1, 31, 33, 1000)


class OddIdTests(ResponderTestCase):
    """
    Ids that don't have 32 bytes.
    """

    def askWithId(self, id: bytes, command: str, target: bytes | None = None) -> bytes | None:
        """Send a request with an id of any size. Return the token in its only answer."""
        body = wire.requestBody(command, id, target)
        before = len(self.asker.responses)
        self.asker.send(wire.frameRequest(7, body), self.addressOf(self.server))
        self.clock.runFor(1)
        [(message, _)] = self.asker.responses[before:]
        self.assertEqual(message.id, self.server.id)
        return message.roundtripToken

    def test_askerWithAnOddIdIsServedAsEphemeral(self) -> None:
        """
        A ping, a ``_find_node`` and a query with an id of 0 to 1,000 bytes are answered with a
        token. The handler gets a contact without an id, and the asker isn't listed.
        """
        self.server.register(COMMAND, self.handler)
        for size in WRONG_SIZES:
            for command in (wire.PING, wire.FIND_NODE, COMMAND):
                self.assertIsNotNone(self.askWithId(bytes(size), command, self.target()))
        self.assertEqual(
            [request.node.id for request in self.handler.queries], [None] * len(WRONG_SIZES)
        )
        self.assertEqual(self.server.contacts(), [])
        self.assertEqual(self.server.counters.malformed, 0)

    def test_updateWithAnOddIdRuns(self) -> None:
        """An update runs if its token was issued to the same address with an odd id."""
        self.server.register(COMMAND, self.handler)
        target = self.target()
        token = self.askWithId(bytes(31), COMMAND, target)
        body = wire.requestBody(COMMAND, bytes(31), target, roundtripToken=token, value=b"x")
        self.asker.send(wire.frameRequest(8, body), self.addressOf(self.server))
        self.clock.runFor(1)
        self.assertEqual([request.value for request in self.handler.updates], [b"x"])

    def test_answerWithAnOddIdIsThatOfAnEphemeralNode(self) -> None:
        """
        A query to named nodes gets the reply of a node whose id has 31 bytes. The contact in the
        reply has no id, and the node isn't listed.
        """

        def answer(peer: RawPeer, message: wire.RequestMessage) -> bytes:
            return wire.encodeResponse(message.transactionId, bytes(31), None, b"value")

        peer = self.peer()
        peer.onRequest = lambda message, source: peer.send(answer(peer, message), source)
        [reply] = self.collect(self.server, self.target(), nodes=[peer.address])
        self.assertEqual((reply.node.id, reply.value), (None, b"value"))
        self.assertEqual(self.server.contacts(), [])


class EmptyCommandTests(ResponderTestCase):
    """
    Requests whose command is empty.
    """

    def test_emptyCommandIsServedByTheHandlerOfAllCommands(self) -> None:
        """
        The handler that is registered for None gets the queries and the updates of an empty
        command.
        """
        self.server.register(None, self.handler)
        target = self.target()
        answer = self.ask("", target, value=b"x")
        self.assertEqual(answer.value, b"query")
        answer = self.ask("", target, value=b"x", roundtripToken=answer.roundtripToken)
        self.assertEqual(answer.value, b"update")
        expected = Request("", target, b"x", self.asker.contact)
        self.assertEqual((self.handler.queries, self.handler.updates), ([expected], [expected]))

    def test_emptyCommandWithoutAHandlerIsAnsweredWithoutAValue(self) -> None:
        """
        A node without a handler for None answers an empty command with its own id, without a value
        and without a token.
        """
        self.server.register(COMMAND, Handler())
        answer = self.ask("", self.target())
        self.assertEqual((answer.id, answer.value), (self.server.id, None))
        self.assertIsNone(answer.roundtripToken)

    def test_emptyCommandWithoutATargetIsNotAnswered(self) -> None:
        """An empty command without a target gets no answer, as any other command of a user."""
        self.server.register(None, self.handler)
        self.assertNoAnswer("")
        self.assertEqual(self.handler.queries, [])
