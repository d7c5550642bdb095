"""
The rules for the error with which a question fails.
"""

from __future__ import annotations

from dwdht_twisted import NoResponse, TooManyRequests
from tests.helpers.core.contacts import compact
from tests.helpers.core.lookups import node
from tests.net.asking.test_rules_phases import DriverTestCase

FIRST, SECOND, THIRD = node(10), node(11), node(12)


class UnsentTests(DriverTestCase):
    """
    Questions whose requests can't be sent.
    """

    def test_questionWithoutRequestFailsWithTheReason(self) -> None:
        """A question none of whose requests can be sent fails with the error of the first."""
        reason = TooManyRequests("no place")
        self.caller.stop(reason)
        self.begin(FIRST, SECOND)
        self.assertEqual(self.ends, [reason])

    def test_questionWithARequestFailsWithNoResponse(self) -> None:
        """
        A question whose first request was sent fails with `NoResponse`, although its other requests
        can't be sent.
        """
        self.begin(FIRST, k=1)
        self.lookup.addContacts(compact([SECOND, THIRD]))
        self.caller.stop(TooManyRequests("no place"))
        self.assertIsInstance(self.ends[0], NoResponse)
