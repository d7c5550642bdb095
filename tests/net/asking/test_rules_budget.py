"""
The rules by which a lookup counts its datagrams.
"""

from __future__ import annotations

from dwdht_twisted._net.requests.outgoing import RELAY_WAITS
from tests.net.asking.test_rules_phases import FIRST, DriverTestCase


class BudgetTests(DriverTestCase):
    """
    The datagrams of a lookup and of its hole punches, which share one budget.
    """

    def test_eachDatagramCounts(self) -> None:
        """
        Each transmission of a lookup's request counts against its budget, and so does each ping
        that a referrer is asked to relay.
        """
        self.punch()
        self.assertEqual(self.lookup._spent, len(self.sent))
        self.clock.runUntil(lambda: len(self.relaysThrough(FIRST)) == len(RELAY_WAITS))
        self.assertEqual(self.lookup._spent, len(self.sent))
