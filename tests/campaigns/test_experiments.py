"""
The experiments of `simulation`, and the faults and liars in them.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.routing import K
from dwdht_twisted.values import keyOf
from simulation.experiments.lies import fifthLiars, oneLiar
from simulation.experiments.loss import loss
from simulation.experiments.massacre import massacre
from simulation.faults import Crash
from simulation.liars import KINDS
from simulation.swarm import Swarm
from tests.helpers.networks.swarms import SwarmTestCase

#: The number of nodes in a network. With more, the tests take longer. With fewer, all nodes know
#: each other, and a lookup has nothing to do.
NODES = 60


class CrashTests(SwarmTestCase):
    """
    `Crash`, the fault that crashes nodes and starts them again.
    """

    def test_crashedMemberStartsAgain(self) -> None:
        """
        A crashed member starts again with its old id or with a new one. Its values are gone, and it
        joins within 30 seconds.
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
    `Liar` and its subclasses, the nodes that give false answers.
    """

    def test_honestNodesListLiars(self) -> None:
        """After 5 seconds, more than 5 of 15 honest nodes list a liar of each kind."""
        for kind, make in KINDS.items():
            swarm = Swarm(1)
            swarm.build(15)
            liar = make(swarm)
            swarm.clock.runFor(5)
            listing = [
                member
                for member in swarm.runningMembers()
                if member.node is not None
                and liar.host in {contact.host for contact in member.node.contacts()}
            ]
            self.assertTrue(len(listing) > 5, kind)
            swarm.close()


class ExperimentTests(SynchronousTestCase):
    """
    The experiments, on networks of 60 nodes.
    """

    def test_oneLiarHidesNoNode(self) -> None:
        """In five lookups, a liar next to the target hides none of the 20 closest honest nodes."""
        for kind in ("dead ids", "own ids", "endless closer ids"):
            figures = oneLiar(kind, nodes=NODES, targets=5)
            self.assertTrue(figures.isMet, str(figures))
            self.assertEqual(figures.fewest, K)

    def test_fifthOfLiarsHidesNoValue(self) -> None:
        """
        With one liar among five nodes, all five values are found. Each lookup sends at most 200
        requests.
        """
        for kind in KINDS:
            figures = fifthLiars(kind, nodes=NODES, lookups=5)
            self.assertTrue(figures.isMet, str(figures))

    def test_lossFailsNoOperation(self) -> None:
        """
        With 20 % loss, 50 updates and 50 queries succeed. On average an update reaches more than 10
        nodes, and no handler runs twice for one update.
        """
        figures = loss(nodes=NODES, operations=50)
        self.assertTrue(figures.isMet, str(figures))
        self.assertTrue(figures.taken > K / 2)

    def test_massacreLosesNoValue(self) -> None:
        """
        After half of the nodes have crashed, ten values are found and dead contacts are removed.
        Nodes that start later all join.
        """
        figures = massacre(nodes=NODES, values=10)
        self.assertTrue(figures.isMet, str(figures))
