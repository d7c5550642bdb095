"""
The order in which a lookup asks its candidates, and the states of a candidate.
"""

from __future__ import annotations

from dwdht_twisted._core.lookup import Candidate, State
from dwdht_twisted._core.lookup.bounds import LOOKUP_WINDOW
from dwdht_twisted._core.lookup.pending import PATIENCE
from dwdht_twisted._core.wire import Contact
from tests.helpers.core.contacts import near
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

TOKEN = b"t" * 32


class OrderTests(LookupTestCase):
    """
    The candidates of a lookup and the order of its requests.
    """

    def test_lookupWithoutContactsIsOver(self) -> None:
        """A lookup without contacts is over at once and has no results."""
        lookup = startLookup([])
        self.assertIsNone(lookup.next())
        self.assertTrue(lookup.isOver)
        self.assertEqual(lookup.closest(), [])

    def test_closestCandidateIsAskedFirst(self) -> None:
        """
        The closest candidate is asked first, whether it comes from the node's own table or was
        named by another node.
        """
        lookup = startLookup([node(50), node(30), node(40)], k=3)
        first = lookup.next()
        assert first is not None
        self.assertEqual(contactOf(first), node(30))
        lookup.answered(first, answer(first.id, [node(60), node(10)]))
        self.assertEqual([each.distance for each in askAll(lookup)], [10, 40])

    def test_requestsInFlightAreLimited(self) -> None:
        """
        Of 99 candidates, 2 to 16 are asked at the same time. The largest number is `LOOKUP_WINDOW`.
        """
        lookup = startLookup([node(number) for number in range(1, 100)], k=50)
        asked: list[Candidate] = []
        for _ in range(20):
            batch = askAll(lookup)
            asked += batch
            self.assertTrue(1 < len(asked) <= LOOKUP_WINDOW)
            self.assertFalse(lookup.isOver)
            lookup.answered(asked.pop(0), answer(near(TARGET, 1000 + len(asked))))

    def test_lateRequestMakesRoom(self) -> None:
        """
        When an answer is late, one more candidate is asked. When the late request fails, no further
        candidate is asked.
        """
        lookup = startLookup([node(number) for number in range(1, 100)])
        first = askAll(lookup)
        self.assertIsNone(lookup.next())
        lookup.late(first[0], 1)
        self.assertEqual(len(askAll(lookup)), 1)
        lookup.failed(first[0])
        self.assertIsNone(lookup.next())

    def test_fartherCandidateIsNotAsked(self) -> None:
        """
        With k = 3, the farthest of 10 candidates is not asked after the 3 closest have answered.
        """
        lookup = startLookup([node(number) for number in range(1, 11)], k=3)
        asked = self.finish(lookup)
        self.assertEqual(asked[:3], [node(1), node(2), node(3)])
        self.assertNotIn(node(10), asked)
        self.assertEqual([contactOf(each) for each in lookup.closest()], asked[:3])

    def test_requestThatStartsOverIsWaitedFor(self) -> None:
        """
        A request that starts over after a hole punch is waited for like a new one, although k other
        nodes have answered.
        """
        lookup = startLookup([node(1), node(2), node(3)], k=2)
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

    def test_silentCandidatesAreReplaced(self) -> None:
        """Four silent candidates are replaced by the next closest ones."""
        contacts = [node(number) for number in range(1, 11)]
        lookup = startLookup(contacts, k=3)
        self.finish(lookup, silent=contacts[:4])
        found = [contactOf(each) for each in lookup.closest()]
        self.assertEqual(found, contacts[4:7])

    def test_candidateIsAskedOnce(self) -> None:
        """A candidate is asked once, even if several nodes name it."""
        lookup = startLookup([node(5), node(5), node(6)])
        first, second = askAll(lookup)
        for each in (first, second):
            lookup.answered(each, answer(each.id, [node(5), node(7)]))
        self.assertEqual([contactOf(each) for each in askAll(lookup)], [node(7)])

    def test_ownIdIsNeitherAskedNorFound(self) -> None:
        """The node's own id is never asked. A node that answers under the own id is no result."""
        own = Contact(OWN, "20.0.0.9", 9)
        lookup = startLookup([own, node(5)])
        [candidate] = askAll(lookup)
        self.assertFalse(lookup.answered(candidate, answer(OWN, [own])))
        self.assertEqual(askAll(lookup), [])
        self.assertEqual(lookup.closest(), [])

    def test_stateFollowsTheRequest(self) -> None:
        """A candidate's state follows its request: asked, late, answered or failed."""
        lookup = startLookup([node(5), node(6)])
        first, second = askAll(lookup)
        self.assertIs(first.state, State.ASKED)
        lookup.late(first, 1)
        self.assertIs(first.state, State.LATE)
        lookup.answered(first, answer(first.id, token=TOKEN))
        self.assertIs(first.state, State.ANSWERED)
        self.assertEqual(first.token, TOKEN)
        lookup.failed(second)
        self.assertIs(second.state, State.FAILED)

    def test_closestReferrersRelayHolePunches(self) -> None:
        """
        After the first transmission to a candidate, its referrer is the closest to it of the nodes
        that named it so far. After the second, it is the closest of the others. After the third, it
        is None. A candidate of the own table has no referrer.
        """
        lookup = startLookup([node(5), node(6), node(7), node(12)])
        first, second, third, fourth = askAll(lookup)
        self.assertIsNone(first.takeReferrer(1))
        lookup.answered(fourth, answer(fourth.id, [node(4)]))
        [named] = askAll(lookup)
        for each in (third, first):
            lookup.answered(each, answer(each.id, [node(4)]))
        self.assertEqual(named.takeReferrer(1), first.address)
        lookup.answered(second, answer(second.id, [node(4)]))
        self.assertEqual(named.takeReferrer(2), second.address)
        self.assertIsNone(named.takeReferrer(3))
