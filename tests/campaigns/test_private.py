"""
Campaigns on private networks, as slices: the faults of the simulation by key, and replays.
"""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO

from twisted.trial.unittest import SynchronousTestCase

from benchmarks import private
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


class BenchmarkTests(SynchronousTestCase):
    """
    The comparison of private networks with open ones.
    """

    def test_kindsAreCompared(self) -> None:
        """A small run prints a line for each kind of network, and the ratio of an open one is 1."""
        self.patch(private, "NODES", 25)
        self.patch(private, "REQUESTS", 640)
        output = StringIO()
        with redirect_stdout(output):
            private.main(["--rounds", "1", "--lookups", "1", "--no-memory"])
        lines = [line.split() for line in output.getvalue().splitlines()]
        self.assertEqual([line[0] for line in lines[1:3]], ["open", "keyed"])
        self.assertEqual(lines[1][2], "1.00")
        self.assertGreater(float(lines[2][2]), 1.0)
