"""
Lookups that know which addresses were silent lately.
"""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.lookup import Lookup
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import ID_BYTES, Address, Contact
from tests.helpers.core.contacts import byDistance, compact
from tests.helpers.core.lookup_network import LookupNetwork, Tally, resultsOf
from tests.helpers.core.lookups import OWN, TARGET, LookupTestCase, node

#: The seeds of the drawn networks.
SEEDS = range(10)


class SilentNetworkTests(SynchronousTestCase):
    """
    Networks of honest and dead nodes, drawn from a seed.
    """

    def lookUp(
        self, seed: int, honest: int, dead: int, *, asksSilent: bool = False
    ) -> tuple[LookupNetwork, set[Address], set[Address], Lookup, Tally]:
        """
        Run a lookup that takes all dead nodes, and a drawn share of the honest ones, for silent.

        :return: the network, the dead addresses, the silent addresses, the lookup and its cost
        """
        random = Random(seed)
        network = LookupNetwork(random)
        network.addHonest(honest)
        network.addSilent(dead)
        network.acquaint()
        gone = {each.address for each in network.contacts} - {
            each.address for each in network.honest
        }
        wronged = random.sample(network.honest, random.choice([0, honest // 4, honest]))
        silent = gone | {each.address for each in wronged}
        lookup = Lookup(
            network.target,
            bytes(ID_BYTES),
            isSilent=silent.__contains__,
            asksSilent=asksSilent,
        )
        known = random.sample(network.contacts, min(K, honest + dead))
        lookup.addContacts(compact(known))
        tally = network.run(lookup, lateness=0.0)
        tally.named.update(known)
        return network, gone, silent, lookup, tally

    def test_deadAreNotAskedWhereEnoughAnswer(self) -> None:
        """
        In a network of 150 nodes with 50 dead ones that were silent lately, the dead cost a lookup
        nothing, and it finds the 20 closest of the others that it has heard of.
        """
        for seed in SEEDS:
            network, gone, silent, lookup, tally = self.lookUp(seed, 150, 50)
            trusted = [each for each in network.honest if each.address not in silent]
            if len(trusted) < 2 * K:
                continue
            self.assertEqual(gone & set(tally.asked), set(), f"seed {seed}")
            known = [each for each in tally.named if each in trusted]
            expected = byDistance(known, network.target)[:K]
            found = [each for each in resultsOf(lookup) if each.address not in silent]
            self.assertEqual(found[: len(expected)], expected, f"seed {seed}")

    def test_silentAreAskedLastByALookupThatReads(self) -> None:
        """
        In a network of 150 nodes with 50 dead ones, a lookup that asks the silent too finds the 20
        closest honest nodes that it has heard of, even those that count as silent.
        """
        for seed in SEEDS:
            network, _, _, lookup, tally = self.lookUp(seed, 150, 50, asksSilent=True)
            known = [each for each in tally.named if each in network.honest]
            found = resultsOf(lookup)
            expected = byDistance(known, network.target)[:K]
            self.assertEqual(found[: len(expected)], expected, f"seed {seed}")
            self.assertLess(tally.datagrams, 144, f"seed {seed}")

    def test_allAreAskedWhereTooFewAnswer(self) -> None:
        """
        In a network of 15 honest and 5 dead nodes, all honest nodes are found, even those that
        count as silent. The others are asked first.
        """
        for seed in SEEDS:
            network, _, silent, lookup, tally = self.lookUp(seed, 15, 5)
            self.assertEqual(set(resultsOf(lookup)), set(network.honest), f"seed {seed}")
            order = [address in silent for address in tally.asked]
            trusted = len(network.honest) - len(silent) + 5
            self.assertEqual(order[:trusted], [False] * trusted, f"seed {seed}")

    def test_memoryOfEverybodyDoesNoHarm(self) -> None:
        """
        If every node counts as silent although all answer, a lookup finds the 20 closest nodes
        that it has heard of, as without the memory.
        """
        for seed in SEEDS:
            network = LookupNetwork(Random(seed))
            network.addHonest(150)
            network.acquaint()
            lookup = Lookup(network.target, bytes(ID_BYTES), isSilent=lambda address: True)
            lookup.addContacts(compact(network.honest[:K]))
            tally = network.run(lookup, lateness=0.0)
            self.assertEqual(set(resultsOf(lookup)) - set(network.holders()), set(), f"seed {seed}")
            self.assertLess(tally.datagrams, 144, f"seed {seed}")


class OrderTests(LookupTestCase):
    """
    The order of requests to addresses that were silent lately.
    """

    def order(self, contacts: list[Contact], silent: set[Address], k: int) -> list[Contact]:
        """Return the asked contacts of a lookup, in order. The silent addresses don't answer."""
        lookup = Lookup(TARGET, OWN, k=k, isSilent=silent.__contains__)
        lookup.addContacts(compact(contacts))
        return self.finish(lookup, [each for each in contacts if each.address in silent])

    def test_silentAddressIsAskedLast(self) -> None:
        """Of five contacts, the closest is asked last, because its address was silent lately."""
        contacts = [node(number) for number in range(1, 6)]
        asked = self.order(contacts, {contacts[0].address}, k=8)
        self.assertEqual(asked, [*contacts[1:], contacts[0]])

    def test_silentAddressIsNotAskedWhenAllPlacesAreTaken(self) -> None:
        """The closest of nine contacts is not asked when the eight others have answered."""
        contacts = [node(number) for number in range(1, 10)]
        asked = self.order(contacts, {contacts[0].address}, k=8)
        self.assertEqual(asked, contacts[1:])
