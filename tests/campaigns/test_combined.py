"""
`simulation.combined`, liars whose behaviour is drawn from a seed, and their experiment.
"""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from simulation.combined import (
    ANSWER_IDS,
    COMBINED,
    IDS,
    TOKENS,
    WHOM,
    Combination,
    CombinedLiar,
    makeLiar,
)
from simulation.experiments.combined import fifthCombined, singleLiars, total
from simulation.experiments.lies import oneLiar
from simulation.faults import Lies
from simulation.liars import FalseIds
from simulation.schedule import makeSchedule
from simulation.swarm import Swarm

#: The number of nodes in a network. With more, the tests take longer. With fewer, all nodes know
#: each other, and a lookup has nothing to do.
NODES = 60


class CombinationTests(SynchronousTestCase):
    """
    `Combination`, the behaviour of a liar.
    """

    def test_seedDecidesCombination(self) -> None:
        """The same seed gives the same combination. 1,000 seeds give more than 990 combinations."""
        self.assertEqual(Combination.draw(Random(1)), Combination.draw(Random(1)))
        drawn = {Combination.draw(Random(seed)) for seed in range(1000)}
        self.assertTrue(len(drawn) > 990, len(drawn))

    def test_allPartsAreDrawn(self) -> None:
        """In 1,000 combinations, each kind of named node, of id and of token occurs."""
        drawn = [Combination.draw(Random(seed)) for seed in range(1000)]
        recipes = [recipe for each in drawn for recipe in each.recipes]
        self.assertEqual({recipe.whom for recipe in recipes}, set(WHOM))
        self.assertEqual({recipe.ids for recipe in recipes}, set(IDS))
        self.assertEqual({each.answerId for each in drawn}, set(ANSWER_IDS))
        self.assertEqual({each.queryToken for each in drawn}, set(TOKENS))
        self.assertEqual({each.updateToken for each in drawn}, set(TOKENS))

    def test_schedulesHaveCombinedLiars(self) -> None:
        """
        In 100 schedules, a third to two thirds of the liars are combined liars. More than 90 % of
        these have different seeds.
        """
        kinds = [
            event.fault.kind
            for seed in range(100)
            for event in makeSchedule(Random(seed), 100, 900.0)
            if isinstance(event.fault, Lies) and event.begins
        ]
        combined = [kind for kind in kinds if kind.startswith(COMBINED)]
        self.assertTrue(1 / 3 < len(combined) / len(kinds) < 2 / 3)
        self.assertTrue(len(set(combined)) > 0.9 * len(combined))


class CombinedLiarTests(SynchronousTestCase):
    """
    `CombinedLiar`, a hostile host.
    """

    def test_kindNamesTheSeed(self) -> None:
        """
        Two liars of the kind ``"combined 7"`` have the same combination. One of the kind
        ``"combined 8"`` has another. The kind ``"false ids"`` makes a `FalseIds`.
        """
        swarm = Swarm(1)
        self.addCleanup(swarm.close)
        liars = [makeLiar(f"{COMBINED} {seed}", swarm) for seed in (7, 7, 8)]
        first, same, other = [each for each in liars if isinstance(each, CombinedLiar)]
        self.assertEqual(first.combination, same.combination)
        self.assertNotEqual(first.combination, other.combination)
        self.assertIsInstance(makeLiar("false ids", swarm), FalseIds)

    def test_liarLeavesNoPort(self) -> None:
        """After 20 liars have left and all nodes have been destroyed, no port is open."""
        swarm = Swarm(1)
        swarm.build(3)
        liars = [makeLiar(f"{COMBINED} {seed}", swarm) for seed in range(20)]
        swarm.clock.runFor(1)
        for liar in liars:
            liar.leave()
        swarm.close()
        self.assertEqual(list(swarm.network.ports), [])


class CombinedExperimentTests(SynchronousTestCase):
    """
    The experiments with combined liars, on networks of 60 nodes.
    """

    def test_combinedLiarsHideNoValue(self) -> None:
        """
        In three networks with one combined liar in five nodes, all values are found. A lookup sends
        at most 200 requests, and no table lists an address where no node ever listened.
        """
        figures = total([fifthCombined(seed, NODES, 5) for seed in (1, 2, 3)], [])
        self.assertTrue(figures.isMet, str(figures))
        self.assertEqual((figures.networks, figures.lookups), (3, 15))

    def test_singleLiarsHideNoNode(self) -> None:
        """Each of ten combined liars next to a target hides none of the 20 closest nodes."""
        singles = singleLiars(range(1, 11), NODES, 1)
        figures = total([], singles)
        self.assertTrue(figures.isMet, "\n".join(map(str, singles)))
        self.assertEqual((figures.liars, figures.targets, figures.reached), (10, 10, 10))

    def test_falseIdsHideNoNode(self) -> None:
        """
        A liar next to the target names honest nodes with false ids. In five lookups, it hides none
        of the 20 closest nodes.
        """
        figures = oneLiar("false ids", nodes=NODES, targets=5)
        self.assertTrue(figures.isMet, str(figures))
