"""
The runs of `simulation`: hosts, schedules of faults, whole runs, and the command line.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from io import StringIO
from itertools import cycle
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.lookup import Candidate, Commit
from dwdht_twisted._core.lookup.results import Results
from dwdht_twisted._core.wire import isPublic, subnet
from simulation.__main__ import main
from simulation.hosts import HOSTS_OF_SUBNET, hostOf, vacantHost
from simulation.run import Outcome, run
from simulation.schedule import makeSchedule

#: The number of nodes in a network. With more, the tests take longer. With fewer, all nodes know
#: each other, and a lookup has nothing to do.
NODES = 60

#: The names of all classes of faults.
ALL_KINDS = {
    "Burst",
    "ClockStep",
    "Crash",
    "Lies",
    "LineDown",
    "NewAddress",
    "Partition",
    "SilentNames",
    "Sleep",
    "Slowness",
    "Weather",
}


class HostTests(SynchronousTestCase):
    """
    The addresses of the simulated hosts.
    """

    def test_addressesArePublicAndDistinct(self) -> None:
        """
        The addresses of 1,000 hosts are public and distinct, with four in each /24 network. None of
        them is among 1,000 vacant addresses.
        """
        hosts = [hostOf(index) for index in range(1000)]
        self.assertEqual(len(set(hosts)), len(hosts))
        self.assertTrue(all(map(isPublic, hosts)))
        self.assertEqual(len({subnet(host) for host in hosts}), 1000 // HOSTS_OF_SUBNET)
        random = Random(1)
        vacant = {vacantHost(random) for _ in range(1000)}
        self.assertTrue(all(map(isPublic, vacant)))
        self.assertFalse(vacant & set(hosts))


class ScheduleTests(SynchronousTestCase):
    """
    `makeSchedule`, which draws faults at random from a seed.
    """

    def test_seedDecidesSchedule(self) -> None:
        """
        The same seed gives the same schedule. Its events are ordered by time, every fault ends
        within 900 seconds, and all eleven kinds occur.
        """
        first, same, other = (makeSchedule(Random(seed), 100, 900.0) for seed in (2, 2, 1))
        self.assertEqual(first, same)
        self.assertNotEqual(first, other)
        times = [event.time for event in first]
        self.assertEqual(times, sorted(times))
        self.assertTrue(times[-1] <= 900.0)
        begun = [id(event.fault) for event in first if event.begins]
        ended = [id(event.fault) for event in first if not event.begins]
        self.assertEqual(sorted(begun), sorted(ended))
        kinds = {type(event.fault).__name__ for event in first}
        self.assertEqual(kinds, ALL_KINDS)

    def test_halfOfSchedulesHaveNoPartition(self) -> None:
        """
        Of 100 schedules, 36 to 64 have no partition. Every schedule has all other kinds of faults.
        """
        without = 0
        for seed in range(100):
            events = makeSchedule(Random(seed), 100, 900.0)
            kinds = {type(event.fault).__name__ for event in events}
            without += "Partition" not in kinds
            self.assertEqual(kinds | {"Partition"}, ALL_KINDS)
        self.assertTrue(35 < without < 65)


class RunTests(SynchronousTestCase):
    """
    `run`, which runs a network under faults and checks its invariants.
    """

    def assertOk(self, outcome: Outcome) -> None:
        """
        Require that no invariant was broken, and that there were faults and finished operations.
        """
        self.assertEqual(outcome.troubles, [], str(outcome))
        self.assertTrue(outcome.events > 10)
        self.assertTrue(outcome.tally.ended["get done"] > 50)
        self.assertTrue(outcome.tally.ended["put done"] > 30)

    def test_faultsBreakNoInvariant(self) -> None:
        """Two runs of 60 nodes with 300 seconds of faults break no invariant."""
        for seed in (1001, 1002):
            self.assertOk(run(seed, NODES, duration=300.0))

    def test_seedDecidesRun(self) -> None:
        """Two runs with seed 5 are equal down to the last datagram. A run with seed 6 differs."""
        first, same, other = (run(seed, 20, duration=60.0) for seed in (5, 5, 6))
        self.assertEqual(first._replace(elapsed=0.0), same._replace(elapsed=0.0))
        self.assertNotEqual(first.trace, other.trace)
        self.assertTrue(first.datagrams > 1000)

    def assertNoticed(self, text: str) -> None:
        """Require that two runs break an invariant with a message that contains this text."""
        for seed in (1001, 1002):
            outcome = run(seed, NODES, duration=300.0)
            self.assertIn(text, "".join(outcome.troubles), str(outcome))

    def patchCommit(self, choose: Callable[[list[Candidate]], list[Candidate]]) -> None:
        """Restrict each update to the chosen ones of the nodes found."""
        initialize = Commit.__init__

        def chosen(commit: Commit, candidates: Iterable[Candidate]) -> None:
            initialize(commit, choose(list(candidates)))

        self.patch(Commit, "__init__", chosen)

    def test_updateOfOneNodeIsNoticed(self) -> None:
        """A run breaks an invariant if each update goes to one node only."""
        self.patchCommit(lambda candidates: candidates[:1])
        self.assertNoticed(" was taken by 1 nodes;")

    def test_updateOfFarthestNodesIsNoticed(self) -> None:
        """A run breaks an invariant if each update goes to the three farthest nodes found."""
        closest = Results.closest
        self.patch(
            Results,
            "closest",
            lambda found, isEclipseSuspected: closest(found, isEclipseSuspected)[-3:],
        )
        self.assertNoticed(" was taken by 3 nodes;")

    def test_failureOfEverySecondUpdateIsNoticed(self) -> None:
        """A run breaks an invariant if every second update goes to no node."""
        fails = cycle((False, True))
        self.patchCommit(lambda candidates: [] if next(fails) else candidates)
        # The put fails, or the putting node itself becomes the only holder. Both break an
        # invariant.
        self.assertNoticed(" a value")


class CommandLineTests(SynchronousTestCase):
    """
    The command line of ``python -m simulation``.
    """

    def test_badArgumentIsRefused(self) -> None:
        """
        A number of nodes or seeds is refused unless it is a whole number of at least 1. An unknown
        name of an experiment is refused.
        """
        written = StringIO()
        self.patch(sys, "stderr", written)
        for arguments in (["--nodes", "0"], ["--seeds", "x"], ["nothing"]):
            self.assertEqual(self.assertRaises(SystemExit, main, arguments).code, 2)
        self.assertEqual(written.getvalue().count("is not a whole number from 1 on"), 2)
