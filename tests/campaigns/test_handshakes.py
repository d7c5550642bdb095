"""
The experiment `simulation.experiments.handshakes`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from simulation.experiments.handshakes import handshakes


class HandshakesTests(SynchronousTestCase):
    """
    Handshakes of a network by certificate; ``python -m simulation handshakes`` runs 1,000.
    """

    def test_badNetwork(self) -> None:
        """
        With 20 % loss, duplication and reordering, 100 of 100 pairs are associated within the
        deadline of 15 seconds, although both ends of half of them begin at nearly the same time.
        """
        figures = handshakes(nodes=100)
        self.assertTrue(figures.isMet, figures)
