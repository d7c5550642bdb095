"""
Tests for `dwdht_twisted.lookup`: its rules, one by one.

How far it believes others is in `tests.core.lookup.test_lookup_distrust`, and what it finds in whole networks
in `tests.core.lookup.test_lookup_network`.
"""

from __future__ import annotations

from collections.abc import Iterable

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.limits.bounds import LOOKUP_ADDRESSES_PER_ID, LOOKUP_BUDGET, LOOKUP_WINDOW
from dwdht_twisted._core.lookup import Candidate, Lookup, State
from dwdht_twisted._core.lookup.lookup import PATIENCE, RETRY_BUDGET
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import ID_BYTES, Address, Contact
from tests.core.lookup.test_commit import askAll
from tests.helpers.core.contacts import compact, near
from tests.helpers.core.lookup_network import answer

TARGET = bytes(ID_BYTES)
OWN = b"\xff" * ID_BYTES
TOKEN = b"t" * 32
BOOTSTRAP = Address("198.51.100.1", 6620)


def node(number: int, host: str | None = None) -> Contact:
    """A node at a distance of ``number`` from the target, in a public network of its own."""
    if host is None:
        host = f"20.{number >> 8 & 255}.{number & 255}.1"
    return Contact(near(TARGET, number), host, 1000 + number % 50000)


def looking(contacts: Iterable[Contact], k: int = K) -> Lookup:
    """A lookup that starts from these contacts."""
    lookup = Lookup(TARGET, OWN, k=k)
    lookup.addContacts(compact(contacts))
    return lookup


def contactOf(candidate: Candidate) -> Contact:
    """Who a candidate is."""
    return Contact(candidate.id, *candidate.address)


class LookupTestCase(SynchronousTestCase):
    """
    Lookups that are answered by hand.
    """

    def finish(self, lookup: Lookup, silent: Iterable[Contact] = ()) -> list[Contact]:
        """Have all answer under the id that they are known by, and name nobody; say who."""
        silences = set(silent)
        asked = []
        while (batch := askAll(lookup)) or not lookup.isOver:
            self.assertTrue(batch, "not over, and nobody to ask")
            for candidate in batch:
                asked.append(contactOf(candidate))
                if contactOf(candidate) in silences:
                    lookup.failed(candidate)
                else:
                    lookup.answered(candidate, answer(candidate.id))
        return asked


class OrderTests(LookupTestCase):
    """
    Tests for whom a lookup asks, and in which order.
    """

    def test_nobody(self) -> None:
        """A lookup that knows nobody is over at once."""
        lookup = looking([])
        self.assertIsNone(lookup.next())
        self.assertTrue(lookup.isOver)
        self.assertEqual(lookup.closest(), [])

    def test_closestFirst(self) -> None:
        """The closest candidate is asked first, whether known or named."""
        lookup = looking([node(50), node(30), node(40)], k=3)
        first = lookup.next()
        assert first is not None
        self.assertEqual(contactOf(first), node(30))
        lookup.answered(first, answer(first.id, [node(60), node(10)]))
        self.assertEqual([each.distance for each in askAll(lookup)], [10, 40])

    def test_window(self) -> None:
        """Of many candidates no more than a window is asked at once, and several."""
        lookup = looking([node(number) for number in range(1, 100)], k=50)
        asked: list[Candidate] = []
        for _ in range(20):
            batch = askAll(lookup)
            asked += batch
            self.assertTrue(1 < len(asked) <= LOOKUP_WINDOW)
            self.assertFalse(lookup.isOver)
            lookup.answered(asked.pop(0), answer(near(TARGET, 1000 + len(asked))))

    def test_lateMakesRoom(self) -> None:
        """A request whose answer is late doesn't hold up the others."""
        lookup = looking([node(number) for number in range(1, 100)])
        first = askAll(lookup)
        self.assertIsNone(lookup.next())
        lookup.late(first[0], 1)
        self.assertEqual(len(askAll(lookup)), 1)
        lookup.failed(first[0])
        self.assertIsNone(lookup.next())

    def test_noFurtherThanNeeded(self) -> None:
        """Once the k closest have answered, candidates farther away aren't asked."""
        lookup = looking([node(number) for number in range(1, 11)], k=3)
        asked = self.finish(lookup)
        self.assertEqual(asked[:3], [node(1), node(2), node(3)])
        self.assertNotIn(node(10), asked)
        self.assertEqual([contactOf(each) for each in lookup.closest()], asked[:3])

    def test_askedAgain(self) -> None:
        """A request that starts over on a path that was opened is waited for as a new one."""
        lookup = looking([node(1), node(2), node(3)], k=2)
        first, second = askAll(lookup)
        for transmissions in range(1, PATIENCE + 1):
            lookup.late(first, transmissions)
        [third] = askAll(lookup)
        lookup.askedAgain(first)
        for each in (second, third):
            lookup.answered(each, answer(each.id))
        self.assertIsNone(lookup.next())
        self.assertFalse(lookup.isOver)
        self.assertTrue(lookup.answered(first, answer(first.id)))
        self.assertIsNone(lookup.next())
        self.assertTrue(lookup.isOver)

    def test_silentAreReplaced(self) -> None:
        """For each candidate that doesn't answer, the next closest is asked."""
        contacts = [node(number) for number in range(1, 11)]
        lookup = looking(contacts, k=3)
        self.finish(lookup, silent=contacts[:4])
        found = [contactOf(each) for each in lookup.closest()]
        self.assertEqual(found, contacts[4:7])

    def test_twice(self) -> None:
        """A candidate that is named often is asked once."""
        lookup = looking([node(5), node(5), node(6)])
        first, second = askAll(lookup)
        for each in (first, second):
            lookup.answered(each, answer(each.id, [node(5), node(7)]))
        self.assertEqual([contactOf(each) for each in askAll(lookup)], [node(7)])

    def test_self(self) -> None:
        """The searcher's own id is never asked, nor a result."""
        own = Contact(OWN, "20.0.0.9", 9)
        lookup = looking([own, node(5)])
        [candidate] = askAll(lookup)
        self.assertFalse(lookup.answered(candidate, answer(OWN, [own])))
        self.assertEqual(askAll(lookup), [])
        self.assertEqual(lookup.closest(), [])

    def test_states(self) -> None:
        """What has become of a candidate is to be seen on it."""
        lookup = looking([node(5), node(6)])
        first, second = askAll(lookup)
        self.assertIs(first.state, State.ASKED)
        lookup.late(first, 1)
        self.assertIs(first.state, State.LATE)
        lookup.answered(first, answer(first.id, token=TOKEN))
        self.assertIs(first.state, State.ANSWERED)
        self.assertEqual(first.token, TOKEN)
        lookup.failed(second)
        self.assertIs(second.state, State.FAILED)

    def test_referrer(self) -> None:
        """
        The first that named a candidate can relay a ping to it, and then the last, though that has
        named it since it was asked; a known one has no referrer.
        """
        lookup = looking([node(5), node(6), node(7)])
        first, second, third = askAll(lookup)
        self.assertIsNone(first.referrer(1))
        lookup.answered(first, answer(first.id, [node(3)]))
        [named] = askAll(lookup)
        self.assertEqual(named.referrer(1), first.address)
        self.assertIsNone(named.referrer(2))
        for each in (second, third):
            lookup.answered(each, answer(each.id, [node(3)]))
        self.assertEqual(named.referrer(1), first.address)
        self.assertEqual(named.referrer(2), third.address)
        self.assertIsNone(named.referrer(3))


class EndTests(LookupTestCase):
    """
    Tests for when a lookup is over.
    """

    def test_waitsForAnswers(self) -> None:
        """While an answer may come that counts, it isn't over."""
        lookup = looking([node(5), node(6)])
        first, second = askAll(lookup)
        lookup.answered(second, answer(second.id))
        lookup.late(first, 1)
        self.assertIsNone(lookup.next())
        self.assertFalse(lookup.isOver)
        lookup.failed(first)
        self.assertIsNone(lookup.next())
        self.assertTrue(lookup.isOver)

    def test_notForFarther(self) -> None:
        """When k have answered, nobody farther away is waited for."""
        lookup = looking([node(1), node(2), node(3)], k=2)
        first, second = askAll(lookup)
        lookup.late(first, 1)
        [third] = askAll(lookup)
        for each in (second, first):
            self.assertIsNone(lookup.next())
            self.assertFalse(lookup.isOver)
            lookup.answered(each, answer(each.id))
        self.assertIsNone(lookup.next())
        self.assertTrue(lookup.isOver)
        self.assertEqual(lookup.closest(), [first, second])
        self.assertIs(third.state, State.ASKED)

    def test_notWhileFull(self) -> None:
        """While requests to others take up the window, whoever is closer has its turn to come."""
        lookup = looking([node(number) for number in range(100, 150)], k=2)
        asked: list[Candidate] = []
        while len(asked) < LOOKUP_WINDOW:
            batch = askAll(lookup)
            for each in batch:
                lookup.late(each, 1)
            asked += batch
        for each in asked:
            lookup.askedAgain(each)
        lookup.answered(asked[0], answer(asked[0].id))
        lookup.answered(asked[1], answer(asked[1].id, [node(1)]))
        self.assertIsNone(lookup.next())
        self.assertFalse(lookup.isOver)
        for each in asked[2:]:
            lookup.failed(each)
        self.assertEqual([contactOf(each) for each in askAll(lookup)], [node(1)])

    def test_patience(self) -> None:
        """When k have answered, a closer node that was asked several times isn't waited for."""
        lookup = looking([node(1), node(2), node(3)], k=2)
        first, second = askAll(lookup)
        lookup.late(first, 1)
        [third] = askAll(lookup)
        for each in (second, third):
            lookup.answered(each, answer(each.id))
        self.assertIsNone(lookup.next())
        for transmissions in range(2, PATIENCE + 1):
            self.assertFalse(lookup.isOver)
            lookup.late(first, transmissions)
            self.assertIsNone(lookup.next())
        self.assertTrue(lookup.isOver)

    def test_reserve(self) -> None:
        """When too few answer, all others that the node knows by itself are asked, once."""
        near, others = [node(1), node(2)], [node(number) for number in range(3, 8)]
        given: list[bytes] = []

        def reserve() -> bytes:
            given.append(compact([*near, *others]))
            return given[0]

        lookup = Lookup(TARGET, OWN, reserve=reserve)
        lookup.addContacts(compact(near))
        asked = self.finish(lookup, silent=near)
        self.assertEqual(asked, [*near, *others])
        self.assertEqual(len(given), 1)

    def test_noReserve(self) -> None:
        """When k answer, the other contacts of the node aren't even looked up."""
        lookup = Lookup(TARGET, OWN, k=2, reserve=lambda: self.fail("not needed"))
        lookup.addContacts(compact([node(1), node(2)]))
        self.assertEqual(self.finish(lookup), [node(1), node(2)])

    def test_thrift(self) -> None:
        """When half of the budget is spent, who was silent to several requests is given up."""
        lookup = looking([node(1), node(2)])
        first, second = askAll(lookup)
        lookup.late(first, 1)
        lookup.late(first, PATIENCE)
        self.assertIs(first.state, State.LATE)
        for _ in range(RETRY_BUDGET):
            lookup.punched(first)
        lookup.late(second, 1)
        self.assertIs(second.state, State.LATE)
        lookup.late(second, PATIENCE)
        self.assertIs(second.state, State.FAILED)

    def test_budgetSpent(self) -> None:
        """When the budget is spent, nobody is waited for whose answer is late."""
        lookup = looking([node(1), node(2)])
        first, second = askAll(lookup)
        for transmissions in range(1, LOOKUP_BUDGET):
            lookup.late(first, transmissions)
        self.assertIsNone(lookup.next())
        self.assertFalse(lookup.isOver)
        lookup.answered(second, answer(second.id))
        self.assertIsNone(lookup.next())
        self.assertTrue(lookup.isOver)

    def test_fewerThanK(self) -> None:
        """With fewer than k in the network, all are found before it is over."""
        lookup = looking([node(5), node(6)])
        self.assertEqual(self.finish(lookup), [node(5), node(6)])
        self.assertEqual(len(lookup.closest()), 2)

    def test_budget(self) -> None:
        """After so many datagrams, be they repeated or punches, no further node is asked."""
        lookup = looking([node(number) for number in range(1, 200)])
        [first, second, *others] = askAll(lookup)
        for _ in range(LOOKUP_BUDGET // 2):
            lookup.late(first, 1)
            lookup.punched(second)
        for each in (first, second, *others):
            lookup.failed(each)
        self.assertIsNone(lookup.next())
        self.assertTrue(lookup.isOver)

    def test_bootstrapExpected(self) -> None:
        """While bootstrap nodes are expected and nobody has been found, it isn't over."""
        lookup = Lookup(TARGET, OWN)
        lookup.expect()
        self.assertIsNone(lookup.next())
        self.assertFalse(lookup.isOver)
        lookup.addBootstrap([BOOTSTRAP])
        [candidate] = askAll(lookup)
        lookup.failed(candidate)
        self.assertFalse(lookup.isOver)
        lookup.complete()
        self.assertIsNone(lookup.next())
        self.assertTrue(lookup.isOver)

    def test_foundMeanwhile(self) -> None:
        """When somebody is found meanwhile, and nobody is left to ask, it is over."""
        lookup = looking([node(1), node(2)])
        lookup.expect()
        first, second = askAll(lookup)
        lookup.answered(first, answer(first.id))
        self.assertFalse(lookup.isOver)
        lookup.failed(second)
        self.assertIsNone(lookup.next())
        self.assertTrue(lookup.isOver)

    def test_bootstrapNeeded(self) -> None:
        """A lookup that is for the sake of the bootstrap nodes isn't over before they have come."""
        lookup = looking([node(number) for number in range(1, K + 1)])
        lookup.expect(isNeeded=True)
        while asked := askAll(lookup):
            for each in asked:
                lookup.answered(each, answer(each.id))
        self.assertFalse(lookup.isOver)
        lookup.addBootstrap([BOOTSTRAP])
        lookup.complete()
        [candidate] = askAll(lookup)
        self.assertEqual(candidate.address, BOOTSTRAP)
        lookup.failed(candidate)
        self.assertTrue(lookup.isOver)


class ResultTests(LookupTestCase):
    """
    Tests for what counts as a result.
    """

    def test_bootstrap(self) -> None:
        """A bootstrap node is asked without an id, and counts under the one it answers with."""
        lookup = Lookup(TARGET, OWN)
        lookup.addBootstrap([BOOTSTRAP, BOOTSTRAP])
        [candidate] = askAll(lookup)
        self.assertEqual((candidate.address, candidate.id), (BOOTSTRAP, None))
        self.assertTrue(lookup.answered(candidate, answer(near(TARGET, 9))))
        self.assertEqual(contactOf(lookup.closest()[0]), Contact(near(TARGET, 9), *BOOTSTRAP))

    def test_ephemeral(self) -> None:
        """An ephemeral node is no result, and those that it names are asked."""
        lookup = Lookup(TARGET, OWN)
        lookup.addBootstrap([BOOTSTRAP])
        [candidate] = askAll(lookup)
        self.assertFalse(lookup.answered(candidate, answer(None, [node(5)])))
        self.assertEqual(self.finish(lookup), [node(5)])
        self.assertEqual([contactOf(each) for each in lookup.closest()], [node(5)])

    def test_ownWord(self) -> None:
        """A node that answers under another id than it is known by counts for nothing."""
        lookup = looking([node(5), node(6)])
        first, second = askAll(lookup)
        self.assertFalse(lookup.answered(first, answer(near(TARGET, 7), [node(1)])))
        self.assertTrue(lookup.answered(second, answer(second.id)))
        self.assertEqual(askAll(lookup), [])
        self.assertEqual([each.id for each in lookup.closest()], [near(TARGET, 6)])

    def test_oneId(self) -> None:
        """An id is asked at a few addresses at once, however many it is known at."""
        hosts = [f"20.0.{number}.1" for number in range(LOOKUP_ADDRESSES_PER_ID + 3)]
        lookup = looking([node(5, host) for host in hosts])
        asked = askAll(lookup)
        self.assertEqual(len(asked), LOOKUP_ADDRESSES_PER_ID)
        for candidate in asked:
            lookup.answered(candidate, answer(candidate.id))
        self.assertEqual(askAll(lookup), [])

    def test_falseAddresses(self) -> None:
        """False addresses of an id, late ones and such that deny it, keep nobody waiting."""
        hosts = [f"20.0.{number}.1" for number in range(LOOKUP_ADDRESSES_PER_ID + 2)]
        lookup = looking([node(5, host) for host in hosts])
        late, denying, *_ = askAll(lookup)
        lookup.late(late, 1)
        [fourth] = askAll(lookup)
        self.assertEqual(fourth.address.host, hosts[-2])
        lookup.answered(denying, answer(near(TARGET, 7)))
        [fifth] = askAll(lookup)
        self.assertEqual(fifth.address.host, hosts[-1])

    def test_oneHostForAnId(self) -> None:
        """One host, private or not, is asked for one id at one port only, until that is late."""
        ports = [Contact(near(TARGET, 5), "10.0.0.1", port) for port in (1, 2, 3)]
        lookup = looking(ports)
        [first] = askAll(lookup)
        self.assertEqual(contactOf(first), ports[0])
        lookup.late(first, 1)
        [second] = askAll(lookup)
        lookup.failed(first)
        self.assertEqual(askAll(lookup), [])
        lookup.answered(second, answer(second.id))
        self.assertEqual(askAll(lookup), [])

    def test_impersonation(self) -> None:
        """Who answers under the id of another keeps it from nothing."""
        lookup = looking([node(3), node(5)])
        liar, honest = askAll(lookup)
        self.assertFalse(lookup.answered(liar, answer(honest.id)))
        self.assertTrue(lookup.answered(honest, answer(honest.id)))
        self.assertEqual([contactOf(each) for each in lookup.closest()], [node(5)])

    def test_impersonationByName(self) -> None:
        """Who was named with the id of another keeps the other from nothing either."""
        lookup = looking([node(5, "20.0.0.200"), node(6)])
        liar, referrer = askAll(lookup)
        self.assertTrue(lookup.answered(liar, answer(liar.id)))
        self.assertTrue(lookup.answered(referrer, answer(referrer.id, [node(5)])))
        [honest] = askAll(lookup)
        self.assertTrue(lookup.answered(honest, answer(honest.id)))
        self.assertIn(node(5), [contactOf(each) for each in lookup.closest()])

    def test_oneIdTwoAddresses(self) -> None:
        """When one address of an id is silent, the other is asked for it."""
        lookup = looking([node(5), node(5, "20.0.0.200")])
        first, second = askAll(lookup)
        lookup.failed(first)
        self.assertTrue(lookup.answered(second, answer(second.id)))
        self.assertEqual(lookup.closest(), [second])

    def test_k(self) -> None:
        """No more than k are found, the closest of those that answered."""
        lookup = looking([node(number) for number in range(1, 6)], k=2)
        asked = askAll(lookup)
        for each in asked:
            lookup.late(each, 1)
        asked += askAll(lookup)
        for each in reversed(asked):
            lookup.answered(each, answer(each.id))
        self.assertEqual([each.distance for each in lookup.closest()], [1, 2])
