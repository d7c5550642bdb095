"""
Tests of nodes in simulated networks: a slice of what ``python -m simulation`` runs.
"""

from __future__ import annotations

import sys
from io import StringIO
from itertools import cycle
from random import Random

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import DHTNode, NoCloseNodes
from dwdht_twisted._core.lookup import Commit
from dwdht_twisted._core.lookup.results import Results
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import isPublic, subnet
from dwdht_twisted._net.asking import stream
from dwdht_twisted.values import keyOf
from simulation import workload
from simulation.__main__ import main
from simulation.experiments.lies import fifthLiars, oneLiar
from simulation.experiments.loss import loss
from simulation.experiments.massacre import massacre
from simulation.faults import Crash
from simulation.hosts import HOSTS_OF_SUBNET, hostOf, vacantHost
from simulation.invariants import checkClosed, checkIdle, checkRecovered, checkShares, checkStep
from simulation.liars import KINDS, nextTo
from simulation.reach import reach
from simulation.run import Outcome, run
from simulation.schedule import makeSchedule
from simulation.swarm import Swarm
from simulation.workload import Workload

#: How many nodes the small networks have.
NODES = 60

#: The names of all faults.
ALL_KINDS = {"Weather", "Partition", "Crash", "Slowness", "Lies"}


class HostTests(SynchronousTestCase):
    """
    Where the hosts of a simulation are.
    """

    def test_public(self) -> None:
        """
        All addresses are public, no two are equal, and few share a network.
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
    Schedules of faults.
    """

    def test_reproducible(self) -> None:
        """
        One seed makes one schedule, in the order of time, and each fault ends.
        """
        first, same, other = (makeSchedule(Random(seed), 100, 900.0) for seed in (2, 2, 1))
        self.assertEqual(first, same)
        self.assertNotEqual(first, other)
        times = [event.time for event in first]
        self.assertEqual(times, sorted(times))
        self.assertTrue(times[-1] <= 900.0)
        begun = [id(event.fault) for event in first if event.isBegin]
        ended = [id(event.fault) for event in first if not event.isBegin]
        self.assertEqual(sorted(begun), sorted(ended))
        kinds = {type(event.fault).__name__ for event in first}
        self.assertEqual(kinds, ALL_KINDS)

    def test_whole(self) -> None:
        """
        About half of the schedules leave the network whole, and lack nothing else.
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
    Whole runs, under faults.
    """

    def assertOk(self, outcome: Outcome) -> None:
        """Check that no invariant was broken, and that something was done."""
        self.assertEqual(outcome.troubles, [], str(outcome))
        self.assertTrue(outcome.events > 10)
        self.assertTrue(outcome.operations["get done"] > 50)
        self.assertTrue(outcome.operations["put done"] > 30)

    def test_seeds(self) -> None:
        """
        Under faults no invariant is broken.
        """
        for seed in (1001, 1002):
            self.assertOk(run(seed, NODES, duration=300.0))

    def test_reproducible(self) -> None:
        """
        One seed makes one run, to the last datagram, and another seed another.
        """
        first, same, other = (run(seed, 20, duration=60.0) for seed in (5, 5, 6))
        self.assertEqual(first._replace(elapsed=0.0), same._replace(elapsed=0.0))
        self.assertNotEqual(first.trace, other.trace)
        self.assertTrue(first.datagrams > 1000)

    def assertNoticed(self, text: str) -> None:
        """Check that runs end with a trouble that says so."""
        for seed in (1001, 1002):
            outcome = run(seed, NODES, duration=300.0)
            self.assertIn(text, "".join(outcome.troubles), str(outcome))

    def test_updatesOfOne(self) -> None:
        """
        That updates go to one node alone is noticed.
        """
        self.patch(stream, "Commit", lambda candidates: Commit(candidates[:1]))
        self.assertNoticed(": 1 took a value")

    def test_updatesOfFarthest(self) -> None:
        """
        That updates go to the three farthest of the nodes that were found is noticed.
        """
        closest = Results.closest
        self.patch(
            Results,
            "closest",
            lambda found, isEclipseSuspected: closest(found, isEclipseSuspected)[-3:],
        )
        self.assertNoticed(": 3 took a value")

    def test_updatesOfEverySecond(self) -> None:
        """
        That every second update fails is noticed.
        """
        fails = cycle((False, True))
        self.patch(stream, "Commit", lambda found: Commit(() if next(fails) else found))
        # Who puts it may keep it alone, or fail.
        self.assertNoticed(" a value")


class InvariantTests(SynchronousTestCase):
    """
    That the checks notice what is wrong.
    """

    def setUp(self) -> None:
        self.swarm = Swarm(1)
        self.addCleanup(self.swarm.close)
        self.swarm.build(25)
        self.swarm.clock.runFor(120)
        self.workload = Workload(self.swarm, Random(1))

    def assertTrouble(self, text: str) -> None:
        """Check that there is one trouble at least, and that it says so."""
        self.assertTrue(self.swarm.troubles)
        self.assertIn(text, self.swarm.troubles[0])

    def test_sound(self) -> None:
        """
        Nothing is wrong with a network that nobody harms.
        """
        checkStep(self.swarm, self.workload)
        checkRecovered(self.swarm)
        checkIdle(self.swarm, self.workload)
        self.assertEqual(self.swarm.troubles, [])

    def test_updateTwice(self) -> None:
        """
        A handler that has run twice for an update is noticed.
        """
        member = self.swarm.members[3]
        assert member.node is not None
        self.workload.put(member, b"value")
        self.swarm.clock.runFor(5)
        checkStep(self.swarm, self.workload)
        self.assertEqual(self.swarm.troubles, [])
        holder = next(each for each in self.swarm.members if each.store.values)
        holder.store.put(keyOf(b"value"), b"value")
        checkStep(self.swarm, self.workload)
        self.assertTrouble("2 times")

    def test_forgedUpdate(self) -> None:
        """
        A value that no member has put is noticed.
        """
        self.swarm.members[3].store.put(keyOf(b"forged"), b"forged")
        checkStep(self.swarm, self.workload)
        self.assertTrouble("forged")

    def test_valueLost(self) -> None:
        """
        A value that is held and not found is noticed.
        """
        member = self.swarm.members[3]
        self.workload.put(member, b"value")
        self.swarm.clock.runFor(5)
        for each in self.swarm.members:
            each.store.values.clear()
        self.workload.get(member, keyOf(b"value"))
        self.swarm.clock.runFor(30)
        self.assertTrouble("did not find")

    def test_placed(self) -> None:
        """
        A value that comes to the nodes closest to its key, and is found there, counts as such.
        """
        self.workload.put(self.swarm.members[3], b"value")
        self.swarm.clock.runFor(5)
        self.workload.get(self.swarm.members[4], keyOf(b"value"))
        self.swarm.clock.runFor(5)
        self.assertEqual(self.swarm.troubles, [])
        placed, gotten = self.workload.placed, self.workload.gotten
        self.assertTrue(K - 1 <= placed.of <= K)
        self.assertEqual((placed.right, gotten.right, gotten.of), (placed.of, 1, 1))

    def test_putFailed(self) -> None:
        """
        A put that fails is noticed, unless datagrams are lost or somebody lies; then it counts.
        """
        self.patch(workload, "put", lambda node, value: fail(NoCloseNodes("none")))
        member = self.swarm.members[3]
        self.swarm.network.loss = 0.1
        self.workload.put(member, b"value")
        self.swarm.network.loss = 0.0
        liar = KINDS["mute"](self.swarm)
        self.workload.put(member, b"value")
        liar.leave()
        self.assertEqual(self.swarm.troubles, [])
        self.assertTrue(self.workload.placed.of >= 2 * (K - 1))
        self.assertEqual(self.workload.placed.right, 0)
        self.workload.put(member, b"value")
        self.assertTrouble("could not put")

    def test_misplaced(self) -> None:
        """
        A value that comes to as many nodes as it should, but not to the closest, is noticed.
        """
        self.swarm.build(15)
        key = keyOf(b"value")

        def misplace(node: DHTNode, value: bytes) -> Deferred[bytes]:
            for each in self.swarm.closest(key, 40)[K:]:
                each.store.put(key, value)
            return succeed(key)

        self.patch(workload, "put", misplace)
        self.workload.put(self.swarm.closest(key)[0], b"value")
        self.assertTrouble("0 of the 19 closest took a value")

    def test_shares(self) -> None:
        """
        That many puts and gets had to succeed and did not is noticed at the end.
        """
        self.workload.placed.add(98, 100)
        self.workload.gotten.add(98, 100)
        checkShares(self.swarm, self.workload)
        self.assertEqual(self.swarm.troubles, [])
        self.workload.placed.add(0, 20)
        self.workload.gotten.add(0, 20)
        checkShares(self.swarm, self.workload)
        self.assertTrouble("98 of 120 places")
        self.assertIn("98 of 120 gets", self.swarm.troubles[1])

    def test_reach(self) -> None:
        """
        What can be found is all of the closest, less what is cut off and less the liars' places.
        """
        target = bytes(32)
        member = self.swarm.members[3]
        closest = [each for each in self.swarm.closest(target, K + 1) if each is not member][:K]
        self.assertEqual(reach(self.swarm, member, target), set(closest))
        liar = KINDS["mute"](self.swarm, nextTo(target, 1))
        self.swarm.clock.runFor(30)
        self.assertEqual(reach(self.swarm, member, target), set(closest[: K - 1]))
        liar.leave()
        self.swarm.cut([each.host for each in closest[:5]])
        self.assertFalse(reach(self.swarm, member, target) & set(closest[:5]))

    def test_overdue(self) -> None:
        """
        An operation that doesn't end is noticed.
        """
        member = self.swarm.members[3]
        self.workload.put(member, b"value")
        self.assertEqual(self.workload.running, 1)
        assert member.node is not None
        # So late that its requests never time out.
        member.node._caller.requests._timer.cancel()  # type: ignore[union-attr]
        self.swarm.network.loss = 1.0
        self.swarm.clock.runFor(100)
        self.assertTrouble("has not ended")
        member.node._caller.requests._timer = None

    def test_deadContact(self) -> None:
        """
        A table that lists a dead contact is noticed.
        """
        self.swarm.members[3].crash()
        checkRecovered(self.swarm)
        self.assertTrouble("dead contacts")

    def test_leakedTimer(self) -> None:
        """
        A timer that is left over is noticed, and so is a port.
        """
        self.swarm.network.reactor("20.0.0.1").callLater(1000, lambda: None)
        self.swarm.close()
        checkClosed(self.swarm)
        self.assertTrouble("1 timers are left")
        for call in self.swarm.clock.calls:
            call.cancel()

    def test_loggedFailure(self) -> None:
        """
        A failure that is logged is noticed.
        """
        Logger().failure("unexpected", Failure(ValueError("at last")))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertTrouble("at last")

    def test_crash(self) -> None:
        """
        A member that crashed comes back with the same id, or a new one, and without its values.
        """
        member = self.swarm.members[5]
        member.store.put(keyOf(b"x"), b"x")
        before = member.id
        for isNew in (False, True):
            crash = Crash([5], isNew)
            crash.begin(self.swarm)
            self.assertIsNone(member.node)
            self.swarm.clock.runFor(1)
            crash.end(self.swarm)
            self.assertEqual(member.id == before, not isNew)
            self.assertEqual(member.store.values, {})
            self.swarm.clock.runFor(30)
            self.assertTrue(member.hasJoined)


class LiarTests(SynchronousTestCase):
    """
    The liars themselves.
    """

    def test_listed(self) -> None:
        """
        A liar of each kind is listed by honest nodes, so that its lies are heard.
        """
        for kind, make in KINDS.items():
            swarm = Swarm(1)
            swarm.build(15)
            liar = make(swarm)
            swarm.clock.runFor(5)
            listing = [
                member
                for member in swarm.alive()
                if member.node is not None
                and liar.host in {contact.host for contact in member.node.contacts()}
            ]
            self.assertTrue(len(listing) > 5, kind)
            swarm.close()


class ExperimentTests(SynchronousTestCase):
    """
    The experiments, in miniature.
    """

    def test_oneLiar(self) -> None:
        """
        A liar next to the target hides none of the true holders.
        """
        for kind in ("dead ids", "own ids", "endless closer ids"):
            figures = oneLiar(kind, nodes=NODES, targets=5)
            self.assertTrue(figures.isMet, str(figures))
            self.assertEqual(figures.fewest, K)

    def test_fifthLiars(self) -> None:
        """
        Where one node in five lies, values are found, with a bounded number of requests.
        """
        for kind in KINDS:
            figures = fifthLiars(kind, nodes=NODES, lookups=5)
            self.assertTrue(figures.isMet, str(figures))

    def test_loss(self) -> None:
        """
        Updates and queries succeed on a bad network, and handlers run once.
        """
        figures = loss(nodes=NODES, operations=50)
        self.assertTrue(figures.isMet, str(figures))
        self.assertTrue(figures.taken > K / 2)

    def test_massacre(self) -> None:
        """
        What half of the nodes hold is found when the other half is killed.
        """
        figures = massacre(nodes=NODES, values=10)
        self.assertTrue(figures.isMet, str(figures))


class CommandLineTests(SynchronousTestCase):
    """
    The command line.
    """

    def test_badInput(self) -> None:
        """
        Bad input is refused.
        """
        said = StringIO()
        self.patch(sys, "stderr", said)
        for arguments in (["--nodes", "0"], ["--seeds", "x"], ["nothing"]):
            self.assertEqual(self.assertRaises(SystemExit, main, arguments).code, 2)
        self.assertEqual(said.getvalue().count("is no number from 1 on"), 2)
