"""
The faults of `simulation.machines`: of single machines, of their lines and of their names.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from dwdht_twisted.values import keyOf
from simulation import workload
from simulation.invariants import checkRecovered, checkStep
from simulation.machines import Burst, ClockStep, LineDown, NewAddress, SilentNames, Sleep
from simulation.members import Member
from simulation.swarm import BOOTSTRAP_MEMBERS
from simulation.workload import BACK_AFTER, FINDABLE_AFTER, PUT_DEADLINE
from tests.helpers.networks.swarms import SwarmTestCase


class MachineTests(SwarmTestCase):
    """
    A network of 25 members, of which one has trouble.
    """

    def setUp(self) -> None:
        super().setUp()
        self.member = self.swarm.members[5]
        self.value = b"value"

    def ping(self, other: Member) -> bool:
        """Whether the member is answered by another, or else its ping fails."""
        assert self.member.node is not None
        outcome: list[object] = []
        self.member.node.ping(other.address).addCallbacks(
            lambda pong: outcome.append(True), lambda reason: outcome.append(False)
        )
        self.swarm.clock.runUntil(lambda: outcome)
        return bool(outcome[0])

    def assertFindable(self) -> None:
        """Require that puts of the member succeed, and that others find the member."""
        self.workload.put(self.member, self.value)
        self.workload.put(self.swarm.members[9], b"another value")
        self.swarm.clock.runFor(10)
        self.assertEqual(self.swarm.record.troubles, [])
        for value in (self.value, b"another value"):
            due = [each for each in self.swarm.closestMembers(keyOf(value)) if each is self.member]
            self.assertTrue(all(keyOf(value) in each.store.values for each in due))

    def test_lineDownTakesItsHostOff(self) -> None:
        """
        A member whose line is down reaches no other, and none reaches one whose line is down too.
        The line is up at the end, and 180 seconds later all others find the member again.
        """
        fault = LineDown([5, 6])
        fault.begin(self.swarm)
        self.assertFalse(self.ping(self.swarm.members[9]))
        self.assertFalse(self.ping(self.swarm.members[6]))
        self.swarm.clock.runFor(300)
        fault.end(self.swarm)
        self.assertTrue(self.ping(self.swarm.members[9]))
        self.assertTrue(self.swarm.partitions.wasOff(self.member.host, BACK_AFTER))
        self.swarm.clock.runFor(FINDABLE_AFTER)
        self.assertFalse(self.swarm.partitions.wasOff(self.member.host, FINDABLE_AFTER))
        self.assertFindable()

    def test_partitionOutlastsALine(self) -> None:
        """The end of a host's own trouble ends no partition, and the other way round."""
        partitions = self.swarm.partitions
        partitions.cut([self.member.host])
        partitions.takeOff(self.member.host)
        partitions.putBack(self.member.host)
        self.assertFalse(self.ping(self.swarm.members[9]))
        partitions.takeOff(self.member.host)
        partitions.heal()
        self.assertFalse(self.ping(self.swarm.members[9]))
        partitions.putBack(self.member.host)
        self.assertTrue(self.ping(self.swarm.members[9]))

    def test_sleepingHostDoesNothing(self) -> None:
        """
        A member that sleeps sends nothing for 600 seconds and begins no operation. It goes on when
        it wakes up, and 180 seconds later all others find it.
        """
        fault = Sleep([5])
        fault.begin(self.swarm)
        self.swarm.clock.runFor(1)
        sent: list[str] = []
        self.swarm.network.onDatagram = lambda source, destination, data: sent.append(source[0])
        self.swarm.clock.runFor(600)
        self.assertNotIn(self.member.host, sent)
        self.assertNotIn(self.member, self.swarm.joinedMembers())
        fault.end(self.swarm)
        self.assertAlmostEqual(self.member.slept, 601.0)
        self.swarm.clock.runFor(FINDABLE_AFTER)
        self.assertIn(self.member.host, sent)
        self.assertFindable()

    def test_sleepDoesNotCountAgainstADeadline(self) -> None:
        """
        An operation of a member that has slept for 100 seconds is overdue 100 seconds later than
        others.
        """
        self.patch(workload, "put", lambda node, value: Deferred())
        self.workload.put(self.member, self.value)
        fault = Sleep([5])
        fault.begin(self.swarm)
        self.swarm.clock.runFor(100)
        fault.end(self.swarm)
        self.swarm.clock.runFor(PUT_DEADLINE - 1)
        self.assertEqual(self.swarm.record.troubles, [])
        self.swarm.clock.runFor(2)
        self.assertIn("has not ended", self.swarm.record.troubles[0])

    def test_clockIsSetAndSetBack(self) -> None:
        """
        The clock of a member is set for the time of the fault, and its puts succeed during the
        fault and after it. The clock of another host is not set.
        """
        for seconds in (-3600.0, 3600.0):
            fault = ClockStep([5], seconds)
            fault.begin(self.swarm)
            ahead = self.member.reactor.seconds() - self.swarm.members[6].reactor.seconds()
            self.assertAlmostEqual(ahead, seconds)
            self.assertFindable()
            fault.end(self.swarm)
            self.assertAlmostEqual(self.member.reactor.seconds(), self.swarm.clock.seconds())
            self.assertFindable()

    def test_memberGoesOnAtANewAddress(self) -> None:
        """
        A member that gets another address goes on there. After 180 seconds all others find it, and
        at the end no table has its old address.
        """
        before = self.member.host
        NewAddress([5]).begin(self.swarm)
        self.assertNotEqual(self.member.host, before)
        self.swarm.clock.runFor(FINDABLE_AFTER)
        self.assertFindable()
        self.swarm.clock.runFor(workload.RECOVERED_AFTER)
        checkRecovered(self.swarm)
        self.assertEqual(self.swarm.record.troubles, [])

    def test_updateOfAMovingMemberMayRunTwice(self) -> None:
        """
        A second run of a handler breaks an invariant, unless the member has got another address
        while its put was under way.
        """
        store = self.swarm.members[9].store
        for isMoving in (True, False):
            value = f"is moving: {isMoving}".encode()
            self.workload.put(self.member, value)
            self.swarm.clock.runFor(0.05)
            if isMoving:
                NewAddress([5]).begin(self.swarm)
            self.swarm.clock.runFor(30)
            store.runs[keyOf(value)] = 2
            checkStep(self.swarm, self.workload)
            self.assertEqual(bool(self.swarm.record.troubles), not isMoving)
            NewAddress([5]).begin(self.swarm)

    def test_newAddressIsOnTheSameSide(self) -> None:
        """A member that gets another address during a partition stays on its side of it."""
        self.swarm.partitions.cut([self.member.host])
        NewAddress([5]).begin(self.swarm)
        self.assertFalse(self.ping(self.swarm.members[9]))

    def test_memberJoinsWithoutNames(self) -> None:
        """
        While the name servers are silent, a member that is started joins by the addresses of the
        other bootstrap members within 15 seconds. Names lead to bootstrap members at other times,
        although the first address of each name is dead, and although a bootstrap member moves.
        """
        self.swarm.move(self.swarm.members[0])
        started = self.swarm.members[BOOTSTRAP_MEMBERS]
        [name] = [each for each in self.swarm.bootstrapsOf(started) if isinstance(each, str)]
        self.assertTrue(name.startswith("bootstrap-0.example:"))
        fault = SilentNames()
        for isSilent in (True, False):
            if isSilent:
                fault.begin(self.swarm)
            else:
                fault.end(self.swarm)
                # Only the name is left.
                self.patch(self.swarm, "bootstrapsOf", lambda member: [name])
            started.crash()
            self.swarm.clock.runFor(1)
            started.start(isNew=True)
            self.swarm.clock.runFor(15)
            self.assertTrue(started.hasJoined)

    def test_burstEndsRight(self) -> None:
        """
        A member begins 300 operations at once. All puts among them reach all their nodes, and all
        gets find their values.
        """
        self.workload.put(self.swarm.members[9], self.value)
        self.swarm.clock.runFor(5)
        Burst(5, 300).begin(self.swarm)
        self.assertEqual(self.workload.running, 300)
        self.swarm.clock.runFor(PUT_DEADLINE)
        self.assertEqual(self.workload.running, 0)
        self.assertEqual(self.swarm.record.troubles, [])
        tally = self.workload.tally
        self.assertEqual(tally.ended["put done"], 151)
        self.assertEqual(tally.ended["get done"], 150)
        self.assertEqual(tally.placements.value, 1.0)
        self.assertEqual(tally.retrievals.value, 1.0)
