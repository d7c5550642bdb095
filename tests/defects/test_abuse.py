"""
Abuse of a node against others: tests for defects 26 to 29 of the original, ``@dwdht/rpc`` 0.1.4.

Each test's name begins with the number of its defect. Hostile datagrams come from a raw peer, over
the real codec.
"""

from __future__ import annotations

from dwdht_twisted import Contact
from dwdht_twisted._core import wire
from dwdht_twisted._core.limits.bounds import (
    AMPLIFICATION,
    EXCESS_BURST,
    EXCESS_RATE,
    TOTAL_RELAY_BURST,
    TOTAL_RELAY_RATE,
)
from dwdht_twisted._core.wire import HostPort, packAddress, packContact
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nodes import COMMAND, REQUEST_SECONDS, NodeTestCase
from tests.helpers.networks.peers import RawPeer


class AbuseTests(NodeTestCase):
    """
    A node in a network of 30, and an ephemeral attacker that tries to use the node against others.
    """

    def setUp(self) -> None:
        super().setUp()
        self.server = self.swarm(30, rateLimit=None)[0]
        self.there = self.addressOf(self.server)
        self.attacker = self.peer(id=None)

    def countBytes(self, victim: RawPeer) -> int:
        """Return the number of bytes that a victim received from the node."""
        return sum(len(datagram) for datagram, source in victim.received if source == self.there)

    def test_26_forwardedPingCarriesNoValue(self) -> None:
        """
        A ping of more than 60,000 bytes is forwarded to a contact as a ping of less than 60 bytes.
        """
        contact = self.peer()
        self.introduce(contact, self.server)
        before = self.countBytes(contact)
        datagram = self.attacker.ask(
            self.there,
            wire.PING,
            self.target(),
            forwardRequest=packAddress(*contact.address),
            value=bytes(60000),
            roundtripToken=bytes(1000),
        )
        self.clock.runFor(0.1)
        self.assertGreater(self.countBytes(contact), before)
        self.assertLess(self.countBytes(contact) - before, 60)
        self.assertGreater(len(datagram), 60000)

    def test_26_pingIsForwardedOnlyToContacts(self) -> None:
        """
        A ping for an address outside the routing table is not forwarded. It is counted as refused.
        """
        victim = self.peer()
        self.attacker.ask(self.there, wire.PING, forwardRequest=packAddress(*victim.address))
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual(victim.received, [])
        self.assertEqual(self.server.counters.relaysRefused, 1)

    def test_26_forwardedPingsAreLimited(self) -> None:
        """
        Of 5,000 pings to be forwarded to one contact in 10 seconds, the contact gets at most 100.
        """
        contact = self.peer()
        self.introduce(contact, self.server)
        contact.requests.clear()
        for _ in range(10):
            for _ in range(500):
                self.attacker.ask(
                    self.there, wire.PING, forwardRequest=packAddress(*contact.address)
                )
            self.clock.runFor(1)
        self.assertLessEqual(len(contact.requestsFor(wire.PING)), 100)

    def test_26_forwardedPingsToManyPortsAreLimited(self) -> None:
        """
        A host has 10 contacts. Of 1,000 pings a second to be forwarded to them, the host gets at
        most 75 in 10 seconds. These are 20 at once, `RELAY_BURST`, 5 a second, `RELAY_RATE`, and 5
        for rounding.
        """
        contacts = [self.peer(host="10.9.9.9", port=1 + number) for number in range(10)]
        for contact in contacts:
            self.introduce(contact, self.server)
            contact.requests.clear()
        for _ in range(10):
            for number in range(1000):
                compact = packAddress(*contacts[number % 10].address)
                self.attacker.ask(self.there, wire.PING, forwardRequest=compact)
            self.clock.runFor(1)
        self.assertLessEqual(sum(len(contact.requests) for contact in contacts), 75)

    def test_26_forwardedPingsToAllContactsAreLimited(self) -> None:
        """
        For 10 seconds, 1,000 pings a second are to be forwarded to all contacts. The contacts get
        at most 200 pings at once, `TOTAL_RELAY_BURST`, and 100 a second, `TOTAL_RELAY_RATE`.
        """
        contacts = self.server.contacts()
        self.assertGreater(len(contacts), 20)
        for _ in range(10):
            for number in range(1000):
                compact = packAddress(*contacts[number % len(contacts)].address)
                self.attacker.ask(self.there, wire.PING, forwardRequest=compact)
            self.clock.runFor(1)
        most = TOTAL_RELAY_BURST + 10 * TOTAL_RELAY_RATE
        self.assertLessEqual(self.server.counters.pingsRelayed, most)
        self.assertGreater(self.server.counters.pingsRelayed, most / 2)

    def test_27_forwardResponsesToOneVictimAreLimited(self) -> None:
        """
        In 10 seconds, 5,000 pings name a victim in ``forwardResponse``. The victim gets at most 100
        datagrams, with less than a fifth of the bytes of the pings.
        """
        victim = self.peer()
        sent = 0
        for _ in range(10):
            for _ in range(500):
                sent += len(
                    self.attacker.ask(
                        self.there, wire.PING, forwardResponse=packAddress(*victim.address)
                    )
                )
            self.clock.runFor(1)
        self.assertGreater(len(victim.received), 0)
        self.assertLessEqual(len(victim.received), 100)
        self.assertLess(self.countBytes(victim), sent / 5)

    def test_27_forwardResponsesToManyVictimsAreLimited(self) -> None:
        """
        A thousand pings name a different victim each in ``forwardResponse``. At most 120 victims
        get a datagram within a second.
        """
        victims = [self.peer() for _ in range(1000)]
        for victim in victims:
            self.attacker.ask(self.there, wire.PING, forwardResponse=packAddress(*victim.address))
        self.clock.runFor(1)
        self.assertLessEqual(sum(bool(victim.received) for victim in victims), 120)

    def test_28_unprovenSourceGetsLittle(self) -> None:
        """
        A source that never answers gets at most 14 bytes, `AMPLIFICATION`, for each byte of its 50
        ``_find_node`` requests.
        """
        for id in (None, self.target()):
            victim = self.peer()
            datagram = wire.frameRequest(1, wire.requestBody(wire.FIND_NODE, id, self.target()))
            for _ in range(50):
                victim.send(datagram, self.there)
                self.clock.runFor(0.3)
            self.clock.runFor(REQUEST_SECONDS)
            self.assertGreater(self.countBytes(victim), 0)
            self.assertLessEqual(self.countBytes(victim), 50 * AMPLIFICATION * len(datagram))

    def test_28_memberThatAsksNothingGetsLittle(self) -> None:
        """
        For 10 seconds, 100 requests a second for a value of 1,000 bytes carry the address of a
        contact that answers pings. The contact gets at most 14 bytes for each byte sent in its
        name, plus its budget. The budget is `EXCESS_BURST` bytes at once and `EXCESS_RATE` bytes a
        second.
        """
        self.server.register(COMMAND, Handler(lambda _: b"x" * 1000))
        victim = self.peer(answers="pong")
        self.introduce(victim, self.server)
        victim.received.clear()
        sent = 0
        for number in range(1000):
            datagram = wire.frameRequest(number, wire.requestBody(COMMAND, None, self.target()))
            sent += len(datagram)
            victim.send(datagram, self.there)
            self.clock.runFor(0.01)
        self.clock.runFor(REQUEST_SECONDS)
        most = AMPLIFICATION * sent + EXCESS_BURST + 10 * EXCESS_RATE
        self.assertGreater(self.countBytes(victim), EXCESS_BURST)
        self.assertLessEqual(self.countBytes(victim), most + 1232)

    def test_28_answeringAskerGetsAllContacts(self) -> None:
        """An ephemeral asker that answers one ping gets the answer with all 20 contacts."""
        asker = self.peer(id=None, answers="pong")
        asker.ask(self.there, wire.FIND_NODE, self.target())
        self.clock.runFor(1)
        [(answer, _)] = asker.responses
        self.assertEqual(len(answer.nodes or b""), 20 * 38)

    def test_29_tokenIsBoundToHostPortIdAndTarget(self) -> None:
        """
        A token is valid for one host, port, id and target. With any of them changed, a request with
        the token is no update.
        """
        handler = Handler()
        self.server.register(COMMAND, handler)
        owner = self.peer(answers="pong")
        target = self.target()
        token = self.tokenFor(owner, self.server, target)
        otherHost = self.peer(id=owner.id, answers="pong")
        otherPort = self.peer(owner.host, id=owner.id, answers="pong")
        uses = [
            (otherHost, target, owner.id),
            (otherPort, target, owner.id),
            (owner, target, self.target()),
            (owner, target, None),
            (owner, self.target(), owner.id),
        ]
        for peer, wanted, id in uses:
            peer.ask(self.there, COMMAND, wanted, id=id, roundtripToken=token)
            self.clock.runFor(1)
        self.assertEqual(handler.updates, [])
        self.assertEqual(self.server.counters.badTokens, len(uses))
        owner.ask(self.there, COMMAND, target, roundtripToken=token)
        self.clock.runFor(1)
        self.assertEqual(len(handler.updates), 1)

    def test_29_tokenOfPingMakesNoUpdate(self) -> None:
        """
        A token from the answer to a ping is not valid for an update, because a ping has no target.
        """
        handler = Handler()
        self.server.register(COMMAND, handler)
        peer = self.peer(answers="pong")
        peer.ask(self.there, wire.PING)
        self.clock.runFor(1)
        token = peer.responses[0][0].roundtripToken
        peer.ask(self.there, COMMAND, self.target(), roundtripToken=token)
        self.clock.runFor(1)
        self.assertEqual(handler.updates, [])


class ForgedProofTests(NodeTestCase):
    """
    A liar that answers in the name of silent victims, because its node asks it to relay pings.
    """

    def setUp(self) -> None:
        super().setUp()
        self.asker = self.swarm(30, rateLimit=None)[0]
        self.asker.register(COMMAND, Handler(lambda _: b"x" * 1000))
        self.there = self.addressOf(self.asker)
        self.victims = [self.peer(host=f"20.0.{number}.9", id=None) for number in range(6)]
        self.forged = 0
        liar = self.peer()
        liar.onRequest = self.lie
        self.introduce(liar, self.asker)
        self.liar = liar

    def forge(self, victim: RawPeer, datagram: bytes) -> None:
        """Send a datagram in the name of a victim."""
        self.forged += len(datagram)
        victim.send(datagram, self.there)

    def lie(self, message: wire.RequestMessage, source: HostPort) -> None:
        """Name the victims, and answer each ping that is to be relayed to one of them."""
        if message.forwardRequest is None:
            target = message.target or bytes(32)
            nodes = b"".join(
                packContact(Contact(target[:30] + bytes([number, 1]), *victim.address))
                for number, victim in enumerate(self.victims)
            )
            self.liar.serve(message, source, nodes=nodes)
            return
        [victim] = [
            victim
            for victim in self.victims
            if packAddress(*victim.address) == message.forwardRequest
        ]
        seenAs = packAddress(*self.there)
        self.forge(victim, wire.encodeResponse(message.transactionId, self.target(), value=seenAs))

    def test_answerToARelayedPingProvesNothing(self) -> None:
        """
        A referrer answers relayed pings in the name of 6 silent victims in 6 networks. None of them
        becomes a contact. Each victim gets at most 14 bytes, `AMPLIFICATION`, for each byte sent in
        its name.
        """
        for _ in range(4):
            self.collect(self.asker, self.liar.id or b"")
            self.clock.runFor(REQUEST_SECONDS)
        hosts = {victim.host for victim in self.victims}
        self.assertGreater(self.forged, 0)
        self.assertEqual([each for each in self.asker.contacts() if each.host in hosts], [])
        for victim in self.victims:
            victim.received.clear()
            self.forged = 0
            for number in range(20):
                body = wire.requestBody(COMMAND, None, self.target())
                self.forge(victim, wire.frameRequest(number, body))
            self.clock.runFor(REQUEST_SECONDS)
            received = sum(len(datagram) for datagram, _ in victim.received)
            self.assertLessEqual(received, AMPLIFICATION * self.forged)

    def test_answerToAHolePunchProvesNothing(self) -> None:
        """
        A referrer answers the ping of a user's hole punch in the name of a silent victim. The
        victim does not become a contact.
        """
        [victim, *_] = self.victims
        punch = self.asker.holepunch(victim.address, self.liar.address)
        self.clock.runUntil(punch)
        self.clock.runFor(REQUEST_SECONDS)
        self.assertNotIn(victim.host, [each.host for each in self.asker.contacts()])

    def test_pongAfterAHolePunchIsProof(self) -> None:
        """A peer that a hole punch has reached becomes a contact when it answers a direct ping."""
        peer = self.peer(host="20.0.7.9", answers="pong")
        referrer = self.peer()
        self.clock.runUntil(self.asker.holepunch(peer.address, referrer.address))
        self.clock.runFor(REQUEST_SECONDS)
        self.assertIn(peer.contact, self.asker.contacts())
