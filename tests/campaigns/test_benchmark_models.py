"""
Tests for the models of the benchmarks: the simulated population, and the original's rules.
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
    Tests for the simulated nodes.
    """

    def test_closestAreThoseOfAFullSearch(self) -> None:
        """The closest nodes are those that a comparison with all 400 nodes finds."""
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
        A table has 20 nodes of each distance, or all when there are fewer, and not the node itself.
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
        """The same seed draws the same nodes and tables, and another seed other nodes."""
        one, other = Population(50, 3), Population(50, 3)
        self.assertEqual(one.contact(4), other.contact(4))
        self.assertEqual(one.table(4).contacts(), other.table(4).contacts())
        self.assertNotEqual(one.contact(4).id, Population(50, 4).contact(4).id)

    def test_lookupFindsTheClosest(self) -> None:
        """A lookup among 1,000 nodes finds all of the closest with fewer than 100 requests."""
        outcome = growth.lookUp(Population(1000, 5), 0, Random(5).randbytes(ID_BYTES))
        self.assertEqual(outcome.found, 1.0)
        self.assertLess(outcome.requests, 100)
        self.assertGreaterEqual(outcome.requests, K)
        self.assertGreaterEqual(outcome.hops, 1)


class OriginalTests(SynchronousTestCase):
    """
    Tests for the model of the original's rules.
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.network = MemoryNetwork(self.clock, seed=1, latency=0.04)
        self.population = Population(K + 5, 1)
        self.contacts = [self.population.contact(each) for each in range(len(self.population))]

    def ask(self, contacts: list[Contact]) -> Deferred[list[Contact]]:
        """Query for the id of the first contact, from a node that knows these contacts."""
        reactor = self.network.reactor("10.0.0.1")
        node = OriginalNode(reactor, bytes(ID_BYTES), contacts, Random(1))
        reactor.listenUDP(0, node)
        return node.query("note", self.contacts[0].id or b"")

    def start(self, *numbers: int) -> None:
        """Start the nodes with these numbers."""
        for each in numbers:
            reactor = self.network.reactor(self.contacts[each].host)
            reactor.listenUDP(self.contacts[each].port, internet.PlainNode(self.population, each))

    def test_queryEndsWithTheLastAnswer(self) -> None:
        """A query asks known and named nodes, and ends with the last answer, within 0.5 seconds."""
        self.start(*range(len(self.contacts)))
        found = self.clock.runUntil(self.ask(self.contacts[-1:]), limit=5)
        closest = self.population.closest(self.contacts[0].id or b"", K)
        self.assertLessEqual({self.contacts[each] for each in closest}, set(found))
        self.assertLess(self.clock.seconds(), 0.5)

    def test_deadContactTakesOver1Second(self) -> None:
        """A query waits 1.25 to 1.5 seconds for a dead contact of its own."""
        asked = self.ask(self.contacts[-1:])
        asked.addErrback(lambda reason: [])
        self.clock.runUntil(asked, limit=5)
        self.assertTrue(1.25 <= self.clock.seconds() <= 1.5)

    def test_deadCandidateTakesTwiceAsLong(self) -> None:
        """
        A query waits a second time-out for the hole punch to a dead node that another one named.
        """
        self.start(len(self.contacts) - 1)
        found = self.clock.runUntil(self.ask(self.contacts[-1:]), limit=10)
        self.assertEqual(found, self.contacts[-1:])
        # The 20 nodes that were named: 16 are asked at once, and the others after them.
        self.assertTrue(2.5 <= self.clock.seconds() <= 6.1, self.clock.seconds())
