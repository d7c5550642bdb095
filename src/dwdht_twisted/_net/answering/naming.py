"""
Checks of the contacts that a node names to others.

A lookup can't know which of the contacts in an answer have died.  The node that names them can find
out, and the first that it finds dead makes it ping its other contacts; see `Caller`.
"""

from __future__ import annotations

from ..._core.limits.bounds import MAXIMUM_NAMED_CHECKS, NAMED_CHECKS_INTERVAL
from ..._core.routing import RoutingTable
from ..environment import Environment
from ..requests import Caller

#: The time after which a contact that was not seen is pinged when it is named, in seconds.  Larger:
#: after many nodes have died, lookups are named more of them.  Smaller: a node that others ask
#: sends more pings.
NAMED_UNSEEN_FOR = 60.0


class NamedContacts:
    """
    Pings some of the contacts that were named, the longest unseen first.

    :param table: knows when its contacts were seen
    :param caller: pings contacts
    """

    def __init__(self, environment: Environment, table: RoutingTable, caller: Caller) -> None:
        self._seconds = environment.clock.seconds
        self._freshness = table.freshness
        self._caller = caller
        self._checkAt = float("-inf")

    def named(self, compacts: bytes) -> None:
        """
        Note that contacts of the table were named to another node.

        :param compacts: the contacts in compact form
        """
        now = self._seconds()
        if now < self._checkAt:
            return
        self._checkAt = now + NAMED_CHECKS_INTERVAL
        unseen = self._freshness.unseenAmong(compacts, now - NAMED_UNSEEN_FOR)
        for contact in unseen[:MAXIMUM_NAMED_CHECKS]:
            self._caller.check(contact.address)
