"""
Tests for the latency and the faults of `dwdht_twisted.testing.network`.
"""

from __future__ import annotations

from math import log
from random import Random
from statistics import median, stdev
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted.testing import LogNormalLatency, MemoryNetwork
from tests.helpers.networks.three_hosts import A, B, C, Echo, NetworkTestCase


class FaultTests(NetworkTestCase):
    """
    Latency, loss, duplication, reordering and partitions are as set.
    """

    def trace(self, seed: int) -> list[object]:
        """All that arrives in a conversation over a bad network, and when."""
        self.build(
            seed=seed,
            latency=LogNormalLatency(0.04),
            loss=0.1,
            duplication=0.1,
            reordering=0.1,
        )
        self.listen(B, 7, Echo())
        for number in range(200):
            self.ports[A].write(b"%d" % number, (B, 7))
        self.clock.runFor(100)
        recorder = self.recorders[A]
        return list(zip(recorder.times, recorder.received, strict=True))

    def test_sameSeed(self) -> None:
        """
        Two runs from the same seed are the same to the last datagram.
        """
        first = self.trace(7)
        self.assertGreater(len(first), 100)
        self.assertEqual(first, self.trace(7))

    def test_otherSeed(self) -> None:
        """
        Another seed makes another run.
        """
        self.assertNotEqual(self.trace(7), self.trace(8))

    def test_loss(self) -> None:
        """
        Of 10,000 datagrams with a loss of 0.2, about 8,000 arrive.
        """
        self.build(loss=0.2)
        self.sendMany(10_000)
        self.assertApproximates(len(self.recorders[B].received), 8000, 200)
        self.assertEqual(self.network.lost, 10_000 - len(self.recorders[B].received))

    def test_duplication(self) -> None:
        """
        Of 10,000 datagrams with a duplication of 0.2, all arrive, and about 2,000 of them twice.
        """
        self.build(duplication=0.2)
        payloads = self.sendMany(10_000)
        arrived = self.recorders[B].payloads
        self.assertEqual(set(arrived), set(payloads))
        self.assertApproximates(len(arrived), 12_000, 200)
        self.assertEqual(self.network.duplicated, len(arrived) - 10_000)

    def test_reordering(self) -> None:
        """
        A datagram that is held back is overtaken, by no longer than the reordering delay.
        """
        self.build(latency=0.5, reordering=0.2, reorderingDelay=0.3)
        payloads = self.sendMany(1000)
        recorder = self.recorders[B]
        self.assertNotEqual(recorder.payloads, payloads)
        self.assertEqual(sorted(recorder.payloads), sorted(payloads))
        self.assertApproximates(sum(time > 0.5 for time in recorder.times), 200, 60)
        self.assertLessEqual(max(recorder.times), 0.8)

    def test_changedWhileRunning(self) -> None:
        """
        A changed option counts for what is sent from then on.
        """
        self.send(A, B, b"before")
        self.network.loss = 1.0
        self.send(A, B, b"during")
        self.network.loss = 0.0
        self.network.latency = 5
        self.send(A, B, b"after")
        self.clock.runFor(10)
        self.assertEqual(self.recorders[B].payloads, [b"before", b"after"])
        self.assertEqual(self.recorders[B].times, [0.01, 5])

    def test_latencyFunction(self) -> None:
        """
        A latency function gets the network's random numbers and both hosts.
        """
        asked: list[tuple[Random, str, str]] = []

        def latency(random: Random, source: str, destination: str) -> float:
            asked.append((random, source, destination))
            return 2.0

        self.build(latency=latency)
        self.send(A, B, b"")
        self.clock.runFor(3)
        self.assertEqual(asked, [(self.network.random, A, B)])
        self.assertEqual(self.recorders[B].times, [2.0])

    def test_badOptions(self) -> None:
        """
        An option out of its range is refused at once, when it is changed as well.
        """
        for name, value in [
            ("loss", 1.1),
            ("duplication", -0.1),
            ("reordering", float("nan")),
            ("latency", -1.0),
            ("latency", float("inf")),
        ]:
            options: dict[str, Any] = {name: value}
            error = self.assertRaises(ValueError, MemoryNetwork, **options)
            self.assertIn(repr(value), str(error))
            self.assertRaises(ValueError, setattr, self.network, name, value)

    def partitioned(self) -> set[tuple[str, str]]:
        """The pairs of hosts of which the first can't send to the second."""
        cut = set()
        for source in (A, B, C):
            for destination in (A, B, C):
                before = len(self.recorders[destination].received)
                self.send(source, destination, b"x")
                self.clock.runFor(1)
                if len(self.recorders[destination].received) == before:
                    cut.add((source, destination))
        return cut

    def test_partition(self) -> None:
        """
        Between the groups of a partition nothing passes, in either direction; all else does.
        """
        self.network.partition([A], [B])
        self.assertEqual(self.partitioned(), {(A, B), (B, A)})

    def test_partitionFromAll(self) -> None:
        """
        A partition with one group cuts it off from all others.
        """
        self.network.partition([A, C])
        self.assertEqual(self.partitioned(), {(A, B), (B, A), (C, B), (B, C)})

    def test_partitionsAddUp(self) -> None:
        """
        A second partition leaves the first in place.
        """
        self.network.partition([A], [B])
        self.network.partition([A], [C])
        self.assertEqual(self.partitioned(), {(A, B), (B, A), (A, C), (C, A)})

    def test_heal(self) -> None:
        """
        After healing everything passes; what was sent during the partition stays lost.
        """
        self.network.partition([A], [B])
        self.send(A, B, b"during")
        self.network.heal()
        self.send(A, B, b"after")
        self.clock.runFor(1)
        self.assertEqual(self.recorders[B].payloads, [b"after"])
        self.assertEqual(self.partitioned(), set())

    def test_partitionOnTheWay(self) -> None:
        """
        What is under way when a partition begins still arrives.
        """
        self.send(A, B, b"before")
        self.network.partition([A], [B])
        self.clock.runFor(1)
        self.assertEqual(self.recorders[B].payloads, [b"before"])


class LogNormalLatencyTests(SynchronousTestCase):
    """
    `LogNormalLatency` has the median and the spread that it is given.
    """

    def sample(self, latency: LogNormalLatency) -> list[float]:
        """The latencies between 4,000 pairs of hosts."""
        random = Random(1)
        return [latency(random, A, f"10.1.{n // 250}.{n % 250}") for n in range(4000)]

    def test_distribution(self) -> None:
        """
        Half of the latencies are below the median; their logarithms spread by sigma.
        """
        for stable in (False, True):
            drawn = self.sample(LogNormalLatency(0.04, 0.5, stable=stable))
            self.assertApproximates(median(drawn), 0.04, 0.002)
            self.assertApproximates(stdev(map(log, drawn)), 0.5, 0.03)

    def test_stable(self) -> None:
        """
        A stable latency is the same for a pair of hosts, both ways, and differs between pairs.
        """
        latency = LogNormalLatency(0.04, stable=True)
        random = Random(1)
        self.assertEqual(latency(random, A, B), latency(random, B, A))
        self.assertNotEqual(latency(random, A, B), latency(random, A, C))

    def test_stableFromSeed(self) -> None:
        """
        The seed of the network decides about stable latencies, too.
        """

        def drawn(seed: int) -> float:
            return LogNormalLatency(0.04, stable=True)(Random(seed), A, B)

        self.assertEqual(drawn(1), drawn(1))
        self.assertNotEqual(drawn(1), drawn(2))

    def test_badArguments(self) -> None:
        """
        A median that isn't above 0, or a sigma below 0, is refused.
        """
        self.assertRaises(ValueError, LogNormalLatency, 0)
        self.assertRaises(ValueError, LogNormalLatency, 1, -1)
