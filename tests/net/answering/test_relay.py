"""
Forwarded pings, with a node in each of three roles.

The asker sends a ping to the referrer. The referrer relays it to the peer, and the peer answers the
asker.
"""

from __future__ import annotations

from dwdht_twisted import Address, Contact, Pong
from dwdht_twisted._core import wire
from dwdht_twisted._core.limits import RateLimit
from dwdht_twisted._core.limits.bounds import (
    RELAY_BURST,
    RELAY_RATE,
    STRANGER_RELAY_BURST,
    STRANGER_RELAY_RATE,
    VALIDATED_FOR,
)
from dwdht_twisted._core.wire import packAddress
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nodes import NodeTestCase
from tests.helpers.networks.peers import RawPeer


class AskerTests(NodeTestCase):
    """
    A node as the asker, which requests a hole punch from a referrer.
    """

    def setUp(self) -> None:
        super().setUp()
        self.asker = self.node()
        self.referrer = self.peer()
        self.destination = self.peer()

    def test_holePunchSendsTwoPings(self) -> None:
        """
        A hole punch sends two pings with one transaction id. The one to the peer opens the asker's
        NAT, and the one to the referrer names the peer.
        """
        self.asker.holepunch(self.destination.address, self.referrer.address).addErrback(
            lambda _: None
        )
        self.clock.runFor(0.1)
        [(direct, _)] = self.destination.requests
        [(relayed, _)] = self.referrer.requests
        self.assertEqual((direct.command, relayed.command), (wire.PING, wire.PING))
        self.assertEqual(direct.transactionId, relayed.transactionId)
        self.assertIsNone(direct.forwardRequest)
        self.assertEqual(relayed.forwardRequest, packAddress(*self.destination.address))

    def test_answerOfThePeerIsThePong(self) -> None:
        """The peer's answer to the relayed ping is the result of the hole punch."""
        punch = self.asker.holepunch(self.destination.address, self.referrer.address)
        self.clock.runFor(0.1)
        [(relayed, _)] = self.referrer.requests
        self.destination.serve(relayed, self.addressOf(self.asker))
        pong = self.clock.runUntil(punch, limit=0.1)
        self.assertEqual(pong, Pong(self.destination.contact, self.addressOf(self.asker)))

    def test_answerOfTheReferrerIsRefused(self) -> None:
        """
        An answer from the referrer itself is counted as unexpected and isn't the result of the hole
        punch.
        """
        punch = self.asker.holepunch(self.destination.address, self.referrer.address)
        self.clock.runFor(0.1)
        [(relayed, source)] = self.referrer.requests
        self.referrer.serve(relayed, source)
        self.clock.runFor(0.1)
        self.assertNoResult(punch)
        self.assertEqual(self.asker.counters.unexpected, 1)
        punch.addErrback(lambda _: None)


class ReferrerTests(NodeTestCase):
    """
    A node as the referrer, which relays pings to its contacts and to validated addresses.
    """

    def setUp(self) -> None:
        super().setUp()
        self.relay = self.node()
        self.asker = self.peer(id=None)
        self.destination = self.peer()
        self.introduce(self.destination, self.relay)
        self.destination.requests.clear()

    def askToRelay(
        self, to: bytes | None, command: str = wire.PING, **fields: bytes | None
    ) -> None:
        """Send a ping that the node must relay to a compact address."""
        self.asker.ask(self.addressOf(self.relay), command, forwardRequest=to, **fields)
        self.clock.runFor(0.1)

    def assertRefused(self, count: int = 1) -> None:
        """
        Require that nothing was relayed or answered, and that ``count`` refusals were counted.
        """
        self.assertEqual(self.destination.requests, [])
        self.assertEqual(self.asker.received, [])
        self.assertEqual(self.relay.counters.relaysRefused, count)

    def test_relayedPingCarriesNothingElse(self) -> None:
        """A relayed ping carries the asker's id, transaction id and address, and no other field."""
        id = self.target()
        self.askToRelay(
            packAddress(*self.destination.address),
            id=id,
            value=b"x" * 1000,
            roundtripToken=bytes(32),
            forwardResponse=packAddress("10.8.8.8", 8),
        )
        [(message, source)] = [
            each for each in self.destination.requests if each[0].forwardResponse is not None
        ]
        self.assertEqual(source, self.addressOf(self.relay))
        seenAs = packAddress(*self.asker.address)
        expected = wire.RequestMessage(1, wire.PING, id=id, forwardResponse=seenAs)
        self.assertEqual(message, expected)
        self.assertEqual(self.relay.counters.pingsRelayed, 1)

    def test_nothingIsRelayedToAStranger(self) -> None:
        """A ping isn't relayed to an address that is neither a contact's nor validated."""
        stranger = self.peer()
        self.askToRelay(packAddress(*stranger.address))
        self.assertEqual(stranger.received, [])
        self.assertRefused()

    def validate(self, peer: RawPeer) -> None:
        """Let an ephemeral peer prove its address: it sends back a token that it was issued."""
        self.relay.register("test", Handler())
        target = self.target()
        token = self.tokenFor(peer, self.relay, target, "test")
        peer.ask(self.addressOf(self.relay), "test", target, roundtripToken=token)
        self.clock.runFor(0.1)
        peer.requests.clear()

    def test_pingIsRelayedToAnEphemeralNode(self) -> None:
        """A ping is relayed to an ephemeral node that has sent a valid token."""
        hidden = self.peer(id=None)
        self.validate(hidden)
        self.askToRelay(packAddress(*hidden.address))
        [(message, _)] = hidden.requests
        self.assertEqual(message.forwardResponse, packAddress(*self.asker.address))
        self.assertEqual(self.relay.counters.relaysRefused, 0)

    def test_pingIsRelayedToAnEphemeralNodeForAWhile(self) -> None:
        """
        A ping isn't relayed to an ephemeral node that sent its last valid token 900 seconds ago,
        the time `VALIDATED_FOR`.
        """
        hidden = self.peer(id=None)
        self.validate(hidden)
        self.clock.runFor(VALIDATED_FOR)
        self.askToRelay(packAddress(*hidden.address))
        self.assertEqual(hidden.requests, [])
        self.assertEqual(self.relay.counters.relaysRefused, 1)

    def test_pingsToAnEphemeralNodeAreLimited(self) -> None:
        """Of 100 pings at once for an ephemeral node, 20 are relayed, as `RELAY_BURST` allows."""
        hidden = self.peer(id=None)
        self.validate(hidden)
        for _ in range(100):
            self.asker.ask(
                self.addressOf(self.relay), wire.PING, forwardRequest=packAddress(*hidden.address)
            )
        self.clock.runFor(0.1)
        self.assertEqual(len(hidden.requests), RELAY_BURST)

    def test_nothingIsRelayedToAPrivateContactForAPublicAsker(self) -> None:
        """
        A ping of a public asker isn't relayed to a private contact, because a private address means
        another node to this asker.
        """
        self.asker = self.peer(host="20.1.1.1", id=None)
        self.askToRelay(packAddress(*self.destination.address))
        self.assertEqual(self.destination.requestsFor(wire.PING), [])
        self.assertRefused()

    def test_onlyPingsAreRelayed(self) -> None:
        """A ``_find_node`` and a user's command are not relayed."""
        there = packAddress(*self.destination.address)
        self.askToRelay(there, wire.FIND_NODE, target=self.target())
        self.askToRelay(there, "test", target=self.target())
        self.assertRefused(2)

    def test_malformedAddressIsRefused(self) -> None:
        """A ping isn't relayed if its target address is malformed or has port 0."""
        bad = (b"", b"short", bytes(7), packAddress(self.destination.host, 1)[:4] + b"\0\0")
        for address in bad:
            self.askToRelay(address)
        self.assertRefused(len(bad))

    def test_relayedPingsToAContactAreLimited(self) -> None:
        """Of 100 pings at once for one contact, 20 are relayed, as `RELAY_BURST` allows."""
        burst = int(RELAY_BURST)
        for _ in range(5 * burst):
            self.peer(id=None).ask(
                self.addressOf(self.relay),
                wire.PING,
                forwardRequest=packAddress(*self.destination.address),
            )
        self.clock.runFor(0.1)
        self.assertEqual(len(self.destination.requests), burst)
        self.assertEqual(self.relay.counters.relaysRefused, 4 * burst)

    def test_relayedPingsToAHostAreLimited(self) -> None:
        """
        Of 100 pings at once for 5 contacts of a host, 20 are relayed, as `RELAY_BURST` allows.
        """
        others = [self.peer(self.destination.host, port=1 + number) for number in range(4)]
        for other in others:
            self.introduce(other, self.relay)
        for _ in range(20):
            for peer in (self.destination, *others):
                self.asker.ask(
                    self.addressOf(self.relay),
                    wire.PING,
                    forwardRequest=packAddress(*peer.address),
                )
        self.clock.runFor(0.1)
        self.assertEqual(self.relay.counters.pingsRelayed, RELAY_BURST)

    def test_strangersLeaveRelaysToContacts(self) -> None:
        """A contact's ping is still relayed after unproven addresses have used up their limit."""
        contact = self.peer()
        self.introduce(contact, self.relay)
        self.test_relayedPingsToAContactAreLimited()
        relayed = len(self.destination.requests)
        contact.ask(
            self.addressOf(self.relay),
            wire.PING,
            forwardRequest=packAddress(*self.destination.address),
        )
        self.clock.runFor(0.1)
        self.assertEqual(len(self.destination.requests), relayed + 1)

    def test_strangersLeaveRelaysToValidatedNodes(self) -> None:
        """
        The ping of a validated ephemeral node is still relayed after unproven addresses have used
        up their limit, and after another validated host has asked as often as it could.
        """
        to = self.peer("20.0.0.1")
        self.introduce(to, self.relay)
        liar, honest = (self.peer(host, id=None) for host in ("30.0.0.1", "31.0.0.1"))
        for peer in (liar, honest):
            self.validate(peer)
            self.relay.unregister("test")
        strangers = [self.peer(f"40.{number}.0.1", id=None) for number in range(100)]
        address, named = self.addressOf(self.relay), packAddress(*to.address)
        for asker in (*strangers, *[liar] * 100):
            asker.ask(address, wire.PING, forwardRequest=named)
        self.clock.runFor(0.1)
        relayed = len(to.requestsFor(wire.PING))
        honest.ask(address, wire.PING, forwardRequest=named)
        self.clock.runFor(0.1)
        self.assertEqual(len(to.requestsFor(wire.PING)), relayed + 1)


class PeerTests(NodeTestCase):
    """
    A node as the peer, which answers relayed pings.
    """

    def setUp(self) -> None:
        super().setUp()
        self.answerer = self.node()
        self.asker = self.peer(id=None)
        self.referrer = self.peer()

    def relay(self, to: bytes | None, referrer: RawPeer | None = None, id: bytes = b"") -> None:
        """Send the node a ping that a referrer relays for the asker at a compact address."""
        (referrer or self.referrer).ask(
            self.addressOf(self.answerer), wire.PING, id=id or self.target(), forwardResponse=to
        )
        self.clock.runFor(0.1)

    def test_answerGoesToTheAsker(self) -> None:
        """
        The answer to a relayed ping goes to the asker and not to the referrer. It contains the
        node's id, the asker's address and a token.
        """
        self.relay(packAddress(*self.asker.address))
        [(message, source)] = self.asker.responses
        self.assertEqual(source, self.addressOf(self.answerer))
        self.assertEqual(message.id, self.answerer.id)
        self.assertEqual(message.value, packAddress(*self.asker.address))
        self.assertEqual(len(message.roundtripToken or b""), 32)
        self.assertEqual(self.referrer.received, [])

    def test_relayedPingMakesNoContact(self) -> None:
        """The id in a relayed ping doesn't become a contact at the referrer's address."""
        self.relay(packAddress(*self.asker.address))
        self.clock.runFor(1)
        self.assertEqual(self.answerer.contacts(), [])
        self.assertEqual(self.referrer.received, [])

    def test_malformedAskerIsRefused(self) -> None:
        """
        A relayed ping gets no answer if the asker's address is malformed, has port 0 or can't be
        sent to.
        """
        bad = [b"", b"short", bytes(7), packAddress("10.0.0.1", 1)[:4] + b"\0\0"]
        bad += [packAddress(host, 1) for host in ("0.0.0.1", "224.0.0.1", "255.255.255.255")]
        before = len(self.sent)
        for address in bad:
            self.relay(address)
        self.assertEqual(self.sentBy(self.addressOf(self.answerer)), [])
        self.assertEqual(len(self.sent), before + len(bad))
        self.assertEqual(self.answerer.counters.relaysRefused, len(bad))

    def test_privateAskerOfAPublicReferrerIsIgnored(self) -> None:
        """A ping that a public referrer relays for a private or loopback address gets no answer."""
        self.referrer = self.peer(host="20.1.1.1")
        before = len(self.sent)
        for host in ("127.0.0.1", "10.0.0.1", "192.168.1.1"):
            self.relay(packAddress(host, 53))
        self.assertEqual(len(self.sent), before + 3)

    def test_answersToOneAskerAreLimited(self) -> None:
        """
        Of 100 relayed pings of one asker in 10 seconds, at most `RELAY_BURST` plus `RELAY_RATE` per
        second are answered.
        """
        for _ in range(100):
            self.relay(packAddress(*self.asker.address))
        self.assertLessEqual(len(self.asker.responses), RELAY_BURST + 10 * RELAY_RATE)

    def test_strangersLeaveAnswersToContacts(self) -> None:
        """
        A ping relayed by a contact is still answered after unproven referrers have used up the
        asker's limit.
        """
        self.introduce(self.referrer, self.answerer)
        for _ in range(2 * int(RELAY_BURST)):
            self.relay(packAddress(*self.asker.address), self.peer())
        answered = len(self.asker.responses)
        self.relay(packAddress(*self.asker.address))
        self.assertEqual(len(self.asker.responses), answered + 1)

    def countAnswered(self, referrer: RawPeer) -> int:
        """Relay pings for 1,000 different askers, and return the number of answers."""
        before = len(self.sentBy(self.addressOf(self.answerer)))
        for number in range(1000):
            referrer.ask(
                self.addressOf(self.answerer),
                wire.PING,
                forwardResponse=packAddress(f"10.77.{number >> 8}.{number & 255}", 7),
            )
        self.clock.runFor(0.1)
        return len(self.sentBy(self.addressOf(self.answerer))) - before

    def test_pingsOfAllStrangersAreLimited(self) -> None:
        """
        Unproven referrers relay 3,000 pings for different askers. Of these, 100 to 120 are
        answered: `STRANGER_RELAY_BURST`, and at most `STRANGER_RELAY_RATE` more. The others are
        counted as refused.
        """
        self.answerer = self.node(rateLimit=RateLimit(10000, 10000))
        answered = sum(self.countAnswered(self.peer()) for _ in range(3))
        most = STRANGER_RELAY_BURST + STRANGER_RELAY_RATE
        self.assertLessEqual(answered, most)
        self.assertGreaterEqual(answered, STRANGER_RELAY_BURST)
        self.assertEqual(self.answerer.counters.relaysRefused, 3000 - answered)

    def test_floodOfStrangersSparesContacts(self) -> None:
        """
        A ping relayed by a contact is answered during a flood of 1,000 pings from an unproven
        referrer.
        """
        self.answerer = self.node(rateLimit=RateLimit(10000, 10000))
        self.introduce(self.referrer, self.answerer)
        self.countAnswered(self.peer())
        self.relay(packAddress(*self.asker.address))
        self.assertEqual(len(self.asker.responses), 1)


class ThreeNodesTests(NodeTestCase):
    """
    A hole punch with nodes in all three roles.
    """

    def test_holePunchReturnsThePeersPong(self) -> None:
        """
        A hole punch between three nodes returns the peer's contact and the asker's address as the
        peer sees it.
        """
        asker, referrer, hidden = self.node(), self.node(), self.node(ephemeral=True)
        for node in (hidden, asker):
            self.clock.runUntil(node.ping(self.addressOf(referrer)))
        other = self.node(bootstrap=[self.addressOf(referrer)])
        self.clock.runUntil(other.ready())
        self.clock.runFor(1)
        pong = self.clock.runUntil(asker.holepunch(self.addressOf(other), self.addressOf(referrer)))
        self.assertEqual(pong, Pong(self.contactOf(other), self.addressOf(asker)))
        self.assertIsInstance(pong.contact, Contact)
        self.assertIsInstance(pong.address, Address)
