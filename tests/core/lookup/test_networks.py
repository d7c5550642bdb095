"""
Lookups in whole simulated networks, with and without liars.

The holders of a target are the k honest nodes closest to it. A liar is a node that names false
contacts.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.lookup import Lookup
from dwdht_twisted._core.lookup.bounds import LOOKUP_BUDGET, LOOKUP_REQUESTS_PER_HOST, LOOKUP_WINDOW
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import ID_BITS, ID_BYTES, Contact, isPublic
from tests.helpers.core.contacts import byDistance, compact, near
from tests.helpers.core.lookup_network import LookupNetwork, Tally, resultsOf

#: The seeds of the random networks. Each test makes one network from each seed.
SEEDS = range(6)

#: The number of honest nodes from which each lookup starts.
START = 8

#: The most datagrams that a lookup may send: its budget of 144, and the retries of its last window.
MOST_DATAGRAMS = 200


class NetworkTestCase(SynchronousTestCase):
    """
    Lookups in simulated networks, each made from a seed.
    """

    def lookUp(self, network: LookupNetwork) -> tuple[Lookup, Tally]:
        """
        Look up the network's target from the first 8 honest nodes, and check the bounds on requests
        and datagrams.
        """
        network.acquaint()
        lookup = Lookup(network.target, bytes([255]) * ID_BYTES)
        lookup.addContacts(compact(network.honest[:START]))
        tally = network.run(lookup)
        self.assertTrue(tally.mostInFlight <= LOOKUP_WINDOW)
        self.assertEqual(len(set(tally.asked)), len(tally.asked))
        self.assertTrue(len(tally.asked) <= LOOKUP_BUDGET)
        self.assertTrue(tally.datagrams <= MOST_DATAGRAMS, tally.datagrams)
        return lookup, tally

    def makeNetwork(self, seed: int, count: int = 150, isPublic: bool = True) -> LookupNetwork:
        """Return a network of ``count`` honest nodes. It has a random target."""
        network = LookupNetwork(Random(seed), isPublic)
        network.addHonest(count)
        return network

    def heardOf(self, network: LookupNetwork, tally: Tally) -> list[Contact]:
        """
        Return the honest nodes that the lookup knew, closest to the target first.

        It knew the nodes that it started from and the nodes that answers named.
        """
        known = tally.named & set(network.honest) | set(network.honest[:START])
        return byDistance(known, network.target)

    def assertHolders(self, lookup: Lookup, network: LookupNetwork, liars: int, seed: int) -> None:
        """
        Require at most ``liars`` liars among the results. All others are the closest honest nodes.
        """
        honest = set(network.honest)
        result = resultsOf(lookup)
        held = [contact for contact in result if contact in honest]
        self.assertTrue(len(result) - len(held) <= liars, f"seed {seed}")
        self.assertEqual(len(result), min(K, len(honest) + liars), f"seed {seed}")
        self.assertEqual(held, network.holders(len(held)), f"seed {seed}")


class HonestTests(NetworkTestCase):
    """
    Networks without liars.
    """

    def test_kClosestAreFound(self) -> None:
        """The 20 closest of 150 nodes are found, in order, with fewer than 80 requests."""
        for seed in SEEDS:
            network = self.makeNetwork(seed)
            lookup, tally = self.lookUp(network)
            self.assertEqual(resultsOf(lookup), network.holders(), f"seed {seed}")
            # A lookup that asks most of the network would pass the test above without being
            # efficient.
            self.assertTrue(len(tally.asked) < 80, len(tally.asked))

    def test_smallNetworkIsFoundWhole(self) -> None:
        """
        All nodes of networks of 1 to 20 nodes are found. Of 21 nodes, the 20 closest are found.
        """
        for seed, count in enumerate((1, 2, 5, K - 1, K, K + 1)):
            network = self.makeNetwork(seed, count)
            lookup, _ = self.lookUp(network)
            self.assertEqual(resultsOf(lookup), network.holders())

    def test_kClosestOfAPrivateNetworkAreFound(self) -> None:
        """The 20 closest of 150 nodes with private addresses are found, in order."""
        for seed in SEEDS:
            network = self.makeNetwork(seed, isPublic=False)
            lookup, _ = self.lookUp(network)
            self.assertEqual(resultsOf(lookup), network.holders(), f"seed {seed}")

    def test_closestAreFoundAmongSilentNodes(self) -> None:
        """
        In a network of 150 honest and 75 silent nodes, the 20 closest honest nodes that the lookup
        knew are found.
        """
        for seed in SEEDS:
            network = self.makeNetwork(seed)
            network.addSilent(75)
            lookup, tally = self.lookUp(network)
            self.assertEqual(resultsOf(lookup), self.heardOf(network, tally)[:K], f"seed {seed}")

    def test_lookupOfASilentNetworkEnds(self) -> None:
        """A lookup in a network without any answer ends within its budget and has no results."""
        network = self.makeNetwork(0)
        network.honest, known = [], network.honest
        lookup = Lookup(network.target, bytes(ID_BYTES))
        lookup.addContacts(compact(known))
        tally = network.run(lookup)
        self.assertEqual(resultsOf(lookup), [])
        self.assertTrue(tally.datagrams <= MOST_DATAGRAMS)


def alwaysNames(contacts: list[Contact]) -> Callable[[bytes], list[Contact]]:
    """Return a function that names the same contacts for every target."""
    return lambda target: contacts


class EndlessHost:
    """
    A host that answers at every port, each time under an id closer to the target than before.

    :param host: its address
    """

    def __init__(self, network: LookupNetwork, host: str) -> None:
        self._network = network
        self._host = host
        self._count = 0

    def names(self, target: bytes) -> list[Contact]:
        """Return contacts at 20 new ports of the host."""
        named = []
        for _ in range(K):
            self._count += 1
            id = near(target, (1 << 200) // self._count)
            contact = Contact(id, self._host, 1000 + self._count)
            self._network.place(contact, self.names)
            named.append(contact)
        return named


class LiarTests(NetworkTestCase):
    """
    Networks with one liar next to the target, or with a liar among every five nodes.
    """

    def test_deadIdsHideNoHolder(self) -> None:
        """
        A liar names 20 dead ids next to the target. The lookup finds all holders, and spends fewer
        than 20 requests on dead ids.
        """
        for seed in SEEDS:
            network = self.makeNetwork(seed)
            dead = [network.newContact(near(network.target, 2 + each)) for each in range(100)]
            network.addLiar(alwaysNames(dead[:K]), near(network.target, 1))
            lookup, tally = self.lookUp(network)
            self.assertHolders(lookup, network, 1, seed)
            wasted = {contact.address for contact in dead} & set(tally.asked)
            self.assertTrue(len(wasted) < K, len(wasted))

    def test_liarsHideHoldersOnlyByTheBudget(self) -> None:
        """
        With 40 liars among 200 nodes, a lookup finds the closest honest nodes that it knew, unless
        its budget ends it first. It always finds more than half of the 20 holders.
        """
        complete = 0
        for seed in SEEDS:
            network = self.makeNetwork(seed, 160)
            for liar in range(40):
                dead = [
                    network.newContact(near(network.target, 1 + liar * K + each))
                    for each in range(K)
                ]
                network.addLiar(alwaysNames(dead))
            lookup, tally = self.lookUp(network)
            held = [contact for contact in resultsOf(lookup) if contact in set(network.honest)]
            isComplete = held == self.heardOf(network, tally)[: len(held)]
            self.assertTrue(isComplete or tally.datagrams >= LOOKUP_BUDGET, f"seed {seed}")
            # Even a lookup that its budget ended finds more than half of the holders, and the
            # closest 5.
            self.assertTrue(len(set(held) & set(network.holders())) > K / 2, f"seed {seed}")
            self.assertEqual(held[:5], network.holders(5), f"seed {seed}")
            complete += isComplete
        self.assertTrue(complete > 0)

    def test_liarUnderManyIdsIsAskedOnce(self) -> None:
        """A liar that names its own address under 20 ids is asked at most once."""
        for seed in SEEDS:
            network = self.makeNetwork(seed)
            own: list[Contact] = []
            liar = network.addLiar(alwaysNames(own), near(network.target, 1))
            own += [liar._replace(id=near(network.target, 2 + each)) for each in range(K)]
            lookup, tally = self.lookUp(network)
            self.assertHolders(lookup, network, 1, seed)
            self.assertTrue(tally.asked.count(liar.address) <= 1)

    def test_victimUnderManyIdsIsAskedOnce(self) -> None:
        """An address that a liar names under 20 ids is asked at most once."""
        for seed in SEEDS:
            network = self.makeNetwork(seed)
            victim = network.newContact()
            many = [victim._replace(id=near(network.target, 2 + each)) for each in range(K)]
            network.addLiar(alwaysNames(many), near(network.target, 1))
            lookup, tally = self.lookUp(network)
            self.assertHolders(lookup, network, 1, seed)
            self.assertTrue(tally.asked.count(victim.address) <= 1)

    def test_privateAddressesAreNotAsked(self) -> None:
        """Private addresses named by a public liar are never asked."""
        for seed in SEEDS:
            network = self.makeNetwork(seed)
            inside = [
                Contact(near(network.target, 2 + each), f"192.168.0.{each + 1}", 80)
                for each in range(K)
            ]
            network.addLiar(alwaysNames(inside), near(network.target, 1))
            lookup, tally = self.lookUp(network)
            self.assertHolders(lookup, network, 1, seed)
            self.assertTrue(all(isPublic(address.host) for address in tally.asked))

    def test_reserveDefeatsAnEclipse(self) -> None:
        """
        A lookup that starts from liars alone finds more than half of the 20 holders, because it
        also asks its reserve of other contacts.
        """
        for seed in SEEDS:
            network = self.makeNetwork(seed, 160)
            liars = []
            for liar in range(40):
                dead = [
                    network.newContact(near(network.target, 1 + liar * K + each))
                    for each in range(K)
                ]
                liars.append(network.addLiar(alwaysNames(dead)))
            network.acquaint()
            reserve = partial(compact, network.honest[:START])
            lookup = Lookup(network.target, bytes([255]) * ID_BYTES, reserve=reserve)
            lookup.addContacts(compact(liars[:K]))
            tally = network.run(lookup)
            self.assertTrue(tally.datagrams <= MOST_DATAGRAMS, tally.datagrams)
            held = set(resultsOf(lookup)) & set(network.holders())
            self.assertTrue(len(held) > K / 2, f"seed {seed}: {len(held)}")

    def test_borrowedIdsHideNoHolder(self) -> None:
        """
        A liar names the ids of the 20 holders with dead addresses. The lookup still finds all
        holders.
        """
        for seed in SEEDS:
            network = self.makeNetwork(seed)
            borrowed = [network.newContact(contact.id) for contact in network.holders()]
            network.addLiar(alwaysNames(borrowed), near(network.target, 1))
            lookup, _ = self.lookUp(network)
            self.assertHolders(lookup, network, 1, seed)

    def test_falseIdsHideNoHolder(self) -> None:
        """
        A liar names the addresses of the 20 holders with ids next to the target. The lookup still
        finds all holders under their own ids.
        """
        for seed in SEEDS:
            network = self.makeNetwork(seed)
            misnamed = [
                contact._replace(id=near(network.target, 2 + each))
                for each, contact in enumerate(network.holders())
            ]
            network.addLiar(alwaysNames(misnamed), near(network.target, 1))
            lookup, _ = self.lookUp(network)
            self.assertTrue(set(resultsOf(lookup)) >= set(network.holders(K - 1)), f"seed {seed}")

    def test_endlessHostTakesOnePlace(self) -> None:
        """
        A host that names ever closer ids at its own ports is asked at most 4 times, as
        `LOOKUP_REQUESTS_PER_HOST` allows. It takes one of the 20 places.
        """
        for seed in SEEDS:
            network = self.makeNetwork(seed)
            host = network.newContact().host
            endless = EndlessHost(network, host)
            network.addLiar(endless.names, near(network.target, 1 << 201))
            lookup, tally = self.lookUp(network)
            held = set(resultsOf(lookup)) & set(network.honest)
            # Two places may go to others: one to the endless host, one to the liar that named it.
            self.assertTrue(held >= set(network.holders(K - 2)), f"seed {seed}")
            self.assertTrue(len(resultsOf(lookup)) <= K + LOOKUP_REQUESTS_PER_HOST)
            self.assertTrue(sum(a.host == host for a in tally.asked) <= LOOKUP_REQUESTS_PER_HOST)

    def test_eclipseHidesFewHolders(self) -> None:
        """
        Forty liars among 200 nodes name 40 accomplices next to the target. A lookup returns at most
        40 nodes, and more than half of the 20 holders.
        """
        for seed in SEEDS:
            network = self.makeNetwork(seed, 160)
            ring = [network.newContact(near(network.target, 1 + each)) for each in range(40)]
            for accomplice in ring:
                network.place(accomplice, alwaysNames(ring[:K]))
            for _ in range(40):
                network.addLiar(alwaysNames(ring[:K]))
            network.acquaint()
            lookup = Lookup(network.target, bytes([255]) * ID_BYTES, spacing=(1 << ID_BITS) // 200)
            lookup.addContacts(compact(network.honest[:START]))
            tally = network.run(lookup)
            self.assertTrue(tally.datagrams <= MOST_DATAGRAMS, tally.datagrams)
            result = resultsOf(lookup)
            self.assertTrue(len(result) <= 2 * K)
            self.assertEqual(len(set(result)), len(result))
            held = set(result) & set(network.holders())
            self.assertTrue(len(held) > K / 2, f"seed {seed}: {len(held)}")

    def test_denseIdsAreNoEclipse(self) -> None:
        """
        A lookup that expects 30 nodes suspects no eclipse in a network of 150. It returns exactly
        the 20 holders.
        """
        for seed in SEEDS:
            network = self.makeNetwork(seed)
            network.acquaint()
            # The expected distance between ids is five times too large, as a node with few contacts
            # may estimate it.
            lookup = Lookup(network.target, bytes([255]) * ID_BYTES, spacing=(1 << ID_BITS) // 30)
            lookup.addContacts(compact(network.honest[:START]))
            network.run(lookup)
            self.assertEqual(resultsOf(lookup), network.holders())

    def test_budgetEndsAnEndlessPrivateHost(self) -> None:
        """
        A private host names ever closer ids. Only the budget ends the lookup, because requests to a
        private host have no limit.
        """
        network = self.makeNetwork(1, isPublic=False)
        endless = EndlessHost(network, "10.200.0.1")
        network.addLiar(endless.names, near(network.target, 1 << 201))
        _, tally = self.lookUp(network)
        self.assertTrue(len(tally.asked) > K)
