"""
Puts and gets of large values that end early, and go on later.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from dwdht_twisted import values
from dwdht_twisted.values import Transfer, getLarge, putLarge, treeOf
from tests.helpers.networks.transfers import Collector, Supply, TransferTestCase


class InterruptedTests(TransferTestCase):
    """
    Puts and gets that end early, and go on later.
    """

    def setUp(self) -> None:
        super().setUp()
        self.value = self.random.randbytes(100_000)

    def test_cancelledPutGoesOn(self) -> None:
        """
        The first bytes that a cancelled put reports as done are stored. A second put with them as
        its offset sends only the rest. Then the value is found.
        """
        node = self.visitor()
        transfer = Transfer()
        putting = putLarge(node, self.value, transfer=transfer)
        while not transfer.bytesDone:
            self.clock.runFor(0.01)
        self.clock.runFor(0.05)
        putting.cancel()
        self.failureResultOf(putting, CancelledError)
        done = transfer.bytesDone
        self.assertLess(done, 90_000)
        for piece in treeOf(self.value).values[: done // 1000]:
            self.assertEqual(len(self.network.holders(values.keyOf(piece))), 20)
        sent = self.network.network.bytesSent
        key = self.clock.runUntil(putLarge(node, self.value, offset=done))
        rest = self.network.network.bytesSent - sent
        self.assertEqual(self.get(key), self.value)
        sent = self.network.network.bytesSent
        self.clock.runUntil(putLarge(node, self.value))
        whole = self.network.network.bytesSent - sent
        self.assertLess(rest, whole * (1.1 - done / len(self.value)))

    def test_cancelledTransferLeavesNothing(self) -> None:
        """
        After a put or a get was cancelled at any time, its node sends nothing more, a producer is
        stopped, and the consumer has no producer.
        """
        key = self.put(self.value)
        for _ in range(8):
            reactor = self.network.reactor()
            node = self.network.visitor(reactor)
            self.nodes.append(node)
            self.clock.runUntil(node.ready())
            consumer, source = Collector(), Supply([self.value[:50_000], self.value[50_000:]])
            works: list[Deferred[Any]] = [
                getLarge(node, key, consumer),
                putLarge(node, source),
            ]
            self.clock.runFor(self.random.uniform(0, 0.3))
            for work in works:
                if not work.called:
                    work.cancel()
                    self.failureResultOf(work, CancelledError)
            self.assertIsNone(consumer.producer)
            self.assertTrue(source.isStopped or source.end.called)
            self.assertTrue(self.value.startswith(consumer.value))
            self.assertNotIn(reactor.host, self.sendersWithin(0.5))

    def test_getGoesOnFromAnyOffset(self) -> None:
        """
        A get with an offset writes exactly the bytes from there on. It needs none of the pieces
        before, nor the branches above them alone.
        """
        key = self.put(self.value)
        for offset in (0, 1, 999, 1000, 99_999, 100_000, self.random.randrange(100_000)):
            self.assertEqual(self.get(key, offset=offset), self.value[offset:])
        tree = treeOf(self.value)
        for piece in (*tree.values[:65], tree.values[100], tree.values[101]):
            self.forget(piece)
        self.assertEqual(self.get(key, offset=65_000), self.value[65_000:])

    def test_offsetBeyondTheEndFails(self) -> None:
        """A get, or a put, fails with ValueError if its offset is beyond the end of the value."""
        getting = getLarge(self.visitor(), self.put(b"value"), Collector(), offset=6)
        with self.assertRaisesRegex(ValueError, "has 5 bytes, less than offset 6"):
            self.clock.runUntil(getting)
        for source in (b"value", Supply([b"value"])):
            with self.assertRaisesRegex(ValueError, "has 5 bytes, less than offset 6"):
                self.clock.runUntil(putLarge(self.visitor(), source, offset=6))

    def test_knownPiecesAreCheckedAndNotFetched(self) -> None:
        """
        A get that is given the start of the value writes all of it. It fetches those pieces of the
        start that are damaged or not whole, and no other.
        """
        key = self.put(self.value)
        for piece in treeOf(self.value).values[:50]:
            if piece != self.value[20_000:21_000]:
                self.forget(piece)
        known = bytearray(self.value[:50_500])
        known[20_100] ^= 1
        self.assertEqual(self.get(key, known=bytes(known)), self.value)

    def test_otherKnownBytesAreIgnored(self) -> None:
        """A get that is given bytes of another value writes the right one."""
        key = self.put(self.value)
        self.assertEqual(self.get(key, known=self.random.randbytes(200_000)), self.value)
