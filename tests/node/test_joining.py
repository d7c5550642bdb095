"""
Tests for `dwdht_twisted.node` and `dwdht_twisted.caller`: pings, hole punches, bootstrapping.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import LogLevel, capturedLogs, formatEvent

from dwdht_twisted import (
    CannotListen,
    Contact,
    NoResponse,
    RequestTimeout,
    TooManyRequests,
    UnexpectedAnswer,
    UnresolvableHost,
)
from dwdht_twisted._core.limits.bounds import MAXIMUM_RECALLED
from dwdht_twisted._core.routing import K
from dwdht_twisted._net.upkeep.upkeep import FIRST_RETRY, INTERVAL
from tests.helpers.networks.nats import NattedReactor
from tests.helpers.networks.nodes import REQUEST_SECONDS, NodeTestCase


class PingTests(NodeTestCase):
    """
    ``ping`` and ``holepunch``.
    """

    def test_ping(self) -> None:
        """
        A ping gives who answered, and how it sees us.
        """
        node, other = self.node(), self.node()
        pong = self.clock.runUntil(node.ping(self.addressOf(other)))
        self.assertEqual(pong.contact, self.contactOf(other))
        self.assertEqual(pong.address, self.addressOf(node))

    def test_ephemeral(self) -> None:
        """
        An ephemeral node answers without its id, and asks without it.
        """
        node, other = self.node(ephemeral=True), self.node(ephemeral=True)
        pong = self.clock.runUntil(node.ping(self.addressOf(other)))
        self.assertEqual(pong.contact, Contact(None, *self.addressOf(other)))
        for each in (node, other):
            self.assertEqual(each.contacts(), [])

    def test_silence(self) -> None:
        """
        A ping that nobody answers times out.
        """
        ping = self.node().ping(self.peer().address)
        with self.assertRaises(RequestTimeout):
            self.clock.runUntil(ping, limit=REQUEST_SECONDS)

    def test_unresolvable(self) -> None:
        """
        A host that has no address is a named error.
        """
        node = self.node()
        for ping in (node.ping("nowhere:1"), node.holepunch("10.0.0.1:1", "nowhere:1")):
            with self.assertRaises(UnresolvableHost) as caught:
                self.clock.runUntil(ping)
            self.assertIn("nowhere", str(caught.exception))

    def test_noEcho(self) -> None:
        """
        An answer that doesn't say how it sees us is a named error.
        """
        node = self.node()
        peer = self.peer()
        for value in (None, b"", b"short", bytes(6)):
            peer.onRequest = lambda message, source, value=value: peer.answer(  # type: ignore[misc]
                message, source, value=value
            )
            with self.assertRaises(UnexpectedAnswer):
                self.clock.runUntil(node.ping(peer.address))

    def test_cancel(self) -> None:
        """
        A cancelled ping fails with `CancelledError`, and isn't sent again.
        """
        node = self.node()
        peer = self.peer()
        ping = node.ping(peer.address)
        self.clock.runFor(0.1)
        ping.cancel()
        self.failureResultOf(ping, CancelledError)
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual(len(peer.received), 1)

    def test_cancelWhileResolving(self) -> None:
        """
        A ping that is cancelled while the name is resolved is never sent.
        """
        self.network.nameLatency = 1.0
        peer = self.peer("10.1.1.1", port=7000)
        self.network.addName("dht.example", "10.1.1.1")
        ping = self.node().ping("dht.example:7000")
        ping.cancel()
        self.failureResultOf(ping, CancelledError)
        self.clock.runFor(2)
        self.assertEqual(peer.received, [])

    def test_tooMany(self) -> None:
        """
        More pings than may wait fail at once.
        """
        node = self.node()
        silent = self.peer()
        for _ in range(256 + 4096):
            node.ping(silent.address).addErrback(lambda _: None)
        self.failureResultOf(node.ping(silent.address), TooManyRequests)
        self.failureResultOf(node.holepunch(silent.address, silent.address), TooManyRequests)

    def test_holepunch(self) -> None:
        """
        A hole punch reaches a node behind a NAT through one that both know, and gives its pong.
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

    def test_holepunchInVain(self) -> None:
        """
        A hole punch to a peer that the referrer doesn't know times out.
        """
        asker, referrer = self.node(), self.node()
        punch = asker.holepunch(self.peer().address, self.addressOf(referrer))
        with self.assertRaises(RequestTimeout):
            self.clock.runUntil(punch, limit=REQUEST_SECONDS)
        self.assertGreater(referrer.counters.relaysRefused, 0)


class ReadyTests(NodeTestCase):
    """
    ``ready`` and ``bootstrap``.
    """

    def test_nobodyToAsk(self) -> None:
        """
        A node without bootstrap nodes is ready at once, and has nothing to bootstrap.
        """
        node = self.node()
        self.successResultOf(node.ready())
        self.successResultOf(node.bootstrap())

    def test_ready(self) -> None:
        """
        A node is ready when its first table is built, and from then on.
        """
        nodes = self.swarm(30)
        node = self.node(bootstrap=[self.bootstrap])
        ready = node.ready()
        self.assertNoResult(ready)
        self.clock.runUntil(ready)
        self.assertGreaterEqual(len(node.contacts()), min(K, len(nodes)) // 2)
        self.successResultOf(node.ready())

    def test_cancel(self) -> None:
        """
        A cancelled ``ready`` is one; others still wait.
        """
        self.swarm(2)
        node = self.node(bootstrap=[self.bootstrap])
        first, second = node.ready(), node.ready()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.clock.runUntil(second)

    def test_failsThenSucceeds(self) -> None:
        """
        ``ready`` fails when no bootstrap node answers, and a later one succeeds when one has come.
        """
        node = self.node(bootstrap=["10.1.1.1:7000"])
        for _ in range(2):
            with self.assertRaises(NoResponse) as caught:
                self.clock.runUntil(node.ready(), limit=60)
        self.assertEqual(str(caught.exception), "no bootstrap node answered")
        ready = node.ready()
        self.node("10.1.1.1", port=7000)
        self.clock.runUntil(ready, limit=60)
        self.assertEqual(len(node.contacts()), 1)

    def test_othersComeFirst(self) -> None:
        """
        A node whose bootstrap nodes are silent is ready soon after another node has found it.
        """
        node = self.node(bootstrap=["10.1.1.1:7000"])
        with self.assertRaises(NoResponse):
            self.clock.runUntil(node.ready())
        ready = node.ready()
        other = self.node(bootstrap=[self.addressOf(node)])
        self.clock.runUntil(ready, limit=60)
        self.assertEqual(node.contacts(), [self.contactOf(other)])

    def test_bootstrapMakesReady(self) -> None:
        """
        A ``bootstrap`` that succeeds makes the node ready.
        """
        node = self.node(bootstrap=["10.1.1.1:7000"])
        with self.assertRaises(NoResponse):
            self.clock.runUntil(node.ready())
        with self.assertRaises(NoResponse):
            self.clock.runUntil(node.bootstrap())
        self.node("10.1.1.1", port=7000)
        self.clock.runUntil(node.bootstrap())
        self.successResultOf(node.ready())

    def test_unresolvable(self) -> None:
        """
        A bootstrap name that has no address fails ``ready``; when it has one, the node joins.
        """
        node = self.node(bootstrap=["dht.example:7000"])
        with self.assertRaises(NoResponse):
            self.clock.runUntil(node.ready())
        self.node("10.1.1.1", port=7000)
        self.network.addName("dht.example", "10.1.1.1")
        self.clock.runUntil(node.ready(), limit=60)

    def test_warnsOnce(self) -> None:
        """
        An isolated node says once that it is alone, and once which name has no address.
        """
        with capturedLogs() as events:
            self.node(bootstrap=["10.9.9.9:1", "nowhere.example:2"])
            self.clock.runFor(1800.0)
        warnings = [formatEvent(event) for event in events if event["log_level"] is LogLevel.warn]
        self.assertEqual(len(warnings), 2)
        self.assertEqual(len(set(warnings)), 2)

    def test_oneOfTwo(self) -> None:
        """
        One bootstrap node that answers is enough.
        """
        self.node("10.1.1.1", port=7000)
        node = self.node(bootstrap=["nowhere:1", "10.9.9.9:9", "10.1.1.1:7000"])
        self.clock.runUntil(node.ready())
        self.assertEqual(len(node.contacts()), 1)

    def test_cannotListen(self) -> None:
        """
        ``ready`` fails when the node can't have a port.
        """
        node = self.node(reactor=_NoPorts(), listens=False)
        self.failureResultOf(node.ready(), CannotListen)
        self.failureResultOf(node.bootstrap(), CannotListen)

    def test_contacts(self) -> None:
        """
        A node with contacts from an earlier run joins through them, without a bootstrap node.
        """
        nodes = self.swarm(10)
        for node in self._nodes[:1]:
            self.clock.runUntil(node.destroy())
        dead = Contact(self.target(), "10.9.9.9", 9)
        node = self.node(contacts=[dead, self.contactOf(nodes[0])])
        self.clock.runUntil(node.ready(), limit=30)
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual({c.id for c in node.contacts()}, {each.id for each in nodes})

    def test_manyContacts(self) -> None:
        """
        Of very many contacts from an earlier run the first are asked.
        """
        other = self.node()
        dead = [Contact(self.target(), "10.9.9.9", port) for port in range(1, 1000)]
        node = self.node(contacts=[self.contactOf(other), *dead])
        self.clock.runUntil(node.ready(), limit=30)
        self.assertIn(self.contactOf(other), node.contacts())
        asked = {to for _, to, _ in self.sent if to[0] == "10.9.9.9"}
        self.assertEqual(len(asked), MAXIMUM_RECALLED - 1)

    def test_contactsComeBack(self) -> None:
        """
        A node whose contacts of an earlier run were out of reach at its start asks them again soon.
        """
        other = self.node()
        reactor = self.network.reactor()
        self.network.partition([reactor.host])
        node = self.node(reactor=reactor, contacts=[self.contactOf(other)])
        node.ready().addErrback(lambda _: None)
        self.clock.runFor(REQUEST_SECONDS)
        self.network.heal()
        self.clock.runFor(2 * FIRST_RETRY + INTERVAL)
        self.assertEqual(node.contacts(), [self.contactOf(other)])

    def test_bootstrapFindsNewNodes(self) -> None:
        """
        ``bootstrap`` finds nodes that came since.
        """
        first, *_ = self.swarm(3)
        late = self.node(bootstrap=[self.bootstrap])
        self.clock.runUntil(late.ready())
        self.clock.runUntil(first.bootstrap())
        self.assertIn(self.contactOf(late), first.contacts())


class _NoPorts:
    """A reactor without a free port."""

    host = "10.7.7.7"

    def seconds(self) -> float:
        return 0.0

    def listenUDP(self, port: int, protocol: DatagramProtocol, *more: Any) -> None:
        raise CannotListenError("", port, OSError("no port is free"))
