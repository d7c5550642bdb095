"""
What a node does by itself every ten seconds.

* It pings the contacts that were unseen for a while, the longest unseen first.  Those that don't
  answer leave the table.
* It refreshes its table by lookups; see `TableRefresher`.
* While it knows no other node, it asks its bootstrap nodes again, at growing intervals; see
  `RetrySchedule`.
* It rotates the secret of the round-trip tokens.
"""

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall

from ..._core.routing import RoutingTable
from ..._core.wire import ROTATION_INTERVAL, TokenIssuer
from ..environment import Environment
from ..requests import Caller
from .membership import Membership
from .refreshing import TableRefresher
from .retrying import RetrySchedule

#: Seconds between two rounds of upkeep.
INTERVAL = 10.0

#: Seconds without an answer after which a contact is pinged.  Larger: dead contacts are named
#: longer. Smaller: an idle node sends more.
CHECK_AFTER = 300.0

#: Seconds after which a dead contact has left the table: by then its turn has come, and its ping
#: has timed out.
DEAD_GONE_AFTER = 2 * CHECK_AFTER + 30.0


class Upkeep:
    """
    The background work of one node.

    :param table: the table to keep true
    :param caller: pings contacts
    :param tokens: holds the secret that rotates
    :param membership: joins again while the node knows no other
    :param refresher: runs lookups
    """

    def __init__(
        self,
        environment: Environment,
        table: RoutingTable,
        caller: Caller,
        *,
        tokens: TokenIssuer,
        membership: Membership,
        refresher: TableRefresher,
    ) -> None:
        self._environment = environment
        self._table = table
        self._caller = caller
        self._tokens = tokens
        self._membership = membership
        self._refresher = refresher
        self._retries = RetrySchedule(environment.random)
        self._timer: IDelayedCall | None = None
        self._rotatedAt = 0.0

    @property
    def isLookingUp(self) -> bool:
        """Whether a lookup of its own is under way."""
        return self._refresher.isRunning

    def start(self) -> None:
        """Begin; the node has just begun to join."""
        clock, random = self._environment.clock, self._environment.random
        now = clock.seconds()
        self._rotatedAt = now
        self._refresher.start(now)
        self._retries.start(now)
        self._timer = clock.callLater(random.random() * INTERVAL, self._work)

    def stop(self) -> None:
        """End."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _work(self) -> None:
        clock = self._environment.clock
        self._timer = clock.callLater(INTERVAL, self._work)
        now = clock.seconds()
        if now - self._rotatedAt >= ROTATION_INTERVAL:
            self._rotatedAt = now
            self._tokens.rotate()
        self._table.buckets.forgetAnswers()
        self._checkContacts(now)
        if len(self._table) and self._membership.hasJoined:
            self._retries.reset()
            self._refresher.refresh(now)
        elif (
            self._membership.knowsSomebody
            and self._retries.isDue(now)
            and not self._refresher.isRunning
        ):
            self._retries.retried(now)
            self._refresher.run(self._membership.join())

    def _checkContacts(self, now: float) -> None:
        # As many as come due in one interval, and some more for contacts that came due together.
        count = 3 + int(2 * len(self._table) * INTERVAL / CHECK_AFTER)
        for contact in self._table.unseenSince(now - CHECK_AFTER, count):
            self._caller.check(contact.address)
