"""
The experiment `simulation.experiments.keeping`, in a small network and for an hour.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from simulation.experiments.keeping import HOUR, KEPT, keeping


class KeepingTests(SynchronousTestCase):
    """
    Values among nodes that come and go.
    """

    def test_keptValuesAreFoundAndOthersExpire(self) -> None:
        """
        After an hour in which many nodes have left, all kept values are found. The others are gone
        at their time, half an hour after they were put.
        """
        figures = keeping(2, nodes=16, hours=1, age=HOUR / 2)
        self.assertGreater(figures.left, 5)
        self.assertEqual((figures.kept, figures.foundKept), (KEPT, KEPT), figures)
        self.assertEqual(figures.late, 0, figures)
        self.assertGreater(figures.holders, 13, figures)
        self.assertGreater(figures.traffic["hand-over"], 0, figures)
        self.assertTrue(figures.isMet)
