"""
The rules of credit: who pays for a candidate, what late candidates cost, and when credit returns.

A referrer is a node that named a candidate. Its credit is the number of requests that a lookup
still sends to its candidates.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.lookup import CREDIT, Candidate, State
from dwdht_twisted._core.lookup.bounds import MAXIMUM_REFERRERS
from dwdht_twisted._core.lookup.credit import (
    CREDIT_FOR_ANSWER,
    SILENCES_PER_CREDIT,
    CreditLedger,
    isVouchedFor,
)
from dwdht_twisted._core.lookup.lookup import RETRY_BUDGET
from dwdht_twisted._core.lookup.pending import PATIENCE
from dwdht_twisted._core.lookup.queue import CandidateQueue
from dwdht_twisted._core.wire import packContact
from tests.helpers.core.lookup_network import answer
from tests.helpers.core.lookups import LookupTestCase, askAll, node, startLookup


def candidate(number: int, *referrers: Candidate) -> Candidate:
    """Return a candidate at a distance of ``number``, named by these referrers."""
    contact = node(number)
    made = Candidate(contact.address, contact.id, number)
    made.namedBy = list(referrers)
    return made


class LedgerTests(SynchronousTestCase):
    """
    The account of all referrers.
    """

    def setUp(self) -> None:
        self.ledger = CreditLedger()
        self.referrer, self.other = candidate(100), candidate(101)

    def blame(self, count: int) -> None:
        """Note that ``count`` candidates of the referrer are late."""
        for number in range(count):
            self.ledger.blame(candidate(number, self.referrer))

    def test_referrerWithTheMostCreditPays(self) -> None:
        """Of two referrers, the one with more credit pays for a candidate, in either order."""
        self.other.credit = CREDIT + 1
        for order in ([self.referrer, self.other], [self.other, self.referrer]):
            before = self.other.credit
            self.ledger.spend(candidate(1, *order))
            self.assertEqual(self.other.credit, before - 1)
            self.assertEqual(self.referrer.credit, CREDIT)
            self.other.credit = CREDIT + 1

    def test_eachReferrerOfAnAnswerIsRewarded(self) -> None:
        """Each referrer of a candidate that answers gets 2 credits and counts as right."""
        self.ledger.reward(candidate(1, self.referrer, self.other))
        for each in (self.referrer, self.other):
            self.assertEqual(each.credit, CREDIT + CREDIT_FOR_ANSWER)
            self.assertTrue(each.isRight)

    def test_lateCandidatesReduceAllCredit(self) -> None:
        """8 late candidates cost every referrer one credit. 16 cost two, and 80 also cost two."""
        expected = [0] * SILENCES_PER_CREDIT + [1] * SILENCES_PER_CREDIT + [2] * 65
        seen = []
        for _ in expected:
            seen.append(self.ledger.reduction)
            self.blame(1)
        self.assertEqual(seen, expected)
        self.assertEqual(self.referrer.silences, len(expected))

    def test_answerMakesUpForALateCandidate(self) -> None:
        """After 8 late candidates, one candidate that answers ends the reduction of credit."""
        self.blame(SILENCES_PER_CREDIT)
        self.ledger.reward(candidate(1, self.other))
        self.assertEqual(self.ledger.reduction, 0)

    def test_manyAnswersGiveNoCreditInAdvance(self) -> None:
        """The reduction is never below 0, although more candidates have answered than are late."""
        for number in range(5 * SILENCES_PER_CREDIT):
            self.ledger.reward(candidate(number, self.other))
        self.assertEqual(self.ledger.reduction, 0)

    def test_knownCandidatesDoNotCount(self) -> None:
        """Candidates without a referrer neither cause a reduction nor make up for one."""
        for number in range(2 * SILENCES_PER_CREDIT):
            self.ledger.blame(candidate(number))
        self.assertEqual(self.ledger.reduction, 0)
        self.blame(SILENCES_PER_CREDIT)
        self.ledger.reward(candidate(1))
        self.assertEqual(self.ledger.reduction, 1)

    def test_candidateIsVouchedFor(self) -> None:
        """
        A candidate is vouched for if it has no referrers, or if one of its referrers has also named
        a node that has answered.
        """
        self.assertTrue(isVouchedFor(candidate(1)))
        self.assertFalse(isVouchedFor(candidate(1, self.referrer, self.other)))
        self.ledger.reward(candidate(2, self.other))
        self.assertTrue(isVouchedFor(candidate(1, self.referrer, self.other)))


class ReferrerTests(SynchronousTestCase):
    """
    The list of referrers of a queued contact.
    """

    def setUp(self) -> None:
        self.queue = CandidateQueue(0, 0)
        self.compact = packContact(node(1))
        self.referrers = [candidate(100 + number) for number in range(MAXIMUM_REFERRERS)]
        for each in self.referrers:
            self.queue.addNamed(self.compact, each, 20)

    def test_fullListKeepsReferrersWithCredit(self) -> None:
        """A further referrer is ignored while each one in the full list has credit."""
        self.queue.addNamed(self.compact, candidate(200), 20)
        self.assertEqual(self.queue.namedBy(self.compact), self.referrers)

    def test_referrerWithoutCreditIsReplaced(self) -> None:
        """A further referrer takes the place of one in the full list that has no credit."""
        self.referrers[1].credit = 0
        further = candidate(200)
        self.queue.addNamed(self.compact, further, 20)
        expected = [self.referrers[0], further, *self.referrers[2:]]
        self.assertEqual(self.queue.namedBy(self.compact), expected)

    def test_contactWithACreditedReferrerIsTaken(self) -> None:
        """
        A contact is taken if the credit of one referrer is larger than the reduction of all credit.
        """
        for each in self.referrers[1:]:
            each.credit = 0
        self.referrers[0].credit = 2
        self.assertIsNone(self.queue.takeNearest(2, 2, False))
        self.queue.reconsider()
        self.assertEqual(self.queue.takeNearest(2, 1, False), (1, self.compact))

    def test_trustGivesCreditBack(self) -> None:
        """
        When contacts whose referrers have no credit are to be asked, each of these referrers gets a
        credit of exactly 3.
        """
        for each in self.referrers:
            each.credit = -2
        self.assertIsNone(self.queue.takeNearest(2, 0, False))
        self.queue.trustAll()
        self.assertEqual({each.credit for each in self.referrers}, {CREDIT})
        self.assertEqual(self.queue.takeNearest(2, CREDIT - 1, False), (1, self.compact))

    def test_trustTakesNoCredit(self) -> None:
        """A referrer with 5 credits keeps them when it is trusted."""
        for each in self.referrers:
            each.credit = CREDIT + 2
        self.assertIsNone(self.queue.takeNearest(2, CREDIT + 2, False))
        self.queue.trustAll()
        self.assertEqual({each.credit for each in self.referrers}, {CREDIT + 2})


class SilentTests(SynchronousTestCase):
    """
    Contacts that are set aside because their addresses were silent lately.
    """

    def test_contactIsPutBackOnce(self) -> None:
        """A contact that was set aside is put back once, however often all of them are."""
        queue = CandidateQueue(0, 0)
        queue.add(packContact(node(5)))
        waiting = queue.takeNearest(10, 0, False)
        assert waiting is not None
        self.assertTrue(queue.setAsideSilent(waiting))
        queue.requeueSilent()
        queue.requeueSilent()
        self.assertEqual(queue.takeNearest(10, 0, False), waiting)
        self.assertIsNone(queue.takeNearest(10, 0, False))
        self.assertFalse(queue.setAsideSilent(waiting))


class HeldBackTests(SynchronousTestCase):
    """
    Contacts farther than one that is set aside because its referrer has no credit.
    """

    def setUp(self) -> None:
        self.queue = CandidateQueue(0, 0)
        poor = candidate(100)
        poor.credit = 0
        self.queue.addNamed(packContact(node(5)), poor, 20)
        self.queue.add(packContact(node(4)) + packContact(node(6)))

    def test_fartherContactWaitsForCredit(self) -> None:
        """
        While answers may earn credit, a contact closer than the one set aside is taken, and a
        farther one is held back.
        """
        self.assertEqual(self.queue.takeNearest(10, 0, True), (4, packContact(node(4))))
        # This call takes the closer contact out, because only now it is known to lack credit.
        self.assertIsNone(self.queue.takeNearest(6, 0, True))
        self.assertIsNone(self.queue.takeNearest(10, 0, True))
        self.assertTrue(self.queue.isHeldBack)

    def test_contactWithTheSameIdIsTaken(self) -> None:
        """A contact with the id of the one set aside, at another address, is not held back."""
        twin = packContact(node(5, "20.9.9.9"))
        self.queue.add(twin)
        self.queue.takeNearest(10, 0, True)
        self.assertEqual(self.queue.takeNearest(10, 0, True), (5, twin))
        self.assertFalse(self.queue.isHeldBack)

    def test_newQueueHoldsNoContactBack(self) -> None:
        """A queue from which no contact was taken holds no contact back."""
        self.assertFalse(self.queue.isHeldBack)

    def test_fartherContactIsTakenWithoutWaiting(self) -> None:
        """Without answers that may earn credit, the farther contact is taken at once."""
        self.queue.takeNearest(10, 0, False)
        self.assertEqual(self.queue.takeNearest(10, 0, False), (6, packContact(node(6))))
        self.assertFalse(self.queue.isHeldBack)


class PatienceTests(LookupTestCase):
    """
    The number of transmissions to a late candidate while many named candidates are late.
    """

    def setUp(self) -> None:
        # All candidates of the first referrer are late, which costs all referrers one credit.
        self.lookup = startLookup([node(1000 + number) for number in range(9)])
        asked = askAll(self.lookup)
        self.liars = asked[: SILENCES_PER_CREDIT // CREDIT + 1]
        for place, liar in enumerate(self.liars):
            named = [node(1 + CREDIT * place + number) for number in range(CREDIT)]
            self.lookup.answered(liar, answer(liar.id, named))
        self.named: list[Candidate] = []
        while batch := askAll(self.lookup):
            for each in batch:
                self.lookup.late(each, 1)
                self.named += [each] if each.namedBy else []
        self.assertEqual(len(self.named), CREDIT * len(self.liars))

    def spendTo(self, datagrams: int) -> None:
        """Spend the budget up to this number of datagrams."""
        while self.lookup._spent < datagrams:
            self.lookup.punched(self.named[0])

    def test_candidateIsGivenUpEarly(self) -> None:
        """
        While credit is reduced, a named candidate without evidence fails at its first late answer
        if half of the retry budget is spent. Before that, such a candidate is only late. A
        candidate that the node knew is only late in both cases.
        """
        liar = self.liars[0]
        early, stranger, known = candidate(50, liar), candidate(51, liar), candidate(52)
        self.spendTo(RETRY_BUDGET // 2 - 1)
        for each in (early, stranger, known):
            self.lookup._pending.asked(each)
            self.lookup.late(each, 1)
        states = [each.state for each in (early, stranger, known)]
        self.assertEqual(states, [State.LATE, State.FAILED, State.LATE])

    def test_knownCandidateIsGivenUpAtTheRetryBudget(self) -> None:
        """
        After the whole retry budget is spent, a known candidate fails at its first late answer.
        """
        known = candidate(51)
        self.spendTo(RETRY_BUDGET)
        self.lookup._pending.asked(known)
        self.lookup.late(known, PATIENCE - 1)
        self.assertIs(known.state, State.FAILED)
