"""
The slots of queries: how many queries run at once, and which wait for their turn.

A query that has a slot may ask other nodes.  It has the slot until it has ended, an update until
its commit has ended.  Three kinds of queries have no slot:

* A query that has not begun, because all slots are taken.  It waits at the end of the queue.
* A query whose consumer has paused it.  Otherwise streams that nobody reads would keep out all
  others.  Such a query asks no further node.
* A query that waits for nothing but a handler of the node itself.  Otherwise handlers that query
  their own node would wait for slots that their callers have.

A query that goes on after a pause, or after its handler, waits at the front of the queue.  It is
never refused, because it has begun.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple, Protocol

from ..._core.limits.bounds import QUERY_QUEUE, QUERY_WINDOW
from ...errors import TooManyRequests


class Waiter(Protocol):
    """A query that waits for a slot."""

    def run(self) -> None:
        """Begin, or go on, because the query has a slot now."""


class QuerySlots:
    """
    The slots of one kind: those of the user's queries, or those of the node's own lookups.
    """

    __slots__ = ("_isGiving", "_isHeld", "_running", "_waiting")

    def __init__(self) -> None:
        self._running: set[Waiter] = set()
        self._waiting: OrderedDict[Waiter, None] = OrderedDict()
        self._isGiving = False
        self._isHeld = False

    @property
    def running(self) -> int:
        """The number of queries that have a slot."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """The number of queries that wait for a slot."""
        return len(self._waiting)

    def has(self, query: Waiter) -> bool:
        """Whether a query has a slot."""
        return query in self._running

    def isWaiting(self, query: Waiter) -> bool:
        """Whether a query waits for a slot."""
        return query in self._waiting

    def request(self, query: Waiter, *, hasBegun: bool) -> None:
        """
        Give a query a slot, at once or when its turn comes.  It has none, and doesn't wait yet.

        :param hasBegun: whether the query had a slot before
        :raises TooManyRequests: when too many queries wait already, and this one has not begun
        """
        if not hasBegun and len(self._waiting) >= QUERY_QUEUE:
            raise TooManyRequests(f"{QUERY_QUEUE} queries wait already")
        self._waiting[query] = None
        if hasBegun:
            self._waiting.move_to_end(query, last=False)
        self._give()

    def release(self, query: Waiter) -> None:
        """Take a query out of its slot, or out of the queue."""
        self._waiting.pop(query, None)
        self._running.discard(query)
        self._give()

    def hold(self) -> None:
        """Give no slot until `goOn`."""
        self._isHeld = True

    def goOn(self) -> None:
        """Give slots again."""
        self._isHeld = False
        self._give()

    def stop(self) -> None:
        """Empty the queue, because the node ends.  A later query gets a slot, and fails."""
        self._isHeld = False
        self._waiting.clear()

    def _give(self) -> None:
        """Give the free slots to the queries that have waited longest."""
        if self._isHeld:
            return
        if self._isGiving:
            # The query that has just been given a slot has already ended.  The loop below goes on;
            # a nested one for each such query would exceed the recursion limit.
            return
        self._isGiving = True
        try:
            while self._waiting and len(self._running) < QUERY_WINDOW:
                query, _ = self._waiting.popitem(last=False)
                self._running.add(query)
                query.run()
        finally:
            self._isGiving = False


class NodeSlots(NamedTuple):
    """
    The slots of one node.

    :ivar users: the slots of the queries of users
    :ivar own: the slots of the node's own lookups.  A full queue of the users' queries delays
        neither joining nor the upkeep of the table.
    """

    users: QuerySlots
    own: QuerySlots
