"""
The experiment `simulation.experiments.certificates`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from simulation.experiments.certificates import certificates


class CertificatesTests(SynchronousTestCase):
    """
    Changes of certificates; ``python -m simulation certificates`` makes 1,000 operations.
    """

    def test_renewalsAndRevocation(self) -> None:
        """
        While the certificates of all 8 nodes are renewed, 80 operations succeed.  Then a revoked
        member gets no answer after 11 seconds, and is out of all tables within five minutes.
        """
        figures = certificates(nodes=8, operations=80)
        self.assertTrue(figures.isMet, figures)
