"""
Tests for `dwdht_twisted.relay`: a forwarded ping, as the asker, the referrer and the peer.
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
)
from dwdht_twisted._core.wire import packAddress
from tests.helpers.networks.nodes import NodeTestCase
from tests.helpers.networks.peers import RawPeer


class AskerTests(NodeTestCase):
    """
    The node asks a referrer for a hole punch.
    """

    def setUp(self) -> None:
        super().setUp()
        self.one = self.node()
        self.referrer = self.peer()
        self.target_ = self.peer()

    def test_datagrams(self) -> None:
        """
        One ping goes to the peer, which opens the own NAT, and one to the referrer, which names
        the peer, both under one transaction id.
        """
        self.one.holepunch(self.target_.address, self.referrer.address).addErrback(lambda _: None)
        self.clock.runFor(0.1)
        [(direct, _)] = self.target_.requests
        [(relayed, _)] = self.referrer.requests
        self.assertEqual((direct.command, relayed.command), (wire.PING, wire.PING))
        self.assertEqual(direct.transactionId, relayed.transactionId)
        self.assertIsNone(direct.forwardRequest)
        self.assertEqual(relayed.forwardRequest, packAddress(*self.target_.address))

    def test_answer(self) -> None:
        """
        The peer's answer, to the ping that the referrer relayed, is the pong.
        """
        punch = self.one.holepunch(self.target_.address, self.referrer.address)
        self.clock.runFor(0.1)
        [(relayed, _)] = self.referrer.requests
        self.target_.serve(relayed, self.addressOf(self.one))
        pong = self.clock.runUntil(punch, limit=0.1)
        self.assertEqual(pong, Pong(self.target_.contact, self.addressOf(self.one)))

    def test_answerOfTheReferrer(self) -> None:
        """
        An answer of the referrer itself is not the pong.
        """
        punch = self.one.holepunch(self.target_.address, self.referrer.address)
        self.clock.runFor(0.1)
        [(relayed, source)] = self.referrer.requests
        self.referrer.serve(relayed, source)
        self.clock.runFor(0.1)
        self.assertNoResult(punch)
        self.assertEqual(self.one.counters.unexpected, 1)
        punch.addErrback(lambda _: None)


class ReferrerTests(NodeTestCase):
    """
    The node relays a ping to a contact.
    """

    def setUp(self) -> None:
        super().setUp()
        self.one = self.node()
        self.asker = self.peer(id=None)
        self.target_ = self.peer()
        self.introduce(self.target_, self.one)
        self.target_.requests.clear()

    def relay(self, to: bytes | None, command: str = wire.PING, **fields: bytes | None) -> None:
        """Ask for a ping to be relayed."""
        self.asker.ask(self.addressOf(self.one), command, forwardRequest=to, **fields)
        self.clock.runFor(0.1)

    def assertRefused(self, count: int = 1) -> None:
        """Nothing was relayed or answered."""
        self.assertEqual(self.target_.requests, [])
        self.assertEqual(self.asker.received, [])
        self.assertEqual(self.one.counters.relaysRefused, count)

    def test_relayed(self) -> None:
        """
        The peer gets a ping with the asker's id, transaction id and address, and nothing else.
        """
        id = self.target()
        self.relay(
            packAddress(*self.target_.address),
            id=id,
            value=b"x" * 1000,
            roundtripToken=bytes(32),
            forwardResponse=packAddress("10.8.8.8", 8),
        )
        [(message, source)] = [
            each for each in self.target_.requests if each[0].forwardResponse is not None
        ]
        self.assertEqual(source, self.addressOf(self.one))
        seenAs = packAddress(*self.asker.address)
        expected = wire.RequestMessage(1, wire.PING, id=id, forwardResponse=seenAs)
        self.assertEqual(message, expected)
        self.assertEqual(self.one.counters.pingsRelayed, 1)

    def test_stranger(self) -> None:
        """
        Nothing is relayed to an address that isn't a contact's.
        """
        stranger = self.peer()
        self.relay(packAddress(*stranger.address))
        self.assertEqual(stranger.received, [])
        self.assertRefused()

    def test_privatePeer(self) -> None:
        """
        Nothing is relayed to a private address for a public asker, to whom it means another node.
        """
        self.asker = self.peer(host="20.1.1.1", id=None)
        self.relay(packAddress(*self.target_.address))
        self.assertEqual(self.target_.requestsFor(wire.PING), [])
        self.assertRefused()

    def test_otherCommand(self) -> None:
        """
        Nothing but a ping is relayed.
        """
        there = packAddress(*self.target_.address)
        self.relay(there, wire.FIND_NODE, target=self.target())
        self.relay(there, "test", target=self.target())
        self.assertRefused(2)

    def test_malformed(self) -> None:
        """
        An address that can't be read is refused.
        """
        bad = (b"", b"short", bytes(7), packAddress(self.target_.host, 1)[:4] + b"\0\0")
        for address in bad:
            self.relay(address)
        self.assertRefused(len(bad))

    def test_rate(self) -> None:
        """
        No contact gets more than a few relayed pings a second, whoever asks for them.
        """
        burst = int(RELAY_BURST)
        for _ in range(5 * burst):
            self.peer(id=None).ask(
                self.addressOf(self.one),
                wire.PING,
                forwardRequest=packAddress(*self.target_.address),
            )
        self.clock.runFor(0.1)
        self.assertEqual(len(self.target_.requests), burst)
        self.assertEqual(self.one.counters.relaysRefused, 4 * burst)

    def test_rateForContacts(self) -> None:
        """
        However much strangers have relayed, there is something left for contacts.
        """
        contact = self.peer()
        self.introduce(contact, self.one)
        self.test_rate()
        relayed = len(self.target_.requests)
        contact.ask(
            self.addressOf(self.one), wire.PING, forwardRequest=packAddress(*self.target_.address)
        )
        self.clock.runFor(0.1)
        self.assertEqual(len(self.target_.requests), relayed + 1)


class PeerTests(NodeTestCase):
    """
    The node answers a ping that a referrer relayed.
    """

    def setUp(self) -> None:
        super().setUp()
        self.one = self.node()
        self.asker = self.peer(id=None)
        self.referrer = self.peer()

    def relay(self, to: bytes | None, referrer: RawPeer | None = None, id: bytes = b"") -> None:
        """Relay a ping of the asker."""
        (referrer or self.referrer).ask(
            self.addressOf(self.one), wire.PING, id=id or self.target(), forwardResponse=to
        )
        self.clock.runFor(0.1)

    def test_answer(self) -> None:
        """
        The answer goes straight to the asker, and has the id, the asker's address and a token.
        """
        self.relay(packAddress(*self.asker.address))
        [(message, source)] = self.asker.responses
        self.assertEqual(source, self.addressOf(self.one))
        self.assertEqual(message.id, self.one.id)
        self.assertEqual(message.value, packAddress(*self.asker.address))
        self.assertEqual(len(message.roundtripToken or b""), 32)
        self.assertEqual(self.referrer.received, [])

    def test_notBound(self) -> None:
        """
        The asker's id, at the referrer's address, becomes nobody's contact.
        """
        self.relay(packAddress(*self.asker.address))
        self.clock.runFor(1)
        self.assertEqual(self.one.contacts(), [])
        self.assertEqual(self.referrer.received, [])

    def test_malformed(self) -> None:
        """
        An address that can't be read, or that no host has, is not answered.
        """
        bad = [b"", b"short", bytes(7), packAddress("10.0.0.1", 1)[:4] + b"\0\0"]
        bad += [packAddress(host, 1) for host in ("0.0.0.1", "224.0.0.1", "255.255.255.255")]
        before = len(self.sent)
        for address in bad:
            self.relay(address)
        self.assertEqual(self.sentBy(self.addressOf(self.one)), [])
        self.assertEqual(len(self.sent), before + len(bad))
        self.assertEqual(self.one.counters.relaysRefused, len(bad))

    def test_privateAsker(self) -> None:
        """
        What a public referrer relays is not answered to a private address, nor to this machine.
        """
        self.referrer = self.peer(host="20.1.1.1")
        before = len(self.sent)
        for host in ("127.0.0.1", "10.0.0.1", "192.168.1.1"):
            self.relay(packAddress(host, 53))
        self.assertEqual(len(self.sent), before + 3)

    def test_rateForOneAsker(self) -> None:
        """
        One address gets a few such answers a second.
        """
        for _ in range(100):
            self.relay(packAddress(*self.asker.address))
        self.assertLessEqual(len(self.asker.responses), RELAY_BURST + 10 * RELAY_RATE)

    def test_rateForContacts(self) -> None:
        """
        However often strangers have it answered, there is something left for referrers it knows.
        """
        self.introduce(self.referrer, self.one)
        for _ in range(2 * int(RELAY_BURST)):
            self.relay(packAddress(*self.asker.address), self.peer())
        answered = len(self.asker.responses)
        self.relay(packAddress(*self.asker.address))
        self.assertEqual(len(self.asker.responses), answered + 1)

    def flood(self, referrer: RawPeer) -> int:
        """How many of 1,000 pings to different askers are answered."""
        before = len(self.sentBy(self.addressOf(self.one)))
        for number in range(1000):
            referrer.ask(
                self.addressOf(self.one),
                wire.PING,
                forwardResponse=packAddress(f"10.77.{number >> 8}.{number & 255}", 7),
            )
        self.clock.runFor(0.1)
        return len(self.sentBy(self.addressOf(self.one))) - before

    def test_rateForStrangers(self) -> None:
        """
        Referrers that the node doesn't know are believed so often a second in all.
        """
        self.one = self.node(rateLimit=RateLimit(10000, 10000))
        answered = sum(self.flood(self.peer()) for _ in range(3))
        most = STRANGER_RELAY_BURST + STRANGER_RELAY_RATE
        self.assertLessEqual(answered, most)
        self.assertGreaterEqual(answered, STRANGER_RELAY_BURST)

    def test_contactsAreBelieved(self) -> None:
        """
        A referrer that is a contact isn't held up by what strangers do.
        """
        self.one = self.node(rateLimit=RateLimit(10000, 10000))
        self.introduce(self.referrer, self.one)
        self.flood(self.peer())
        self.relay(packAddress(*self.asker.address))
        self.assertEqual(len(self.asker.responses), 1)


class ThreeNodesTests(NodeTestCase):
    """
    All three roles are nodes.
    """

    def test_holepunch(self) -> None:
        """
        The asker hears from the peer, as the peer is and as it sees the asker.
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
