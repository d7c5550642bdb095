"""
`benchmarks.large`: a small transfer in each of its networks.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.large import inMemory, onLoopback


class TransferTests(SynchronousTestCase):
    """
    Transfers of 5,000 bytes among 5 nodes.
    """

    def test_transfersInMemoryAreMeasured(self) -> None:
        """A put and a get in memory take time, and send more bytes than the value has."""
        for outcome in inMemory(5000, 5, loss=0.05):
            self.assertGreater(outcome.seconds, 0)
            self.assertGreater(outcome.sent or 0, 5000)
            self.assertEqual(outcome.refused, 0)

    def test_transfersOnLoopbackAreMeasured(self) -> None:
        """A put, a get and a plain copy on loopback take time and memory."""
        outcomes = onLoopback(5000, 5)
        self.assertEqual(len(outcomes), 3)
        for outcome in outcomes:
            self.assertGreater(outcome.seconds, 0)
            self.assertGreater(outcome.peak or 0, 1e6)
            self.assertIn(f"{outcome.seconds:.3f} s", str(outcome))
