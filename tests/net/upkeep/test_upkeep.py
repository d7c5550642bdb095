"""
Tests for `dwdht_twisted.upkeep`: what a node does while nobody asks it anything.
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
    Contacts that were silent for a while are pinged.
    """

    def test_alive(self) -> None:
        """
        A contact that answers its pings stays, and is pinged no more often than need be.
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

    def test_dead(self) -> None:
        """
        A contact that is dead has left the table after the stated time.
        """
        node = self.node()
        peer = self.peer()
        self.introduce(peer, node)
        self.clock.runFor(DEAD_GONE_AFTER)
        self.assertEqual(node.contacts(), [])

    def test_manyDead(self) -> None:
        """
        So have many that died at once.
        """
        nodes = self.swarm(60)
        for node in nodes[1:]:
            node.destroy()
        self.clock.runFor(DEAD_GONE_AFTER)
        self.assertEqual(nodes[0].contacts(), [])

    def test_lossy(self) -> None:
        """
        A live contact stays, though datagrams are lost.
        """
        nodes = self.swarm(15)
        self.network.loss = 0.1
        self.clock.runFor(3600)
        known = {contact.id for contact in nodes[0].contacts()}
        self.assertGreaterEqual(len(known), 13)

    def test_destroyed(self) -> None:
        """
        A node that is destroyed pings nobody any more.
        """
        node = self.node()
        peer = self.peer()
        self.introduce(peer, node)
        peer.requests.clear()
        node.destroy()
        self.clock.runFor(2 * CHECK_AFTER)
        self.assertEqual(peer.requests, [])

    def test_answersAreForgotten(self) -> None:
        """
        Answers that a node remembers for others are not kept when nobody asks for them.
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
    A node that knows nobody asks its bootstrap nodes again and again.
    """

    def attempts(self, node: DHTNode, seconds: float) -> list[float]:
        """When it asked its bootstrap node anew."""
        peer = self.peer("10.1.1.1", port=7000)
        times: dict[int, float] = {}
        peer.onRequest = lambda message, source: times.setdefault(
            message.transactionId, self.clock.seconds()
        )
        self.clock.runFor(seconds)
        return list(times.values())

    def test_retries(self) -> None:
        """
        It tries soon at first, then ever less often, but never gives up.
        """
        node = self.node(bootstrap=["10.1.1.1:7000"])
        times = self.attempts(node, 3600)
        self.assertLess(times[1], 3 * INTERVAL)
        pauses = [later - earlier for earlier, later in pairwise(times)]
        self.assertLessEqual(max(pauses), LONGEST_RETRY + INTERVAL)
        self.assertGreater(pauses[-1], 0.5 * LONGEST_RETRY - 1)
        self.assertLess(len(times), 120)

    def test_comesBack(self) -> None:
        """
        It joins within the longest pause after a bootstrap node has come back.
        """
        node = self.node(bootstrap=["10.1.1.1:7000"])
        self.clock.runFor(1800)
        bootstrap = self.node("10.1.1.1", port=7000)
        self.clock.runFor(LONGEST_RETRY + INTERVAL + 1)
        self.assertEqual(node.contacts(), [self.contactOf(bootstrap)])

    def test_isolatedLater(self) -> None:
        """
        A node that has lost all its contacts asks its bootstrap nodes again.
        """
        nodes = self.swarm(5)
        self.network.partition([self.addressOf(nodes[0]).host])
        self.clock.runFor(DEAD_GONE_AFTER)
        self.assertEqual(nodes[0].contacts(), [])
        self.network.heal()
        self.clock.runFor(2 * LONGEST_RETRY)
        self.assertEqual(len(nodes[0].contacts()), 4)

    def test_nobodyToAsk(self) -> None:
        """
        A node without bootstrap nodes sends nothing by itself.
        """
        self.node()
        self.clock.runFor(3600)
        self.assertEqual(self.sent, [])


class RefreshTests(NodeTestCase):
    """
    Buckets that no lookup has gone into are refreshed.
    """

    def lookups(self, node: DHTNode) -> list[wire.RequestMessage]:
        """The requests of lookups that a node sent."""
        sent = self.requestsBy(self.addressOf(node))
        return [message for message in sent if message.command == wire.FIND_NODE]

    def test_refreshed(self) -> None:
        """
        A node looks for nodes by itself, even when nobody asks it for anything.
        """
        nodes = self.swarm(30)
        self.clock.runFor(10)
        self.sent.clear()
        self.clock.runFor(3 * REFRESH_AFTER)
        targets = {message.target for message in self.lookups(nodes[0])}
        self.assertIn(nodes[0].id, targets)
        self.assertGreater(len(targets), 3)

    def test_explored(self) -> None:
        """
        Soon after it has joined, at least half of the places for far contacts are taken.
        """
        nodes = self.swarm(80)
        self.clock.runFor(EXPLORE_AFTER + 4 * INTERVAL)
        for node in nodes:
            far = [each for each in node.contacts() if _isFar(each, node)]
            others = sum(_isFar(other, node) for other in nodes)
            self.assertGreaterEqual(len(far), min(K // 2, others))

    def newcomer(self) -> DHTNode:
        """
        Start a node that learns at once of as many near contacts as it has room for, and of nobody
        far.

        They lead it to the three outermost of many far ones, and each of those to the next three.
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
        """A random id that shares just so many first bits with that of a node."""
        differing = ID_BITS - 1 - bits
        return near(node.id, 1 << differing | self.random.getrandbits(differing))

    def test_exploredUntilFull(self) -> None:
        """
        It looks into a far bucket no longer than until the bucket is full.
        """
        node = self.newcomer()
        self.clock.runFor(EXPLORE_AFTER + INTERVAL)
        self.assertEqual(sum(_isFar(each, node) for each in node.contacts()), K)
        # The near ones, the far ones, and those that were asked when the last of these answered.
        self.assertLessEqual(len(self.lookups(node)), 2 * K + LOOKUP_WINDOW)

    def test_exploredLater(self) -> None:
        """
        It looks into no far bucket before it has been there for a while, for it may be gone soon.
        """
        node = self.newcomer()
        self.clock.runFor(EXPLORE_AFTER - 2)
        self.assertEqual(self.lookups(node), [])
        self.clock.runFor(INTERVAL + 2)
        self.assertNotEqual(self.lookups(node), [])

    def test_exploredEnough(self) -> None:
        """
        It asks nobody any more once it knows enough.
        """
        node = self.swarm(40)[0]
        self.sent.clear()
        explored = node._parts.queries.explore(bytes(32), lambda: True)
        self.clock.runFor(1)
        self.assertIsNone(self.successResultOf(explored))
        self.assertLessEqual(len(self.lookups(node)), FIRST_WINDOW)

    def test_exploredOnce(self) -> None:
        """
        Then it looks nowhere until buckets are due.
        """
        nodes = self.swarm(80)
        self.clock.runFor(REFRESH_AFTER / 2)
        self.sent.clear()
        self.clock.runFor(REFRESH_AFTER / 6)
        self.assertEqual(self.lookups(nodes[0]), [])

    def test_bounded(self) -> None:
        """
        That costs few datagrams: an idle node of a small network sends under two a second.
        """
        nodes = self.swarm(30)
        self.sent.clear()
        self.clock.runFor(3600)
        self.assertLess(len(self.sentBy(self.addressOf(nodes[0]))), 2 * 3600)

    def test_partition(self) -> None:
        """
        The parts of a network that was cut find each other again.
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
    """Whether the ids of two nodes differ in the first bit."""
    return ((other.id or b"")[0] ^ node.id[0]) >= 0x80
