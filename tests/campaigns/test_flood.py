"""
Tests for `benchmarks.flood`: small floods in memory, and the verdict on an outcome.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.flood import (
    GROWTH_LIMIT,
    MINIMUM_COMPLETE,
    SLOWDOWN_LIMIT,
    Outcome,
    inMemory,
)
from benchmarks.processes.lookups import Tally
from dwdht_twisted._core.routing import K

#: A flood of six simulated seconds.  Smaller: requests that time out aren't sent again within it.
REQUESTS = 6_000
RATE = 1_000


class FloodTests(SynchronousTestCase):
    """Tests for floods of 6,000 requests in 6 simulated seconds, on a node that runs 16 lookups."""

    def assertLookupsUnharmed(self, outcome: Outcome) -> None:
        """Require that lookups were slowed down by less than the limit, and were complete."""
        self.assertAlmostEqual(outcome.seconds, REQUESTS / RATE)
        self.assertGreaterEqual(len(outcome.during.seconds), 16)
        self.assertLess(outcome.slowdown, SLOWDOWN_LIMIT, str(outcome))
        self.assertGreaterEqual(outcome.completeShare, MINIMUM_COMPLETE, str(outcome))

    def test_forgedRequestsDoNoHarm(self) -> None:
        """Requests from 6,000 forged addresses, with ids, exceed no limit."""
        outcome = inMemory(REQUESTS, forged=True, rate=RATE)
        self.assertLookupsUnharmed(outcome)
        self.assertTrue(outcome.isWithinLimits, str(outcome))

    def test_forgedRequestsWithoutIdsDoNoHarm(self) -> None:
        """
        Requests from 6,000 forged addresses, without ids, exceed no limit, and most answers to them
        are held back.
        """
        outcome = inMemory(REQUESTS, forged=True, hasIds=False, rate=RATE)
        self.assertGreater(outcome.counters["answersHeld"], REQUESTS / 2)
        self.assertLookupsUnharmed(outcome)
        self.assertTrue(outcome.isWithinLimits, str(outcome))

    def test_requestsOfOneAddressAreDropped(self) -> None:
        """Requests from one address exceed no limit, and over 80 % of them are dropped."""
        outcome = inMemory(REQUESTS, forged=False, rate=RATE)
        self.assertLookupsUnharmed(outcome)
        self.assertTrue(outcome.isWithinLimits, str(outcome))
        self.assertGreater(outcome.counters["rateLimited"], 0.8 * REQUESTS)


class OutcomeTests(SynchronousTestCase):
    """Tests for the limits of an outcome."""

    def outcome(
        self, growth: float = 1.0, slowdown: float = 1.0, found: tuple[int, ...] = (K, K)
    ) -> Outcome:
        """An outcome with these results."""
        before, during = Tally([1.0, 1.0], [K, K]), Tally([slowdown, slowdown], [*found])
        return Outcome("test", 1, 1.0, growth, before, during, {"rateLimited": 7})

    def test_goodOutcomeIsWithinLimits(self) -> None:
        """
        An outcome is within the limits when lookups are complete and as fast as before, and memory
        has not grown much.
        """
        self.assertTrue(self.outcome().isWithinLimits)
        self.assertIn("within the limits", str(self.outcome()))

    def test_growthExceedsTheLimit(self) -> None:
        """An outcome is outside the limits when the memory has grown by 10 MB."""
        self.assertFalse(self.outcome(growth=GROWTH_LIMIT).isWithinLimits)

    def test_slowdownExceedsTheLimit(self) -> None:
        """An outcome is outside the limits when lookups take three times as long as before."""
        self.assertFalse(self.outcome(slowdown=SLOWDOWN_LIMIT).isWithinLimits)

    def test_incompleteLookupExceedsTheLimit(self) -> None:
        """
        An outcome is outside the limits when a lookup has found 18 of the 20 closest nodes; 19 are
        enough.
        """
        self.assertTrue(self.outcome(found=(K, K - 1)).isWithinLimits)
        outcome = self.outcome(found=(K, K - 2))
        self.assertFalse(outcome.isWithinLimits)
        self.assertIn("OUTSIDE THE LIMITS", str(outcome))
