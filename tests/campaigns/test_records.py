"""
The experiment `simulation.experiments.records`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from simulation.experiments.records import records


class RecordsTests(SynchronousTestCase):
    """
    Records under attack; ``python -m simulation records`` runs more of them.
    """

    def test_newestRecordIsFound(self) -> None:
        """
        The newest record of each of 10 keys is found, and never an older one than before, although
        a third of the holders replay an old record, two writers publish at once, and an attacker
        sends older and forged records.
        """
        figures = records(nodes=50, trials=10)
        self.assertTrue(figures.isMet, figures)
