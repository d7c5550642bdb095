"""
Upkeep: the checks, retries and refreshes that a node runs by itself.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise

from dwdht_twisted import Contact, DHTNode
from dwdht_twisted._core import wire
from dwdht_twisted._core.limits.bounds import LOOKUP_WINDOW
from dwdht_twisted._core.lookup.lookup import FIRST_WINDOW
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.routing.cache import QUERIES_BEFORE_CACHING
from dwdht_twisted._core.wire import ID_BITS, HostPort, distance
from dwdht_twisted._net.upkeep.refreshing import EXPLORE_AFTER, REFRESH_AFTER
from dwdht_twisted._net.upkeep.retrying import LONGEST_RETRY
from dwdht_twisted._net.upkeep.upkeep import CHECK_AFTER, DEAD_GONE_AFTER, INTERVAL
from tests.helpers.core.contacts import compact, near
from tests.helpers.networks.nodes import NodeTestCase
from tests.helpers.networks.peers import RawPeer


class CheckTests(NodeTestCase):
    """
    Contacts that were unheard for a while, and are pinged.
    """

    def test_answeringContactStays(self) -> None:
        """
        A contact that answers is pinged at most once in `CHECK_AFTER` seconds, and stays.
        """
        node = self.node()
        peer = self.peer()
        self.introduce(peer, node)
        peer.requests.clear()
        peer.onRequest = peer.serve
        self.clock.runFor(CHECK_AFTER - 20)
        self.assertEqual(peer.requestsFor(wire.PING), [])
        self.clock.runFor(9 * CHECK_AFTER)
        self.assertEqual(node.contacts(), [peer.contact])
        self.assertLessEqual(len(peer.requestsFor(wire.PING)), 9)

    def test_deadContactLeavesTheTable(self) -> None:
        """
        A dead contact has left the table after `DEAD_GONE_AFTER` seconds.
        """
        node = self.node()
        peer = self.peer()
        self.introduce(peer, node)
        self.clock.runFor(DEAD_GONE_AFTER)
        self.assertEqual(node.contacts(), [])

    def test_manyDeadContactsLeaveTheTable(self) -> None:
        """
        All contacts of a network of 60 that died at once have left the table after
        `DEAD_GONE_AFTER` seconds.
        """
        nodes = self.swarm(60)
        for node in nodes[1:]:
            node.destroy()
        self.clock.runFor(DEAD_GONE_AFTER)
        self.assertEqual(nodes[0].contacts(), [])

    def test_lossEvictsNoContact(self) -> None:
        """
        At least 13 of 14 contacts are listed after an hour in which a tenth of all datagrams was
        lost.
        """
        nodes = self.swarm(15)
        self.network.loss = 0.1
        self.clock.runFor(3600)
        known = {contact.id for contact in nodes[0].contacts()}
        self.assertGreaterEqual(len(known), 13)

    def test_destroyedNodePingsNobody(self) -> None:
        """
        A destroyed node pings no contact.
        """
        node = self.node()
        peer = self.peer()
        self.introduce(peer, node)
        peer.requests.clear()
        node.destroy()
        self.clock.runFor(2 * CHECK_AFTER)
        self.assertEqual(peer.requests, [])

    def test_unusedAnswersAreForgotten(self) -> None:
        """
        An answer that the table has cached is forgotten after `INTERVAL` seconds.
        """
        table = self.node()._parts.table
        target = bytes([table.id[0] ^ 0x80]) + bytes(31)
        for number in range(K):
            id = target[:-1] + bytes([number])
            table.answered(Contact(id, "10.0.0.1", 1000 + number), self.clock.seconds())
        for _ in range(QUERIES_BEFORE_CACHING):
            table.closestCompact(target)
        answer = table.closestCompact(target)
        self.assertIs(table.closestCompact(target), answer)
        self.clock.runFor(INTERVAL)
        self.assertIsNot(table.closestCompact(target), answer)


class IsolatedTests(NodeTestCase):
    """
    A node without contacts, which asks its bootstrap nodes again and again.
    """

    def attempts(self, node: DHTNode, seconds: float) -> list[float]:
        """Return the times at which a node began to ask its bootstrap node, over some seconds."""
        peer = self.peer("10.1.1.1", port=7000)
        times: dict[int, float] = {}
        peer.onRequest = lambda message, source: times.setdefault(
            message.transactionId, self.clock.seconds()
        )
        self.clock.runFor(seconds)
        return list(times.values())

    def test_retriesGetRarerButNeverEnd(self) -> None:
        """
        The first retry comes within 3 intervals, and later ones with pauses of up to
        `LONGEST_RETRY`, fewer than 120 in an hour.
        """
        node = self.node(bootstrap=["10.1.1.1:7000"])
        times = self.attempts(node, 3600)
        self.assertLess(times[1], 3 * INTERVAL)
        pauses = [later - earlier for earlier, later in pairwise(times)]
        self.assertLessEqual(max(pauses), LONGEST_RETRY + INTERVAL)
        self.assertGreater(pauses[-1], 0.5 * LONGEST_RETRY - 1)
        self.assertLess(len(times), 120)

    def test_nodeJoinsOnceItsBootstrapNodeIsBack(self) -> None:
        """
        A node joins within `LONGEST_RETRY` and an interval after its bootstrap node came back.
        """
        node = self.node(bootstrap=["10.1.1.1:7000"])
        self.clock.runFor(1800)
        bootstrap = self.node("10.1.1.1", port=7000)
        self.clock.runFor(LONGEST_RETRY + INTERVAL + 1)
        self.assertEqual(node.contacts(), [self.contactOf(bootstrap)])

    def test_nodeThatLostItsContactsJoinsAgain(self) -> None:
        """
        A node that lost its 4 contacts in a partition has them again twice `LONGEST_RETRY` seconds
        after it.
        """
        nodes = self.swarm(5)
        self.network.partition([self.addressOf(nodes[0]).host])
        self.clock.runFor(DEAD_GONE_AFTER)
        self.assertEqual(nodes[0].contacts(), [])
        self.network.heal()
        self.clock.runFor(2 * LONGEST_RETRY)
        self.assertEqual(len(nodes[0].contacts()), 4)

    def test_nodeWithoutBootstrapNodesIsSilent(self) -> None:
        """
        A node without bootstrap nodes and contacts sends nothing in an hour.
        """
        self.node()
        self.clock.runFor(3600)
        self.assertEqual(self.sent, [])


class RefreshTests(NodeTestCase):
    """
    Buckets that are refreshed and explored by lookups.
    """

    def lookups(self, node: DHTNode) -> list[wire.RequestMessage]:
        """Return the requests of lookups that a node has sent."""
        sent = self.requestsBy(self.addressOf(node))
        return [message for message in sent if message.command == wire.FIND_NODE]

    def test_idleNodeRefreshesItsBuckets(self) -> None:
        """
        A node that nobody uses looks up its own id and more than 2 other targets within 3 times
        `REFRESH_AFTER` seconds.
        """
        nodes = self.swarm(30)
        self.clock.runFor(10)
        self.sent.clear()
        self.clock.runFor(3 * REFRESH_AFTER)
        targets = {message.target for message in self.lookups(nodes[0])}
        self.assertIn(nodes[0].id, targets)
        self.assertGreater(len(targets), 3)

    def test_farBucketsAreExploredAfterJoining(self) -> None:
        """
        At least half of the places for contacts that differ in the first bit are taken
        `EXPLORE_AFTER` and 4 intervals after a node has joined.
        """
        nodes = self.swarm(80)
        self.clock.runFor(EXPLORE_AFTER + 4 * INTERVAL)
        for node in nodes:
            far = [each for each in node.contacts() if _isFar(each, node)]
            others = sum(_isFar(other, node) for other in nodes)
            self.assertGreaterEqual(len(far), min(K // 2, others))

    def newcomer(self) -> DHTNode:
        """
        Return a new node that knows a bucket of near contacts, and none that differ in the first
        bit.

        The near contacts name the three farthest of 80 such nodes, and each of these names the next
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
        """Return a random id that shares exactly ``bits`` bits with a node's."""
        differing = ID_BITS - 1 - bits
        return near(node.id, 1 << differing | self.random.getrandbits(differing))

    def test_explorationEndsWithAFullBucket(self) -> None:
        """
        A far bucket is explored until it is full, with at most 40 requests and a window of 16 more.
        """
        node = self.newcomer()
        self.clock.runFor(EXPLORE_AFTER + INTERVAL)
        self.assertEqual(sum(_isFar(each, node) for each in node.contacts()), K)
        # The near contacts, the far ones, and those in flight when the last of these answered.
        self.assertLessEqual(len(self.lookups(node)), 2 * K + LOOKUP_WINDOW)

    def test_explorationWaitsForASettledNode(self) -> None:
        """
        A node explores no bucket before `EXPLORE_AFTER` seconds, because a node that has just come
        may soon be gone.
        """
        node = self.newcomer()
        self.clock.runFor(EXPLORE_AFTER - 2)
        self.assertEqual(self.lookups(node), [])
        self.clock.runFor(INTERVAL + 2)
        self.assertNotEqual(self.lookups(node), [])

    def test_explorationEndsWhenToldSo(self) -> None:
        """
        An exploration whose condition is met sends no more than its first window of requests.
        """
        node = self.swarm(40)[0]
        self.sent.clear()
        explored = node._parts.queries.explore(bytes(32), lambda: True)
        self.clock.runFor(1)
        self.assertIsNone(self.successResultOf(explored))
        self.assertLessEqual(len(self.lookups(node)), FIRST_WINDOW)

    def test_exploredNodeIsIdle(self) -> None:
        """
        A node that has explored its buckets sends no lookup before they are due to be refreshed.
        """
        nodes = self.swarm(80)
        self.clock.runFor(REFRESH_AFTER / 2)
        self.sent.clear()
        self.clock.runFor(REFRESH_AFTER / 6)
        self.assertEqual(self.lookups(nodes[0]), [])

    def test_idleNodeSendsFewDatagrams(self) -> None:
        """
        An idle node in a network of 30 sends fewer than 2 datagrams a second.
        """
        nodes = self.swarm(30)
        self.sent.clear()
        self.clock.runFor(3600)
        self.assertLess(len(self.sentBy(self.addressOf(nodes[0]))), 2 * 3600)

    def test_networkHealsAfterAPartition(self) -> None:
        """
        Every node of a part of a network that was cut lists nodes of the other part 3 times
        `REFRESH_AFTER` seconds after the cut ended.
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
