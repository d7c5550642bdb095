"""
The requests that wait until fewer requests are in flight.
"""

from __future__ import annotations

from collections import OrderedDict

from .outgoing import OutgoingRequest


class RequestQueue:
    """
    Two queues of requests: those of queries, and all others, such as pings.

    Requests are taken from each queue in turn.  So neither pings keep out queries, nor queries
    pings.
    """

    __slots__ = ("_isQueryNext", "_ofOthers", "_ofQueries")

    def __init__(self) -> None:
        self._ofQueries: OrderedDict[OutgoingRequest, None] = OrderedDict()
        self._ofOthers: OrderedDict[OutgoingRequest, None] = OrderedDict()
        self._isQueryNext = True

    def __len__(self) -> int:
        return len(self._ofQueries) + len(self._ofOthers)

    def add(self, request: OutgoingRequest, *, isForQuery: bool) -> None:
        """Add a request."""
        (self._ofQueries if isForQuery else self._ofOthers)[request] = None

    def addFirst(self, request: OutgoingRequest) -> None:
        """Add a request that has waited elsewhere, before all that wait here."""
        self._ofQueries[request] = None
        self._ofQueries.move_to_end(request, last=False)

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
