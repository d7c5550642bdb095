"""
The models in the benchmarks: the simulated population, and the rules of the original.
"""

from __future__ import annotations

from random import Random

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from benchmarks import growth, internet
from benchmarks.original import OriginalNode
from benchmarks.population import Population
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import ID_BYTES, Contact, distance
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock


class PopulationTests(SynchronousTestCase):
    """
    `Population`, the simulated nodes.
    """

    def test_closestAreThoseOfAFullSearch(self) -> None:
        """The closest of 400 nodes are the same as those found by sorting all 400 by distance."""
        population = Population(500, 1)
        random = Random(1)
        left = frozenset(random.sample(range(500), 100))
        for _ in range(10):
            target = random.randbytes(ID_BYTES)

            def far(each: int, target: bytes = target) -> int:
                return distance(population.contact(each).id or b"", target)

            expected = sorted(set(range(500)) - left, key=far)[:K]
            self.assertEqual(population.closest(target, K, left), expected)

    def test_tableHasUpTo20OfEachDistance(self) -> None:
        """
        For each length of a shared prefix, a table has 20 nodes, or all if there are fewer. It
        doesn't contain its own node.
        """
        population = Population(500, 2)
        table = population.table(7)
        known = {population.number(contact.id or b"") for contact in table.contacts()}
        self.assertNotIn(7, known)
        own = population.contact(7).id or b""
        byPrefix: dict[int, list[int]] = {}
        for each in range(500):
            if each != 7:
                shared = distance(population.contact(each).id or b"", own).bit_length()
                byPrefix.setdefault(shared, []).append(each)
        for members in byPrefix.values():
            self.assertEqual(len(known.intersection(members)), min(K, len(members)))

    def test_seedRepeatsThePopulation(self) -> None:
        """The same seed gives the same nodes and tables. Another seed gives other nodes."""
        one, other = Population(50, 3), Population(50, 3)
        self.assertEqual(one.contact(4), other.contact(4))
        self.assertEqual(one.table(4).contacts(), other.table(4).contacts())
        self.assertNotEqual(one.contact(4).id, Population(50, 4).contact(4).id)

    def test_lookupFindsTheClosest(self) -> None:
        """A lookup among 1,000 nodes finds all 20 closest nodes with fewer than 100 requests."""
        outcome = growth.lookUp(Population(1000, 5), 0, Random(5).randbytes(ID_BYTES))
        self.assertEqual(outcome.found, 1.0)
        self.assertLess(outcome.requests, 100)
        self.assertGreaterEqual(outcome.requests, K)
        self.assertGreaterEqual(outcome.hops, 1)


class OriginalTests(SynchronousTestCase):
    """
    `OriginalNode`, the model of the original's rules.
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.network = MemoryNetwork(self.clock, seed=1, latency=0.04)
        self.population = Population(K + 5, 1)
        self.contacts = [self.population.contact(each) for each in range(len(self.population))]

    def ask(self, contacts: list[Contact]) -> Deferred[list[Contact]]:
        """Query for the id of the first contact, by a node with the given contacts in its table."""
        reactor = self.network.reactor("10.0.0.1")
        node = OriginalNode(reactor, bytes(ID_BYTES), contacts, Random(1))
        reactor.listenUDP(0, node)
        return node.query("note", self.contacts[0].id or b"")

    def start(self, *numbers: int) -> None:
        """Start the nodes with the given numbers."""
        for each in numbers:
            reactor = self.network.reactor(self.contacts[each].host)
            reactor.listenUDP(self.contacts[each].port, internet.PlainNode(self.population, each))

    def test_queryEndsWithTheLastAnswer(self) -> None:
        """
        A query asks the known and the named nodes. It ends with the last answer, in less than 0.5
        seconds.
        """
        self.start(*range(len(self.contacts)))
        found = self.clock.runUntil(self.ask(self.contacts[-1:]), limit=5)
        closest = self.population.closest(self.contacts[0].id or b"", K)
        self.assertLessEqual({self.contacts[each] for each in closest}, set(found))
        self.assertLess(self.clock.seconds(), 0.5)

    def test_deadContactTakesOver1Second(self) -> None:
        """A query with one dead contact in its own table ends after 1.25 to 1.5 seconds."""
        asked = self.ask(self.contacts[-1:])
        asked.addErrback(lambda reason: [])
        self.clock.runUntil(asked, limit=5)
        self.assertTrue(1.25 <= self.clock.seconds() <= 1.5)

    def test_deadCandidateTakesTwiceAsLong(self) -> None:
        """
        A query asks a dead node named by another node twice, because the second attempt is a hole
        punch. So the query waits for two time-outs.
        """
        self.start(len(self.contacts) - 1)
        found = self.clock.runUntil(self.ask(self.contacts[-1:]), limit=10)
        self.assertEqual(found, self.contacts[-1:])
        # Twenty dead nodes are named. Sixteen are asked at once, and the other four later.
        self.assertTrue(2.5 <= self.clock.seconds() <= 6.1, self.clock.seconds())
