"""
Tests for `dwdht_twisted.responder`: what a node answers, and what makes a request an update.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from dwdht_twisted import Request
from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import ROTATION_INTERVAL, packAddress, splitContacts, unpackContact
from tests.helpers.core.contacts import closestIds
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nodes import COMMAND, REQUEST_SECONDS, NodeTestCase


class ResponderTestCase(NodeTestCase):
    """
    A node that a raw peer asks.
    """

    def setUp(self) -> None:
        super().setUp()
        self.server = self.node()
        self.asker = self.peer(answers="pong")
        self.handler = Handler(lambda _: b"query", lambda _: b"update")

    def ask(self, command: str, target: bytes | None = None, **fields: Any) -> wire.ResponseMessage:
        """Ask, and give the answer."""
        before = len(self.asker.responses)
        self.asker.ask(self.addressOf(self.server), command, target, **fields)
        self.clock.runFor(1)
        [(message, source)] = self.asker.responses[before:]
        self.assertEqual(source, self.addressOf(self.server))
        return message

    def assertNoAnswer(self, command: str, target: bytes | None = None, **fields: Any) -> None:
        """Ask, and get nothing."""
        before = len(self.asker.responses)
        self.asker.ask(self.addressOf(self.server), command, target, **fields)
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual(self.asker.responses[before:], [])


class AnswerTests(ResponderTestCase):
    """
    The answers to each kind of request.
    """

    def test_ping(self) -> None:
        """
        A ping is answered with the id, the asker's address and a token.
        """
        answer = self.ask(wire.PING)
        self.assertEqual(answer.id, self.server.id)
        self.assertEqual(answer.value, packAddress(*self.asker.address))
        self.assertEqual(len(answer.roundtripToken or b""), 32)
        self.assertIsNone(answer.nodes)

    def test_transactionId(self) -> None:
        """
        An answer has the transaction id of its request.
        """
        for transactionId in (0, 1, 255, 256, 32767):
            body = wire.requestBody(wire.PING)
            self.asker.send(wire.frameRequest(transactionId, body), self.addressOf(self.server))
            self.clock.runFor(1)
            self.assertEqual(self.asker.responses[-1][0].transactionId, transactionId)

    def test_findNode(self) -> None:
        """
        ``_find_node`` is answered with the 20 contacts closest to the target, closest first.
        """
        self.server = self.swarm(60)[0]
        target = self.target()
        answer = self.ask(wire.FIND_NODE, target)
        named = [unpackContact(each) for each in splitContacts(answer.nodes or b"")]
        ids = [contact.id for contact in named if contact is not None]
        known = [c for c in self.server.contacts() if c.host != self.asker.host]
        self.assertEqual(ids, closestIds(known, target))
        self.assertEqual(len(ids), 20)
        self.assertEqual(len(answer.roundtripToken or b""), 32)
        self.assertIsNone(answer.value)

    def test_findNodeWithoutTarget(self) -> None:
        """
        ``_find_node`` without a target of 32 bytes isn't answered.
        """
        for target in (None, b"", bytes(31), bytes(33)):
            self.assertNoAnswer(wire.FIND_NODE, target)

    def test_userCommand(self) -> None:
        """
        A user's command is answered with the handler's value, the closest nodes and a token.
        """
        self.server = self.swarm(5)[0]
        self.server.register(COMMAND, self.handler)
        answer = self.ask(COMMAND, self.target())
        self.assertEqual((answer.id, answer.value), (self.server.id, b"query"))
        self.assertEqual(len(splitContacts(answer.nodes or b"")), 4)
        self.assertEqual(len(answer.roundtripToken or b""), 32)

    def test_userCommandWithoutTarget(self) -> None:
        """
        A user's command without a target of 32 bytes isn't answered, and no handler hears of it.
        """
        self.server.register(COMMAND, self.handler)
        for target in (None, b"", bytes(31), bytes(33)):
            self.assertNoAnswer(COMMAND, target)
        self.assertEqual(self.handler.queries, [])

    def test_unknownCommand(self) -> None:
        """
        A command without a handler is answered with nodes, without a value and without a token.
        """
        self.server = self.swarm(5)[0]
        answer = self.ask(COMMAND, self.target())
        self.assertEqual((answer.value, answer.roundtripToken), (None, None))
        self.assertEqual(len(splitContacts(answer.nodes or b"")), 4)

    def test_ephemeral(self) -> None:
        """
        An ephemeral node answers everything, without its id.
        """
        self.server = self.node(ephemeral=True)
        self.server.register(COMMAND, self.handler)
        for command in (wire.PING, wire.FIND_NODE, COMMAND):
            self.assertIsNone(self.ask(command, self.target()).id)

    def test_unreadable(self) -> None:
        """
        What isn't a message is counted and not answered.
        """
        datagrams = [b"\x80\x00\xff", b"\x80\x00", wire.frameRequest(1, b"\x0a\x02\xff\xfe")]
        for datagram in datagrams:
            self.asker.send(datagram, self.addressOf(self.server))
        self.clock.runFor(1)
        self.assertEqual(self.server.counters.malformed, len(datagrams))
        self.assertEqual(self.asker.received, [])


class UpdateTests(ResponderTestCase):
    """
    A request with a valid token is an update, handed over once.
    """

    def setUp(self) -> None:
        super().setUp()
        self.server.register(COMMAND, self.handler)
        self.wanted = self.target()
        self.token = self.tokenFor(self.asker, self.server, self.wanted)
        self.handler.queries.clear()

    def test_update(self) -> None:
        """
        An update is answered with the handler's value and with the token that it was sent.
        """
        answer = self.ask(COMMAND, self.wanted, roundtripToken=self.token, value=b"x")
        self.assertEqual((answer.value, answer.roundtripToken), (b"update", self.token))
        self.assertEqual([request.value for request in self.handler.updates], [b"x"])
        self.assertEqual(self.handler.queries, [])
        self.assertEqual(self.server.counters.updatesServed, 1)

    def test_tokenOfFindNode(self) -> None:
        """
        A token that came with ``_find_node`` for the same target is as good.
        """
        token = self.ask(wire.FIND_NODE, self.wanted).roundtripToken
        self.assertEqual(self.ask(COMMAND, self.wanted, roundtripToken=token).value, b"update")

    def test_retry(self) -> None:
        """
        A retried update is answered again, with the same answer, and its handler runs once.
        """
        self.server.unregister(COMMAND)
        counting = Handler(update=lambda _: str(len(counting.updates)).encode())
        self.server.register(COMMAND, counting)
        datagram = self.asker.ask(
            self.addressOf(self.server), COMMAND, self.wanted, roundtripToken=self.token
        )
        for _ in range(3):
            self.clock.runFor(1)
            self.asker.send(datagram, self.addressOf(self.server))
        self.clock.runFor(1)
        values = [message.value for message, _ in self.asker.responses[-4:]]
        self.assertEqual(values, [b"1"] * 4)
        self.assertEqual(len(counting.updates), 1)
        self.assertEqual(self.server.counters.retriesAnswered, 3)

    def test_retryAfterManyOthers(self) -> None:
        """
        Another asker, who sends as many updates as it may, doesn't make an update run twice.
        """
        result: Deferred[bytes] = Deferred()
        mixed = Handler(update=lambda request: result if request.value is None else None)
        self.server.unregister(COMMAND)
        self.server.register(COMMAND, mixed)
        datagram = self.asker.ask(
            self.addressOf(self.server), COMMAND, self.wanted, roundtripToken=self.token
        )
        other = self.peer(answers="pong")
        token = self.tokenFor(other, self.server, self.wanted)
        for number in range(20 * 100):
            other.ask(
                self.addressOf(self.server),
                COMMAND,
                self.wanted,
                roundtripToken=token,
                value=str(number).encode(),
            )
            self.clock.runFor(0.01)
        self.asker.send(datagram, self.addressOf(self.server))
        self.clock.runFor(1)
        self.assertEqual(len([each for each in mixed.updates if each.value is None]), 1)
        self.assertGreater(len(mixed.updates), 1000)

    def test_retryAfterLargeAnswer(self) -> None:
        """
        The answer to a retry leaves a large value out, and still says that the update was taken.
        """
        self.server.unregister(COMMAND)
        self.server.register(COMMAND, Handler(update=lambda _: b"x" * 60_000))
        datagram = self.asker.ask(
            self.addressOf(self.server), COMMAND, self.wanted, roundtripToken=self.token
        )
        self.clock.runFor(1)
        self.asker.send(datagram, self.addressOf(self.server))
        self.clock.runFor(1)
        values = [(len(m.value or b""), m.roundtripToken) for m, _ in self.asker.responses[-2:]]
        self.assertEqual(values, [(60_000, self.token), (0, self.token)])

    def test_retryWhileAtWork(self) -> None:
        """
        An update that comes again while its handler is at work gets one answer, when that is done.
        """
        result: Deferred[bytes] = Deferred()
        slow = Handler(update=lambda _: result)
        self.server.unregister(COMMAND)
        self.server.register(COMMAND, slow)
        before = len(self.asker.responses)
        datagram = self.asker.ask(
            self.addressOf(self.server), COMMAND, self.wanted, roundtripToken=self.token
        )
        self.clock.runFor(1)
        self.asker.send(datagram, self.addressOf(self.server))
        self.clock.runFor(1)
        result.callback(b"done")
        self.clock.runFor(1)
        self.assertEqual([m.value for m, _ in self.asker.responses[before:]], [b"done"])
        self.assertEqual(len(slow.updates), 1)

    def test_sameTransactionId(self) -> None:
        """
        Another update under the same transaction id is another update.
        """
        for value in (b"one", b"two"):
            body = wire.requestBody(
                COMMAND, self.asker.id, self.wanted, roundtripToken=self.token, value=value
            )
            self.asker.send(wire.frameRequest(7, body), self.addressOf(self.server))
        self.clock.runFor(1)
        self.assertEqual([request.value for request in self.handler.updates], [b"one", b"two"])

    def test_forgotten(self) -> None:
        """
        What comes again long after is not a retry.
        """
        datagram = self.asker.ask(
            self.addressOf(self.server), COMMAND, self.wanted, roundtripToken=self.token
        )
        self.clock.runFor(60)
        self.asker.send(datagram, self.addressOf(self.server))
        self.clock.runFor(1)
        self.assertEqual(len(self.handler.updates), 2)

    def test_rotation(self) -> None:
        """
        A token is good for one rotation of the secret, and after two it makes a query.
        """
        self.clock.runFor(ROTATION_INTERVAL + 20)
        answer = self.ask(COMMAND, self.wanted, roundtripToken=self.token)
        self.assertEqual((answer.value, answer.roundtripToken), (b"update", self.token))
        self.assertNotEqual(self.ask(COMMAND, self.wanted).roundtripToken, self.token)
        self.clock.runFor(ROTATION_INTERVAL + 20)
        answer = self.ask(COMMAND, self.wanted, roundtripToken=self.token)
        self.assertEqual(answer.value, b"query")
        self.assertNotEqual(answer.roundtripToken, self.token)

    def test_badToken(self) -> None:
        """
        A bad token makes a query, which is counted, and is answered with a good one.
        """
        for token in (b"", bytes(32), self.token[:-1], self.token + b"x", bytes(1000)):
            answer = self.ask(COMMAND, self.wanted, roundtripToken=token)
            self.assertEqual((answer.value, answer.roundtripToken), (b"query", self.token))
        self.assertEqual(self.server.counters.badTokens, 5)
        self.assertEqual(self.handler.updates, [])

    def test_noUpdateHandler(self) -> None:
        """
        An update of a command without a handler is answered without a value and without a token.
        """
        token = self.tokenFor(self.asker, self.server, self.wanted)
        self.server.unregister(COMMAND)
        answer = self.ask(COMMAND, self.wanted, roundtripToken=token)
        self.assertEqual((answer.value, answer.roundtripToken), (None, None))
        self.assertEqual(self.server.counters.updatesServed, 0)

    def test_failedUpdate(self) -> None:
        """
        An update whose handler failed isn't answered, nor is its retry, and it runs once.
        """

        def fails(_: Request) -> bytes:
            raise ZeroDivisionError

        self.server.unregister(COMMAND)
        failing = Handler(update=fails)
        self.server.register(COMMAND, failing)
        before = len(self.asker.responses)
        datagram = self.asker.ask(
            self.addressOf(self.server), COMMAND, self.wanted, roundtripToken=self.token
        )
        self.clock.runFor(1)
        self.asker.send(datagram, self.addressOf(self.server))
        self.clock.runFor(1)
        self.assertEqual(len(self.asker.responses), before)
        self.assertEqual(len(failing.updates), 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_tooLarge(self) -> None:
        """
        An update whose handler gives more than a datagram holds isn't answered, and is logged.
        """
        self.server.unregister(COMMAND)
        self.server.register(COMMAND, Handler(update=lambda _: bytes(70000)))
        self.assertNoAnswer(COMMAND, self.wanted, roundtripToken=self.token)
        self.assertEqual(self.server.counters.handlerFailures, 1)


class ClaimTests(ResponderTestCase):
    """
    Who asks under an id is pinged before it is believed.
    """

    def test_proven(self) -> None:
        """
        An asker that answers a ping becomes a contact.
        """
        self.ask(wire.PING)
        self.assertEqual(self.server.contacts(), [self.asker.contact])
        self.assertEqual(len(self.asker.requestsFor(wire.PING)), 1)

    def test_silent(self) -> None:
        """
        One that doesn't is never among the contacts, and no longer named to others after a while.
        """
        self.asker.onRequest = self.asker.ignore
        self.ask(wire.PING)
        self.assertEqual(self.server.contacts(), [])
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual(self.ask(wire.FIND_NODE, self.target(), id=None).nodes or b"", b"")

    def test_namedMeanwhile(self) -> None:
        """
        A node that has just asked is named to newcomers while its ping is under way.
        """
        other = self.peer()
        self.asker.ask(self.addressOf(self.server), wire.PING)
        self.clock.runFor(0.015)
        other.ask(self.addressOf(self.server), wire.FIND_NODE, other.id)
        self.clock.runFor(1)
        [(answer, _)] = other.responses
        named = [unpackContact(each) for each in splitContacts(answer.nodes or b"")]
        self.assertEqual(named, [self.asker.contact])

    def test_otherId(self) -> None:
        """
        An asker that answers under another id than it asked with is known under that one.
        """
        self.ask(wire.PING, id=self.target())
        self.assertEqual(self.server.contacts(), [self.asker.contact])

    def test_ownId(self) -> None:
        """
        Who asks under the node's own id is answered, and not pinged.
        """
        self.ask(wire.PING, id=self.server.id)
        self.assertEqual(self.asker.requests, [])

    def test_ephemeral(self) -> None:
        """
        Who asks without an id is not pinged.
        """
        self.ask(wire.PING, id=None)
        self.assertEqual(self.asker.requests, [])
