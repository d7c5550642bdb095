"""
The requests that wait until fewer requests are in flight.
"""

from __future__ import annotations

from collections import OrderedDict

from ...errors import TooManyRequests
from .outgoing import OutgoingRequest


class RequestQueue:
    """
    Two queues of requests: those of queries, and all others, such as pings.

    Requests are taken from each queue in turn.  So neither pings keep out queries, nor queries
    pings.

    The queue of the others is bounded.  A request of a query is never refused, because the query
    would take the refusal for the silence of the node that it asks.  Such requests have a bound all
    the same: a limited number of queries run, and each sends a limited number of requests.

    :param maximum: the most other requests that wait
    """

    __slots__ = ("_isQueryNext", "_maximum", "_ofOthers", "_ofQueries")

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._ofQueries: OrderedDict[OutgoingRequest, None] = OrderedDict()
        self._ofOthers: OrderedDict[OutgoingRequest, None] = OrderedDict()
        self._isQueryNext = True

    def __len__(self) -> int:
        return len(self._ofQueries) + len(self._ofOthers)

    def add(self, request: OutgoingRequest, *, isForQuery: bool) -> None:
        """
        Add a request.

        :raises TooManyRequests: when too many others wait already, and this is not of a query
        """
        if isForQuery:
            self._ofQueries[request] = None
        elif len(self._ofOthers) < self._maximum:
            self._ofOthers[request] = None
        else:
            raise TooManyRequests(f"{self._maximum} requests wait already")

    def take(self) -> OutgoingRequest:
        """Take out the request that has waited longest in the queue whose turn it is."""
        isOfQuery = bool(self._ofQueries) and (self._isQueryNext or not self._ofOthers)
        self._isQueryNext = not isOfQuery
        request, _ = (self._ofQueries if isOfQuery else self._ofOthers).popitem(last=False)
        return request

    def discard(self, request: OutgoingRequest) -> None:
        """Take out a request, if it waits."""
        self._ofOthers.pop(request, None)
        self._ofQueries.pop(request, None)

    def clear(self) -> list[OutgoingRequest]:
        """Take out all requests, and return them."""
        return [self.take() for _ in range(len(self))]
