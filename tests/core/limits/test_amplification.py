"""
`dwdht_twisted._core.limits.amplification`: the size of an answer to an unproven address.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.limits import ExcessBudget, answerAllowance
from dwdht_twisted._core.limits.bounds import AMPLIFICATION, EXCESS_BURST, EXCESS_RATE


class AllowanceTests(SynchronousTestCase):
    """
    The most bytes that an answer to an unproven address may have.
    """

    def test_allowanceIs14TimesTheRequest(self) -> None:
        """A request of 50 bytes without an id may be answered with 700 bytes."""
        self.assertEqual(answerAllowance(50), AMPLIFICATION * 50)
        self.assertEqual(answerAllowance(50), 700)

    def test_pingsCountAsPartOfTheAnswer(self) -> None:
        """The bytes of the pings that check an id are subtracted from the size of the answer."""
        self.assertEqual(answerAllowance(50, 120), 580)


class ExcessBudgetTests(SynchronousTestCase):
    """
    The budget of a validated address for bytes beyond the allowance of its requests.
    """

    def setUp(self) -> None:
        self.budget = ExcessBudget()
        self.address = ("20.0.0.1", 1)

    def test_budgetIsSpentByItsBurst(self) -> None:
        """A new budget, `EXCESS_BURST`, allows 32 answers of 1,000 bytes and no further byte."""
        for _ in range(32):
            self.assertTrue(self.budget.spend(self.address, 1000, 0.0))
        self.assertEqual(EXCESS_BURST, 32 * 1000)
        self.assertFalse(self.budget.spend(self.address, 1, 0.0))

    def test_budgetGrowsByItsRate(self) -> None:
        """
        One second after a budget is spent, it allows 4,000 bytes, `EXCESS_RATE`, and no further
        byte.
        """
        self.budget.spend(self.address, int(EXCESS_BURST), 0.0)
        self.assertFalse(self.budget.spend(self.address, 1, 0.0))
        for _ in range(4):
            self.assertTrue(self.budget.spend(self.address, 1000, 1.0))
        self.assertEqual(EXCESS_RATE, 4 * 1000)
        self.assertFalse(self.budget.spend(self.address, 1, 1.0))

    def test_budgetDoesNotGrowBeyondItsBurst(self) -> None:
        """
        After an hour without requests, a budget allows 32,000 bytes, `EXCESS_BURST`, and no further
        byte.
        """
        self.budget.spend(self.address, 1000, 0.0)
        self.assertTrue(self.budget.spend(self.address, int(EXCESS_BURST), 3600.0))
        self.assertFalse(self.budget.spend(self.address, 1, 3600.0))

    def test_overdrawnBudgetIsNotForgotten(self) -> None:
        """After an answer of 60,000 bytes, no byte is left for 7 seconds, as 28,000 are missing."""
        self.assertTrue(self.budget.spend(self.address, 60_000, 0.0))
        self.assertFalse(self.budget.spend(self.address, 1, 6.99))
        self.assertTrue(self.budget.spend(self.address, 1, 7.01))

    def test_eachAddressHasItsBudget(self) -> None:
        """A spent budget of one port leaves the budget of another port of the same host."""
        self.budget.spend(self.address, 60_000, 0.0)
        self.assertTrue(self.budget.spend(("20.0.0.1", 2), 1, 0.0))

    def test_loopbackHasNoLimit(self) -> None:
        """A loopback address is never refused."""
        for _ in range(100):
            self.assertTrue(self.budget.spend(("127.0.0.1", 1), 60_000, 0.0))
