"""
Capture of lookups by a liar: tests for defects 20 to 25 of the original, ``@dwdht/rpc`` 0.1.4.

Each test's name begins with the number of its defect. Hostile datagrams come from raw peers, over
the real codec.
"""

from __future__ import annotations

from itertools import count

from dwdht_twisted import Contact, DHTNode, Reply
from dwdht_twisted._core import wire
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import HostPort
from tests.helpers.core.contacts import closestIds, compact, near
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nodes import COMMAND, NodeTestCase
from tests.helpers.networks.peers import RawPeer

#: One lookup must send fewer requests than this. With the original, a lookup sent 148,200 requests
#: to one liar in 10 seconds.
MOST_REQUESTS = 200


class CaptureTests(NodeTestCase):
    """
    Lookups in networks with a liar next to the target.
    """

    def setUp(self) -> None:
        super().setUp()
        self.wanted = self.target()

    def buildNetwork(self, count: int = 60) -> list[DHTNode]:
        """
        Return the nodes of a network in which more than a third list the liar. The liar's id is
        next to the target. The asker is an ephemeral node that has joined this network.
        """
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
        """
        Require that the asker asks the liar and finds the 19 other nodes closest to the target,
        with fewer than `MOST_REQUESTS` requests.
        """
        replies = self.collect(self.asker, self.wanted)
        self.assertGreater(len(self.liar.requestsFor(COMMAND)), 0)
        found = {reply.node.id for reply in replies}
        closest = closestIds(map(self.contactOf, nodes), self.wanted, 19)
        self.assertEqual(set(closest) - found, set())
        requests = self.requestsBy(self.addressOf(self.asker))
        self.assertLess(len(requests), MOST_REQUESTS)
        return replies

    def test_20_deadIdsHideNoHonestNode(self) -> None:
        """A liar names 20 dead ids next to the target. All closest honest nodes are still found."""
        nodes = self.buildNetwork()
        dead = [Contact(near(self.wanted, 2 + n), "10.9.9.9", 100 + n) for n in range(20)]
        self.liar.onRequest = lambda message, source: self.liar.serve(
            message, source, compact(dead)
        )
        self.assertFindsAll(nodes)

    def test_20_updateReachesTheClosestHonestNodes(self) -> None:
        """
        A liar names 20 dead ids next to the target. The 20 honest nodes closest to the target still
        accept the update.
        """
        nodes = self.buildNetwork()
        handlers = {node.id: Handler() for node in nodes}
        for node in nodes:
            node.register(COMMAND, handlers[node.id])
        dead = [Contact(near(self.wanted, 2 + n), "10.9.9.9", 100 + n) for n in range(20)]
        self.liar.onRequest = lambda message, source: self.liar.serve(
            message, source, compact(dead)
        )
        self.commit(self.asker, self.wanted, b"x")
        taken = {id for id, handler in handlers.items() if handler.updates}
        self.assertEqual(taken, set(closestIds(map(self.contactOf, nodes), self.wanted, K)))

    def test_21_liarNamingEverCloserIdsIsAskedOnce(self) -> None:
        """A liar that names ever closer ids at its own address is asked once."""
        nodes = self.buildNetwork()
        distances = count(1 << 200, -1)
        self.liar.id = near(self.wanted, 1 << 201)

        def serve(message: wire.RequestMessage, source: HostPort) -> None:
            closer = [
                Contact(near(self.wanted, next(distances)), *self.liar.address) for _ in range(20)
            ]
            self.liar.serve(message, source, compact(closer))

        self.liar.onRequest = serve
        self.assertFindsAll(nodes)
        self.assertEqual(len(self.liar.requestsFor(COMMAND)), 1)

    def test_21_privateHostWithManyPortsDrawsBoundedRequests(self) -> None:
        """
        A private host answers at ever new ports with ever closer ids. It gets fewer than 200
        requests.
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
            peer.serve(message, source, compact(closer))

        self.liar.onRequest = lambda message, source: serve(self.liar, message, source)
        self.clock.runUntil(self.asker.query(COMMAND, self.wanted).collect())
        self.assertGreater(len(nodes), 0)
        self.assertLess(len(self.requestsBy(self.addressOf(self.asker))), MOST_REQUESTS)
        self.assertLess(sum(bool(other.requests) for other in others), MOST_REQUESTS)

    def test_21_publicHostWithManyPortsIsAskedFewTimes(self) -> None:
        """
        A public host answers at ever new ports with ever closer ids. It is asked at fewer than 5 of
        these ports.
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
            peer.serve(message, source, compact(closer))

        first = self.peer("8.8.8.8")
        first.onRequest = lambda message, source: serve(first, message, source)
        self.introduce(first, asker)
        self.clock.runUntil(asker.query(COMMAND, self.wanted).collect())
        self.assertLess(sum(bool(other.requestsFor(COMMAND)) for other in others), 5)

    def test_22_honestIdsAtDeadAddressesAreFound(self) -> None:
        """
        A liar names the closest honest ids with dead addresses. Each of these honest nodes is still
        found, exactly once.
        """
        nodes = self.buildNetwork()
        closest = closestIds(map(self.contactOf, nodes), self.wanted)
        dead = [Contact(id, "10.9.9.9", 100 + n) for n, id in enumerate(closest)]
        self.liar.onRequest = lambda message, source: self.liar.serve(
            message, source, compact(dead)
        )
        replies = self.assertFindsAll(nodes)
        ids = [reply.node.id for reply in replies]
        self.assertEqual(len(ids), len(set(ids)))

    def test_22_addressUnderManyIdsIsAskedOnce(self) -> None:
        """The address of an honest node is asked once, although a liar names it under 20 ids."""
        nodes = self.buildNetwork()
        honest = nodes[0]
        names = [Contact(near(self.wanted, 2 + n), *self.addressOf(honest)) for n in range(20)]
        self.liar.onRequest = lambda message, source: self.liar.serve(
            message, source, compact(names)
        )
        self.assertFindsAll(nodes)
        asked = self.requestsBy(self.addressOf(self.asker), self.addressOf(honest))
        self.assertEqual([message.command for message in asked], [COMMAND])

    def test_23_targetedQueryReachesEphemeralNode(self) -> None:
        """
        A query and an update to the address of an ephemeral node return its reply, whose contact
        has no id.
        """
        ephemeral = self.node(ephemeral=True)
        ephemeral.register(COMMAND, Handler(lambda _: b"hello", lambda _: b"taken"))
        there = self.addressOf(ephemeral)
        asker = self.node()
        expected = [Reply(Contact(None, *there), b"hello")]
        self.assertEqual(self.collect(asker, self.wanted, nodes=[there]), expected)
        taken = [Reply(Contact(None, *there), b"taken")]
        self.assertEqual(self.commit(asker, self.wanted, nodes=[there]), taken)

    def test_24_nodesToCommitToAreFixed(self) -> None:
        """A node gets no request if it is named only by the answers to an update."""
        late = self.peer(id=near(self.wanted, 1), answers="serve")
        takers = [self.peer(id=near(self.wanted, 100 + n)) for n in range(20)]
        named = compact(taker.contact for taker in takers)

        def serve(peer: RawPeer, message: wire.RequestMessage, source: HostPort) -> None:
            isUpdate = message.roundtripToken is not None
            peer.serve(message, source, compact([late.contact]) if isUpdate else named)

        for taker in takers:
            taker.onRequest = lambda m, s, taker=taker: serve(taker, m, s)  # type: ignore[misc]
        asker = self.node(bootstrap=[takers[0].address], ephemeral=True)
        replies = self.commit(asker, self.wanted, b"x")
        self.assertEqual({r.node for r in replies}, {taker.contact for taker in takers})
        self.assertEqual(late.requests, [])

    def test_25_badEntriesSpareTheOthers(self) -> None:
        """
        An answer has four entries with unusable addresses and ends with an incomplete one. All its
        other entries are asked.
        """
        good = [self.node() for _ in range(3)]
        referrer = self.peer()
        bad = [
            self.target() + bytes([10, 9, 9, 9]) + b"\0\0",
            self.target() + bytes(4) + b"\0\1",
            self.target() + bytes([224, 0, 0, 1]) + b"\0\1",
            self.target() + bytes([255] * 4) + b"\0\1",
        ]
        entries = [entry for n in good for entry in (bad.pop(), compact([self.contactOf(n)]))]
        nodes = b"".join(entries) + bad.pop() + b"a rest"
        referrer.onRequest = lambda message, source: referrer.serve(message, source, nodes)
        asker = self.node(bootstrap=[referrer.address], ephemeral=True)
        found = {reply.node.id for reply in self.collect(asker, self.wanted)}
        self.assertEqual(found, {referrer.id, *(node.id for node in good)})
        self.assertEqual(asker.counters.sendFailures, 0)

    def test_25_privateAddressesFromPublicNodeAreNotAsked(self) -> None:
        """
        Of the addresses that a public node names, only the public one is asked. The private,
        loopback and link-local addresses are not asked.
        """
        liar = self.peer("8.8.8.8")
        public = self.peer("9.9.9.9", answers="serve")
        private = [
            Contact(self.target(), host, 53) for host in ("192.168.1.1", "10.0.0.9", "127.0.0.1")
        ]
        linkLocal = Contact(self.target(), "169.254.169.254", 80)
        nodes = compact([*private, linkLocal, public.contact])
        liar.onRequest = lambda message, source: liar.serve(message, source, nodes)
        asker = self.node("8.8.4.4", bootstrap=[liar.address], ephemeral=True)
        replies = self.collect(asker, self.wanted)
        self.assertIn(public.contact, [reply.node for reply in replies])
        here = self.addressOf(asker)
        asked = {destination for source, destination, _ in self.sent if source == here}
        self.assertEqual(asked, {liar.address, public.address})
