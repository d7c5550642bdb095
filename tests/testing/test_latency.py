"""
Tests for `dwdht_twisted.testing.latency`.
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
    `LogNormalLatency` has the median and the spread that it is given.
    """

    def sample(self, latency: LogNormalLatency) -> list[float]:
        """Draw the latencies between 4,000 pairs of hosts."""
        random = Random(1)
        return [latency(random, A, f"10.1.{n // 250}.{n % 250}") for n in range(4000)]

    def test_medianAndSpreadAreAsGiven(self) -> None:
        """
        The median of 4,000 latencies, and the standard deviation of their logarithms, are as given.
        """
        for stable in (False, True):
            drawn = self.sample(LogNormalLatency(0.04, 0.5, stable=stable))
            self.assertApproximates(median(drawn), 0.04, 0.002)
            self.assertApproximates(stdev(map(log, drawn)), 0.5, 0.03)

    def test_stableLatencyIsThatOfThePair(self) -> None:
        """
        A stable latency is the same for a pair of hosts both ways, and differs between pairs.
        """
        latency = LogNormalLatency(0.04, stable=True)
        random = Random(1)
        self.assertEqual(latency(random, A, B), latency(random, B, A))
        self.assertNotEqual(latency(random, A, B), latency(random, A, C))

    def test_seedDecidesStableLatency(self) -> None:
        """
        Two networks have the same stable latencies when they have the same seed, else others.
        """

        def drawn(seed: int) -> float:
            return LogNormalLatency(0.04, stable=True)(Random(seed), A, B)

        self.assertEqual(drawn(1), drawn(1))
        self.assertNotEqual(drawn(1), drawn(2))

    def test_badArgumentIsRefused(self) -> None:
        """
        A median of 0 seconds and a sigma below 0 are refused.
        """
        self.assertRaises(ValueError, LogNormalLatency, 0)
        self.assertRaises(ValueError, LogNormalLatency, 1, -1)
