"""
The pieces of a value that comes from a producer.
"""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer
from twisted.python.failure import Failure
from zope.interface import implementer

from .tree import PIECE_BYTES, checkLength


class Source(Protocol):
    """
    The type of a producer of a large value: ``twisted.web.iweb.IBodyProducer``, except that its
    ``length`` may be missing.

    ``twisted.web.client.FileBodyProducer`` is one for a file.
    """

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """
        Write the value to the consumer, in parts of any size.

        :return: fires when all of it was written
        """

    def pauseProducing(self) -> None:
        """Write nothing until `resumeProducing`."""

    def resumeProducing(self) -> None:
        """Write again."""

    def stopProducing(self) -> None:
        """Write nothing more."""


@implementer(IConsumer)
class PieceReader:
    """
    Cuts the value of a producer into pieces: ``async for piece in reader``.

    The producer runs only while less than a piece is there, so the reader holds little more than
    the producer writes at once.

    :raises ValueTooLarge: while the pieces are read, when the value has more than 1,048,576 bytes
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._buffer = bytearray()
        self._written = 0
        self._waiting: Deferred[None] | None = None
        self._hasStarted = False
        self._isPaused = False
        self._hasEnded = False
        self._failure: Failure | None = None

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Accept the producer, which is the source itself."""

    def unregisterProducer(self) -> None:
        """Accept that the producer has ended.  The Deferred of the source says so, too."""

    def write(self, data: bytes) -> None:
        """Take a part of the value.  Nothing is kept after the end, or beyond the largest value."""
        if self._hasEnded:
            return
        self._written += len(data)
        try:
            checkLength(self._written)
        except ValueError:
            self._end(Failure())
            self._source.stopProducing()
            return
        self._buffer += data
        if len(self._buffer) >= PIECE_BYTES:
            if not self._isPaused:
                self._isPaused = True
                try:
                    self._source.pauseProducing()
                except BaseException:
                    # A source that can't be paused would fill the memory.
                    self._end(Failure())
                    raise
            self._wake()

    def stop(self) -> None:
        """Stop the producer, unless it has ended."""
        if self._hasStarted and not self._hasEnded:
            self._hasEnded = True
            self._source.stopProducing()

    def __aiter__(self) -> PieceReader:
        return self

    async def __anext__(self) -> bytes:
        while len(self._buffer) < PIECE_BYTES and not self._hasEnded:
            # The source may write before it returns, so the Deferred is made first.
            waiting = self._waiting = Deferred()
            self._run()
            await waiting
        if self._failure is not None:
            self._failure.raiseException()
        if not self._buffer:
            raise StopAsyncIteration
        piece = bytes(self._buffer[:PIECE_BYTES])
        del self._buffer[:PIECE_BYTES]
        return piece

    def _run(self) -> None:
        if not self._hasStarted:
            self._hasStarted = True
            self._source.startProducing(self).addCallbacks(lambda _: self._end(), self._end)
        elif self._isPaused:
            self._isPaused = False
            self._source.resumeProducing()

    def _end(self, failure: Failure | None = None) -> None:
        if not self._hasEnded:
            self._hasEnded = True
            self._failure = failure
            self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)


__all__ = ["PieceReader", "Source"]
