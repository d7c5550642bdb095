"""
The connections of a server, and what each may cost.

A connection waits for its client in two ways, and both have a limit in time:

* It waits for a request, from the connection on and after each answer.
* It waits until the client has read what was written.  While more than 64 kB wait, nothing more is
  written: a stream of results then pauses its query.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from io import BytesIO
from typing import Any, cast
from urllib.parse import unquote_to_bytes

from twisted.internet.interfaces import IAddress, IDelayedCall, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from ..answers import Problem, refuse
from ..bounds import (
    MAXIMUM_BODY_BYTES,
    MAXIMUM_CONNECTIONS,
    MAXIMUM_DISCARDED_BYTES,
    REQUEST_TIMEOUT,
    STALL_TIMEOUT,
)

#: The headers of every answer.  They tell a browser to take nothing for what it isn't.
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class BoundedRequest(Request):
    """
    A request whose body has a bound, and which is checked before a resource gets it.
    """

    received = 0

    def gotLength(self, length: int | None) -> None:
        """Keep the body in memory.  Twisted would write a large one to the disk."""
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:
        """Keep a part of the body, unless the body is too large."""
        self.received += len(data)
        if self.received <= MAXIMUM_BODY_BYTES:
            super().handleContentChunk(data)
        elif self.received > MAXIMUM_DISCARDED_BYTES:
            self.channel.forceAbortClient()

    def process(self) -> None:
        """Refuse the request, or pass it to its resource."""
        for name, value in HEADERS.items():
            self.setHeader(name, value)
        site = cast(BoundedChannel, self.channel).site
        try:
            if self.received > MAXIMUM_BODY_BYTES:
                raise Problem(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                    f"a body has at most {MAXIMUM_BODY_BYTES} bytes",
                )
            _checkPath(self.path)
            site.check(self)
        except Problem as problem:
            body = refuse(self, problem)
            self.write(body)
            self.finish()
        else:
            super().process()


def _checkPath(path: bytes) -> None:
    """
    Refuse a path that isn't text.  For such a path, Klein would write a traceback to the log.

    :raises Problem: when it isn't UTF-8
    """
    try:
        unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        raise Problem(HTTPStatus.BAD_REQUEST, "a path is text in UTF-8") from None


class BoundedChannel(HTTPChannel):
    """
    A connection that is closed when its client is too slow.

    :ivar site: the site that it belongs to
    :ivar isIdle: whether it waits for a request
    """

    site: BoundedSite

    def connectionMade(self) -> None:
        """Wait for the first request."""
        self._timer: IDelayedCall | None = None
        self.isIdle = True
        self._isPaused = False
        self._unread: Request | None = None
        super().connectionMade()
        self._within(REQUEST_TIMEOUT)
        self.site.opened(self)

    def allContentReceived(self) -> None:
        """Note that a request is complete."""
        self.isIdle = False
        self._within(None)
        super().allContentReceived()

    def requestDone(self, request: Request) -> None:
        """
        Wait for the next request.  While the client doesn't read the last answer, a request that it
        has sent already is not served: it could send hundreds, and let their answers wait.
        """
        if self._isPaused:
            self._unread = request
            return
        self.isIdle = True
        self._within(REQUEST_TIMEOUT)
        super().requestDone(request)

    def pauseProducing(self) -> None:
        """Wait until the client reads."""
        self._isPaused = True
        super().pauseProducing()
        self._within(STALL_TIMEOUT)

    def resumeProducing(self) -> None:
        """Note that the client reads."""
        self._isPaused = False
        self._within(REQUEST_TIMEOUT if self.isIdle else None)
        super().resumeProducing()
        request, self._unread = self._unread, None
        if request is not None:
            self.requestDone(request)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Release everything."""
        self._within(None)
        self.site.closed(self)
        super().connectionLost(reason)

    def forceAbortClient(self) -> None:
        """Close the connection at once, and write nothing more."""
        self._abortingCall = None
        ITCPTransport(self.transport).abortConnection()

    def _within(self, seconds: float | None) -> None:
        """Close the connection unless this is called again in time; None sets no limit."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None if seconds is None else self.callLater(seconds, self.forceAbortClient)


class BoundedSite(Site):
    """
    The connections of one server.

    :param check: called with each request; raises a `Problem` to refuse it
    """

    requestFactory = BoundedRequest

    def __init__(self, reactor: Any, check: Callable[[Request], None]) -> None:
        # A connection without a deadline of its own is never left to the idle timer of Twisted.
        super().__init__(Resource(), requestFactory=BoundedRequest, timeout=None, reactor=reactor)
        self.check = check
        # The open connections, the oldest first.
        self._channels: dict[BoundedChannel, None] = {}

    def buildProtocol(  # type: ignore[override]
        self, addr: IAddress | None
    ) -> BoundedChannel | None:
        """Make the protocol of a connection, or return None if there are too many."""
        if len(self._channels) >= MAXIMUM_CONNECTIONS:
            idle = next((each for each in self._channels if each.isIdle), None)
            if idle is None:
                return None
            del self._channels[idle]
            idle.forceAbortClient()
        channel = BoundedChannel()
        channel.site = channel.factory = self
        channel.requestFactory = self.requestFactory
        channel.timeOut = None
        channel.callLater = self.reactor.callLater  # type: ignore[method-assign,assignment]
        return channel

    @property
    def connections(self) -> int:
        """The number of open connections."""
        return len(self._channels)

    def opened(self, channel: BoundedChannel) -> None:
        """Note a new connection."""
        self._channels[channel] = None

    def closed(self, channel: BoundedChannel) -> None:
        """Note the end of a connection."""
        self._channels.pop(channel, None)

    def closeAll(self) -> None:
        """Close all connections."""
        for channel in list(self._channels):
            channel.forceAbortClient()

    def log(self, request: object) -> None:
        """Write nothing: a client must not be able to fill the log."""
