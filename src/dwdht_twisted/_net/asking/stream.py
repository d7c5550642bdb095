"""
The answers to a query, as a push producer.

A `QueryStream` has a `SearchDriver` ask the nodes, and writes what is a result to its consumer.
There are three ways to read a stream, and all of them are consumers: `startProducing` takes any
`IConsumer`, `collect` and ``async for`` bring their own.

Back pressure works at the source.  While the consumer has paused the stream, no further node is
asked.  The answers to requests already sent, a window's worth at most, are kept until it resumes.
"""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IConsumer
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ...errors import DHTError
from ...interfaces import IQueryStream, Reply
from ..requests import Caller
from .consumers import Collection, Iteration
from .driver import Begin, SearchDriver
from .question import Question


@implementer(IQueryStream)
class QueryStream:
    """
    One query or update; `DHTNode` makes them.

    :param question: the question
    :param caller: sends the requests
    :param begin: starts the first search
    :param running: the streams of the node that have started and not ended
    :ivar isPaused: whether the consumer has paused the stream
    """

    _log = Logger()

    def __init__(
        self, question: Question, caller: Caller, begin: Begin, *, running: set[QueryStream]
    ) -> None:
        self.isPaused = False
        self._driver = SearchDriver(question, caller, self)
        self._begin = begin
        self._running = running
        self._kept: deque[Reply] = deque()
        self._consumer: IConsumer | None = None
        self._done: Deferred[None] | None = None
        self._iterator: Iteration | None = None
        self._isRead = False
        self._isStopped = False

    @property
    def responses(self) -> int:
        """The number of nodes that have answered so far."""
        return self._driver.counts.responses

    @property
    def errors(self) -> int:
        """The number of nodes that failed to answer, or refused an update, so far."""
        return self._driver.counts.errors

    @property
    def commits(self) -> int:
        """The number of nodes that have taken the update so far."""
        return self._driver.counts.commits

    # Reading.

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """See `IQueryStream.startProducing`."""
        if self._isRead:
            raise ValueError("a query stream is read once; make another query")
        self._isRead = True
        if self._isStopped:
            return succeed(None)
        self._consumer = consumer
        done: Deferred[None] = Deferred(lambda _: self._cancelled())
        self._done = done
        self._running.add(self)
        try:
            consumer.registerProducer(self, True)
        except Exception:
            # The consumer has another producer, which is not ours to unregister.
            self._consumer = None
            self._release()
            raise
        if not self._isStopped:
            self._driver.start(self._begin)
        return done

    def collect(self) -> Deferred[list[Reply]]:
        """See `IQueryStream.collect`."""
        replies = Collection()
        finished = self.startProducing(replies)
        collected: Deferred[list[Reply]] = Deferred(lambda _: finished.cancel())
        finished.addCallback(lambda _: replies.items)
        finished.addCallbacks(collected.callback, collected.errback)
        return collected

    def __aiter__(self) -> QueryStream:
        """See `IQueryStream`."""
        if self._iterator is None:
            self._iterator = Iteration(self)
        return self

    def __anext__(self) -> Deferred[Reply]:
        """See `IQueryStream`."""
        iterator = self.__aiter__()._iterator
        assert iterator is not None
        return iterator.next()

    # IPushProducer.

    def pauseProducing(self) -> None:
        """Ask no further node, and write no further reply."""
        self.isPaused = True

    def resumeProducing(self) -> None:
        """Write the replies that were kept, and go on asking."""
        self.isPaused = False
        while self._kept and not self.isPaused:
            self._write(self._kept.popleft())
        self._driver.advance()

    def stopProducing(self) -> None:
        """Cancel the query and its requests."""
        self._end(None)

    def fail(self, reason: Exception) -> None:
        """End the stream with an error, as its node does when it is destroyed."""
        self._end(Failure(reason))

    # What the driver brings.

    def deliver(self, reply: Reply) -> None:
        """Write a reply, or keep it while the stream is paused."""
        if self.isPaused or self._kept:
            self._kept.append(reply)
        else:
            self._write(reply)

    def finished(self, reason: DHTError | None) -> None:
        """End the stream, because its search is over."""
        self._end(None if reason is None else Failure(reason))

    def _write(self, reply: Reply) -> None:
        if self._consumer is None:
            return
        try:
            self._consumer.write(reply)  # type: ignore[arg-type]
        except Exception:
            self._end(Failure())

    def _end(self, failure: Failure | None) -> None:
        done = self._release()
        if done is None:
            return
        if failure is None:
            done.callback(None)
        else:
            done.errback(failure)

    def _cancelled(self) -> None:
        """Stop, because the Deferred was cancelled, which fails by itself."""
        self._release()

    def _release(self) -> Deferred[None] | None:
        """Release everything; the caller is to fire the Deferred that is returned."""
        self._isStopped = True
        self._driver.stop()
        self._kept.clear()
        self._running.discard(self)
        consumer, self._consumer = self._consumer, None
        done, self._done = self._done, None
        if consumer is not None:
            try:
                consumer.unregisterProducer()
            except Exception:
                self._log.failure(
                    "unregisterProducer of a consumer of {stream} failed", stream=self
                )
        return done
