"""
Campaigns against private networks, as slices: the faults of the simulation, and replays.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fuzz.private import run as fuzz
from simulation.experiments.replays import HOUR, replays
from simulation.run import run


class KeyedSimulationTests(SynchronousTestCase):
    """
    The simulation on networks with a key.
    """

    def test_faultsBreakNoInvariant(self) -> None:
        """
        A run of 30 members and 100 seconds of faults, in which liars are members that lie, breaks
        no invariant.
        """
        outcome = run(1, nodes=30, duration=100.0, private="key")
        self.assertEqual(outcome.troubles, [])


class ReplayTests(SynchronousTestCase):
    """
    A recording of a network with a key that is replayed at it.
    """

    def test_everyReplayIsRefused(self) -> None:
        """
        Six minutes of a network, replayed at once, three minutes later and an hour later: every
        datagram is refused by the member that has had it.
        """
        figures = replays(1, nodes=23, hours=0.1, pauses=(180.0, HOUR))
        self.assertGreater(figures.recorded, 1000)
        self.assertEqual(figures.refused, figures.replayed)
        self.assertTrue(figures.isMet)

    def test_redirectedDatagramsStoreNothing(self) -> None:
        """
        Six minutes of a network whose datagrams are sent to other members at once: some requests
        are accepted there, nothing is stored, and later all of them are refused.
        """
        figures = replays(1, nodes=23, hours=0.1, redirects=True, pauses=(180.0,))
        self.assertGreater(figures.accepted, 0)
        self.assertLess(figures.accepted, figures.redirected)
        self.assertTrue(figures.isMet)


class KeyedFuzzTests(SynchronousTestCase):
    """
    Datagrams of strangers that have recorded those of members.
    """

    def test_everyStrangerIsRefused(self) -> None:
        """
        Of 20,000 mutated and replayed datagrams, none raises an exception, is answered, or gets
        beyond the layer, and each is counted once.
        """
        outcome = fuzz(1, 20_000)
        self.assertEqual(outcome.failure, "")
        self.assertEqual(outcome.strangers + outcome.replays, 20_000)
        self.assertGreater(min(outcome.strangers, outcome.replays), 5000)
