"""
How the original could be used against others: entries 26 to 29 of the list of its defects.

Each test is named after its entry.  Hostile datagrams come from a raw peer, over the real codec.
"""

from __future__ import annotations

from dwdht_twisted._core import wire
from dwdht_twisted._core.limits.bounds import AMPLIFICATION
from dwdht_twisted._core.wire import packAddress
from tests.helpers.networks.nodes import COMMAND, GIVEN_UP, Handler, NodeTestCase, RawPeer


class AbuseTests(NodeTestCase):
    """
    A node that an attacker would have others hit with.
    """

    def setUp(self) -> None:
        super().setUp()
        self.one = self.swarm(30, rateLimit=None)[0]
        self.there = self.addressOf(self.one)
        self.attacker = self.peer(id=None)

    def received(self, victim: RawPeer) -> int:
        """How many bytes a victim got from the node."""
        return sum(len(datagram) for datagram, source in victim.received if source == self.there)

    def test_26_aForwardedPingCarriesNothing(self) -> None:
        """
        A forwarded ping of 60 KB reaches a contact as a ping of a few bytes.
        """
        contact = self.peer()
        self.introduce(contact, self.one)
        before = self.received(contact)
        datagram = self.attacker.ask(
            self.there,
            wire.PING,
            self.target(),
            forwardRequest=packAddress(*contact.address),
            value=bytes(60000),
            roundtripToken=bytes(1000),
        )
        self.clock.runFor(0.1)
        self.assertGreater(self.received(contact), before)
        self.assertLess(self.received(contact) - before, 60)
        self.assertGreater(len(datagram), 60000)

    def test_26_onlyToContacts(self) -> None:
        """
        A ping is forwarded to no address that the table doesn't know.
        """
        victim = self.peer()
        self.attacker.ask(self.there, wire.PING, forwardRequest=packAddress(*victim.address))
        self.clock.runFor(GIVEN_UP)
        self.assertEqual(victim.received, [])
        self.assertEqual(self.one.counters.relaysRefused, 1)

    def test_26_notTooManyASecond(self) -> None:
        """
        However many are to be forwarded, a contact gets a few a second.
        """
        contact = self.peer()
        self.introduce(contact, self.one)
        contact.requests.clear()
        for _ in range(10):
            for _ in range(500):
                self.attacker.ask(
                    self.there, wire.PING, forwardRequest=packAddress(*contact.address)
                )
            self.clock.runFor(1)
        self.assertLessEqual(len(contact.asked(wire.PING)), 100)

    def test_27_aForwardResponseHitsNobodyHard(self) -> None:
        """
        A flood of forwarded pings that name a victim brings it a few answers a second.
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
        self.assertLess(self.received(victim), sent / 5)

    def test_27_norManyVictims(self) -> None:
        """
        Nor does it bring very many victims an answer each.
        """
        victims = [self.peer() for _ in range(1000)]
        for victim in victims:
            self.attacker.ask(self.there, wire.PING, forwardResponse=packAddress(*victim.address))
        self.clock.runFor(1)
        self.assertLessEqual(sum(bool(victim.received) for victim in victims), 120)

    def test_28_anUnprovenSourceGetsLittle(self) -> None:
        """
        A ``_find_node`` from a source that doesn't answer brings it at most so many bytes for each.
        """
        for id in (None, self.target()):
            victim = self.peer()
            datagram = wire.frameRequest(1, wire.requestBody(wire.FIND_NODE, id, self.target()))
            for _ in range(50):
                victim.send(datagram, self.there)
                self.clock.runFor(0.3)
            self.clock.runFor(GIVEN_UP)
            self.assertGreater(self.received(victim), 0)
            self.assertLessEqual(self.received(victim), 50 * AMPLIFICATION * len(datagram))

    def test_28_aHonestAskerGetsEverything(self) -> None:
        """
        An asker that answers one ping gets the whole answer.
        """
        asker = self.peer(id=None, answers="pong")
        asker.ask(self.there, wire.FIND_NODE, self.target())
        self.clock.runFor(1)
        [(answer, _)] = asker.responses
        self.assertEqual(len(answer.nodes or b""), 20 * 38)

    def test_29_aTokenIsForOneUse(self) -> None:
        """
        A token is good for one host, port, id and target: with another of them, it makes a query.
        """
        handler = Handler()
        self.one.register(COMMAND, handler)
        owner = self.peer(answers="pong")
        target = self.target()
        token = self.tokenFor(owner, self.one, target)
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
        self.assertEqual(self.one.counters.badTokens, len(uses))
        owner.ask(self.there, COMMAND, target, roundtripToken=token)
        self.clock.runFor(1)
        self.assertEqual(len(handler.updates), 1)

    def test_29_aTokenOfAPingIsNoTokenForATarget(self) -> None:
        """
        The token that came with a ping, which has no target, makes no update.
        """
        handler = Handler()
        self.one.register(COMMAND, handler)
        peer = self.peer(answers="pong")
        peer.ask(self.there, wire.PING)
        self.clock.runFor(1)
        token = peer.responses[0][0].roundtripToken
        peer.ask(self.there, COMMAND, self.target(), roundtripToken=token)
        self.clock.runFor(1)
        self.assertEqual(handler.updates, [])
