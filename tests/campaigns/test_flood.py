"""
Tests for the flood: a small one, and what is made of it.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.flood import GROWTH_LIMIT, RIGHT, SLOWDOWN_LIMIT, Outcome, inMemory
from benchmarks.processes.lookups import Tally
from dwdht_twisted._core.routing import K

#: Six seconds of the network: time enough for all that waits to time out, and be asked again.
REQUESTS = 6_000
RATE = 1_000


class FloodTests(SynchronousTestCase):
    """A node is flooded while sixteen lookups run on it."""

    def assertQuick(self, outcome: Outcome) -> None:
        """Require that lookups took hardly longer, and that each found what it should."""
        self.assertAlmostEqual(outcome.seconds, REQUESTS / RATE)
        self.assertGreaterEqual(len(outcome.during.seconds), 16)
        self.assertLess(outcome.slowdown, SLOWDOWN_LIMIT, str(outcome))
        self.assertGreaterEqual(outcome.right, RIGHT, str(outcome))

    def test_forged(self) -> None:
        """Requests from as many forged addresses do no harm."""
        outcome = inMemory(REQUESTS, forged=True, rate=RATE)
        self.assertQuick(outcome)
        self.assertTrue(outcome.isWell, str(outcome))

    def test_forgedWithoutIds(self) -> None:
        """Nor do they delay lookups when their answers wait for proofs, as they carry no ids."""
        outcome = inMemory(REQUESTS, forged=True, hasIds=False, rate=RATE)
        self.assertGreater(outcome.counters["answersHeld"], REQUESTS / 2)
        self.assertQuick(outcome)
        self.assertTrue(outcome.isWell, str(outcome))

    def test_oneAddress(self) -> None:
        """Requests from one address do no harm, and most of them are dropped."""
        outcome = inMemory(REQUESTS, forged=False, rate=RATE)
        self.assertQuick(outcome)
        self.assertTrue(outcome.isWell, str(outcome))
        self.assertGreater(outcome.counters["rateLimited"], 0.8 * REQUESTS)


class OutcomeTests(SynchronousTestCase):
    """What counts as well."""

    def outcome(
        self, growth: float = 1.0, slowdown: float = 1.0, found: tuple[int, ...] = (K, K)
    ) -> Outcome:
        """An outcome like this."""
        before, during = Tally([1.0, 1.0], [K, K]), Tally([slowdown, slowdown], [*found])
        return Outcome("test", 1, 1.0, growth, before, during, {"rateLimited": 7})

    def test_well(self) -> None:
        """All lookups found the closest nodes, in time, and memory stayed as it was."""
        self.assertTrue(self.outcome().isWell)
        self.assertIn("all is well", str(self.outcome()))

    def test_growth(self) -> None:
        """Memory must not grow by the limit."""
        self.assertFalse(self.outcome(growth=GROWTH_LIMIT).isWell)

    def test_slowdown(self) -> None:
        """Lookups must not take longer than so many times what they took before."""
        self.assertFalse(self.outcome(slowdown=SLOWDOWN_LIMIT).isWell)

    def test_notFound(self) -> None:
        """Hardly any lookup may end without nearly all of the closest nodes."""
        self.assertTrue(self.outcome(found=(K, K - 1)).isWell)
        outcome = self.outcome(found=(K, K - 2))
        self.assertFalse(outcome.isWell)
        self.assertIn("NOT WELL", str(outcome))
