"""
Doubles of the objects that an application gives to a node: a handler, a consumer and a name
resolver.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IConsumer,
    IHostnameResolver,
    IHostResolution,
    IResolutionReceiver,
)
from zope.interface import implementer

from dwdht_twisted import ICommandHandler, Reply, Request
from dwdht_twisted.interfaces import HandlerResult


@implementer(ICommandHandler)
class Handler:
    """
    A command handler that records its requests.

    :param query: returns the result of a query
    :param update: returns the result of an update
    :ivar queries: the received queries
    :ivar updates: the received updates
    """

    def __init__(
        self,
        query: Callable[[Request], HandlerResult] = lambda request: None,
        update: Callable[[Request], HandlerResult] = lambda request: None,
    ) -> None:
        self._query = query
        self._update = update
        self.queries: list[Request] = []
        self.updates: list[Request] = []

    def queryReceived(self, request: Request) -> HandlerResult:
        self.queries.append(request)
        return self._query(request)

    def updateReceived(self, request: Request) -> HandlerResult:
        self.updates.append(request)
        return self._update(request)


async def ignoreCancellation(_: Request) -> bytes:
    """Handle a request without ever finishing. After a cancellation, go on waiting."""
    try:
        return await Deferred()
    except Exception:
        return await Deferred()


@implementer(IConsumer)
class Consumer:
    """
    A consumer that records the replies written to it.

    :param onWrite: called with the producer after each reply
    :ivar items: the replies
    :ivar producer: the registered producer, or None
    """

    def __init__(self, onWrite: Callable[[Any], object] = lambda producer: None) -> None:
        self.items: list[Reply] = []
        self.producer: Any = None
        self.isStreaming = False
        self._onWrite = onWrite

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert self.producer is None
        self.producer = producer
        self.isStreaming = streaming

    def unregisterProducer(self) -> None:
        self.producer = None

    def write(self, data: Any) -> None:
        self.items.append(data)
        self._onWrite(self.producer)


@implementer(IHostnameResolver)
class SilentResolver:
    """
    A name resolver that answers only when a test calls `answer`.

    :ivar asked: the names to be resolved, in order
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._waiting: list[tuple[str, IResolutionReceiver]] = []

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        self.asked.append(hostName)
        self._waiting.append((hostName, resolutionReceiver))
        return None  # type: ignore[return-value]

    def answer(self, name: str, *hosts: str) -> None:
        """Resolve a name to ``hosts``, for all its pending resolutions."""
        waiting, self._waiting = self._waiting, []
        for asked, receiver in waiting:
            if asked != name:
                self._waiting.append((asked, receiver))
                continue
            for host in hosts:
                receiver.addressResolved(IPv4Address("UDP", host, 0))
            receiver.resolutionComplete()
