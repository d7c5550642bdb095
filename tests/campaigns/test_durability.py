"""
`benchmarks.durability`: a short run, and the verdict on its figures.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from benchmarks import durability
from benchmarks.durability import Outcome, measure, problems, report


class DurabilityTests(SynchronousTestCase):
    """
    The figures of a store.
    """

    def test_roundIsMeasured(self) -> None:
        """A short round gives positive figures, and groups store more than single transactions."""
        for name, value in {"SECONDS": 0.3, "ALONE": 20, "PINGS": 100}.items():
            self.patch(durability, name, value)
        folder = Path(self.mktemp())
        folder.mkdir()
        outcome = measure(folder, values=500, rounds=1, rate=200)
        self.assertGreater(min(outcome), 0)
        self.assertGreater(outcome.grouped, outcome.full)
        self.assertIn("puts/s, grouped, FULL", report([outcome]))

    def test_limitsAreChecked(self) -> None:
        """A slow large store, and slow pings, are problems; equal figures are none."""
        good = Outcome(0, 900.0, 90.0, 3000.0, 0.001, 0.0015, 0.002)
        self.assertEqual(problems([good, good._replace(values=10)]), [])
        bad = good._replace(values=10, grouped=1000.0, steady=0.003)
        self.assertEqual(
            problems([good, bad]),
            [
                "with 10 values, pings are slower while values are stored",
                "the large store takes fewer values a second",
                "pings are slower beside the large store",
            ],
        )
