"""
Results that are written as they arrive.

The request is the consumer of a stream, and passes the pauses of its connection on to it.  So while
a client doesn't read, its query asks no further node.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer, IProducer
from twisted.web.server import Request
from zope.interface import implementer

from ..answers import encode


@implementer(IConsumer)
class LineWriter:
    """
    Writes each result as a line of JSON.

    :param request: where the lines are written
    :param mediaType: the media type of the answer
    :param describe: makes a result an object of JSON; None writes nothing for the results
    :ivar hasBegun: whether something was written
    """

    def __init__(
        self,
        request: Request,
        mediaType: str,
        describe: Callable[[Any], dict[str, Any]] | None = None,
    ) -> None:
        self._request = request
        self._mediaType = mediaType
        self._describe = describe
        self.hasBegun = False

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """Pass the pauses of the connection on to a stream."""
        self._request.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """Note the end of the stream."""
        # A request has no channel any more when its client has gone.
        if self._request.channel is not None:
            self._request.unregisterProducer()

    def write(self, data: Any) -> None:
        """Write a result."""
        if self._describe is not None:
            self.writeBytes(encode(self._describe(data)))

    def writeBytes(self, data: bytes) -> None:
        """Write a part of the answer."""
        if not self.hasBegun:
            self.hasBegun = True
            self._request.setHeader("Content-Type", self._mediaType)
        self._request.write(data)


async def pump(request: Request, stream: Any, writer: LineWriter) -> bool:
    """
    Write the results of a stream, until it ends or the client has gone.

    :param stream: has ``startProducing`` and ``stopProducing``
    :return: whether the client is still there
    """
    isThere = True

    def gone(_: object) -> None:
        nonlocal isThere
        isThere = False
        stream.stopProducing()

    request.notifyFinish().addErrback(gone)
    done: Deferred[None] = stream.startProducing(writer)
    await done
    return isThere


def event(name: str, value: Any) -> bytes:
    """A server-sent event."""
    return b"event: %b\ndata: %b\n" % (name.encode("ascii"), encode(value))
