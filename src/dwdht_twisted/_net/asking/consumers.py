"""
The consumers of query streams that the package itself provides.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer
from twisted.python.failure import Failure
from zope.interface import implementer

from ..._awaitable import AwaitableDeferred
from ..._core.lookup.bounds import LOOKUP_WINDOW
from ...interfaces import IQueryStream, Reply
from .delivery import Delivery
from .driver import Begin


@implementer(IConsumer)
class Collection:
    """
    The consumer of `QueryStream.collect`.  It keeps all replies.

    :ivar items: the replies so far
    """

    def __init__(self) -> None:
        self.items: list[Reply] = []

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """Do nothing, because this consumer never pauses the producer."""

    def unregisterProducer(self) -> None:
        """Do nothing: there is nothing to release."""

    def write(self, data: Reply) -> None:  # type: ignore[override]
        """Keep a reply."""
        self.items.append(data)


@implementer(IConsumer)
class Iteration:
    """
    The consumer of ``async for``.  It returns one reply at a time.

    It keeps replies until they are asked for.  When it keeps `LOOKUP_WINDOW` replies, it pauses the
    delivery until all of them have been returned.  While the user has paused it, it returns none.

    It has a reference to the delivery, not to the stream, because it must not keep the stream
    alive: see `QueryStream.__del__`.

    :param delivery: writes the replies
    """

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._items: deque[Reply] = deque()
        self._wanted: Deferred[Reply] | None = None
        self._outcome: Failure | None = None
        self._isPaused = delivery.isPaused

    def start(self, begin: Begin) -> None:
        """Start the query."""
        done: Deferred[None] = Deferred()
        done.addBoth(self.ended)
        self._delivery.start(self, self._delivery, begin, done)

    def next(self) -> Deferred[Reply]:
        """
        The next reply.

        :return: fires with the reply; fails with ``StopAsyncIteration`` at the end of the query
        :raises ValueError: when the Deferred of an earlier call has not fired
        """
        if self._wanted is not None:
            raise ValueError("a reply is awaited already")
        wanted: AwaitableDeferred[Reply] = AwaitableDeferred(self._cancelled)
        self._wanted = wanted
        self._answer()
        return wanted

    def _answer(self) -> None:
        """Fire the waiting Deferred of `next`, if there is something to fire it with."""
        wanted = self._wanted
        if wanted is None or self._isPaused or not (self._items or self._outcome):
            return
        self._wanted = None
        if self._items:
            item = self._items.popleft()
            if not self._items:
                self._delivery.resumeProducing()
            wanted.callback(item)
        elif not wanted.called:
            wanted.errback(self._outcome)

    def pauseProducing(self) -> None:
        """Ask no further node, and return no further reply."""
        self._isPaused = True
        self._delivery.pauseProducing()

    def resumeProducing(self) -> None:
        """Return replies again, and go on asking when those that are kept were returned."""
        self._isPaused = False
        if not self._items:
            self._delivery.resumeProducing()
        self._answer()

    def clear(self) -> None:
        """Drop the replies that were not read."""
        self._items.clear()

    def ended(self, outcome: Failure | None) -> None:
        """Note the end of the query; ``outcome`` is its failure, or None if it succeeded."""
        self._outcome = outcome or Failure(StopAsyncIteration())
        # Nobody resumes what has ended.
        self._isPaused = False
        self._answer()

    def _cancelled(self, _: object) -> None:
        # Drop the Deferred first.  Otherwise the end of the query would fire the Deferred with
        # StopAsyncIteration, and the loop would end as if all answers had arrived.
        self._wanted = None
        self._delivery.stopProducing()

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """Do nothing, because the producer is the delivery, which the constructor was given."""

    def unregisterProducer(self) -> None:
        """Do nothing: there is nothing to release."""

    def write(self, data: Reply) -> None:  # type: ignore[override]
        """Fire the waiting Deferred of `next` with a reply; without one, keep the reply."""
        wanted = self._wanted
        if wanted is not None and not self._isPaused:
            self._wanted = None
            wanted.callback(data)
            return
        self._items.append(data)
        if len(self._items) >= LOOKUP_WINDOW:
            self._delivery.pauseProducing()


@implementer(IConsumer)
class StopWhen:
    """
    A consumer that stops its stream as soon as a condition is true.

    :param stream: the stream
    :param condition: called after each reply; returns whether to stop
    """

    def __init__(self, stream: IQueryStream, condition: Callable[[], bool]) -> None:
        self._stream = stream
        self._condition = condition

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """Do nothing, because the producer is the stream, which the constructor was given."""

    def unregisterProducer(self) -> None:
        """Do nothing: there is nothing to release."""

    def write(self, data: Reply) -> None:  # type: ignore[override]
        """Stop the stream if the condition is true."""
        if self._condition():
            self._stream.stopProducing()
