"""
`benchmarks.flood`: small floods in memory, and the verdict on their outcome.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.flood import (
    GROWTH_LIMIT,
    HELLOS_SLOWDOWN_LIMIT,
    MINIMUM_COMPLETE,
    SLOWDOWN_LIMIT,
    Outcome,
    inMemory,
)
from benchmarks.processes.lookups import Tally
from dwdht_twisted._core.routing import K

#: The number of requests in a flood of six simulated seconds. A shorter flood would be over before
#: requests that timed out are retried.
REQUESTS = 6_000
RATE = 1_000


class FloodTests(SynchronousTestCase):
    """
    Floods of 6,000 requests in 6 simulated seconds against a node that runs 16 lookups.
    """

    def assertLookupsUnharmed(self, outcome: Outcome) -> None:
        """
        Require that the lookups found enough nodes and took less than `SLOWDOWN_LIMIT` times as
        long as before the flood.
        """
        self.assertAlmostEqual(outcome.seconds, REQUESTS / RATE)
        self.assertGreaterEqual(len(outcome.during.seconds), 16)
        self.assertLess(outcome.slowdown, SLOWDOWN_LIMIT, str(outcome))
        self.assertGreaterEqual(outcome.completeShare, MINIMUM_COMPLETE, str(outcome))

    def test_forgedRequestsDoNoHarm(self) -> None:
        """A flood of requests with ids from 6,000 forged addresses exceeds no limit."""
        outcome = inMemory(REQUESTS, forged=True, rate=RATE)
        self.assertLookupsUnharmed(outcome)
        self.assertTrue(outcome.isWithinLimits, str(outcome))

    def test_forgedRequestsWithoutIdsDoNoHarm(self) -> None:
        """
        A flood of requests without ids from 6,000 forged addresses exceeds no limit. The node holds
        back more than half of its answers.
        """
        outcome = inMemory(REQUESTS, forged=True, hasIds=False, rate=RATE)
        self.assertGreater(outcome.counters["answersHeld"], REQUESTS / 2)
        self.assertLookupsUnharmed(outcome)
        self.assertTrue(outcome.isWithinLimits, str(outcome))

    def test_requestsOfOneAddressAreDropped(self) -> None:
        """
        A flood of requests from one address exceeds no limit. More than 80 % of the requests are
        dropped.
        """
        outcome = inMemory(REQUESTS, forged=False, rate=RATE)
        self.assertLookupsUnharmed(outcome)
        self.assertTrue(outcome.isWithinLimits, str(outcome))
        self.assertGreater(outcome.counters["rateLimited"], 0.8 * REQUESTS)

    def test_forgedHellosDoNoHarm(self) -> None:
        """
        A flood of DTLS hellos from 6,000 forged addresses exceeds no limit on a network by
        certificate.  Lookups take less than 1.5 times as long, and no association is begun.
        """
        outcome = inMemory(REQUESTS, forged=True, rate=RATE, hellos=True, size=30)
        self.assertLookupsUnharmed(outcome)
        self.assertTrue(outcome.isWithinLimits, str(outcome))
        self.assertEqual(outcome.slowdownLimit, HELLOS_SLOWDOWN_LIMIT)


class OutcomeTests(SynchronousTestCase):
    """
    The limits of an `Outcome`.
    """

    def outcome(
        self, growth: float = 1.0, slowdown: float = 1.0, found: tuple[int, ...] = (K, K)
    ) -> Outcome:
        """Return an outcome with these results."""
        before, during = Tally([1.0, 1.0], [K, K]), Tally([slowdown, slowdown], [*found])
        return Outcome("test", 1, 1.0, growth, before, during, {"rateLimited": 7})

    def test_goodOutcomeIsWithinLimits(self) -> None:
        """
        An outcome is within the limits if lookups are complete and no slower, and memory has hardly
        grown.
        """
        self.assertTrue(self.outcome().isWithinLimits)
        self.assertIn("within the limits", str(self.outcome()))

    def test_growthExceedsTheLimit(self) -> None:
        """An outcome is outside the limits if memory has grown by 10 MB."""
        self.assertFalse(self.outcome(growth=GROWTH_LIMIT).isWithinLimits)

    def test_slowdownExceedsTheLimit(self) -> None:
        """An outcome is outside the limits if lookups take three times as long as before."""
        self.assertFalse(self.outcome(slowdown=SLOWDOWN_LIMIT).isWithinLimits)

    def test_incompleteLookupExceedsTheLimit(self) -> None:
        """
        An outcome is outside the limits if a lookup finds 18 of the 20 closest nodes. It is within
        the limits with 19.
        """
        self.assertTrue(self.outcome(found=(K, K - 1)).isWithinLimits)
        outcome = self.outcome(found=(K, K - 2))
        self.assertFalse(outcome.isWithinLimits)
        self.assertIn("OUTSIDE THE LIMITS", str(outcome))
