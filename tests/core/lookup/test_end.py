"""
The end of a lookup: after k answers, after silence, by its budget, and with bootstrap nodes.
"""

from __future__ import annotations

from dwdht_twisted._core.lookup import Candidate, Lookup, State
from dwdht_twisted._core.lookup.bounds import LOOKUP_BUDGET, LOOKUP_WINDOW
from dwdht_twisted._core.lookup.lookup import RETRY_BUDGET
from dwdht_twisted._core.lookup.pending import PATIENCE
from dwdht_twisted._core.routing import K
from tests.helpers.core.contacts import compact
from tests.helpers.core.lookup_network import answer
from tests.helpers.core.lookups import (
    BOOTSTRAP,
    OWN,
    TARGET,
    LookupTestCase,
    askAll,
    contactOf,
    node,
    startLookup,
)


class EndTests(LookupTestCase):
    """
    The conditions under which a lookup is over.
    """

    def test_lookupWaitsForLateAnswerThatCounts(self) -> None:
        """A lookup isn't over while a late answer could still become one of the k results."""
        lookup = startLookup([node(5), node(6)])
        first, second = askAll(lookup)
        lookup.answered(second, answer(second.id))
        lookup.late(first, 1)
        self.assertIsNone(lookup.next())
        self.assertFalse(lookup.isOver)
        lookup.failed(first)
        self.assertIsNone(lookup.next())
        self.assertTrue(lookup.isOver)

    def test_lookupDoesNotWaitForFartherCandidate(self) -> None:
        """
        A lookup is over when the k closest candidates have answered, although a farther candidate's
        answer is pending.
        """
        lookup = startLookup([node(1), node(2), node(3)], k=2)
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

    def test_closerCandidateWaitsForTheWindow(self) -> None:
        """
        While the window is full, a closer candidate waits and the lookup isn't over. The candidate
        is asked when requests in flight have ended.
        """
        lookup = startLookup([node(number) for number in range(100, 150)], k=2)
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

    def test_closerCandidateIsWaitedForTwice(self) -> None:
        """
        After k other nodes have answered, a closer candidate gets 2 transmissions, as `PATIENCE`
        says. The lookup is over when the candidate has answered neither.
        """
        lookup = startLookup([node(1), node(2), node(3)], k=2)
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

    def test_reserveIsAskedWhenFewAnswer(self) -> None:
        """
        If too few candidates answer, the lookup fetches the rest of the node's contacts once and
        asks them.
        """
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

    def test_reserveIsNotFetchedWhenKAnswer(self) -> None:
        """The rest of the node's contacts is not fetched if k candidates answer."""
        lookup = Lookup(TARGET, OWN, k=2, reserve=lambda: self.fail("not needed"))
        lookup.addContacts(compact([node(1), node(2)]))
        self.assertEqual(self.finish(lookup), [node(1), node(2)])

    def test_silentCandidateIsGivenUpWhenHalfTheBudgetIsSpent(self) -> None:
        """
        After 72 datagrams, the number `RETRY_BUDGET`, a candidate fails when it has been silent to
        2 transmissions, the number `PATIENCE`. With fewer datagrams, such a candidate is only late.
        """
        lookup = startLookup([node(1), node(2)])
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

    def test_lateAnswerIsNotWaitedForWithoutABudget(self) -> None:
        """
        After 144 datagrams, the number `LOOKUP_BUDGET`, the lookup waits only for answers that are
        on time. After these answers, the lookup is over, although a late answer could still become
        a result.
        """
        lookup = startLookup([node(1), node(2)])
        first, second = askAll(lookup)
        lookup.late(first, 1)
        for _ in range(LOOKUP_BUDGET):
            lookup.punched(first)
        self.assertIsNone(lookup.next())
        self.assertFalse(lookup.isOver)
        lookup.answered(second, answer(second.id))
        self.assertIsNone(lookup.next())
        self.assertIs(first.state, State.LATE)
        self.assertTrue(lookup.isOver)

    def test_smallNetworkIsFoundWhole(self) -> None:
        """A lookup in a network of 2 nodes finds both before it is over."""
        lookup = startLookup([node(5), node(6)])
        self.assertEqual(self.finish(lookup), [node(5), node(6)])
        self.assertEqual(len(lookup.closest()), 2)

    def test_budgetCountsRetriesAndHolePunches(self) -> None:
        """After 144 datagrams for retries and hole punches, the lookup asks no other candidate."""
        lookup = startLookup([node(number) for number in range(1, 200)])
        [first, second, *others] = askAll(lookup)
        for _ in range(LOOKUP_BUDGET // 2):
            lookup.late(first, 1)
            lookup.punched(second)
        for each in (first, second, *others):
            lookup.failed(each)
        self.assertIsNone(lookup.next())
        self.assertTrue(lookup.isOver)

    def test_emptyLookupWaitsForBootstrapNodes(self) -> None:
        """A lookup without results isn't over while it expects the addresses of bootstrap nodes."""
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

    def test_lookupWithAResultDoesNotWaitForBootstrapNodes(self) -> None:
        """
        A lookup with a result and without further candidates is over, although it expects bootstrap
        nodes.
        """
        lookup = startLookup([node(1), node(2)])
        lookup.expect()
        first, second = askAll(lookup)
        lookup.answered(first, answer(first.id))
        self.assertFalse(lookup.isOver)
        lookup.failed(second)
        self.assertIsNone(lookup.next())
        self.assertTrue(lookup.isOver)

    def test_lookupWaitsForNeededBootstrapNodes(self) -> None:
        """
        A lookup that needs its bootstrap nodes asks them before it is over, although k other nodes
        have answered.
        """
        lookup = startLookup([node(number) for number in range(1, K + 1)])
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
