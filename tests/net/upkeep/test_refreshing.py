"""
The questions and lookups that keep a routing table up to date.
"""

from __future__ import annotations

from functools import partial

from dwdht_twisted import Contact, DHTNode
from dwdht_twisted._core import wire
from dwdht_twisted._core.lookup.bounds import LOOKUP_WINDOW
from dwdht_twisted._core.lookup.pending import FIRST_WINDOW
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import ID_BITS, HostPort, distance
from dwdht_twisted._net.upkeep.refreshing import EXPLORE_AFTER, REFRESH_AFTER
from dwdht_twisted._net.upkeep.upkeep import DEAD_GONE_AFTER, INTERVAL
from tests.helpers.core.contacts import compact, near
from tests.helpers.networks.nodes import NodeTestCase
from tests.helpers.networks.peers import RawPeer


class RefreshTests(NodeTestCase):
    """
    Lookups that refresh or explore buckets.
    """

    def lookups(self, node: DHTNode) -> list[wire.RequestMessage]:
        """Return the requests that a node has sent for lookups."""
        sent = self.requestsBy(self.addressOf(node))
        return [message for message in sent if message.command == wire.FIND_NODE]

    def test_settledNodeAsksSingleContacts(self) -> None:
        """
        In an hour without news, a node asks a neighbour and its bootstrap node for its own id at
        least six times, and sends fewer requests than one lookup for each of them takes.
        """
        nodes = self.swarm(30)
        self.clock.runFor(1000)
        self.sent.clear()
        self.clock.runFor(3600)
        asked = [message.target for message in self.lookups(nodes[0])]
        self.assertGreaterEqual(asked.count(nodes[0].id), 12)
        self.assertLess(len(asked), 60)

    def test_newsCausesALookup(self) -> None:
        """
        A neighbour that names a close node which the table doesn't hold makes the node look up its
        own id.
        """
        node = self.node()
        hidden = [self.peer(id=near(node.id, 1 << 200 + i), answers="serve") for i in range(3)]
        peers = [self.peer(id=near(node.id, 1 << 220 + i)) for i in range(K)]
        for peer in peers:
            self.introduce(peer, node)
            peer.onRequest = partial(
                peer.serve, nodes=compact(each.contact for each in [*peers[:5], *hidden])
            )
        self.clock.runFor(REFRESH_AFTER + INTERVAL + 5)
        listed = node.contacts()
        for peer in hidden:
            self.assertIn(peer.contact, listed)

    def test_largeNetworksSpareTheirBootstrapNodes(self) -> None:
        """
        A node of a small network asks its bootstrap node with each refresh. In a network of a
        billion nodes, it does not in a day.
        """
        for bits, most, least in ((250, 200, 100), (226, 0, 0)):
            bootstrap = self.peer(id=None, answers="serve")
            node = self.node(bootstrap=[bootstrap.address])
            for _ in range(3 * K):
                id = near(node.id, self.random.getrandbits(bits))
                peer = self.peer(id=id, answers="serve")
                peer.ask(self.addressOf(node), wire.PING)
            self.clock.runFor(120)
            bootstrap.requests.clear()
            self.clock.runFor(24 * 3600)
            asked = len(bootstrap.requestsFor(wire.FIND_NODE))
            self.assertTrue(least <= asked <= most, asked)
            self.destroyAll()

    def test_farBucketsAreExploredAfterJoining(self) -> None:
        """
        Within `EXPLORE_AFTER` plus 4 intervals after joining, a node has filled at least half of
        its farthest bucket. The ids in this bucket differ from the node's own id in the first bit.
        """
        nodes = self.swarm(80)
        self.clock.runFor(EXPLORE_AFTER + 4 * INTERVAL)
        for node in nodes:
            far = [each for each in node.contacts() if _isFar(each, node)]
            others = sum(_isFar(other, node) for other in nodes)
            self.assertGreaterEqual(len(far), min(K // 2, others))

    def newcomer(self) -> DHTNode:
        """
        Return a new node with a bucket of near contacts and no contact whose id differs in the
        first bit.

        The near contacts name the three farthest of 80 such nodes. Each of these names the next
        three.
        """
        node = self.node()
        far = [self.peer(id=self.idSharing(0, node)) for _ in range(4 * K)]

        def leadOn(peer: RawPeer, message: wire.RequestMessage, source: HostPort) -> None:
            target = message.target or b""
            begin = distance(peer.id or b"", target) if peer in far else 1 << ID_BITS
            closer = [each for each in far if distance(each.id or b"", target) < begin]
            closer.sort(key=lambda each: distance(each.id or b"", target))
            peer.serve(message, source, compact(each.contact for each in closer[-3:]))

        for peer in far:
            peer.onRequest = partial(leadOn, peer)
        for _ in range(K):
            peer = self.peer(id=self.idSharing(1, node))
            peer.onRequest = partial(leadOn, peer)
            peer.ask(self.addressOf(node), wire.PING)
        self.clock.runFor(1)
        self.assertEqual(len(node.contacts()), K)
        return node

    def idSharing(self, bits: int, node: DHTNode) -> bytes:
        """Return a random id that shares exactly ``bits`` leading bits with the node's id."""
        differing = ID_BITS - 1 - bits
        return near(node.id, 1 << differing | self.random.getrandbits(differing))

    def test_explorationEndsWithAFullBucket(self) -> None:
        """
        A far bucket is explored until it is full, with at most 40 requests plus a window of 16.
        """
        node = self.newcomer()
        self.clock.runFor(EXPLORE_AFTER + INTERVAL)
        self.assertEqual(sum(_isFar(each, node) for each in node.contacts()), K)
        # These are requests to the near contacts, to the far contacts, and those in flight when the
        # bucket became full.
        self.assertLessEqual(len(self.lookups(node)), 2 * K + LOOKUP_WINDOW)

    def test_explorationWaitsForASettledNode(self) -> None:
        """
        A node explores no bucket in its first `EXPLORE_AFTER` seconds, because a new node may leave
        soon.
        """
        node = self.newcomer()
        self.clock.runFor(EXPLORE_AFTER - 2)
        self.assertEqual(self.lookups(node), [])
        self.clock.runFor(INTERVAL + 2)
        self.assertNotEqual(self.lookups(node), [])

    def test_explorationEndsWhenToldSo(self) -> None:
        """
        An exploration whose end condition is met at the start sends at most one first window of
        requests.
        """
        node = self.swarm(40)[0]
        self.sent.clear()
        explored = node._parts.queries.explore(bytes(32), lambda: True)
        self.clock.runFor(1)
        self.assertIsNone(self.successResultOf(explored))
        self.assertLessEqual(len(self.lookups(node)), FIRST_WINDOW)

    def test_exploredNodeIsIdle(self) -> None:
        """After its exploration, a node sends no lookup until its buckets are due for a refresh."""
        nodes = self.swarm(80)
        self.clock.runFor(REFRESH_AFTER / 2)
        self.sent.clear()
        self.clock.runFor(REFRESH_AFTER / 6)
        self.assertEqual(self.lookups(nodes[0]), [])

    def test_idleNodeSendsFewDatagrams(self) -> None:
        """In a network of 30, an idle node sends fewer than 700 datagrams in an hour."""
        nodes = self.swarm(30)
        self.sent.clear()
        self.clock.runFor(3600)
        self.assertLess(len(self.sentBy(self.addressOf(nodes[0]))), 700)

    def test_networkHealsAfterAPartition(self) -> None:
        """
        Within 3 times `REFRESH_AFTER` seconds after a partition, every node of one part lists nodes
        of the other part.
        """
        nodes = self.swarm(30)
        part = [self.addressOf(node).host for node in nodes[:15]]
        self.network.partition(part)
        self.clock.runFor(2 * DEAD_GONE_AFTER)
        others = {node.id for node in nodes[15:]}
        self.assertFalse(others & {contact.id for contact in nodes[0].contacts()})
        self.network.heal()
        self.clock.runFor(3 * REFRESH_AFTER)
        for node in nodes[:15]:
            self.assertTrue(others & {contact.id for contact in node.contacts()})


def _isFar(other: Contact | DHTNode, node: DHTNode) -> bool:
    """Return whether the ids of two nodes differ in the first bit."""
    return ((other.id or b"")[0] ^ node.id[0]) >= 0x80
