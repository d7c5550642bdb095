"""
The connections of a server, and what each may cost.

A connection waits for its client in two ways, and both have a limit in time:

* It waits for a request, from the connection on and after each answer.
* It waits until the client has read what was written.  While more than 64 kB wait, nothing more is
  written: a stream of results then pauses its query.  Nothing is read, either.

What a client sends before its last request was answered is held back, and not much of it is read.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from io import BytesIO
from typing import Any, cast
from urllib.parse import unquote_to_bytes

from twisted.internet.interfaces import IAddress, IDelayedCall, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, parse_qs
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from ..answers import Problem, refuse
from ..bounds import (
    MAXIMUM_BODY_BYTES,
    MAXIMUM_CONNECTIONS,
    MAXIMUM_DISCARDED_BYTES,
    MAXIMUM_HEADERS,
    MAXIMUM_QUERY_FIELDS,
    MAXIMUM_TRAILER_BYTES,
    PARSED_AT_ONCE,
    READ_AHEAD_BYTES,
    REQUEST_TIMEOUT,
    STALL_TIMEOUT,
)

#: The most digits of the length of a body.  Larger: Python reads no number of 4,300 and more.
#: Smaller: a length that is too large is refused with another status.
MAXIMUM_DIGITS = 20

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

    def parseCookies(self) -> None:
        """Read no cookie: no operation has any, and thousands fit into a header."""

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

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """
        Begin to serve a request that is complete.  No form is looked for in its body: no operation
        takes one, and the parser of Twisted raises exceptions for some.
        """
        assert self.content is not None
        self.content.seek(0)
        self.method, self.uri, self.clientproto = command, path, version
        self.args = {}
        self.path = path.partition(b"?")[0]
        self.process()

    def getRequestHostname(self) -> bytes:
        """
        The name of the server, of which Klein and Werkzeug make URLs.  No answer has one, so they
        never see the name that the client has sent, for some of which they raise exceptions.
        """
        return b"localhost"

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
            self.args = _fieldsOf(self.uri)
            site.check(self)
        except Problem as problem:
            body = refuse(self, problem)
            self.write(body)
            self.finish()
        else:
            super().process()

    def processingFailed(self, reason: Failure) -> Failure:
        """Answer that the server has failed."""
        cast(BoundedSite, self.site).noteFailure(reason)
        problem = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "see the log of the server")
        self.write(refuse(self, problem))
        self.finish()
        return reason


def _checkPath(path: bytes) -> None:
    """
    Refuse a path that isn't text.  For such a path, Klein would write a traceback to the log.

    :raises Problem: when it isn't UTF-8
    """
    try:
        unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        raise Problem(HTTPStatus.BAD_REQUEST, "a path is text in UTF-8") from None


def _fieldsOf(uri: bytes) -> dict[bytes, list[bytes]]:
    """
    Read the query of a URI.

    :raises Problem: when it has too many fields
    """
    query = uri.partition(b"?")[2]
    if query.count(b"&") + query.count(b";") >= MAXIMUM_QUERY_FIELDS:
        raise Problem(HTTPStatus.BAD_REQUEST, f"a query has at most {MAXIMUM_QUERY_FIELDS} fields")
    fields: dict[bytes, list[bytes]] = parse_qs(query, keep_blank_values=True)
    return fields


class BoundedChannel(HTTPChannel):
    """
    A connection that is closed when its client is too slow, and that holds little of what it sends.

    Twisted would hold whatever comes while an answer waits for its client, and copy all of it for
    each line.  So what comes is held here, and parsed in pieces while the client is waited for.

    :ivar site: the site that it belongs to
    :ivar isIdle: whether it waits for a request
    """

    site: BoundedSite
    maxHeaders = MAXIMUM_HEADERS

    def connectionMade(self) -> None:
        """Wait for the first request."""
        self._timer: IDelayedCall | None = None
        self.isIdle = True
        self._isPaused = self._isClosing = self._isParsing = False
        self._unread: Request | None = None
        self._held = bytearray()
        self._ignored = 0
        super().connectionMade()
        self._within(REQUEST_TIMEOUT)
        self.site.opened(self)

    def dataReceived(self, data: bytes) -> None:
        """Parse what has come, as far as it is its turn."""
        if not self._isClosing:
            self._held += data
            self._parse()
            return
        # Over TLS, a connection that is to be closed reads until the client closes it, too.
        self._ignored += len(data)
        if self._ignored > READ_AHEAD_BYTES:
            self.forceAbortClient()

    def rawDataReceived(self, data: bytes) -> None:
        """Read a part of a body, or hold what follows the request that is served."""
        if self.isIdle:
            super().rawDataReceived(data)
        else:
            self._held[:0] = data

    def setLineMode(self, extra: bytes = b"") -> None:
        """Read a request after the last one, from what came with it on."""
        super().setLineMode()
        self._held[:0] = extra

    def lineLengthExceeded(self, line: bytes) -> None:
        """Refuse a line that is too long.  Twisted would close the connection without an answer."""
        self._respondToBadRequestAndDisconnect()

    def headerReceived(self, line: bytes) -> bool:
        """Take a header, unless it is a length with so many digits that Python reads no number."""
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and len(value.strip()) > MAXIMUM_DIGITS:
            self._respondToBadRequestAndDisconnect()
            return False
        return bool(super().headerReceived(line))

    def allHeadersReceived(self) -> None:
        """Limit the headers that may follow the body."""
        if self._transferDecoder is not None:
            with suppress(AttributeError):
                # Only the decoder of chunks has such headers, and only that of new versions.
                self._transferDecoder._maxTrailerHeadersSize = MAXIMUM_TRAILER_BYTES
        super().allHeadersReceived()

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
        self._parse()

    def pauseProducing(self) -> None:
        """Wait until the client reads."""
        self._isPaused = True
        super().pauseProducing()
        self._within(STALL_TIMEOUT)
        self._regulate()

    def resumeProducing(self) -> None:
        """Note that the client reads."""
        self._isPaused = False
        self._within(REQUEST_TIMEOUT if self.isIdle else None)
        super().resumeProducing()
        request, self._unread = self._unread, None
        if request is not None:
            self.requestDone(request)
        self._parse()

    def loseConnection(self) -> None:
        """Close the connection when the client has read what was written."""
        self._drop()
        super().loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Release everything."""
        self._drop()
        self._within(None)
        self.site.closed(self)
        super().connectionLost(reason)

    def forceAbortClient(self) -> None:
        """Close the connection at once, and write nothing more."""
        self._drop()
        self._abortingCall = None
        ITCPTransport(self.transport).abortConnection()

    def _parse(self) -> None:
        """Pass on what is held, in pieces, until a request is to be served."""
        if self._isParsing:
            return
        self._isParsing = True
        try:
            while self._held and self.isIdle and not (self._isPaused or self._isClosing):
                piece = bytes(self._held[:PARSED_AT_ONCE])
                del self._held[:PARSED_AT_ONCE]
                super().dataReceived(piece)
        except Exception:
            # Nothing is known that makes the parser of Twisted raise an exception.  If something
            # does, a client could fill the log with it.
            self.site.noteFailure(Failure())
            self.forceAbortClient()
        finally:
            self._isParsing = False
        self._regulate()

    def _regulate(self) -> None:
        """Read from the client, or don't."""
        if self._isClosing:
            return
        if self._isPaused or len(self._held) >= READ_AHEAD_BYTES:
            self._networkProducer.pauseProducing()
        else:
            # The end of the connection is noticed while a request is served.
            self._networkProducer.resumeProducing()

    def _drop(self) -> None:
        """Forget what is held: nothing more is served."""
        self._isClosing = True
        self._held.clear()

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

    _log = Logger()
    requestFactory = BoundedRequest

    def __init__(self, reactor: Any, check: Callable[[Request], None]) -> None:
        # A connection without a deadline of its own is never left to the idle timer of Twisted.
        super().__init__(Resource(), requestFactory=BoundedRequest, timeout=None, reactor=reactor)
        self.check = check
        # The open connections, the oldest first.
        self._channels: dict[BoundedChannel, None] = {}
        self._failed: set[type[BaseException] | None] = set()

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

    def noteFailure(self, failure: Failure) -> None:
        """Log an exception, the first of its class: a client must not be able to fill the log."""
        if failure.type not in self._failed:
            self._failed.add(failure.type)
            self._log.failure("serving {name} over HTTP failed", failure, name="a request")

    def log(self, request: object) -> None:
        """Write nothing: a client must not be able to fill the log."""
