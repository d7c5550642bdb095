"""
Asking all contacts anew after the machine has slept.
"""

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall

from ..._core.routing import K, RoutingTable
from ..._core.wire import Address
from ..environment import Environment
from ..requests import Caller

#: The number of contacts that are pinged at once.
AT_ONCE = K

#: The time after which the next contacts are pinged, in seconds.  Larger: it takes longer until a
#: node that has slept names its contacts again.  Smaller: its pings crowd out other traffic.
NEXT_AFTER = 1.0


class Waking:
    """
    Pings the contacts of a node that has slept, the closest first, some in each second.

    Until a contact answers, it is not named to other nodes; see `Freshness.slept`.

    :param table: the routing table
    :param caller: pings contacts
    """

    def __init__(self, environment: Environment, table: RoutingTable, caller: Caller) -> None:
        self._clock = environment.clock
        self._table = table
        self._caller = caller
        self._waiting: list[Address] = []
        self._timer: IDelayedCall | None = None

    def wake(self) -> None:
        """Doubt all contacts, and begin to ping them."""
        table = self._table
        table.freshness.slept()
        contacts = table.closest(table.id, len(table))
        self.stop()
        self._waiting = [each.address for each in reversed(contacts)]
        self._ping()

    def stop(self) -> None:
        """Ping no more."""
        self._waiting = []
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ping(self) -> None:
        self._timer = None
        isUnconfirmed = self._table.freshness.isUnconfirmed
        count = 0
        while self._waiting and count < AT_ONCE:
            address = self._waiting.pop()
            # A contact may have answered another request meanwhile, or have left the table.
            if isUnconfirmed(address):
                self._caller.check(address)
                count += 1
        if self._waiting:
            self._timer = self._clock.callLater(NEXT_AFTER, self._ping)
