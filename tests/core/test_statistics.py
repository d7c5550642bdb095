"""
Tests for distributions.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.statistics import Histogram


class HistogramTests(SynchronousTestCase):
    """
    `Histogram`.
    """

    def test_measurementCountsInTheFirstBucketThatHoldsIt(self) -> None:
        """A measurement counts in the first bucket whose bound isn't below it."""
        histogram = Histogram((1.0, 2.0, 5.0))
        for amount in (0.0, 1.0, 1.5, 2.0, 5.0, 5.1, 100.0):
            histogram.add(amount)
        found = histogram.distribution()
        self.assertEqual(found.counts, (2, 2, 1, 2))
        self.assertEqual(found.size, 7)
        self.assertAlmostEqual(found.total, 114.6)

    @given(st.lists(st.floats(0, 1000)))
    def test_nothingIsLost(self, amounts: list[float]) -> None:
        """Each measurement counts in one bucket, and in the sum."""
        histogram = Histogram((0.1, 1.0, 10.0))
        for amount in amounts:
            histogram.add(amount)
        found = histogram.distribution()
        self.assertEqual(found.size, len(amounts))
        self.assertAlmostEqual(found.total, sum(amounts))

    def test_distributionDoesNotChange(self) -> None:
        """What is measured later doesn't change a distribution that was given."""
        histogram = Histogram((1.0,))
        found = histogram.distribution()
        histogram.add(0.5)
        self.assertEqual(found.size, 0)
