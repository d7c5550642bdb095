"""
The rules by which a lookup waits: for late and silent candidates, and in a suspected eclipse.

A crowd is k nodes that are closer to the target than chance puts them. When they have answered, an
eclipse of the target is suspected, and the lookup goes on outside of the crowd.
"""

from __future__ import annotations

from dwdht_twisted._core.lookup import Candidate, Lookup, State
from dwdht_twisted._core.lookup.bounds import LOOKUP_ADDRESSES_PER_ID
from dwdht_twisted._core.lookup.lookup import CROWDED
from dwdht_twisted._core.lookup.pending import PATIENCE
from dwdht_twisted._core.wire import Address, Contact
from tests.helpers.core.contacts import compact, near
from tests.helpers.core.lookup_network import answer
from tests.helpers.core.lookups import (
    OWN,
    TARGET,
    LookupTestCase,
    askAll,
    contactOf,
    node,
    startLookup,
)

#: The distance below which k nodes are a crowd.
CROWD_DISTANCE = 100


def isOver(lookup: Lookup) -> bool:
    """Return whether a lookup that has no candidate to ask now is over."""
    assert lookup.next() is None
    return lookup.isOver


class SilentAddressTests(LookupTestCase):
    """
    Candidates of which one address was silent lately, while places are free.
    """

    def start(self, *silent: Address, isAnswered: bool) -> tuple[Lookup, Candidate]:
        """
        Run a lookup with two candidates until only the first is in flight.

        :param silent: the addresses that were silent lately. The second candidate has none of them
        :param isAnswered: whether the second candidate answers, or fails
        :return: the lookup and the first candidate
        """
        lookup = Lookup(TARGET, OWN, isSilent=lambda address: address in silent)
        lookup.addContacts(compact([node(1), node(2)]))
        *asked, second = askAll(lookup)
        if isAnswered:
            lookup.answered(second, answer(second.id))
        else:
            lookup.failed(second)
        [first] = asked or askAll(lookup)
        return lookup, first

    def waits(self, lookup: Lookup, candidate: Candidate) -> list[bool]:
        """Return whether the lookup is over while 1 to 4 transmissions are unanswered."""
        seen = [isOver(lookup)]
        for transmissions in range(1, 4):
            lookup.late(candidate, transmissions)
            seen.append(isOver(lookup))
        return seen

    def test_silentAddressIsWaitedForTwice(self) -> None:
        """
        After another node has answered, a candidate with a recently silent address is waited for
        during 2 transmissions, `PATIENCE`. A candidate without such an address is waited for during
        all four.
        """
        for silent, expected in (
            ([node(1).address], [False] * PATIENCE + [True] * (4 - PATIENCE)),
            ([], [False] * 4),
        ):
            lookup, first = self.start(*silent, isAnswered=True)
            self.assertEqual(self.waits(lookup, first), expected)

    def test_silentAddressIsWaitedForWithoutAnyAnswer(self) -> None:
        """
        Without any answer, a candidate with a recently silent address is waited for until its
        request fails.
        """
        lookup, first = self.start(node(1).address, isAnswered=False)
        self.assertEqual(self.waits(lookup, first), [False] * 4)
        lookup.failed(first)
        self.assertTrue(isOver(lookup))

    def test_searcherIsWaitedFor(self) -> None:
        """While places are free, a lookup waits for the answer of the searcher itself."""
        own = near(TARGET, 50)
        lookup = Lookup(TARGET, own)
        lookup.addContacts(compact([node(1)]))
        lookup.addLocal()
        first, local = askAll(lookup)
        lookup.answered(first, answer(first.id))
        self.assertFalse(isOver(lookup))
        lookup.answered(local, answer(own))
        self.assertTrue(isOver(lookup))


class PostponedTests(LookupTestCase):
    """
    An id at more addresses than are asked at the same time.
    """

    def setUp(self) -> None:
        twins = [node(1, f"20.9.{host}.1") for host in range(LOOKUP_ADDRESSES_PER_ID + 1)]
        self.lookup = startLookup(twins)
        self.asked = askAll(self.lookup)
        [self.postponed] = set(twins) - set(map(contactOf, self.asked))

    def test_addressIsPostponed(self) -> None:
        """The fourth address of an id is not asked while three are in flight."""
        self.assertEqual(len(self.asked), LOOKUP_ADDRESSES_PER_ID)
        self.assertFalse(isOver(self.lookup))

    def test_failureMakesRoom(self) -> None:
        """When a request to an address fails at once, the postponed address is asked."""
        self.lookup.failed(self.asked[0])
        self.assertEqual(list(map(contactOf, askAll(self.lookup))), [self.postponed])

    def test_lateAnswerMakesRoom(self) -> None:
        """
        When an answer is late, the postponed address is asked. When the late request then fails, no
        further address is asked.
        """
        self.lookup.late(self.asked[0], 1)
        self.assertEqual(list(map(contactOf, askAll(self.lookup))), [self.postponed])
        self.lookup.failed(self.asked[0])
        self.assertEqual(askAll(self.lookup), [])

    def test_answerUnderAnotherIdMakesRoom(self) -> None:
        """When an address answers under another id, the postponed address is asked."""
        self.lookup.answered(self.asked[0], answer(near(TARGET, 9)))
        self.assertEqual(list(map(contactOf, askAll(self.lookup))), [self.postponed])

    def test_answerUnderTheIdMakesNoRoom(self) -> None:
        """When one address answers under the id, the postponed address is not asked."""
        self.lookup.answered(self.asked[0], answer(near(TARGET, 1)))
        self.assertEqual(askAll(self.lookup), [])


class EclipseTests(LookupTestCase):
    """
    A lookup for two nodes, after two nodes of a crowd have answered.
    """

    def start(self, *outer: Contact) -> tuple[Lookup, list[Candidate]]:
        """Return a lookup with some candidates outside of the crowd in flight, and these."""
        lookup = Lookup(TARGET, OWN, k=2, spacing=CROWD_DISTANCE * CROWDED)
        lookup.addContacts(compact([node(50), node(51)]))
        crowd = askAll(lookup)
        # The searcher knows these by itself, so nobody pays for them.
        lookup.addContacts(compact(outer))
        for each in crowd:
            lookup.answered(each, answer(each.id))
        return lookup, askAll(lookup)

    def numbers(self, candidates: list[Candidate]) -> list[int]:
        """Return the distances of candidates."""
        return [each.distance for each in candidates]

    def test_outerNodesAreAskedFirst(self) -> None:
        """
        After a crowd has answered, two nodes outside of it are asked. Closer nodes that the crowd
        names are asked only when each of the two has answered or is late.
        """
        lookup, outer = self.start(node(200), node(201))
        self.assertEqual(self.numbers(outer), [200, 201])
        lookup.addContacts(compact([node(40)]))
        lookup.answered(outer[0], answer(outer[0].id))
        self.assertEqual(askAll(lookup), [])
        lookup.late(outer[1], 1)
        self.assertEqual(self.numbers(askAll(lookup)), [40])

    def test_crowdIsNotFollowedWithoutEnd(self) -> None:
        """
        After a crowd of 2 or 3 nodes, a closer node is asked. After a crowd of 4 nodes, twice k, no
        closer node is asked.
        """
        lookup, outer = self.start(node(200), node(201))
        for each in outer:
            lookup.answered(each, answer(each.id))
        for number, expected in ((40, [40]), (30, [30]), (20, [])):
            lookup.addContacts(compact([node(number)]))
            asked = askAll(lookup)
            self.assertEqual(self.numbers(asked), expected)
            for each in asked:
                lookup.answered(each, answer(each.id))
        self.assertTrue(isOver(lookup))

    def startWithThree(self) -> tuple[Lookup, Candidate, Candidate, Candidate]:
        """Return a lookup with a late candidate outside of the crowd and two on time, and these."""
        lookup, outer = self.start(node(200), node(201), node(202), node(203))
        self.assertEqual(self.numbers(outer), [200, 201])
        lookup.late(outer[0], 1)
        [third] = askAll(lookup)
        self.assertEqual(third.distance, 202)
        lookup.answered(outer[1], answer(outer[1].id))
        self.assertFalse(isOver(lookup))
        return lookup, outer[0], outer[1], third

    def test_closerOuterNodeIsWaitedForTwice(self) -> None:
        """
        In a suspected eclipse, a pending node that could be one of the two closest outside of the
        crowd is waited for during two transmissions.
        """
        lookup, first, _, third = self.startWithThree()
        lookup.answered(third, answer(third.id))
        self.assertFalse(isOver(lookup))
        lookup.late(first, PATIENCE)
        self.assertTrue(isOver(lookup))

    def test_fartherOuterNodeIsNotWaitedFor(self) -> None:
        """
        In a suspected eclipse, a pending node is not waited for when two closer nodes outside of
        the crowd have answered.
        """
        lookup, first, _, third = self.startWithThree()
        lookup.answered(first, answer(first.id))
        self.assertIs(third.state, State.ASKED)
        self.assertTrue(isOver(lookup))

    def test_middleOfTheCrowdIsNotWaitedFor(self) -> None:
        """
        In a suspected eclipse, a pending node of the crowd is waited for only if it is closer than
        the second place. A node at the very bound of the crowd is outside, and is waited for.
        """
        for number, expected in ((1, False), (60, True), (CROWD_DISTANCE, False)):
            lookup = Lookup(TARGET, OWN, k=2, spacing=CROWD_DISTANCE * CROWDED)
            lookup.addContacts(compact([node(number)]))
            [late] = askAll(lookup)
            lookup.late(late, 1)
            lookup.addContacts(compact([node(50), node(51), node(200), node(201)]))
            while asked := askAll(lookup):
                for each in asked:
                    lookup.answered(each, answer(each.id))
            self.assertEqual(
                list(map(contactOf, lookup.closest())), [node(50), node(51), node(200), node(201)]
            )
            self.assertEqual(isOver(lookup), expected)


class RenamedTests(LookupTestCase):
    """
    An address that was asked under one id, and is then named with another id.
    """

    def test_addressNamedFartherIsStillWaitedFor(self) -> None:
        """
        With k = 2, two nodes have answered. A closer one, which another node has named with an id
        farther than theirs, is still waited for.
        """
        lookup = startLookup([node(10), node(20), node(24), node(30)], k=2)
        first, second = askAll(lookup)
        lookup.late(second, 1)
        [third] = askAll(lookup)
        lookup.late(third, 1)
        [fourth] = askAll(lookup)
        lookup.answered(fourth, answer(fourth.id, [node(10)._replace(id=near(TARGET, 25))]))
        self.assertEqual(askAll(lookup), [])
        for each in (second, third):
            lookup.answered(each, answer(each.id))
        self.assertFalse(isOver(lookup))
        lookup.answered(first, answer(first.id))
        self.assertTrue(isOver(lookup))
        self.assertEqual(list(map(contactOf, lookup.closest())), [node(10), node(20)])

    def test_failedAddressNamedCloserIsNotWaitedFor(self) -> None:
        """
        A node whose request has failed, and which another node then names with a closer id, is
        neither asked again nor waited for.
        """
        lookup = startLookup([node(20), node(30), node(40)], k=3)
        first, second, third = askAll(lookup)
        lookup.failed(third)
        lookup.answered(first, answer(first.id, [node(40)._replace(id=near(TARGET, 5))]))
        self.assertEqual(askAll(lookup), [])
        lookup.answered(second, answer(second.id))
        self.assertTrue(isOver(lookup))
        self.assertEqual(list(map(contactOf, lookup.closest())), [node(20), node(30)])
