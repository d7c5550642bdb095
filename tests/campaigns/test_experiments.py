"""
Tests for the experiments of `simulation`, its liars, and its members.
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

#: Nodes of the small networks.  Larger: the tests take longer.  Smaller: all nodes are neighbours,
#: so that a lookup has nothing to do.
NODES = 60


class CrashTests(SynchronousTestCase):
    """
    `Crash` crashes the nodes of members, and starts them again.
    """

    def setUp(self) -> None:
        self.swarm = Swarm(1)
        self.addCleanup(self.swarm.close)
        self.swarm.build(25)
        self.swarm.clock.runFor(120)

    def test_crashedMemberStartsAgain(self) -> None:
        """
        A member that crashed starts again under the same id or a new one, without its values, and
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
    `Liar` and its subclasses.
    """

    def test_honestNodesListLiars(self) -> None:
        """
        A liar of each kind is in the tables of more than 5 of 15 honest nodes after 5 seconds.
        """
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
    The experiments keep their promises on networks of 60 nodes.
    """

    def test_oneLiarHidesNoNode(self) -> None:
        """
        A liar next to the target hides none of the 20 closest honest nodes from five lookups.
        """
        for kind in ("dead ids", "own ids", "endless closer ids"):
            figures = oneLiar(kind, nodes=NODES, targets=5)
            self.assertTrue(figures.isMet, str(figures))
            self.assertEqual(figures.fewest, K)

    def test_fifthOfLiarsHidesNoValue(self) -> None:
        """
        With one liar in five nodes, five values are found, with at most 200 requests for each
        lookup.
        """
        for kind in KINDS:
            figures = fifthLiars(kind, nodes=NODES, lookups=5)
            self.assertTrue(figures.isMet, str(figures))

    def test_lossFailsNoOperation(self) -> None:
        """
        With 20 % loss, 50 updates and 50 queries succeed, more than 10 nodes take an update on
        average, and no handler runs twice for one update.
        """
        figures = loss(nodes=NODES, operations=50)
        self.assertTrue(figures.isMet, str(figures))
        self.assertTrue(figures.taken > K / 2)

    def test_massacreLosesNoValue(self) -> None:
        """
        After the crash of half of the nodes, ten values are found, dead contacts are removed, and
        no latecomer stays isolated.
        """
        figures = massacre(nodes=NODES, values=10)
        self.assertTrue(figures.isMet, str(figures))
