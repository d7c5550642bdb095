"""
Which lookups count for a bucket, so that the node doesn't explore or refresh it by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from dwdht_twisted import DHTNode, NoResponse
from dwdht_twisted._core import wire
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import ID_BITS, distance
from dwdht_twisted._net.upkeep.refreshing import EXPLORE_AFTER, RETRY_AFTER
from dwdht_twisted._net.upkeep.upkeep import INTERVAL
from tests.helpers.core.contacts import near
from tests.helpers.networks.doubles import Consumer, Handler
from tests.helpers.networks.nodes import COMMAND, NodeTestCase

#: The buckets of the tests, which are far in a network of 100 nodes.
FAR = (0, 1)


class ExploredTests(NodeTestCase):
    """
    A node that has just joined a network of 100 nodes.
    """

    def setUp(self) -> None:
        super().setUp()
        self.nodes = self.swarm(100)
        for node in self.nodes:
            node.register(COMMAND, Handler(lambda request: b"value"))
        self.joined = self.node(bootstrap=[self.bootstrap])
        self.clock.runUntil(self.joined.ready())

    def targetIn(self, prefix: int) -> bytes:
        """Return a random target whose first ``prefix`` bits are those of the node's id."""
        free = ID_BITS - prefix - 1
        return near(self.joined.id, 1 << free | self.random.getrandbits(free))

    def contactsIn(self, prefix: int) -> int:
        """Return the number of the node's contacts in a bucket."""
        return sum(
            _prefix(each.id or b"", self.joined) == prefix for each in self.joined.contacts()
        )

    def explored(self) -> set[int]:
        """Return the buckets into which the node has sent lookups of its own."""
        requests = self.requestsBy(self.addressOf(self.joined))
        targets = {each.target for each in requests if each.command == wire.FIND_NODE}
        targets.discard(self.joined.id)
        return {_prefix(target or b"", self.joined) for target in targets}

    # Ways to end a query before it has run out.

    def stopAtFirstAnswer(self, target: bytes) -> None:
        """Stop a query at its first answer."""
        stream = self.joined.query(COMMAND, target)
        self.clock.runUntil(
            stream.startProducing(Consumer(lambda producer: producer.stopProducing()))
        )

    def stopBeforeAnyAnswer(self, target: bytes) -> None:
        """Stop a query as soon as it has begun."""
        stream = self.joined.query(COMMAND, target)
        stream.startProducing(Consumer())
        stream.stopProducing()

    def cancel(self, target: bytes) -> None:
        """Cancel the Deferred of a query."""
        collected = self.joined.query(COMMAND, target).collect()
        self.clock.runFor(1.5 * self.latency)
        collected.addErrback(lambda _: None)
        collected.cancel()

    def getNoAnswer(self, target: bytes) -> None:
        """Run a query while the node's line is down."""
        self.network.partition([self.addressOf(self.joined).host])
        with self.assertRaises(NoResponse):
            self.collect(self.joined, target)
        self.network.heal()

    def leavePaused(self, target: bytes) -> None:
        """Pause a query at its first answer, and never resume it."""
        stream = self.joined.query(COMMAND, target)
        stream.startProducing(Consumer(lambda producer: producer.pauseProducing()))
        self.addCleanup(stream.stopProducing)
        self.clock.runFor(1)

    def test_bucketsAreFilledAfterQueriesThatDidNotRunOut(self) -> None:
        """
        After 20 queries that ended before they had run out, each in a drawn way, the node fills its
        far buckets as if there had been none.
        """
        ways: list[Callable[[bytes], None]] = [
            self.stopAtFirstAnswer,
            self.stopBeforeAnyAnswer,
            self.cancel,
            self.leavePaused,
        ]
        random = Random(1)
        for number in range(20):
            random.choice(ways)(self.targetIn(FAR[number % len(FAR)]))
        self.clock.runFor(EXPLORE_AFTER + 4 * INTERVAL)
        for prefix in FAR:
            others = sum(_prefix(each.id, self.joined) == prefix for each in self.nodes)
            self.assertGreaterEqual(self.contactsIn(prefix), min(K // 2, others))

    def test_noSingleWayCounts(self) -> None:
        """No way to end a query before it has run out makes its bucket count as fresh."""
        buckets = self.joined._parts.table.buckets
        for way in (
            self.stopAtFirstAnswer,
            self.stopBeforeAnyAnswer,
            self.cancel,
            self.getNoAnswer,
            self.leavePaused,
        ):
            began = self.clock.seconds()
            way(self.targetIn(0))
            self.assertEqual(buckets.unfilled(began), 0, way.__name__)

    def test_queryThatHasRunOutCounts(self) -> None:
        """A bucket counts as explored from the end of a query that has run out."""
        for prefix in FAR:
            self.collect(self.joined, self.targetIn(prefix))
        self.sent.clear()
        self.clock.runFor(EXPLORE_AFTER + 4 * INTERVAL)
        self.assertEqual(self.explored() & set(FAR), set())

    def test_lookupsInVainAreRare(self) -> None:
        """While the line of a node is down, it begins a lookup of its own at most once a minute."""
        self.network.partition([self.addressOf(self.joined).host])
        self.clock.runFor(EXPLORE_AFTER)
        self.sent.clear()
        self.clock.runFor(4 * RETRY_AFTER)
        requests = self.requestsBy(self.addressOf(self.joined))
        targets = {each.target for each in requests if each.command == wire.FIND_NODE}
        self.assertLessEqual(len(targets - {self.joined.id}), 5)


def _prefix(id: bytes, node: DHTNode) -> int:
    """Return the number of leading bits that an id shares with the id of a node."""
    return ID_BITS - distance(id, node.id).bit_length()
