"""
Tests for the runs of `simulation`: hosts, schedules of faults, whole runs, and the command line.
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

#: Nodes of the small networks.  Larger: the tests take longer.  Smaller: all nodes are neighbours,
#: so that a lookup has nothing to do.
NODES = 60

#: The class names of all faults.
ALL_KINDS = {"Weather", "Partition", "Crash", "Slowness", "Lies"}


class HostTests(SynchronousTestCase):
    """
    The addresses of a simulation's hosts.
    """

    def test_addressesArePublicAndDistinct(self) -> None:
        """
        The addresses of 1,000 hosts are public and distinct, four to a /24 network, and none is
        among 1,000 vacant ones.
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
    `makeSchedule` draws faults from a seed.
    """

    def test_seedDecidesSchedule(self) -> None:
        """
        One seed makes one schedule, in which events are in the order of time, each fault ends
        within 900 seconds, and all five kinds of faults occur.
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
        Of 100 schedules, 36 to 64 have no partition, and each has every other kind of fault.
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
    `run` runs a network under faults, and checks its invariants.
    """

    def assertOk(self, outcome: Outcome) -> None:
        """Check that no invariant was broken, and that faults and operations took place."""
        self.assertEqual(outcome.troubles, [], str(outcome))
        self.assertTrue(outcome.events > 10)
        self.assertTrue(outcome.tally.ended["get done"] > 50)
        self.assertTrue(outcome.tally.ended["put done"] > 30)

    def test_faultsBreakNoInvariant(self) -> None:
        """
        Two runs of 60 nodes under 300 seconds of faults break no invariant.
        """
        for seed in (1001, 1002):
            self.assertOk(run(seed, NODES, duration=300.0))

    def test_seedDecidesRun(self) -> None:
        """
        Two runs from seed 5 are the same to the last datagram, and a run from seed 6 differs.
        """
        first, same, other = (run(seed, 20, duration=60.0) for seed in (5, 5, 6))
        self.assertEqual(first._replace(elapsed=0.0), same._replace(elapsed=0.0))
        self.assertNotEqual(first.trace, other.trace)
        self.assertTrue(first.datagrams > 1000)

    def assertNoticed(self, text: str) -> None:
        """Check that two runs end with a broken invariant whose text contains this."""
        for seed in (1001, 1002):
            outcome = run(seed, NODES, duration=300.0)
            self.assertIn(text, "".join(outcome.troubles), str(outcome))

    def patchCommit(self, choose: Callable[[list[Candidate]], list[Candidate]]) -> None:
        """Let each update go to a choice of the nodes that were found."""
        initialize = Commit.__init__

        def chosen(commit: Commit, candidates: Iterable[Candidate]) -> None:
            initialize(commit, choose(list(candidates)))

        self.patch(Commit, "__init__", chosen)

    def test_updateOfOneNodeIsNoticed(self) -> None:
        """
        A run in which each update goes to one node alone breaks an invariant.
        """
        self.patchCommit(lambda candidates: candidates[:1])
        self.assertNoticed(" was taken by 1 nodes;")

    def test_updateOfFarthestNodesIsNoticed(self) -> None:
        """
        A run in which each update goes to the three farthest of the nodes found breaks an
        invariant.
        """
        closest = Results.closest
        self.patch(
            Results,
            "closest",
            lambda found, isEclipseSuspected: closest(found, isEclipseSuspected)[-3:],
        )
        self.assertNoticed(" was taken by 3 nodes;")

    def test_failureOfEverySecondUpdateIsNoticed(self) -> None:
        """
        A run in which every second update goes to no node breaks an invariant.
        """
        fails = cycle((False, True))
        self.patchCommit(lambda candidates: [] if next(fails) else candidates)
        # The put fails, or succeeds with the putting member as the only holder: both break an
        # invariant.
        self.assertNoticed(" a value")


class CommandLineTests(SynchronousTestCase):
    """
    ``python -m simulation`` reads its arguments.
    """

    def test_badArgumentIsRefused(self) -> None:
        """
        A number of nodes or seeds below 1 or not a number, and an unknown experiment, are refused.
        """
        written = StringIO()
        self.patch(sys, "stderr", written)
        for arguments in (["--nodes", "0"], ["--seeds", "x"], ["nothing"]):
            self.assertEqual(self.assertRaises(SystemExit, main, arguments).code, 2)
        self.assertEqual(written.getvalue().count("is not a whole number from 1 on"), 2)
