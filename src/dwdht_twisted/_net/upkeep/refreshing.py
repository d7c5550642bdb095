"""
Refreshing the routing table by lookups.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

from twisted.internet.defer import Deferred

from ..._core.routing import RoutingTable

#: Seconds after its start until a node fills its far buckets.  Smaller: nodes that leave soon cost
#: others lookups.
EXPLORE_AFTER = 30.0

#: Seconds without a lookup after which a bucket is refreshed.  Larger: a network that was cut takes
#: longer to heal.  Smaller: an idle node sends more.
REFRESH_AFTER = 600.0


class TableRefresher:
    """
    Runs the lookups that keep a table true, one at a time.

    * The far buckets are filled with a lookup each, soon after the start (Kademlia section 2.3).
      The first lookup of a node finds its neighbours, and hardly any node far away.  Without this,
      far buckets would hold whoever announces itself.
    * A bucket that no lookup has gone into for long is refreshed.
    * The own neighbourhood is refreshed from the bootstrap nodes as well, so that the parts of a
      network that was cut find each other again.

    :param table: the table
    :param random: spreads the nodes that start together, and chooses targets
    :param lookUp: looks for the nodes closest to a target; starts from the bootstrap nodes too when
        its second argument is true
    :param explore: looks for nodes close to a target until its second argument returns true
    """

    def __init__(
        self,
        table: RoutingTable,
        random: Random,
        *,
        lookUp: Callable[[bytes, bool], Deferred[None]],
        explore: Callable[[bytes, Callable[[], bool]], Deferred[None]],
    ) -> None:
        self._table = table
        self._random = random
        self._lookUp = lookUp
        self._explore = explore
        self._startedAt = 0.0
        self._refreshedAt = 0.0
        self._running: Deferred[None] | None = None

    @property
    def isRunning(self) -> bool:
        """Whether a lookup is under way."""
        return self._running is not None

    def start(self, now: float) -> None:
        """Begin to count the time."""
        self._startedAt = now
        self._refreshedAt = now - self._random.random() * REFRESH_AFTER / 4

    def run(self, work: Deferred[None]) -> None:
        """Keep other lookups waiting until ``work`` fires."""

        def done(_: object) -> None:
            self._running = None

        self._running = work
        # A lookup that fails is run again later.  `Membership` logs that nobody answers.
        work.addBoth(done)

    def refresh(self, now: float) -> None:
        """Begin the lookup that is due, if there is one and no other is under way."""
        if self.isRunning:
            return
        table = self._table
        if now - self._refreshedAt >= REFRESH_AFTER:
            self._refreshedAt = now
            self.run(self._lookUp(table.id, True))
            return
        age = now - self._startedAt
        prefix = table.buckets.unexplored() if age >= EXPLORE_AFTER else None
        if prefix is not None:
            isFull = partial(table.buckets.isFull, prefix)
            self.run(self._explore(self._targetIn(prefix), isFull))
            return
        # Before this age, an empty bucket has not been without a lookup for long enough.
        prefix = table.buckets.idle(now - REFRESH_AFTER) if age >= REFRESH_AFTER else None
        if prefix is not None:
            self.run(self._lookUp(self._targetIn(prefix), False))

    def _targetIn(self, prefix: int) -> bytes:
        return self._table.buckets.randomTarget(prefix, self._random.randbytes)
