"""
Tests for `dwdht_twisted.lookup`: what a lookup finds in a network, honest or not.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.limits.bounds import LOOKUP_BUDGET, LOOKUP_REQUESTS_PER_HOST, LOOKUP_WINDOW
from dwdht_twisted._core.lookup import Lookup
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import ID_BITS, ID_BYTES, Contact, ResponseMessage, isPublic
from tests.helpers.core.contacts import byDistance, compact, near
from tests.helpers.core.lookup_network import LookupNetwork, Tally, resultsOf
from tests.helpers.strategies import contacts, ids, patient

#: The seeds of the networks that each test makes.
SEEDS = range(6)

#: From how many honest nodes each lookup starts.
START = 8

#: No lookup sends more datagrams: its budget, and the last window's retries.
MOST_DATAGRAMS = 200


class NetworkTestCase(SynchronousTestCase):
    """
    Lookups in simulated networks, each from a seed.
    """

    def look(self, network: LookupNetwork) -> tuple[Lookup, Tally]:
        """Look for the target, starting from a few honest nodes."""
        network.acquaint()
        lookup = Lookup(network.target, bytes([255]) * ID_BYTES)
        lookup.addContacts(compact(network.honest[:START]))
        tally = network.run(lookup)
        self.assertTrue(tally.mostInFlight <= LOOKUP_WINDOW)
        self.assertEqual(len(set(tally.asked)), len(tally.asked))
        self.assertTrue(len(tally.asked) <= LOOKUP_BUDGET)
        self.assertTrue(tally.datagrams <= MOST_DATAGRAMS, tally.datagrams)
        return lookup, tally

    def network(self, seed: int, count: int = 150, isPublic: bool = True) -> LookupNetwork:
        """A network of honest nodes, and a target."""
        network = LookupNetwork(Random(seed), isPublic)
        network.addHonest(count)
        return network

    def heardOf(self, network: LookupNetwork, tally: Tally) -> list[Contact]:
        """The honest nodes that a lookup could know of, closest first."""
        known = tally.named & set(network.honest) | set(network.honest[:START])
        return byDistance(known, network.target)

    def assertHolders(self, lookup: Lookup, network: LookupNetwork, liars: int, seed: int) -> None:
        """Check that all honest holders are found but those whose places liars answered from."""
        honest = set(network.honest)
        result = resultsOf(lookup)
        held = [contact for contact in result if contact in honest]
        self.assertTrue(len(result) - len(held) <= liars, f"seed {seed}")
        self.assertEqual(len(result), min(K, len(honest) + liars), f"seed {seed}")
        self.assertEqual(held, network.holders(len(held)), f"seed {seed}")


class HonestTests(NetworkTestCase):
    """
    Tests for networks in which nobody lies.
    """

    def test_all(self) -> None:
        """The k closest of all nodes are found, closest first."""
        for seed in SEEDS:
            network = self.network(seed)
            lookup, tally = self.look(network)
            self.assertEqual(resultsOf(lookup), network.holders(), f"seed {seed}")
            # Far fewer than there are nodes.
            self.assertTrue(len(tally.asked) < 80, len(tally.asked))

    def test_small(self) -> None:
        """In a network of fewer than k nodes all are found."""
        for seed, count in enumerate((1, 2, 5, K - 1, K, K + 1)):
            network = self.network(seed, count)
            lookup, _ = self.look(network)
            self.assertEqual(resultsOf(lookup), network.holders())

    def test_private(self) -> None:
        """On a private network it is the same."""
        for seed in SEEDS:
            network = self.network(seed, isPublic=False)
            lookup, _ = self.look(network)
            self.assertEqual(resultsOf(lookup), network.holders(), f"seed {seed}")

    def test_silent(self) -> None:
        """When a third of the known nodes have left, the closest that are named are found."""
        for seed in SEEDS:
            network = self.network(seed)
            network.addSilent(75)
            lookup, tally = self.look(network)
            self.assertEqual(resultsOf(lookup), self.heardOf(network, tally)[:K], f"seed {seed}")

    def test_nobody(self) -> None:
        """When nobody answers, it ends and has found nobody."""
        network = self.network(0)
        network.honest, known = [], network.honest
        lookup = Lookup(network.target, bytes(ID_BYTES))
        lookup.addContacts(compact(known))
        tally = network.run(lookup)
        self.assertEqual(resultsOf(lookup), [])
        self.assertTrue(tally.datagrams <= MOST_DATAGRAMS)


def names(contacts: list[Contact]) -> Callable[[bytes], list[Contact]]:
    """Always name the same."""
    return lambda target: contacts


class Endless:
    """
    A host that answers at all its ports, at each under an id closer than the last.

    :param host: where it stands
    """

    def __init__(self, network: LookupNetwork, host: str) -> None:
        self._network = network
        self._host = host
        self._count = 0

    def names(self, target: bytes) -> list[Contact]:
        """More of its ports."""
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
    Tests for networks with liars, one next to the target, or one node in five.
    """

    def test_deadIds(self) -> None:
        """A liar that names dead ids next to the target costs requests, and no holder."""
        for seed in SEEDS:
            network = self.network(seed)
            dead = [network.newContact(near(network.target, 2 + each)) for each in range(100)]
            network.addLiar(names(dead[:K]), near(network.target, 1))
            lookup, tally = self.look(network)
            self.assertHolders(lookup, network, 1, seed)
            wasted = {contact.address for contact in dead} & set(tally.asked)
            self.assertTrue(len(wasted) < K, len(wasted))

    def test_everyFifth(self) -> None:
        """When one node in five names dead ids, only the budget ends the search for holders."""
        complete = 0
        for seed in SEEDS:
            network = self.network(seed, 160)
            for liar in range(40):
                dead = [
                    network.newContact(near(network.target, 1 + liar * K + each))
                    for each in range(K)
                ]
                network.addLiar(names(dead))
            lookup, tally = self.look(network)
            held = [contact for contact in resultsOf(lookup) if contact in set(network.honest)]
            isComplete = held == self.heardOf(network, tally)[: len(held)]
            self.assertTrue(isComplete or tally.datagrams >= LOOKUP_BUDGET, f"seed {seed}")
            # Most of the holders are found in any case, and the closest of all.
            self.assertTrue(len(set(held) & set(network.holders())) > K / 2, f"seed {seed}")
            self.assertEqual(held[:5], network.holders(5), f"seed {seed}")
            complete += isComplete
        self.assertTrue(complete > 0)

    def test_sameAddress(self) -> None:
        """A liar that names its own address under many ids is asked once."""
        for seed in SEEDS:
            network = self.network(seed)
            own: list[Contact] = []
            liar = network.addLiar(names(own), near(network.target, 1))
            own += [liar._replace(id=near(network.target, 2 + each)) for each in range(K)]
            lookup, tally = self.look(network)
            self.assertHolders(lookup, network, 1, seed)
            self.assertTrue(tally.asked.count(liar.address) <= 1)

    def test_victim(self) -> None:
        """A liar that names a victim's address under many ids has it asked once."""
        for seed in SEEDS:
            network = self.network(seed)
            victim = network.newContact()
            many = [victim._replace(id=near(network.target, 2 + each)) for each in range(K)]
            network.addLiar(names(many), near(network.target, 1))
            lookup, tally = self.look(network)
            self.assertHolders(lookup, network, 1, seed)
            self.assertTrue(tally.asked.count(victim.address) <= 1)

    def test_privateAddresses(self) -> None:
        """Private addresses that nodes of the public internet name are never asked."""
        for seed in SEEDS:
            network = self.network(seed)
            inside = [
                Contact(near(network.target, 2 + each), f"192.168.0.{each + 1}", 80)
                for each in range(K)
            ]
            network.addLiar(names(inside), near(network.target, 1))
            lookup, tally = self.look(network)
            self.assertHolders(lookup, network, 1, seed)
            self.assertTrue(all(isPublic(address.host) for address in tally.asked))

    def test_eclipsed(self) -> None:
        """
        When all that are known near the target are liars that name dead ids, those that are known
        elsewhere lead to the holders.
        """
        for seed in SEEDS:
            network = self.network(seed, 160)
            liars = []
            for liar in range(40):
                dead = [
                    network.newContact(near(network.target, 1 + liar * K + each))
                    for each in range(K)
                ]
                liars.append(network.addLiar(names(dead)))
            network.acquaint()
            reserve = partial(compact, network.honest[:START])
            lookup = Lookup(network.target, bytes([255]) * ID_BYTES, reserve=reserve)
            lookup.addContacts(compact(liars[:K]))
            tally = network.run(lookup)
            self.assertTrue(tally.datagrams <= MOST_DATAGRAMS, tally.datagrams)
            held = set(resultsOf(lookup)) & set(network.holders())
            self.assertTrue(len(held) > K / 2, f"seed {seed}: {len(held)}")

    def test_borrowedIds(self) -> None:
        """A liar that names the holders' ids at dead addresses hides none of them."""
        for seed in SEEDS:
            network = self.network(seed)
            borrowed = [network.newContact(contact.id) for contact in network.holders()]
            network.addLiar(names(borrowed), near(network.target, 1))
            lookup, _ = self.look(network)
            self.assertHolders(lookup, network, 1, seed)

    def test_endless(self) -> None:
        """A host that names ever closer ids at its own ports displaces one holder, and no more."""
        for seed in SEEDS:
            network = self.network(seed)
            host = network.newContact().host
            endless = Endless(network, host)
            network.addLiar(endless.names, near(network.target, 1 << 201))
            lookup, tally = self.look(network)
            held = set(resultsOf(lookup)) & set(network.honest)
            # The liar that named the host has a place too.
            self.assertTrue(held >= set(network.holders(K - 2)), f"seed {seed}")
            self.assertTrue(len(resultsOf(lookup)) <= K + LOOKUP_REQUESTS_PER_HOST)
            self.assertTrue(sum(a.host == host for a in tally.asked) <= LOOKUP_REQUESTS_PER_HOST)

    def test_besieged(self) -> None:
        """
        When one node in five names accomplices that stand next to the target, an update goes to
        true holders as well as to them.
        """
        for seed in SEEDS:
            network = self.network(seed, 160)
            ring = [network.newContact(near(network.target, 1 + each)) for each in range(40)]
            for accomplice in ring:
                network.place(accomplice, names(ring[:K]))
            for _ in range(40):
                network.addLiar(names(ring[:K]))
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

    def test_notBesieged(self) -> None:
        """That k nodes stand where ids are as dense as everywhere is no siege."""
        for seed in SEEDS:
            network = self.network(seed)
            network.acquaint()
            # Taken to be several times too large, as by a node that knows few.
            lookup = Lookup(network.target, bytes([255]) * ID_BYTES, spacing=(1 << ID_BITS) // 30)
            lookup.addContacts(compact(network.honest[:START]))
            network.run(lookup)
            self.assertEqual(resultsOf(lookup), network.holders())

    def test_endlessPrivate(self) -> None:
        """Where a host has no bound, endless closer ids are ended by the budget."""
        network = self.network(1, isPublic=False)
        endless = Endless(network, "10.200.0.1")
        network.addLiar(endless.names, near(network.target, 1 << 201))
        _, tally = self.look(network)
        self.assertTrue(len(tally.asked) > K)


#: What a node that wants to do harm may answer: contacts that come again and again, and any bytes.
_few = st.lists(contacts, min_size=1, max_size=30)


class TerminationTests(SynchronousTestCase):
    """
    Tests for the end of any lookup.
    """

    @patient
    @given(
        ids,
        ids,
        st.lists(contacts, max_size=30),
        _few,
        st.lists(st.binary(max_size=100), max_size=5),
        st.randoms(use_true_random=False),
    )
    def test_ends(
        self,
        target: bytes,
        own: bytes,
        start: list[Contact],
        pool: list[Contact],
        junk: list[bytes],
        random: Random,
    ) -> None:
        """Whatever is answered by whomever, a lookup ends within its budget."""
        lookup = Lookup(target, own)
        lookup.addContacts(compact(start))
        if random.random() < 0.5:
            lookup.addBootstrap(contact.address for contact in pool[:3])
        claimed = [None, own, target, *(contact.id for contact in (*start, *pool))]

        def hostile(_: bytes) -> ResponseMessage:
            nodes = compact(random.choices(pool, k=random.randrange(30))) + b"".join(junk)
            id = random.choice([*claimed, random.randbytes(ID_BYTES)])
            return ResponseMessage(0, id, nodes)

        network = LookupNetwork(random)
        for contact in (*start, *pool):
            network.answerAt(contact.address, hostile)
        tally = network.run(lookup, lateness=random.random() * 0.9)
        self.assertTrue(len(tally.asked) <= LOOKUP_BUDGET)
        self.assertTrue(tally.datagrams <= MOST_DATAGRAMS)
        self.assertEqual(len(set(tally.asked)), len(tally.asked))
        result = lookup.closest()
        self.assertTrue(len(result) <= K)
        self.assertEqual(len({candidate.address for candidate in result}), len(result))
        self.assertNotIn(own, {candidate.id for candidate in result})
        distances = [candidate.distance for candidate in result]
        self.assertEqual(distances, sorted(distances))
