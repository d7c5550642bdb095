"""
`simulation.invariants`, `simulation.workload` and `simulation.reach`.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from dwdht_twisted import DHTNode, NoCloseNodes
from dwdht_twisted._core.routing import K
from dwdht_twisted.values import keyOf
from simulation import workload
from simulation.invariants import checkClosed, checkIdle, checkRecovered, checkShares, checkStep
from simulation.liars import KINDS, nextTo
from simulation.reach import findReachable
from simulation.workload import PUT_DEADLINE
from tests.helpers.networks.swarms import SwarmTestCase


class InvariantTests(SwarmTestCase):
    """
    The invariants that a simulation checks. Each test breaks one of them.
    """

    def assertTrouble(self, text: str) -> None:
        """Require that the first broken invariant has a message with this text."""
        self.assertTrue(self.swarm.record.troubles)
        self.assertIn(text, self.swarm.record.troubles[0])

    def test_undisturbedNetworkIsSound(self) -> None:
        """A network without faults breaks no invariant."""
        checkStep(self.swarm, self.workload)
        checkRecovered(self.swarm)
        checkIdle(self.swarm, self.workload)
        self.assertEqual(self.swarm.record.troubles, [])

    def test_secondRunOfHandlerIsNoticed(self) -> None:
        """An invariant is broken if a handler runs twice for one update."""
        member = self.swarm.members[3]
        assert member.node is not None
        self.workload.put(member, b"value")
        self.swarm.clock.runFor(5)
        checkStep(self.swarm, self.workload)
        self.assertEqual(self.swarm.record.troubles, [])
        holder = next(each for each in self.swarm.members if each.store.values)
        holder.store.put(keyOf(b"value"), b"value")
        checkStep(self.swarm, self.workload)
        self.assertTrouble("2 times")

    def test_forgedUpdateIsNoticed(self) -> None:
        """An invariant is broken if a value is stored that no member has put."""
        self.swarm.members[3].store.put(keyOf(b"forged"), b"forged")
        checkStep(self.swarm, self.workload)
        self.assertTrouble("forged")

    def test_valueNotFoundIsNoticed(self) -> None:
        """An invariant is broken if a value isn't found although its holders run."""
        member = self.swarm.members[3]
        self.workload.put(member, b"value")
        self.swarm.clock.runFor(5)
        for each in self.swarm.members:
            each.store.values.clear()
        self.workload.get(member, keyOf(b"value"))
        self.swarm.clock.runFor(30)
        self.assertTrouble("did not find")

    def test_placementsAndRetrievalsAreCounted(self) -> None:
        """
        A put value counts as placed on each of the 19 or 20 closest nodes. A got value counts as
        retrieved at the first attempt.
        """
        self.workload.put(self.swarm.members[3], b"value")
        self.swarm.clock.runFor(5)
        self.workload.get(self.swarm.members[4], keyOf(b"value"))
        self.swarm.clock.runFor(5)
        self.assertEqual(self.swarm.record.troubles, [])
        tally = self.workload.tally
        self.assertTrue(K - 1 <= tally.placements.total <= K)
        self.assertEqual(tally.placements.succeeded, tally.placements.total)
        self.assertEqual((tally.retrievals.succeeded, tally.retrievals.total), (1, 1))

    def test_failedPutIsNoticed(self) -> None:
        """
        An invariant is broken if a put fails. In a network with loss or a liar, no invariant is
        broken, and the put counts as placed on none of its nodes.
        """
        self.patch(workload, "put", lambda node, value: fail(NoCloseNodes("none")))
        member = self.swarm.members[3]
        self.swarm.network.loss = 0.1
        self.workload.put(member, b"value")
        self.swarm.network.loss = 0.0
        liar = KINDS["mute"](self.swarm)
        self.workload.put(member, b"value")
        liar.leave()
        self.assertEqual(self.swarm.record.troubles, [])
        self.assertTrue(self.workload.tally.placements.total >= 2 * (K - 1))
        self.assertEqual(self.workload.tally.placements.succeeded, 0)
        self.workload.put(member, b"value")
        self.assertTrouble("could not put")

    def test_misplacedValueIsNoticed(self) -> None:
        """An invariant is broken if a value reaches 20 nodes but none of the 20 closest."""
        self.swarm.build(15)
        key = keyOf(b"value")

        def misplace(node: DHTNode, value: bytes) -> Deferred[bytes]:
            for each in self.swarm.closestMembers(key, 40)[K:]:
                each.store.put(key, value)
            return succeed(key)

        self.patch(workload, "put", misplace)
        self.workload.put(self.swarm.closestMembers(key)[0], b"value")
        self.assertTrouble("was taken by 0 of the 20 nodes closest to its key")

    def test_lowShareOfARunIsNoticed(self) -> None:
        """
        A run breaks two invariants if 98 of 120 placements and 98 of 120 retrievals succeed. With
        98 of 100, it breaks none.
        """
        self.workload.tally.placements.add(98, 100)
        self.workload.tally.retrievals.add(98, 100)
        checkShares(self.swarm, self.workload)
        self.assertEqual(self.swarm.record.troubles, [])
        self.workload.tally.placements.add(0, 20)
        self.workload.tally.retrievals.add(0, 20)
        checkShares(self.swarm, self.workload)
        self.assertTrouble("98 of 120 nodes that puts had to reach")
        self.assertIn("98 of 120 gets", self.swarm.record.troubles[1])

    def test_reachableMembersAreFound(self) -> None:
        """
        `findReachable` returns the 20 closest members, and the searching member may be one of them.
        With a liar next to the target, it returns only 19. It leaves out members behind a
        partition.
        """
        target = bytes(32)
        member = self.swarm.members[3]
        closest = self.swarm.closestMembers(target, K)
        self.assertIn(member, closest)
        self.assertEqual(findReachable(self.swarm, member, target), set(closest))
        liar = KINDS["mute"](self.swarm, nextTo(target, 1))
        self.swarm.clock.runFor(30)
        self.assertEqual(findReachable(self.swarm, member, target), set(closest[: K - 1]))
        liar.leave()
        away = [each for each in closest if each is not member][:5]
        self.swarm.partitions.cut([each.host for each in away])
        self.assertFalse(findReachable(self.swarm, member, target) & set(away))

    def test_overdueOperationIsNoticed(self) -> None:
        """An invariant is broken if a put is still running after its deadline of 60 seconds."""
        self.patch(workload, "put", lambda node, value: Deferred())
        self.workload.put(self.swarm.members[3], b"value")
        self.assertEqual(self.workload.running, 1)
        self.swarm.clock.runFor(PUT_DEADLINE - 1)
        self.assertEqual(self.swarm.record.troubles, [])
        self.swarm.clock.runFor(2)
        self.assertTrouble("has not ended")

    def test_deadContactIsNoticed(self) -> None:
        """An invariant is broken if a table contains a crashed node."""
        self.swarm.members[3].crash()
        checkRecovered(self.swarm)
        self.assertTrouble("dead contacts")

    def test_memberOutsideIsNoticed(self) -> None:
        """An invariant is broken if a running node has not joined."""
        self.swarm.members[3].hasJoined = False
        checkRecovered(self.swarm)
        self.assertTrouble("has not joined")

    def test_leakedTimerIsNoticed(self) -> None:
        """An invariant is broken if a timer is left after all nodes were destroyed."""
        self.swarm.network.reactor("20.0.0.1").callLater(1000, lambda: None)
        self.swarm.close()
        checkClosed(self.swarm)
        self.assertTrouble("1 timers are left")
        for call in self.swarm.clock.calls:
            call.cancel()

    def test_loggedFailureIsNoticed(self) -> None:
        """An invariant is broken if a failure is logged."""
        Logger().failure("unexpected", Failure(ValueError("at last")))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertTrouble("at last")
