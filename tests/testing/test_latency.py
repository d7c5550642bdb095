"""
`dwdht_twisted.testing.latency`: random latencies.
"""

from __future__ import annotations

from math import log
from random import Random
from statistics import median, stdev

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted.testing import LogNormalLatency
from tests.helpers.networks.three_hosts import A, B, C


class LogNormalLatencyTests(SynchronousTestCase):
    """
    `LogNormalLatency` and its median and spread.
    """

    def sample(self, latency: LogNormalLatency) -> list[float]:
        """Draw the latencies from one host to 4,000 others."""
        random = Random(1)
        return [latency(random, A, f"10.1.{n // 250}.{n % 250}") for n in range(4000)]

    def test_medianAndSpreadAreAsGiven(self) -> None:
        """
        The median of 4,000 latencies is the given median. The standard deviation of their
        logarithms is the given sigma.
        """
        for stable in (False, True):
            drawn = self.sample(LogNormalLatency(0.04, 0.5, stable=stable))
            self.assertApproximates(median(drawn), 0.04, 0.002)
            self.assertApproximates(stdev(map(log, drawn)), 0.5, 0.03)

    def test_stableLatencyIsThatOfThePair(self) -> None:
        """
        A stable latency is the same in both directions of a pair of hosts. It differs between two
        pairs.
        """
        latency = LogNormalLatency(0.04, stable=True)
        random = Random(1)
        self.assertEqual(latency(random, A, B), latency(random, B, A))
        self.assertNotEqual(latency(random, A, B), latency(random, A, C))

    def test_seedDecidesStableLatency(self) -> None:
        """Stable latencies are the same with the same seed, and differ with another seed."""

        def drawn(seed: int) -> float:
            return LogNormalLatency(0.04, stable=True)(Random(seed), A, B)

        self.assertEqual(drawn(1), drawn(1))
        self.assertNotEqual(drawn(1), drawn(2))

    def test_badArgumentIsRefused(self) -> None:
        """A median of 0 seconds and a negative sigma raise ValueError."""
        self.assertRaises(ValueError, LogNormalLatency, 0)
        self.assertRaises(ValueError, LogNormalLatency, 1, -1)
