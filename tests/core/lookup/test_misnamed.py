"""
Addresses that are named with false ids, and nodes that answer under ids that nobody named.

A *misnamed* node has answered under an id that no other node named it with. It is an extra: it is
returned beside the k closest nodes.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from dwdht_twisted._core.lookup import CREDIT, Candidate, Lookup
from dwdht_twisted._core.lookup.bounds import LOOKUP_ADDRESSES_PER_ID, MAXIMUM_TOO_CLOSE, TOO_CLOSE
from dwdht_twisted._core.lookup.pending import PATIENCE
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import Contact
from tests.core.lookup.test_networks import SEEDS, NetworkTestCase
from tests.helpers.core.contacts import compact, near
from tests.helpers.core.lookup_network import LookupNetwork, answer, resultsOf
from tests.helpers.core.lookups import (
    OWN,
    TARGET,
    LookupTestCase,
    askAll,
    contactOf,
    node,
    startLookup,
)

TOKEN = b"t" * 32


def falsely(contact: Contact, number: int) -> Contact:
    """Return a contact's address with the id at a distance of ``number`` from the target."""
    return contact._replace(id=near(TARGET, number))


class MisnamedTests(LookupTestCase):
    """
    Lookups in which an answer has another id than the one that was asked for.
    """

    def askNext(self, lookup: Lookup) -> Candidate:
        """Return the next candidate, which must exist."""
        candidate = lookup.next()
        assert candidate is not None
        return candidate

    def nameNext(self, lookup: Lookup, contacts: Iterable[Contact]) -> Candidate:
        """Answer for the next candidate under its own id, and name contacts."""
        candidate = self.askNext(lookup)
        lookup.answered(candidate, answer(candidate.id, contacts))
        return candidate

    def found(self, lookup: Lookup) -> list[Contact]:
        """Return the contacts that a lookup has found, in order."""
        return list(map(contactOf, lookup.closest()))

    def test_answerCountsUnderItsOwnId(self) -> None:
        """
        A node named with a false id is found under the id in its answer, with the token of the
        answer. A node that it names is asked.
        """
        lookup = startLookup([node(100)])
        self.nameNext(lookup, [falsely(node(50), 1)])
        candidate = self.askNext(lookup)
        self.assertTrue(lookup.answered(candidate, answer(near(TARGET, 50), [node(7)], TOKEN)))
        self.assertEqual(candidate.token, TOKEN)
        self.assertEqual(self.finish(lookup), [node(7)])
        self.assertEqual(self.found(lookup), [node(7), node(50), node(100)])

    def test_falseIdEarnsNoCredit(self) -> None:
        """
        A liar names 20 honest addresses with false ids. Only 3 of them, its initial credit, are
        asked before the nodes that the searcher knows.
        """
        known = [node(number) for number in range(200, 200 + K)]
        lookup = startLookup([node(100), *known])
        victims = [node(1000 + number) for number in range(K)]
        self.nameNext(lookup, [falsely(victim, 1 + i) for i, victim in enumerate(victims)])
        asked = []
        for candidate in iter(lookup.next, None):
            asked.append(candidate.address)
            trueId = next(
                (each.id for each in victims if each.address == candidate.address), candidate.id
            )
            lookup.answered(candidate, answer(trueId))
        misnamed = {victim.address for victim in victims}
        first = [address in misnamed for address in asked].index(False)
        self.assertEqual(first, CREDIT)
        self.assertEqual(len(misnamed & set(asked)), CREDIT)

    def test_falseIdIsHeldAgainstItsReferrer(self) -> None:
        """A candidate that answers under another id costs its referrer as much as a late one."""
        lookup = startLookup([node(100)])
        liar = self.nameNext(lookup, [falsely(node(50), 1), node(2), node(3)])
        false, late, both = askAll(lookup)
        lookup.answered(false, answer(near(TARGET, 50)))
        self.assertEqual((liar.silences, liar.isRight), (1, False))
        lookup.late(late, 1)
        self.assertEqual(liar.silences, 2)
        lookup.late(both, 1)
        lookup.answered(both, answer(near(TARGET, 51)))
        self.assertEqual(liar.silences, 3, "a late answer under another id counts once")

    def test_misnamedNodeStartsWithoutCredit(self) -> None:
        """
        A node that was asked under a false id names another node. That node is asked after the
        nodes that the searcher knows.
        """
        lookup = startLookup([node(100), node(200), node(300)])
        self.nameNext(lookup, [falsely(node(1000), 1)])
        candidate = self.askNext(lookup)
        lookup.answered(candidate, answer(near(TARGET, 1000), [node(2)]))
        self.assertEqual(candidate.credit, 0)
        self.assertEqual(self.finish(lookup), [node(200), node(300), node(2)])

    def test_unnamedIdTakesNoPlace(self) -> None:
        """
        With k = 3, a node that answers under an id that no node has named is returned beside the 3
        closest nodes.
        """
        lookup = startLookup([node(number) for number in range(10, 15)], k=3)
        liar = self.askNext(lookup)
        self.assertTrue(lookup.answered(liar, answer(near(TARGET, 5))))
        self.finish(lookup)
        self.assertEqual(self.found(lookup), [falsely(node(10), 5), node(11), node(12), node(13)])

    def test_nodeNamedTrulyBeforeItsAnswerTakesItsPlace(self) -> None:
        """
        Before a node that was asked under a false id answers, a second referrer names it with its
        own id. The node takes one of the k places, and the second referrer earns credit.
        """
        lookup = startLookup([node(100), node(101)], k=2)
        liar, referrer = askAll(lookup)
        lookup.answered(liar, answer(liar.id, [falsely(node(50), 1)]))
        candidate = self.askNext(lookup)
        lookup.answered(referrer, answer(referrer.id, [node(50)]))
        lookup.answered(candidate, answer(near(TARGET, 50)))
        self.assertFalse(candidate.isExtra)
        self.assertEqual((liar.isRight, referrer.isRight), (False, True))
        self.assertEqual(self.found(lookup), [node(50), node(100)])

    def test_nodeNamedTrulyAfterItsAnswerTakesItsPlace(self) -> None:
        """
        A misnamed node stops being an extra when another node names it with its own id.
        """
        lookup = startLookup([node(100), node(101)], k=2)
        liar, referrer = askAll(lookup)
        lookup.answered(liar, answer(liar.id, [falsely(node(50), 1)]))
        candidate = self.askNext(lookup)
        lookup.answered(candidate, answer(near(TARGET, 50)))
        self.assertTrue(candidate.isExtra)
        lookup.answered(referrer, answer(referrer.id, [node(50)]))
        self.assertIsNone(lookup.next())
        self.assertFalse(candidate.isExtra)
        self.assertEqual(self.found(lookup), [node(50), node(100)])

    def test_nodeCannotConfirmItsOwnId(self) -> None:
        """
        A node answers under an id that no other node has named, and names itself with this id. The
        node stays an extra, even if another port of its host names it too.
        """
        lookup = startLookup([node(100, "20.9.9.9"), node(101, "20.9.9.9")])
        liar, accomplice = askAll(lookup)
        own = falsely(node(100, "20.9.9.9"), 5)
        lookup.answered(liar, answer(own.id, [own]))
        self.assertIsNone(lookup.next())
        lookup.answered(accomplice, answer(accomplice.id, [own]))
        self.assertIsNone(lookup.next())
        self.assertTrue(liar.isExtra)

    def test_borrowedIdHidesNoNode(self) -> None:
        """
        With k = 20, 60 liars answer under the ids of the 20 closest honest nodes before these do.
        All 20 honest nodes are returned, and at most 40 nodes in all.
        """
        honest = [node(number) for number in range(1, 1 + K)]
        liars = [node(1000 + number) for number in range(3 * K)]
        lookup = startLookup(liars)
        for number, candidate in enumerate(iter(lookup.next, None)):
            lookup.answered(candidate, answer(honest[number % K].id))
        lookup.addContacts(compact(honest))
        self.assertEqual(self.finish(lookup), honest)
        found = self.found(lookup)
        self.assertTrue(set(found) >= set(honest))
        self.assertTrue(len(found) <= 2 * K)

    def test_unnamedIdCountsForFewHosts(self) -> None:
        """
        Five hosts answer under one id that no node has named. Three of them count, as
        `LOOKUP_ADDRESSES_PER_ID` allows.
        """
        lookup = startLookup([node(number) for number in range(10, 15)])
        counted = [
            lookup.answered(candidate, answer(near(TARGET, 5))) for candidate in askAll(lookup)
        ]
        self.assertEqual(counted.count(True), LOOKUP_ADDRESSES_PER_ID)

    def test_unnamedIdsTooCloseAreLimited(self) -> None:
        """
        Twenty nodes answer under ids that no node has named and that are implausibly close to the
        target. Eight of them count, as `MAXIMUM_TOO_CLOSE` allows.
        """
        lookup = Lookup(TARGET, OWN, spacing=TOO_CLOSE << 8)
        lookup.addContacts(compact(node(1000 + number) for number in range(K)))
        counted = [
            lookup.answered(candidate, answer(near(TARGET, 1 + number)))
            for number, candidate in enumerate(iter(lookup.next, None))
        ]
        self.assertEqual(len(counted), K)
        self.assertEqual(counted.count(True), MAXIMUM_TOO_CLOSE)

    def test_falseIdTooCloseCostsNoPlace(self) -> None:
        """
        A node that was named with an implausibly close id, and then with its own, takes a place.
        """
        lookup = Lookup(TARGET, OWN, k=2, spacing=TOO_CLOSE << 8)
        lookup.addContacts(compact([node(1000), node(2000)]))
        liar, referrer = askAll(lookup)
        lookup.answered(liar, answer(liar.id, [falsely(node(500), 1)]))
        lookup.answered(referrer, answer(referrer.id, [node(500)]))
        [candidate] = askAll(lookup)
        self.assertTrue(candidate.isExtra)
        lookup.answered(candidate, answer(near(TARGET, 500)))
        self.assertFalse(candidate.isExtra)

    def test_repeatedHostTakesNoPlaceUnderItsTrueId(self) -> None:
        """
        The second node of a public host stays an extra when it answers under another id, with
        which another node has named it.
        """
        lookup = startLookup([node(100), node(101), node(1, "20.9.9.9"), node(2, "20.9.9.9")])
        asked = askAll(lookup)
        second = asked[1]
        for candidate in asked[2:]:
            lookup.answered(candidate, answer(candidate.id, [falsely(node(2, "20.9.9.9"), 3)]))
        lookup.answered(second, answer(near(TARGET, 3)))
        self.assertTrue(second.isExtra)

    def test_misnamedNodeIsWaitedForUnderItsCloserId(self) -> None:
        """
        With k = 2, two nodes have answered. A third one, asked under a farther id, is waited for
        once another node has named it with a closer id.
        """
        lookup = startLookup([node(1), node(2), falsely(node(0), 3)], k=2)
        first, second = askAll(lookup)
        lookup.late(first, 1)
        [third] = askAll(lookup)
        lookup.answered(second, answer(second.id, [node(0)]))
        lookup.answered(first, answer(first.id))
        self.assertIsNone(lookup.next())
        self.assertFalse(lookup.isOver)
        lookup.answered(third, answer(near(TARGET, 0)))
        self.assertIsNone(lookup.next())
        self.assertTrue(lookup.isOver)
        self.assertEqual(self.found(lookup), [node(0), node(1)])

    def test_lateMisnamedNodeIsWaitedForUnderItsCloserId(self) -> None:
        """
        A late candidate that is named with a closer id is waited for until it has missed 2
        transmissions, the number `PATIENCE`.
        """
        lookup = startLookup([node(1), node(2), falsely(node(0), 3)], k=2)
        first, second = askAll(lookup)
        lookup.late(first, 1)
        [third] = askAll(lookup)
        lookup.late(third, 1)
        lookup.answered(second, answer(second.id, [node(0)]))
        lookup.answered(first, answer(first.id))
        self.assertIsNone(lookup.next())
        for transmissions in range(2, PATIENCE + 1):
            self.assertFalse(lookup.isOver)
            lookup.late(third, transmissions)
        self.assertIsNone(lookup.next())
        self.assertTrue(lookup.isOver)

    def test_trueReferrerMayRelayAHolePunch(self) -> None:
        """
        A liar names an address with a false id, and another node names it with its own id. Each of
        the two is asked to relay a hole punch.
        """
        lookup = startLookup([node(100), node(101)])
        liar, referrer = askAll(lookup)
        lookup.answered(liar, answer(liar.id, [falsely(node(50), 1)]))
        candidate = self.askNext(lookup)
        lookup.answered(referrer, answer(referrer.id, [node(50)]))
        self.assertIsNone(lookup.next())
        asked = {candidate.takeReferrer(transmissions) for transmissions in (1, 2)}
        self.assertEqual(asked, {liar.address, referrer.address})


class TokenTests(LookupTestCase):
    """
    Lookups that precede an update, and so look only for nodes that give a round-trip token.
    """

    def lookUp(self, lookup: Lookup, withToken: set[Contact]) -> list[Contact]:
        """Run a lookup, in which only some nodes give a token. Return the asked contacts."""
        asked = []
        while (candidate := lookup.next()) is not None:
            asked.append(contactOf(candidate))
            token = TOKEN if contactOf(candidate) in withToken else None
            self.assertTrue(lookup.answered(candidate, answer(candidate.id, token=token)))
        self.assertTrue(lookup.isOver)
        return asked

    def test_closestNodesWithTokensAreFound(self) -> None:
        """
        Of 100 nodes, every third gives a token. A lookup before an update finds the 20 closest of
        these. Without an update it finds the 20 closest of all.
        """
        contacts = [node(number) for number in range(1, 101)]
        takers = contacts[::3]
        lookup = Lookup(TARGET, OWN, needsTokens=True)
        lookup.addContacts(compact(contacts))
        asked = self.lookUp(lookup, set(takers))
        self.assertEqual(list(map(contactOf, lookup.closest())), takers[:K])
        self.assertTrue(len(asked) < 80, len(asked))
        plain = startLookup(contacts)
        self.lookUp(plain, set(takers))
        self.assertEqual(list(map(contactOf, plain.closest())), contacts[:K])

    def test_nodeWithoutATokenLeavesItsIdToOthers(self) -> None:
        """
        A node without a token doesn't take the place of its id. A node at another address with the
        same id and a token takes it.
        """
        liar, honest = node(5), node(5, "20.9.9.9")
        lookup = Lookup(TARGET, OWN, needsTokens=True)
        lookup.addContacts(compact([liar, honest]))
        self.lookUp(lookup, {honest})
        [found] = lookup.closest()
        self.assertEqual((contactOf(found), found.isExtra), (honest, False))

    def test_lookupWithoutAnyTokenEnds(self) -> None:
        """
        A lookup before an update asks each of 50 nodes once if none gives a token, and finds none.
        """
        contacts = [node(number) for number in range(1, 51)]
        lookup = Lookup(TARGET, OWN, needsTokens=True)
        lookup.addContacts(compact(contacts))
        self.assertEqual(len(self.lookUp(lookup, set())), 50)
        self.assertEqual(lookup.closest(), [])


class Ring:
    """
    Accomplices of liars. Each answers under a random id, and names others with false ids.
    """

    def __init__(self, network: LookupNetwork, count: int, random: Random) -> None:
        self._random = random
        self._members = [network.newContact() for _ in range(count)]
        for member in self._members:
            network.place(member, self.names)

    def names(self, target: bytes) -> list[Contact]:
        """Return 20 members, each with an id next to a target."""
        members = self._random.sample(self._members, K)
        return [
            each._replace(id=near(target, 1 + self._random.getrandbits(200))) for each in members
        ]


class RingTests(NetworkTestCase):
    """
    Whole networks whose liars name each other with false ids.
    """

    def test_falseIdsUseUpNoBudget(self) -> None:
        """
        Of 200 nodes, 40 are liars. They and 160 accomplices answer under their own ids, and name
        accomplices with ids next to the target. A lookup finds the closest honest nodes, more than
        half of the 20 holders among them, with at most 60 datagrams.
        """
        for seed in SEEDS:
            network = self.makeNetwork(seed, 160)
            ring = Ring(network, 160, Random(seed))
            for _ in range(40):
                network.addLiar(ring.names)
            lookup, tally = self.lookUp(network)
            held = [contact for contact in resultsOf(lookup) if contact in set(network.honest)]
            self.assertEqual(held, network.holders(len(held)), f"seed {seed}")
            self.assertTrue(len(held) > K / 2, f"seed {seed}: {len(held)}")
            self.assertTrue(tally.datagrams <= 60, f"seed {seed}: {tally.datagrams}")
