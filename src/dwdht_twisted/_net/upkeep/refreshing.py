"""
Refreshing the routing table by lookups.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

from twisted.internet.defer import Deferred

from ..._core.routing import RoutingTable

#: The age at which a node begins to fill its far buckets, in seconds.  Larger: far buckets stay
#: empty longer.  Smaller: a node that runs only for a short time sends lookups in vain.
EXPLORE_AFTER = 30.0

#: A bucket is refreshed after this time without a lookup in its part of the id space, in seconds.
#: The node's own neighbourhood is refreshed as often.  Larger: a network that was cut takes longer
#: to heal.  Smaller: an idle node sends more.
REFRESH_AFTER = 600.0


class TableRefresher:
    """
    Runs the lookups that keep a routing table up to date, one at a time.

    * From half a minute after the start, each far bucket that is less than half full is filled by a
      lookup (Kademlia section 2.3).  The first lookup of a node finds its neighbours, and hardly
      any distant node.  Without further lookups, the far buckets would fill with nodes that
      announce themselves, for example liars.
    * A bucket is refreshed by a lookup after `REFRESH_AFTER` seconds without one.
    * The node's own neighbourhood is refreshed by a lookup that asks the bootstrap nodes too.  So
      the parts of a network that was cut find each other again.

    :param table: the routing table
    :param random: chooses targets, and spreads the refreshes of nodes that start together
    :param lookUp: looks for the nodes closest to a target; asks the bootstrap nodes in any case if
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
        """Whether a lookup is running."""
        return self._running is not None

    def start(self, now: float) -> None:
        """Note that the node has started now."""
        self._startedAt = now
        self._refreshedAt = now - self._random.random() * REFRESH_AFTER / 4

    def run(self, work: Deferred[None]) -> None:
        """Start no other lookup until ``work`` fires."""

        def done(_: object) -> None:
            self._running = None

        self._running = work
        # The failure of a lookup is ignored here.  The lookup is run again later, and `Membership`
        # logs that no node answers.
        work.addBoth(done)

    def refresh(self, now: float) -> None:
        """Begin the next due lookup, unless another lookup is running."""
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
        # An empty bucket counts as idle even in a node that has just started.  So no bucket is
        # refreshed before the node is REFRESH_AFTER old.
        prefix = table.buckets.idle(now - REFRESH_AFTER) if age >= REFRESH_AFTER else None
        if prefix is not None:
            self.run(self._lookUp(self._targetIn(prefix), False))

    def _targetIn(self, prefix: int) -> bytes:
        return self._table.buckets.randomTarget(prefix, self._random.randbytes)
