"""
Delivering the replies of one question to a consumer.
"""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer, IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ...errors import DHTError
from ...interfaces import Reply
from .driver import Begin, SearchDriver


@implementer(IPushProducer)
class Delivery:
    """
    Writes the replies of one question to a consumer, and has no further node asked while it is
    paused.

    The node holds the delivery while it runs.  The user holds the stream, and the delivery holds
    nothing of the user but the consumer.  So a stream that nobody holds any more can be noticed.

    :param driver: asks the nodes
    :param running: the deliveries of the node that have started and not ended
    :ivar driver: see above
    :ivar isPaused: whether the consumer has paused the stream
    :ivar isStopped: whether it has ended
    """

    _log = Logger()

    def __init__(self, driver: SearchDriver, running: set[Delivery]) -> None:
        self.driver = driver
        self.isPaused = False
        self.isStopped = False
        self._running = running
        self._kept: deque[Reply] = deque()
        self._consumer: IConsumer | None = None
        self._done: Deferred[None] | None = None

    def start(
        self, consumer: IConsumer, producer: IPushProducer, begin: Begin, done: Deferred[None]
    ) -> None:
        """
        Register with a consumer, and begin to ask.

        :param producer: the producer that the consumer is to know
        :param done: fired at the end
        """
        self._consumer = consumer
        self._done = done
        self._running.add(self)
        try:
            consumer.registerProducer(producer, True)
        except Exception:
            # The consumer has another producer, which is not ours to unregister.
            self._consumer = None
            self.release()
            raise
        if not self.isStopped:
            self.driver.start(begin, self)

    def abandon(self) -> None:
        """
        Ask no further node, and no longer count as running.

        Nothing is called, so this can be done at any time and in any thread.  `stopProducing` is to
        follow.
        """
        self.isPaused = True
        self._running.discard(self)

    # What the consumer wants.

    def pauseProducing(self) -> None:
        """Ask no further node, and write no further reply."""
        self.isPaused = True

    def resumeProducing(self) -> None:
        """Write the replies that were kept, and go on asking."""
        self.isPaused = False
        while self._kept and not self.isPaused:
            self._write(self._kept.popleft())
        self.driver.advance()

    def stopProducing(self) -> None:
        """End, and cancel all requests."""
        self._end(None)

    def fail(self, reason: Exception) -> None:
        """End with an error."""
        self._end(Failure(reason))

    # What the driver brings.

    def deliver(self, reply: Reply) -> None:
        """Write a reply, or keep it while the stream is paused."""
        if self.isPaused or self._kept:
            self._kept.append(reply)
        else:
            self._write(reply)

    def finished(self, reason: DHTError | None) -> None:
        """End, because the search is over."""
        self._end(None if reason is None else Failure(reason))

    def _write(self, reply: Reply) -> None:
        if self._consumer is None:
            return
        try:
            self._consumer.write(reply)  # type: ignore[arg-type]
        except Exception:
            self._end(Failure())

    def _end(self, failure: Failure | None) -> None:
        done = self.release()
        if done is None:
            return
        if failure is None:
            done.callback(None)
        else:
            done.errback(failure)

    def release(self) -> Deferred[None] | None:
        """Release everything, and return the Deferred that the caller is to fire, if it waits."""
        self.isStopped = True
        self.driver.stop()
        self._kept.clear()
        self._running.discard(self)
        consumer, self._consumer = self._consumer, None
        done, self._done = self._done, None
        if consumer is not None:
            try:
                consumer.unregisterProducer()
            except Exception:
                self._log.failure("unregisterProducer of {consumer} failed", consumer=consumer)
        return done
