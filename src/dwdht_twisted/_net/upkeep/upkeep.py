"""
The periodic work of a node, every ten seconds.

* A node pings the contacts that were unseen for `CHECK_AFTER` seconds, the longest unseen first.  A
  contact that does not answer leaves the routing table.
* A node pings the contacts whose ids other addresses have claimed since the contacts answered.
* A node refreshes its routing table by lookups; see `TableRefresher`.
* A node without contacts, or to whom nobody answers, tries to join again, at growing intervals; see
  `RetrySchedule`.  It looks up its own id for this, and asks the contacts that it still knows.
* A node rotates the secret of its round-trip tokens every `ROTATION_INTERVAL` seconds.
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

#: The time between two rounds of the periodic work, in seconds.  Larger: far buckets fill more
#: slowly, because a round fills at most one.  Smaller: an idle node uses more processor time.
INTERVAL = 10.0

#: A contact is pinged after this time without an answer from it, in seconds.  Larger: answers to
#: other nodes contain dead contacts for longer.  Smaller: an idle node sends more.
CHECK_AFTER = 300.0

#: The time within which a dead contact leaves the routing table, in seconds.  By then the contact
#: has been pinged, and the ping has timed out.
DEAD_GONE_AFTER = 2 * CHECK_AFTER + 30.0


class Upkeep:
    """
    The background work of one node.

    :param table: the routing table to keep up to date
    :param caller: pings contacts
    :param tokens: its secret is rotated
    :param membership: joins again while the node has no contacts
    :param refresher: runs the lookups
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
        """Whether a lookup of the periodic work is running."""
        return self._refresher.isRunning

    def start(self) -> None:
        """Start the periodic work.  The first attempt to join must begin at the same time."""
        clock, random = self._environment.clock, self._environment.random
        now = clock.seconds()
        self._rotatedAt = now
        self._refresher.start(now)
        self._retries.start(now)
        self._timer = clock.callLater(random.random() * INTERVAL, self._work)

    def stop(self) -> None:
        """Stop the periodic work."""
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
        isCutOff = self._caller.isCutOff
        if not isCutOff:
            self._checkContacts(now)
        if len(self._table) and self._membership.hasJoined and not isCutOff:
            self._retries.reset()
            self._refresher.refresh(now)
        elif (
            (self._membership.knowsSomebody or isCutOff)
            and self._retries.isDue(now)
            and not self._refresher.isRunning
        ):
            self._retries.retried(now)
            self._refresher.run(self._membership.join())

    def _checkContacts(self, now: float) -> None:
        self._caller.probing.recheckClaimed()
        # Check twice as many contacts as become due in one interval on average, and three more,
        # because several contacts may become due together.
        count = 3 + int(2 * len(self._table) * INTERVAL / CHECK_AFTER)
        for contact in self._table.unseenSince(now - CHECK_AFTER, count):
            self._caller.check(contact.address)
