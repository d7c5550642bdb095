"""
`dwdht_twisted.testing.conditions`: latency, random faults and partitions of a network.
"""

from __future__ import annotations

from random import Random
from typing import Any

from dwdht_twisted.testing import LogNormalLatency, MemoryNetwork
from tests.helpers.networks.three_hosts import A, B, C, Echo, NetworkTestCase


class FaultTests(NetworkTestCase):
    """
    Delays, losses, duplicates, reordering and partitions in a `MemoryNetwork`.
    """

    def trace(self, seed: int) -> list[object]:
        """
        Return the datagrams that come back from an echo server over a bad network, with their
        times.
        """
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

    def test_sameSeedRepeatsRun(self) -> None:
        """Two runs with seed 7 are equal down to the last datagram and its time."""
        first = self.trace(7)
        self.assertGreater(len(first), 100)
        self.assertEqual(first, self.trace(7))

    def test_otherSeedMakesOtherRun(self) -> None:
        """A run with seed 8 differs from a run with seed 7."""
        self.assertNotEqual(self.trace(7), self.trace(8))

    def test_lossIsAsLikelyAsSet(self) -> None:
        """
        With a loss of 0.2, 7,800 to 8,200 of 10,000 datagrams arrive. The others count as lost.
        """
        self.build(loss=0.2)
        self.sendMany(10_000)
        self.assertApproximates(len(self.recorders[B].received), 8000, 200)
        self.assertEqual(self.network.lost, 10_000 - len(self.recorders[B].received))

    def test_duplicationIsAsLikelyAsSet(self) -> None:
        """
        With a duplication of 0.2, all 10,000 datagrams arrive, and 1,800 to 2,200 of them arrive
        twice.
        """
        self.build(duplication=0.2)
        payloads = self.sendMany(10_000)
        arrived = self.recorders[B].payloads
        self.assertEqual(set(arrived), set(payloads))
        self.assertApproximates(len(arrived), 12_000, 200)
        self.assertEqual(self.network.duplicated, len(arrived) - 10_000)

    def test_reorderedDatagramIsHeldBack(self) -> None:
        """
        With a reordering of 0.2, about 200 of 1,000 datagrams are delayed by up to the reordering
        delay of 0.3 seconds. Other datagrams overtake them.
        """
        self.build(latency=0.5, reordering=0.2, reorderingDelay=0.3)
        payloads = self.sendMany(1000)
        recorder = self.recorders[B]
        self.assertNotEqual(recorder.payloads, payloads)
        self.assertEqual(sorted(recorder.payloads), sorted(payloads))
        self.assertApproximates(sum(time > 0.5 for time in recorder.times), 200, 60)
        self.assertLessEqual(max(recorder.times), 0.8)

    def test_changedOptionHoldsFromThenOn(self) -> None:
        """A changed option applies only to datagrams that are sent after the change."""
        self.send(A, B, b"before")
        self.network.loss = 1.0
        self.send(A, B, b"during")
        self.network.loss = 0.0
        self.network.latency = 5
        self.send(A, B, b"after")
        self.clock.runFor(10)
        self.assertEqual(self.recorders[B].payloads, [b"before", b"after"])
        self.assertEqual(self.recorders[B].times, [0.01, 5])

    def test_latencyFunctionGetsBothHosts(self) -> None:
        """
        A latency function is called with the network's random generator, the source and the
        destination.
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

    def test_badOptionIsRefused(self) -> None:
        """
        An option out of range raises ValueError with the value, in the constructor and when it is
        set.
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
        """Return the pairs of hosts whose first host can't send to the second."""
        cut = set()
        for source in (A, B, C):
            for destination in (A, B, C):
                before = len(self.recorders[destination].received)
                self.send(source, destination, b"x")
                self.clock.runFor(1)
                if len(self.recorders[destination].received) == before:
                    cut.add((source, destination))
        return cut

    def test_partitionIsOfHosts(self) -> None:
        """A partition takes one address, or several, and refuses what isn't one."""
        self.network.partition("10.0.0.1")
        self.assertTrue(self.network._partitions.separate("10.0.0.1", "10.0.0.2"))
        wrong: Any
        for wrong in (["10.0.0.one"], "host", [b"10.0.0.1"], [self.network], [None]):
            for groups in ((wrong,), (["10.0.0.1"], wrong)):
                with self.assertRaises(ValueError):
                    self.network.partition(*groups)

    def test_partitionSeparatesTwoGroups(self) -> None:
        """
        A partition between A and B drops their datagrams in both directions. Datagrams to and from
        C arrive.
        """
        self.network.partition([A], [B])
        self.assertEqual(self.partitioned(), {(A, B), (B, A)})

    def test_partitionOfOneGroupSeparatesItFromAll(self) -> None:
        """A partition of a single group separates this group from all other hosts."""
        self.network.partition([A, C])
        self.assertEqual(self.partitioned(), {(A, B), (B, A), (C, B), (B, C)})

    def test_partitionsAddUp(self) -> None:
        """A second partition is added to the first, which stays in force."""
        self.network.partition([A], [B])
        self.network.partition([A], [C])
        self.assertEqual(self.partitioned(), {(A, B), (B, A), (A, C), (C, A)})

    def test_healEndsAllPartitions(self) -> None:
        """
        After ``heal``, all hosts reach each other. A datagram sent during the partition stays lost.
        """
        self.network.partition([A], [B])
        self.send(A, B, b"during")
        self.network.heal()
        self.send(A, B, b"after")
        self.clock.runFor(1)
        self.assertEqual(self.recorders[B].payloads, [b"after"])
        self.assertEqual(self.partitioned(), set())

    def test_partitionSparesDatagramsUnderWay(self) -> None:
        """A datagram sent before the beginning of a partition still arrives."""
        self.send(A, B, b"before")
        self.network.partition([A], [B])
        self.clock.runFor(1)
        self.assertEqual(self.recorders[B].payloads, [b"before"])
