"""
Pings and hole punches by a node.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError

from dwdht_twisted import (
    Contact,
    RequestTimeout,
    TooManyRequests,
    UnexpectedAnswer,
    UnresolvableHost,
)
from tests.helpers.networks.nats import NattedReactor
from tests.helpers.networks.nodes import REQUEST_SECONDS, NodeTestCase


class PingTests(NodeTestCase):
    """
    `DHTNode.ping` and `DHTNode.holepunch`.
    """

    def test_pingReturnsContactAndOwnAddress(self) -> None:
        """
        A ping returns the contact that answered and the asker's address as this contact sees it.
        """
        node, other = self.node(), self.node()
        pong = self.clock.runUntil(node.ping(self.addressOf(other)))
        self.assertEqual(pong.contact, self.contactOf(other))
        self.assertEqual(pong.address, self.addressOf(node))

    def test_ephemeralNodesStayUnlisted(self) -> None:
        """
        The pong of an ephemeral node has no id. After a ping, neither of two ephemeral nodes lists
        the other.
        """
        node, other = self.node(ephemeral=True), self.node(ephemeral=True)
        pong = self.clock.runUntil(node.ping(self.addressOf(other)))
        self.assertEqual(pong.contact, Contact(None, *self.addressOf(other)))
        for each in (node, other):
            self.assertEqual(each.contacts(), [])

    def test_unansweredPingTimesOut(self) -> None:
        """An unanswered ping fails with `RequestTimeout` within 15 seconds."""
        ping = self.node().ping(self.peer().address)
        with self.assertRaises(RequestTimeout):
            self.clock.runUntil(ping, limit=REQUEST_SECONDS)

    def test_unresolvableHostIsNamed(self) -> None:
        """
        A ping of a host without an address fails with `UnresolvableHost`, as does a hole punch
        through such a host. The error contains the host.
        """
        node = self.node()
        for ping in (node.ping("nowhere:1"), node.holepunch("10.0.0.1:1", "nowhere:1")):
            with self.assertRaises(UnresolvableHost) as caught:
                self.clock.runUntil(ping)
            self.assertIn("nowhere", str(caught.exception))

    def test_pongWithoutOwnAddressFails(self) -> None:
        """A ping fails with `UnexpectedAnswer` if the pong doesn't contain the asker's address."""
        node = self.node()
        peer = self.peer()
        for value in (None, b"", b"short", bytes(6)):
            peer.onRequest = lambda message, source, value=value: peer.answer(  # type: ignore[misc]
                message, source, value=value
            )
            with self.assertRaises(UnexpectedAnswer):
                self.clock.runUntil(node.ping(peer.address))

    def test_cancelledPingIsNotRepeated(self) -> None:
        """A cancelled ping fails with ``CancelledError``. No second datagram is sent."""
        node = self.node()
        peer = self.peer()
        ping = node.ping(peer.address)
        self.clock.runFor(0.1)
        ping.cancel()
        self.failureResultOf(ping, CancelledError)
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual(len(peer.received), 1)

    def test_pingCancelledWhileResolvingIsNotSent(self) -> None:
        """A ping that is cancelled while its host name is being resolved is never sent."""
        self.network.nameLatency = 1.0
        peer = self.peer("10.1.1.1", port=7000)
        self.network.addName("dht.example", "10.1.1.1")
        ping = self.node().ping("dht.example:7000")
        ping.cancel()
        self.failureResultOf(ping, CancelledError)
        self.clock.runFor(2)
        self.assertEqual(peer.received, [])

    def test_pingBeyondTheQueueFails(self) -> None:
        """
        With 256 pings in flight and 4,096 waiting, another ping or hole punch fails at once with
        `TooManyRequests`.
        """
        node = self.node()
        silent = self.peer()
        for _ in range(256 + 4096):
            node.ping(silent.address).addErrback(lambda _: None)
        self.failureResultOf(node.ping(silent.address), TooManyRequests)
        self.failureResultOf(node.holepunch(silent.address, silent.address), TooManyRequests)

    def test_holePunchReachesNodeBehindNat(self) -> None:
        """
        A hole punch returns the pong of a node behind a NAT, although a plain ping to it times out.
        """
        referrer = self.node()
        there = self.addressOf(referrer)
        hidden = self.node(reactor=NattedReactor(self.network.reactor()), bootstrap=[there])
        asker = self.node(reactor=NattedReactor(self.network.reactor()))
        self.clock.runUntil(hidden.ready())
        self.clock.runFor(1)
        with self.assertRaises(RequestTimeout):
            self.clock.runUntil(asker.ping(self.addressOf(hidden)))
        pong = self.clock.runUntil(asker.holepunch(self.addressOf(hidden), there))
        self.assertEqual(pong.contact, self.contactOf(hidden))
        self.assertEqual(pong.address, self.addressOf(asker))
        self.assertEqual(referrer.counters.pingsRelayed, 1)

    def test_holePunchToUnknownPeerTimesOut(self) -> None:
        """
        A hole punch fails with `RequestTimeout` within 15 seconds if the referrer doesn't list the
        target.
        """
        asker, referrer = self.node(), self.node()
        punch = asker.holepunch(self.peer().address, self.addressOf(referrer))
        with self.assertRaises(RequestTimeout):
            self.clock.runUntil(punch, limit=REQUEST_SECONDS)
        self.assertGreater(referrer.counters.relaysRefused, 0)
