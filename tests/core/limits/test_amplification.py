"""
`dwdht_twisted._core.limits.amplification`: the size of an answer to an unproven address.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.limits import answerAllowance
from dwdht_twisted._core.limits.bounds import AMPLIFICATION


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
