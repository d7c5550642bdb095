"""
The answers to a query, as a push producer.

There are three ways to read a `QueryStream`: `startProducing` with any ``IConsumer``, `collect`,
and ``async for``.  `collect` and ``async for`` use consumers of this package.

A pause acts on the requests.  While the stream is paused, no further node is asked.  At most
`LOOKUP_WINDOW` requests, and a few late ones, are in flight when a pause begins.  Answers to these
requests are kept until the stream is resumed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IConsumer
from zope.interface import implementer

from ..._awaitable import AwaitableDeferred
from ...interfaces import Consumer, IQueryStream, Reply
from .consumers import Collection, Iteration
from .delivery import Delivery
from .driver import Begin

Result = TypeVar("Result")


@implementer(IQueryStream)
class QueryStream:
    """
    One query or update, made by `DHTNode.query` or `DHTNode.update`.

    :param delivery: writes the replies
    :param begin: starts the first search
    :param callSoon: calls a function on the next turn of the reactor, from any thread
    """

    def __init__(
        self, delivery: Delivery, begin: Begin, callSoon: Callable[[Callable[[], None]], object]
    ) -> None:
        self._delivery = delivery
        self._begin = begin
        self._callSoon = callSoon
        self._iteration: Iteration | None = None
        self._isRead = False

    @property
    def responses(self) -> int:
        """The number of answers so far; an update counts a node's answers to both phases."""
        return self._delivery.driver.account.responses

    @property
    def errors(self) -> int:
        """The number of nodes that failed to answer, or refused an update, so far."""
        return self._delivery.driver.account.errors

    @property
    def commits(self) -> int:
        """The number of nodes that have taken the update so far."""
        return self._delivery.driver.account.commits

    @property
    def number(self) -> int:
        """The number of the query among all queries of its node, as in `LookupStep.lookup`."""
        return self._delivery.driver.account.number

    # Reading.

    def startProducing(self, consumer: IConsumer | Consumer) -> Deferred[None]:
        """
        Register with ``consumer`` as a push producer and write each `Reply` to it.

        :return: fires at the end of the query, or when the query was stopped; fails as
            `IQueryStream.startProducing` says
        :raises ValueError: when the stream was read before, or ``consumer`` isn't a consumer
        """
        if not isinstance(consumer, Consumer):
            raise ValueError(f"an IConsumer is needed, not {consumer!r}")
        if self._isRead:
            raise ValueError("a query stream is read once; make another query")
        self._isRead = True
        delivery = self._delivery
        if delivery.isStopped:
            return succeed(None)
        done: AwaitableDeferred[None] = AwaitableDeferred(lambda _: _discard(delivery.release()))
        delivery.start(consumer, self, self._begin, done)
        return done

    def collect(self) -> Deferred[list[Reply]]:
        """
        Run the query to its end.

        :return: fires with the list of all replies; fails as `startProducing` does
        """
        replies = Collection()
        finished = self.startProducing(replies)
        collected: AwaitableDeferred[list[Reply]] = AwaitableDeferred(lambda _: finished.cancel())
        finished.addCallback(lambda _: replies.items)
        finished.addCallbacks(collected.callback, collected.errback)
        return collected

    def __aiter__(self) -> QueryStream:
        """Read the stream one reply at a time: ``async for reply in stream``."""
        if self._iteration is None:
            if self._isRead:
                raise ValueError("a query stream is read once; make another query")
            self._isRead = True
            self._iteration = Iteration(self._delivery)
            if not self._delivery.isStopped:
                self._iteration.start(self._begin)
            else:
                self._iteration.ended(None)
        return self

    def __anext__(self) -> Deferred[Reply]:
        """
        The next reply.

        :return: fails with ``StopAsyncIteration`` at the end, or as `startProducing` does
        """
        iteration = self.__aiter__()._iteration
        assert iteration is not None
        # The callback keeps the stream alive until the reply arrives, even if the caller has only
        # the Deferred: ``await anext(node.query(...))``.
        return iteration.next().addBoth(self._passOn)

    def _passOn(self, result: Result) -> Result:
        """Return the result unchanged.  As a callback, this method keeps its stream alive."""
        return result

    def aclose(self) -> Deferred[None]:
        """Stop the query.  ``contextlib.aclosing`` calls this at the end of its block."""
        self.stopProducing()
        closed: AwaitableDeferred[None] = AwaitableDeferred()
        closed.callback(None)
        return closed

    def __del__(self) -> None:
        """
        End the query if its replies can no longer be read.

        This is so if the stream was read by ``async for``, or if it is paused.  A query with an
        unpaused consumer goes on to its end.
        """
        delivery = self._delivery
        if delivery.isStopped or not (self._iteration is not None or delivery.isPaused):
            return
        # The garbage collector may run in any thread, and at any point of the node's code.  Ending
        # requests at such a point could break that code.  So the requests end on the next turn of
        # the reactor.
        delivery.abandon()
        self._callSoon(delivery.stopProducing)

    # IPushProducer.

    def pauseProducing(self) -> None:
        """
        Ask no further node, and write no further reply, until `resumeProducing`.

        An ``async for`` loop waits meanwhile.
        """
        (self._iteration or self._delivery).pauseProducing()

    def resumeProducing(self) -> None:
        """Write the replies that arrived during the pause, and go on asking."""
        (self._iteration or self._delivery).resumeProducing()

    def stopProducing(self) -> None:
        """Cancel the query and its requests, and drop unread replies."""
        if self._iteration is not None:
            self._iteration.clear()
        self._delivery.stopProducing()


def _discard(done: object) -> None:
    """Ignore the Deferred that `Delivery.release` returns.  Its cancellation is what fires it."""
