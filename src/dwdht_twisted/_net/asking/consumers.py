"""
The consumers that read a query stream for callers that bring none of their own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer
from twisted.python.failure import Failure
from zope.interface import implementer

from ..._awaitable import AwaitableDeferred
from ..._core.limits.bounds import LOOKUP_WINDOW
from ...interfaces import IQueryStream, Reply
from .delivery import Delivery
from .driver import Begin


@implementer(IConsumer)
class Collection:
    """
    A consumer that keeps all replies.

    :ivar items: the replies so far
    """

    def __init__(self) -> None:
        self.items: list[Reply] = []

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """Do nothing: the producer is never paused."""

    def unregisterProducer(self) -> None:
        """Do nothing: there is nothing to release."""

    def write(self, data: Reply) -> None:  # type: ignore[override]
        """Keep a reply."""
        self.items.append(data)


@implementer(IConsumer)
class Iteration:
    """
    A consumer that is read one reply at a time, and pauses its delivery while it is full.

    It knows the delivery and not the stream, so that it does not keep the stream alive: see
    `QueryStream.__del__`.

    :param delivery: writes the replies
    """

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._items: deque[Reply] = deque()
        self._wanted: Deferred[Reply] | None = None
        self._outcome: Failure | None = None

    def start(self, begin: Begin) -> None:
        """Begin to ask."""
        done: Deferred[None] = Deferred()
        done.addBoth(self.ended)
        self._delivery.start(self, self._delivery, begin, done)

    def next(self) -> Deferred[Reply]:
        """
        The next reply.

        :return: fails with ``StopAsyncIteration`` at the end
        :raises ValueError: when the reply before is still awaited
        """
        if self._wanted is not None:
            raise ValueError("a reply is awaited already")
        wanted: AwaitableDeferred[Reply] = AwaitableDeferred(self._cancelled)
        if self._items:
            item = self._items.popleft()
            if not self._items:
                self._delivery.resumeProducing()
            wanted.callback(item)
        elif self._outcome is not None:
            wanted.errback(self._outcome)
        else:
            self._wanted = wanted
        return wanted

    def clear(self) -> None:
        """Drop the replies that were not read."""
        self._items.clear()

    def ended(self, outcome: Failure | None) -> None:
        """Note the end; ``outcome`` is None when all went well."""
        self._outcome = outcome or Failure(StopAsyncIteration())
        wanted, self._wanted = self._wanted, None
        if wanted is not None and not wanted.called:
            wanted.errback(self._outcome)

    def _cancelled(self, _: object) -> None:
        # If the Deferred stayed here, the end of the stream would end the loop as if all answers
        # had arrived.
        self._wanted = None
        self._delivery.stopProducing()

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """Do nothing: the delivery is known."""

    def unregisterProducer(self) -> None:
        """Do nothing: there is nothing to release."""

    def write(self, data: Reply) -> None:  # type: ignore[override]
        """Pass a reply to the reader that waits for it, or keep it."""
        wanted, self._wanted = self._wanted, None
        if wanted is not None:
            wanted.callback(data)
            return
        self._items.append(data)
        if len(self._items) >= LOOKUP_WINDOW:
            self._delivery.pauseProducing()


@implementer(IConsumer)
class StopWhen:
    """
    A consumer that stops its stream on a condition.

    :param stream: the stream
    :param condition: asked after each reply
    """

    def __init__(self, stream: IQueryStream, condition: Callable[[], bool]) -> None:
        self._stream = stream
        self._condition = condition

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """Do nothing: the producer is the stream itself."""

    def unregisterProducer(self) -> None:
        """Do nothing: there is nothing to release."""

    def write(self, data: Reply) -> None:  # type: ignore[override]
        """Stop the stream, if the condition holds now."""
        if self._condition():
            self._stream.stopProducing()
