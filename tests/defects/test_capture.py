"""
How lookups of the original were captured: entries 20 to 25 of the list of its defects.

Each test is named after its entry.  Hostile datagrams come from raw peers, over the real codec.
"""

from __future__ import annotations

from itertools import count

from dwdht_twisted import Contact, DHTNode, Reply
from dwdht_twisted._core import wire
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import HostPort
from tests.helpers.networks.nodes import (
    COMMAND,
    Handler,
    NodeTestCase,
    RawPeer,
    closestOf,
    compact,
    near,
)

#: The most requests that one lookup may send.
MOST_REQUESTS = 200


class CaptureTests(NodeTestCase):
    """
    Lookups for a target that a liar sits next to.
    """

    def setUp(self) -> None:
        super().setUp()
        self.wanted = self.target()

    def buildNetwork(self, count: int = 60) -> list[DHTNode]:
        """A network, with a liar next to the target whom everybody knows."""
        nodes = self.swarm(count)
        self.liar = self.peer(id=near(self.wanted, 1), answers="pong")
        for node in nodes:
            self.liar.ask(self.addressOf(node), wire.PING)
        self.clock.runFor(2)
        self.assertGreater(sum(self.liar.contact in node.contacts() for node in nodes), count // 3)
        self.asker = self.node(bootstrap=[self.bootstrap], ephemeral=True)
        self.clock.runUntil(self.asker.ready())
        self.clock.runFor(20)
        self.sent.clear()
        self.liar.requests.clear()
        return nodes

    def assertFindsAll(self, nodes: list[DHTNode]) -> list[Reply]:
        """The asker finds the closest 20 of these nodes, at a bounded cost."""
        replies = self.collect(self.asker, self.wanted)
        self.assertGreater(len(self.liar.asked(COMMAND)), 0)
        found = {reply.node.id for reply in replies}
        closest = closestOf(map(self.contactOf, nodes), self.wanted, 19)
        self.assertEqual(set(closest) - found, set())
        requests = self.requestsBy(self.addressOf(self.asker))
        self.assertLess(len(requests), MOST_REQUESTS)
        return replies

    def test_20_aLiarThatNamesDeadIds(self) -> None:
        """
        A liar that names 20 dead ids next to the target keeps nobody from being found.
        """
        nodes = self.buildNetwork()
        dead = [Contact(near(self.wanted, 2 + n), "10.9.9.9", 100 + n) for n in range(20)]
        self.liar.onRequest = lambda message, source: self.liar.serve(
            message, source, compact(*dead)
        )
        self.assertFindsAll(nodes)

    def test_20_anUpdateReachesTheTrueHolders(self) -> None:
        """
        An update goes to the 20 closest honest nodes, in spite of the liar.
        """
        nodes = self.buildNetwork()
        handlers = {node.id: Handler() for node in nodes}
        for node in nodes:
            node.register(COMMAND, handlers[node.id])
        dead = [Contact(near(self.wanted, 2 + n), "10.9.9.9", 100 + n) for n in range(20)]
        self.liar.onRequest = lambda message, source: self.liar.serve(
            message, source, compact(*dead)
        )
        self.commit(self.asker, self.wanted, b"x")
        taken = {id for id, handler in handlers.items() if handler.updates}
        self.assertEqual(taken, set(closestOf(map(self.contactOf, nodes), self.wanted, K)))

    def test_21_aLiarThatNamesEverCloserIds(self) -> None:
        """
        One socket that keeps naming closer ids at its own address is asked once.
        """
        nodes = self.buildNetwork()
        distances = count(1 << 200, -1)
        self.liar.id = near(self.wanted, 1 << 201)

        def serve(message: wire.RequestMessage, source: HostPort) -> None:
            closer = [
                Contact(near(self.wanted, next(distances)), *self.liar.address) for _ in range(20)
            ]
            self.liar.serve(message, source, compact(*closer))

        self.liar.onRequest = serve
        self.assertFindsAll(nodes)
        self.assertEqual(len(self.liar.asked(COMMAND)), 1)

    def test_21_aLiarWithManyPorts(self) -> None:
        """
        One host that answers at all the ports that it names draws a bounded number of requests.
        """
        nodes = self.buildNetwork()
        distances = count(1 << 200, -1)
        others: list[RawPeer] = []

        def serve(peer: RawPeer, message: wire.RequestMessage, source: HostPort) -> None:
            closer = []
            for _ in range(20):
                other = self.peer(self.liar.host, id=near(self.wanted, next(distances)))
                other.onRequest = lambda m, s, other=other: serve(other, m, s)  # type: ignore[misc]
                others.append(other)
                closer.append(other.contact)
            peer.serve(message, source, compact(*closer))

        self.liar.onRequest = lambda message, source: serve(self.liar, message, source)
        self.clock.runUntil(self.asker.query(COMMAND, self.wanted).collect())
        self.assertGreater(len(nodes), 0)
        self.assertLess(len(self.requestsBy(self.addressOf(self.asker))), MOST_REQUESTS)
        self.assertLess(sum(bool(other.requests) for other in others), MOST_REQUESTS)

    def test_21_aPublicLiarWithManyPorts(self) -> None:
        """
        On the public internet such a host is asked a few times.
        """
        asker = self.node("8.8.4.4", ephemeral=True)
        distances = count(1 << 200, -1)
        others: list[RawPeer] = []

        def serve(peer: RawPeer, message: wire.RequestMessage, source: HostPort) -> None:
            closer = []
            for _ in range(20):
                other = self.peer("8.8.8.8", id=near(self.wanted, next(distances)))
                other.onRequest = lambda m, s, other=other: serve(other, m, s)  # type: ignore[misc]
                others.append(other)
                closer.append(other.contact)
            peer.serve(message, source, compact(*closer))

        first = self.peer("8.8.8.8")
        first.onRequest = lambda message, source: serve(first, message, source)
        self.introduce(first, asker)
        self.clock.runUntil(asker.query(COMMAND, self.wanted).collect())
        self.assertLess(sum(bool(other.asked(COMMAND)) for other in others), 5)

    def test_22_anHonestIdAtADeadAddress(self) -> None:
        """
        A liar that names honest ids at dead addresses keeps none of them from being found.
        """
        nodes = self.buildNetwork()
        closest = closestOf(map(self.contactOf, nodes), self.wanted)
        dead = [Contact(id, "10.9.9.9", 100 + n) for n, id in enumerate(closest)]
        self.liar.onRequest = lambda message, source: self.liar.serve(
            message, source, compact(*dead)
        )
        replies = self.assertFindsAll(nodes)
        ids = [reply.node.id for reply in replies]
        self.assertEqual(len(ids), len(set(ids)))

    def test_22_oneAddressUnderManyIds(self) -> None:
        """
        One honest address that was named under many ids is asked once.
        """
        nodes = self.buildNetwork()
        honest = nodes[0]
        names = [Contact(near(self.wanted, 2 + n), *self.addressOf(honest)) for n in range(20)]
        self.liar.onRequest = lambda message, source: self.liar.serve(
            message, source, compact(*names)
        )
        self.assertFindsAll(nodes)
        asked = self.requestsBy(self.addressOf(self.asker), self.addressOf(honest))
        self.assertEqual([message.command for message in asked], [COMMAND])

    def test_23_aTargetedQueryToAnEphemeralNode(self) -> None:
        """
        A query to the address of an ephemeral node gives its answer, without an id.
        """
        ephemeral = self.node(ephemeral=True)
        ephemeral.register(COMMAND, Handler(lambda _: b"hello", lambda _: b"taken"))
        there = self.addressOf(ephemeral)
        asker = self.node()
        expected = [Reply(Contact(None, *there), b"hello")]
        self.assertEqual(self.collect(asker, self.wanted, nodes=[there]), expected)
        taken = [Reply(Contact(None, *there), b"taken")]
        self.assertEqual(self.commit(asker, self.wanted, nodes=[there]), taken)

    def test_24_theNodesToCommitToAreFixed(self) -> None:
        """
        Nodes that are named while an update is committed don't get it.
        """
        late = self.peer(id=near(self.wanted, 1), answers="serve")
        takers = [self.peer(id=near(self.wanted, 100 + n)) for n in range(20)]
        named = compact(*(taker.contact for taker in takers))

        def serve(peer: RawPeer, message: wire.RequestMessage, source: HostPort) -> None:
            isUpdate = message.roundtripToken is not None
            peer.serve(message, source, compact(late.contact) if isUpdate else named)

        for taker in takers:
            taker.onRequest = lambda m, s, taker=taker: serve(taker, m, s)  # type: ignore[misc]
        asker = self.node(bootstrap=[takers[0].address], ephemeral=True)
        replies = self.commit(asker, self.wanted, b"x")
        self.assertEqual({r.node for r in replies}, {taker.contact for taker in takers})
        self.assertEqual(late.requests, [])

    def test_25_oneBadEntryVoidsNoList(self) -> None:
        """
        Entries that nothing can be sent to, and a rest that is too short, spoil none of the others.
        """
        good = [self.node() for _ in range(3)]
        referrer = self.peer()
        bad = [
            self.target() + bytes([10, 9, 9, 9]) + b"\0\0",
            self.target() + bytes(4) + b"\0\1",
            self.target() + bytes([224, 0, 0, 1]) + b"\0\1",
            self.target() + bytes([255] * 4) + b"\0\1",
        ]
        entries = [entry for n in good for entry in (bad.pop(), compact(self.contactOf(n)))]
        nodes = b"".join(entries) + bad.pop() + b"a rest"
        referrer.onRequest = lambda message, source: referrer.serve(message, source, nodes)
        asker = self.node(bootstrap=[referrer.address], ephemeral=True)
        found = {reply.node.id for reply in self.collect(asker, self.wanted)}
        self.assertEqual(found, {referrer.id, *(node.id for node in good)})
        self.assertEqual(asker.counters.sendFailures, 0)

    def test_25_privateAddressesNamedByAPublicNode(self) -> None:
        """
        Private and loopback addresses that a public node names are not asked; public ones are.
        """
        liar = self.peer("8.8.8.8")
        public = self.peer("9.9.9.9", answers="serve")
        private = [
            Contact(self.target(), host, 53) for host in ("192.168.1.1", "10.0.0.9", "127.0.0.1")
        ]
        linkLocal = Contact(self.target(), "169.254.169.254", 80)
        nodes = compact(*private, linkLocal, public.contact)
        liar.onRequest = lambda message, source: liar.serve(message, source, nodes)
        asker = self.node("8.8.4.4", bootstrap=[liar.address], ephemeral=True)
        replies = self.collect(asker, self.wanted)
        self.assertIn(public.contact, [reply.node for reply in replies])
        here = self.addressOf(asker)
        asked = {destination for source, destination, _ in self.sent if source == here}
        self.assertEqual(asked, {liar.address, public.address})
