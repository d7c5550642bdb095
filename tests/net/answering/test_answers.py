"""
The answer to each kind of request, and askers that become contacts.
"""

from __future__ import annotations

from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import packAddress, splitContacts, unpackContact
from tests.helpers.core.contacts import closestIds
from tests.helpers.networks.nodes import COMMAND, REQUEST_SECONDS
from tests.helpers.networks.servers import ResponderTestCase


class AnswerTests(ResponderTestCase):
    """
    The contents of answers.
    """

    def test_pongHasIdAddressAndToken(self) -> None:
        """
        The answer to a ping contains the node's id, the asker's address and a token of 32 bytes.
        """
        answer = self.ask(wire.PING)
        self.assertEqual(answer.id, self.server.id)
        self.assertEqual(answer.value, packAddress(*self.asker.address))
        self.assertEqual(len(answer.roundtripToken or b""), 32)
        self.assertIsNone(answer.nodes)

    def test_answerHasTheTransactionIdOfItsRequest(self) -> None:
        """An answer has the same transaction id as its request, from 0 to 32,767."""
        for transactionId in (0, 1, 255, 256, 32767):
            body = wire.requestBody(wire.PING)
            self.asker.send(wire.frameRequest(transactionId, body), self.addressOf(self.server))
            self.clock.runFor(1)
            self.assertEqual(self.asker.responses[-1][0].transactionId, transactionId)

    def test_findNodeNamesTheClosestContacts(self) -> None:
        """
        The answer to ``_find_node`` names the 20 contacts closest to the target, closest first.
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

    def test_findNodeWithoutTargetIsIgnored(self) -> None:
        """A ``_find_node`` without a target of 32 bytes gets no answer."""
        for target in (None, b"", bytes(31), bytes(33)):
            self.assertNoAnswer(wire.FIND_NODE, target)

    def test_userCommandHasValueContactsAndToken(self) -> None:
        """
        The answer to a user's command contains the handler's value, the closest contacts and a
        token.
        """
        self.server = self.swarm(5)[0]
        self.server.register(COMMAND, self.handler)
        answer = self.ask(COMMAND, self.target())
        self.assertEqual((answer.id, answer.value), (self.server.id, b"query"))
        self.assertEqual(len(splitContacts(answer.nodes or b"")), 4)
        self.assertEqual(len(answer.roundtripToken or b""), 32)

    def test_userCommandWithoutTargetIsIgnored(self) -> None:
        """A user's command without a target of 32 bytes runs no handler and gets no answer."""
        self.server.register(COMMAND, self.handler)
        for target in (None, b"", bytes(31), bytes(33)):
            self.assertNoAnswer(COMMAND, target)
        self.assertEqual(self.handler.queries, [])

    def test_unknownCommandHasContactsOnly(self) -> None:
        """
        The answer to a command without a handler contains contacts, but no value and no token.
        """
        self.server = self.swarm(5)[0]
        answer = self.ask(COMMAND, self.target())
        self.assertEqual((answer.value, answer.roundtripToken), (None, None))
        self.assertEqual(len(splitContacts(answer.nodes or b"")), 4)

    def test_answersOfEphemeralNodeHaveNoId(self) -> None:
        """No answer of an ephemeral node has an id."""
        self.server = self.node(ephemeral=True)
        self.server.register(COMMAND, self.handler)
        for command in (wire.PING, wire.FIND_NODE, COMMAND):
            self.assertIsNone(self.ask(command, self.target()).id)

    def test_malformedRequestIsIgnored(self) -> None:
        """A malformed datagram is counted and gets no answer."""
        datagrams = [b"\x80\x00\xff", b"\x80\x00", wire.frameRequest(1, b"\x0a\x02\xff\xfe")]
        for datagram in datagrams:
            self.asker.send(datagram, self.addressOf(self.server))
        self.clock.runFor(1)
        self.assertEqual(self.server.counters.malformed, len(datagrams))
        self.assertEqual(self.asker.received, [])


class ClaimTests(ResponderTestCase):
    """
    Askers with ids. Each is pinged before it is listed, and is called a claim until it answers.
    """

    def test_askerThatAnswersBecomesAContact(self) -> None:
        """An asker is pinged once and becomes a contact when it answers."""
        self.ask(wire.PING)
        self.assertEqual(self.server.contacts(), [self.asker.contact])
        self.assertEqual(len(self.asker.requestsFor(wire.PING)), 1)

    def test_silentAskerBecomesNoContact(self) -> None:
        """
        An asker that doesn't answer its ping becomes no contact. After 15 seconds, it is not named
        to others.
        """
        self.asker.onRequest = self.asker.ignore
        self.ask(wire.PING)
        self.assertEqual(self.server.contacts(), [])
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual(self.ask(wire.FIND_NODE, self.target(), id=None).nodes or b"", b"")

    def test_claimIsNamedToANewcomer(self) -> None:
        """
        While the ping of an asker is in flight, the asker is named to a new node that looks up its
        own id.
        """
        other = self.peer()
        self.asker.ask(self.addressOf(self.server), wire.PING)
        self.clock.runFor(0.015)
        other.ask(self.addressOf(self.server), wire.FIND_NODE, other.id)
        self.clock.runFor(1)
        [(answer, _)] = other.responses
        named = [unpackContact(each) for each in splitContacts(answer.nodes or b"")]
        self.assertEqual(named, [self.asker.contact])

    def test_askerIsListedUnderTheIdOfItsAnswer(self) -> None:
        """An asker that answers its ping under another id is listed under the id of its answer."""
        self.ask(wire.PING, id=self.target())
        self.assertEqual(self.server.contacts(), [self.asker.contact])

    def test_askerUnderTheOwnIdIsNotPinged(self) -> None:
        """An asker with the node's own id is answered but not pinged."""
        self.ask(wire.PING, id=self.server.id)
        self.assertEqual(self.asker.requests, [])

    def test_ephemeralAskerIsNotPinged(self) -> None:
        """An asker without an id is answered but not pinged."""
        self.ask(wire.PING, id=None)
        self.assertEqual(self.asker.requests, [])
