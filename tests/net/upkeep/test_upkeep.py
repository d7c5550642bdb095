"""
Upkeep: the checks, retries and refreshes that a node runs without being asked to.
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
    Pings of contacts that were unheard for some time.
    """

    def test_answeringContactStays(self) -> None:
        """
        A contact that answers is pinged at most once in `CHECK_AFTER` seconds, and stays in the
        table.
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
        A dead contact leaves the table within `DEAD_GONE_AFTER` seconds, if another one answers.
        """
        node = self.node()
        dead, alive = self.peer(), self.peer(answers="serve")
        self.introduce(dead, node)
        self.introduce(alive, node)
        self.clock.runFor(DEAD_GONE_AFTER)
        self.assertEqual(node.contacts(), [alive.contact])

    def test_manyDeadContactsLeaveTheTable(self) -> None:
        """
        In a network of 60, all nodes but two die. Within `DEAD_GONE_AFTER` seconds, all dead
        contacts leave the tables of the remaining nodes.
        """
        nodes = self.swarm(60)
        for node in nodes[2:]:
            node.destroy()
        self.clock.runFor(DEAD_GONE_AFTER)
        self.assertEqual(nodes[0].contacts(), [self.contactOf(nodes[1])])
        self.assertEqual(nodes[1].contacts(), [self.contactOf(nodes[0])])

    def test_lossEvictsNoContact(self) -> None:
        """After an hour with 10 % loss, at least 13 of 14 contacts are listed."""
        nodes = self.swarm(15)
        self.network.loss = 0.1
        self.clock.runFor(3600)
        known = {contact.id for contact in nodes[0].contacts()}
        self.assertGreaterEqual(len(known), 13)

    def test_destroyedNodeSendsNoPing(self) -> None:
        """A destroyed node sends no ping to a contact."""
        node = self.node()
        peer = self.peer()
        self.introduce(peer, node)
        peer.requests.clear()
        node.destroy()
        self.clock.runFor(2 * CHECK_AFTER)
        self.assertEqual(peer.requests, [])

    def test_unusedAnswersAreForgotten(self) -> None:
        """An answer cached by the table is forgotten after `INTERVAL` seconds."""
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
        """
        Return the times at which a node began to ask its bootstrap node, during these seconds.
        """
        peer = self.peer("10.1.1.1", port=7000)
        times: dict[int, float] = {}
        peer.onRequest = lambda message, source: times.setdefault(
            message.transactionId, self.clock.seconds()
        )
        self.clock.runFor(seconds)
        return list(times.values())

    def test_retriesGetRarerButNeverEnd(self) -> None:
        """
        The first retry comes within 3 intervals. Later pauses grow up to `LONGEST_RETRY`, so that
        an hour has fewer than 120 retries.
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
        A node joins within `LONGEST_RETRY` plus one interval after its bootstrap node has started.
        """
        node = self.node(bootstrap=["10.1.1.1:7000"])
        self.clock.runFor(1800)
        bootstrap = self.node("10.1.1.1", port=7000)
        self.clock.runFor(LONGEST_RETRY + INTERVAL + 1)
        self.assertEqual(node.contacts(), [self.contactOf(bootstrap)])

    def test_nodeWithoutBootstrapNodesIsSilent(self) -> None:
        """A node without bootstrap nodes and contacts sends no datagram in an hour."""
        self.node()
        self.clock.runFor(3600)
        self.assertEqual(self.sent, [])


class OwnLineTests(NodeTestCase):
    """
    A node whose own line is down for some time, so that nobody answers it.
    """

    def assertListed(self, node: DHTNode, others: list[DHTNode]) -> None:
        """Require that the node lists all of the others that it has place for."""
        listed = {contact.id for contact in node.contacts()}
        self.assertGreaterEqual(len(listed & {other.id for other in others}), len(others) - 1)

    def test_contactsAreKept(self) -> None:
        """
        Whatever the length of the interruption, a node keeps its contacts while nobody answers. It
        reaches them within twice `LONGEST_RETRY` seconds after the interruption, although the
        bootstrap node is gone.
        """
        for seconds in (90, 360, self.random.uniform(500, 4000), 3 * 3600):
            nodes = self.swarm(15)
            node, others = nodes[0], nodes[1:]
            self.clock.runFor(60)
            self.network.partition([self.addressOf(node).host])
            self.clock.runFor(seconds)
            self.assertListed(node, others)
            self.network.heal()
            self.network.partition([self.bootstrap.host])
            self.clock.runFor(2 * LONGEST_RETRY)
            self.assertListed(node, others)
            self.assertEqual(len(self.collect(node, others[-1].id)), 14)
            self.network.heal()
            self.destroyAll()

    def test_deadContactsOfTheTimeAreFound(self) -> None:
        """
        Contacts that died during an interruption leave the table within `DEAD_GONE_AFTER` seconds
        after it. The others stay.
        """
        nodes = self.swarm(15)
        self.network.partition([self.addressOf(nodes[0]).host])
        self.clock.runFor(200)
        for node in nodes[8:]:
            node.destroy()
        self.clock.runFor(400)
        self.network.heal()
        self.clock.runFor(DEAD_GONE_AFTER)
        self.assertListed(nodes[0], nodes[1:8])
        listed = {contact.id for contact in nodes[0].contacts()}
        self.assertFalse(listed & {node.id for node in nodes[8:]})

    def test_otherLinesSayNothing(self) -> None:
        """
        A node keeps its silent public contacts while only nodes of its own network answer.
        """
        node = self.node("10.0.1.1")
        near = self.peer("10.0.1.2", answers="serve")
        far = [self.peer(f"52.0.{i}.1", answers="serve") for i in range(5)]
        for peer in [near, *far]:
            self.introduce(peer, node)
        self.network.partition([peer.host for peer in far])
        self.clock.runFor(2 * DEAD_GONE_AFTER)
        self.assertEqual(len(node.contacts()), 6)

    def test_interruptedNodeSendsLittle(self) -> None:
        """While nobody answers, a node sends at most three datagrams a second."""
        nodes = self.swarm(15)
        self.network.partition([self.addressOf(nodes[0]).host])
        self.clock.runFor(600)
        self.sent.clear()
        self.clock.runFor(3600)
        self.assertLess(len(self.sentBy(self.addressOf(nodes[0]))), 3 * 3600)


class RefreshTests(NodeTestCase):
    """
    Lookups that refresh or explore buckets.
    """

    def lookups(self, node: DHTNode) -> list[wire.RequestMessage]:
        """Return the requests that a node has sent for lookups."""
        sent = self.requestsBy(self.addressOf(node))
        return [message for message in sent if message.command == wire.FIND_NODE]

    def test_idleNodeRefreshesItsBuckets(self) -> None:
        """
        Within 3 times `REFRESH_AFTER` seconds, an idle node looks up its own id and more than 2
        other targets.
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
        """In a network of 30, an idle node sends fewer than 2 datagrams a second."""
        nodes = self.swarm(30)
        self.sent.clear()
        self.clock.runFor(3600)
        self.assertLess(len(self.sentBy(self.addressOf(nodes[0]))), 2 * 3600)

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
