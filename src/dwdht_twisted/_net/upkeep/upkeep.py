"""
What a node does by itself, so that its table stays true while nobody asks it anything.

* Contacts that were silent for a while are pinged, the longest unseen first;
  those that don't answer leave the table.
* A node that has just joined knows its neighbourhood, and hardly anybody far
  away: its far buckets are filled with a lookup each, one after the other
  (Kademlia section 2.3).  Else they would be left to whoever announces itself.
* Buckets that no lookup has gone into for long are refreshed with a lookup,
  and so is the own neighbourhood, starting from the bootstrap nodes as well: so
  the parts of a network that was cut find each other again.
* A node that knows nobody asks its bootstrap nodes again and again, at growing
  intervals.
* The secret of the round-trip tokens rotates.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ..._core.routing import RoutingTable
from ..._core.wire import ROTATION_INTERVAL, TokenIssuer
from ..requests import Caller
from .membership import Membership

#: How often the node looks after itself, in seconds.
INTERVAL = 10.0

#: A contact that was not heard of for this long, in seconds, is pinged.
CHECK_AFTER = 300.0

#: A dead contact has left the table after this long, in seconds: by then its turn has come, and
#: its ping has timed out.
DEAD_GONE_AFTER = 2 * CHECK_AFTER + 30.0

#: A node that is still there after this long, in seconds, fills its far buckets.
EXPLORE_AFTER = 30.0

#: A bucket that no lookup went into for this long, in seconds, is refreshed.
REFRESH_AFTER = 600.0

#: The first and the longest pause before an isolated node bootstraps again, in seconds.
FIRST_RETRY = 5.0
LONGEST_RETRY = 60.0


class Upkeep:
    """
    The background work of one node.

    :param lookUp: looks for the nodes closest to a target; starts from the bootstrap nodes too
        when its second argument is true
    :param explore: looks for nodes close to a target until its second argument gives true
    :param membership: joins again when the node knows nobody
    :param random: spreads the nodes that start together, and chooses targets
    """

    def __init__(
        self,
        clock: IReactorTime,
        table: RoutingTable,
        caller: Caller,
        tokens: TokenIssuer,
        lookUp: Callable[[bytes, bool], Deferred[None]],
        explore: Callable[[bytes, Callable[[], bool]], Deferred[None]],
        membership: Membership,
        random: Random,
    ) -> None:
        self._clock = clock
        self._table = table
        self._caller = caller
        self._tokens = tokens
        self._lookUp = lookUp
        self._explore = explore
        self._membership = membership
        self._random = random
        self._timer: IDelayedCall | None = None
        self._refreshing: Deferred[None] | None = None
        self._retryPause = FIRST_RETRY

    def start(self) -> None:
        """Begin; the node has just begun to bootstrap."""
        now = self._clock.seconds()
        self._startedAt = now
        self._rotatedAt = now
        self._refreshedAt = now - self._random.random() * REFRESH_AFTER / 4
        self._retryAt = now + self._retryPause
        self._timer = self._clock.callLater(self._random.random() * INTERVAL, self._work)

    def stop(self) -> None:
        """End."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _work(self) -> None:
        self._timer = self._clock.callLater(INTERVAL, self._work)
        now = self._clock.seconds()
        if now - self._rotatedAt >= ROTATION_INTERVAL:
            self._rotatedAt = now
            self._tokens.rotate()
        self._table.buckets.forgetAnswers()
        self._checkContacts(now)
        if len(self._table) and self._membership.hasJoined:
            self._retryPause = FIRST_RETRY
            self._refresh(now)
        elif self._isTimeToRetry(now):
            self._retryPause = min(self._retryPause * 2, LONGEST_RETRY)
            self._retryAt = now + self._retryPause * (1 + self._random.random()) / 2
            self._run(self._membership.join())

    def _isTimeToRetry(self, now: float) -> bool:
        return self._membership.knowsSomebody and now >= self._retryAt and self._refreshing is None

    def _checkContacts(self, now: float) -> None:
        # As many as come due in one interval, and some more for those that came due together.
        count = 3 + int(2 * len(self._table) * INTERVAL / CHECK_AFTER)
        for contact in self._table.unseenSince(now - CHECK_AFTER, count):
            self._caller.check(contact.address)

    def _refresh(self, now: float) -> None:
        if self._refreshing is not None:
            return
        if now - self._refreshedAt >= REFRESH_AFTER:
            self._refreshedAt = now
            self._run(self._lookUp(self._table.id, True))
            return
        table = self._table
        age = now - self._startedAt
        prefix = table.buckets.unexplored() if age >= EXPLORE_AFTER else None
        if prefix is not None:
            self._run(self._explore(self._targetIn(prefix), partial(table.buckets.isFull, prefix)))
            return
        # Before, the buckets that are empty have not been idle yet.
        prefix = table.buckets.idle(now - REFRESH_AFTER) if age >= REFRESH_AFTER else None
        if prefix is not None:
            self._run(self._lookUp(self._targetIn(prefix), False))

    def _targetIn(self, prefix: int) -> bytes:
        return self._table.buckets.randomTarget(prefix, self._random.randbytes)

    def _run(self, work: Deferred[None]) -> None:
        def done(_: object) -> None:
            self._refreshing = None

        self._refreshing = work
        # What fails is tried again; the node says so in its log.
        work.addBoth(done)
