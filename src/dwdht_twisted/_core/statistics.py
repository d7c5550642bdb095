"""
Distributions of what a node measures, and what a program can see of them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import NamedTuple

#: The bounds of the buckets for times, in seconds.  They reach from a fraction of a round trip on
#: one machine to a lookup among nodes most of which are gone.
TIME_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

#: The bounds of the buckets for the requests of a lookup.  The last is the budget of a lookup.
REQUEST_BOUNDS = (5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 60.0, 80.0, 120.0, 160.0)

#: The bounds of the buckets for the hops of a lookup.  A network of a million nodes needs four.
HOP_BOUNDS = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


class Distribution(NamedTuple):
    """
    How often which amounts were measured.

    :ivar bounds: the upper bounds of the buckets, in ascending order; a last bucket has no bound
    :ivar counts: the number of measurements in each bucket, one more than there are bounds
    :ivar total: the sum of all measurements
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float

    @property
    def size(self) -> int:
        """The number of measurements."""
        return sum(self.counts)


class Histogram:
    """
    Counts measurements in buckets.

    :param bounds: the upper bounds of the buckets, in ascending order; a measurement that is equal
        to a bound counts in the bucket below
    """

    __slots__ = ("_bounds", "_counts", "_first", "_total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._first = bounds[0]
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0

    def add(self, amount: float) -> None:
        """Count a measurement."""
        # Most handlers are done at once, and each served request comes here.
        bucket = 0 if amount <= self._first else bisect_left(self._bounds, amount)
        self._counts[bucket] += 1
        self._total += amount

    def distribution(self) -> Distribution:
        """The counts of now."""
        return Distribution(self._bounds, tuple(self._counts), self._total)


class Measurements:
    """
    What a node measures of itself.

    :ivar lookupTimes: the seconds that each lookup and each update took
    :ivar lookupRequests: the requests that each of them sent
    :ivar lookupHops: for each of them, the most nodes on the way from the node's own contacts to a
        node that answered
    :ivar handlerTimes: the seconds after which each handler gave its result
    """

    __slots__ = ("handlerTimes", "lookupHops", "lookupRequests", "lookupTimes")

    def __init__(self) -> None:
        self.lookupTimes = Histogram(TIME_BOUNDS)
        self.lookupRequests = Histogram(REQUEST_BOUNDS)
        self.lookupHops = Histogram(HOP_BOUNDS)
        self.handlerTimes = Histogram(TIME_BOUNDS)


class Load(NamedTuple):
    """
    How much of one kind of work there is at a moment.

    :ivar running: what is under way
    :ivar waiting: what waits for its turn
    """

    running: int
    waiting: int


class Statistics(NamedTuple):
    """
    What a node has done since it was made, and what it does now.  It doesn't change afterwards.

    :ivar counters: the counts of `DHTNode.counters`, by name
    :ivar contacts: the number of contacts
    :ivar networkSize: how many nodes the network may have, estimated from the contacts
    :ivar requests: the node's own requests that wait for an answer, and those that wait to be sent
    :ivar queries: the streams that have begun and not ended, and those that wait for their turn
    :ivar handlers: the number of handlers that have not given their results
    :ivar lookupTimes: the seconds that each lookup and each update took, without those that were
        stopped
    :ivar lookupRequests: the requests that each of them sent
    :ivar lookupHops: for each of them, the most nodes on the way from the node's own contacts to a
        node that answered
    :ivar handlerTimes: the seconds after which each handler gave its result
    """

    counters: Mapping[str, int]
    contacts: int
    networkSize: int
    requests: Load
    queries: Load
    handlers: int
    lookupTimes: Distribution
    lookupRequests: Distribution
    lookupHops: Distribution
    handlerTimes: Distribution
