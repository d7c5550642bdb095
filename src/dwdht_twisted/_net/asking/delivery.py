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
from ...interfaces import Consumer, Reply
from .driver import Begin, SearchDriver
from .slots import QuerySlots


@implementer(IPushProducer)
class Delivery:
    """
    Writes the replies of one question to a consumer.  While it is paused, no further node is asked.
    A node is asked only while the delivery has a slot; see `QuerySlots`.

    The node has a reference to each running delivery.  The user has a reference to the stream.  The
    delivery has no reference to the stream.  So the stream is freed when the user drops it, even if
    the query is still running.

    :param driver: asks the nodes
    :param running: the deliveries of the node that have started and not ended
    :param slots: limits how many queries run at once
    :ivar driver: asks the nodes
    :ivar dueSince: the time of the start, or of the end of the last pause, in seconds
    :ivar isPaused: whether the consumer has paused the stream
    :ivar isStopped: whether the delivery has ended
    """

    _log = Logger()

    def __init__(self, driver: SearchDriver, running: set[Delivery], slots: QuerySlots) -> None:
        self.driver = driver
        self.dueSince = 0.0
        self.isPaused = False
        self.isStopped = False
        self._running = running
        self._slots = slots
        # Begins the search.  None before `start`, and after the search has begun.
        self._begin: Begin | None = None
        self._kept: deque[Reply] = deque()
        self._consumer: IConsumer | Consumer | None = None
        self._done: Deferred[None] | None = None

    def start(
        self,
        consumer: IConsumer | Consumer,
        producer: IPushProducer,
        begin: Begin,
        done: Deferred[None],
    ) -> None:
        """
        Register a producer with a consumer, and begin to ask when there is a slot.

        :param producer: the producer that is registered: the stream, or this delivery
        :param done: fired at the end
        """
        self._consumer = consumer
        self._done = done
        self._begin = begin
        self.dueSince = self.driver.seconds()
        self._running.add(self)
        try:
            consumer.registerProducer(producer, True)
        except Exception:
            # The consumer probably has another producer.  Forget the consumer, so that `release`
            # does not unregister the other producer.
            self._consumer = None
            self.release()
            raise
        if not self.isStopped:
            self.proceed()

    def abandon(self) -> None:
        """
        Ask no further node, and no longer count as running.

        This method calls no other code, so it may be called at any time and in any thread.  The
        caller has to call `stopProducing` later, in the thread of the reactor.
        """
        self.isPaused = True
        self._running.discard(self)

    # Called by the consumer.

    def pauseProducing(self) -> None:
        """Ask no further node, and write no further reply."""
        self.isPaused = True
        self._slots.release(self)

    def resumeProducing(self) -> None:
        """Write the replies that were kept, and go on asking."""
        self.isPaused = False
        while self._kept and not self.isPaused:
            self._write(self._kept.popleft())
        self.dueSince = self.driver.seconds()
        self.proceed()

    def stopProducing(self) -> None:
        """End the delivery, and cancel all its requests."""
        self._end(None)

    def fail(self, reason: Exception) -> None:
        """End the delivery with an error."""
        self._end(Failure(reason))

    # Called by the slots.

    def run(self) -> None:
        """Begin the search, or go on with it, because there is a slot now."""
        begin, self._begin = self._begin, None
        if begin is None:
            self.driver.advance()
            return
        try:
            self.driver.start(begin, self)
        except Exception:
            # Another query, which has released its slot, calls this method.
            self._end(Failure())

    # Called by the driver.

    @property
    def mayAsk(self) -> bool:
        """Whether the driver may ask further nodes at present."""
        return not self.isPaused and self._slots.has(self)

    def rest(self) -> None:
        """Give the slot to another query, because this one waits for the node's own handler."""
        self._slots.release(self)

    def proceed(self) -> None:
        """Go on when there is a slot, unless the delivery is paused, or is not running."""
        if self.isPaused or self._done is None:
            return
        if self._slots.has(self):
            self.driver.advance()
        elif not self._slots.isWaiting(self):
            try:
                self._slots.request(self, hasBegun=self._begin is None)
            except DHTError as error:
                self._end(Failure(error))

    def deliver(self, reply: Reply) -> None:
        """Write a reply, or keep it while the stream is paused."""
        if self.isPaused or self._kept:
            self._kept.append(reply)
        else:
            self._write(reply)

    def finished(self, reason: DHTError | None) -> None:
        """End the delivery, because the search is over."""
        self._end(None if reason is None else Failure(reason))

    def _write(self, reply: Reply) -> None:
        if self._consumer is None:
            return
        try:
            self._consumer.write(reply)  # type: ignore[arg-type]
        except BaseException:
            # As Twisted does: what a consumer raises ends its query, not the program.
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
        """
        Release everything.

        :return: ``done`` of `start`, which the caller has to fire; None if it was returned before
        """
        self.isStopped = True
        self.driver.stop()
        self._kept.clear()
        self._running.discard(self)
        self._slots.release(self)
        consumer, self._consumer = self._consumer, None
        done, self._done = self._done, None
        if consumer is not None:
            try:
                consumer.unregisterProducer()
            except BaseException:
                self._log.failure("unregisterProducer of {consumer} failed", consumer=consumer)
        return done
