"""
Query streams that are closed, or to which no reference is left.
"""

from __future__ import annotations

import gc
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from threading import Thread
from typing import Any

from twisted.internet.defer import Deferred

from dwdht_twisted import QueryStream, Reply
from dwdht_twisted._core.lookup.bounds import LOOKUP_WINDOW
from dwdht_twisted.testing import HostReactor
from tests.helpers.networks.streams import DroppedTestCase


class CloseTests(DroppedTestCase):
    """
    ``aclose``, and ``contextlib.aclosing``, which calls it.
    """

    def test_acloseStopsTheQuery(self) -> None:
        """
        ``aclose`` ends the stream and its requests. It returns a Deferred that has already fired. A
        second call does the same.
        """
        stream = self.startQuery(30, answers="ignore")
        first = stream.__anext__()
        self.clock.runFor(0.1)
        for _ in range(2):
            self.assertIsNone(self.successResultOf(stream.aclose()))
        self.failureResultOf(first, StopAsyncIteration)
        self.assertEqual(self.inFlight, 0)
        self.assertEnded()

    def test_acloseBeforeReadingSendsNothing(self) -> None:
        """A stream closed before it is read yields nothing and sends no datagram."""

        async def read() -> list[Reply]:
            stream = self.startQuery(3)
            await stream.aclose()
            return [reply async for reply in stream]

        self.assertEqual(self.run_(read()), [])
        self.assertEqual(self.sent, [])

    def test_closedStreamYieldsNoRepliesThatWereNotRead(self) -> None:
        """
        A loop closes or stops its stream after the first of 10 received replies. It gets no further
        reply.
        """
        for end in (QueryStream.aclose, QueryStream.stopProducing):

            async def read(end: Callable[[QueryStream], object] = end) -> int:
                count = 0
                stream = self.startQuery(10)
                async for _ in stream:
                    count += 1
                    pause: Deferred[None] = Deferred()
                    self.clock.callLater(1, pause.callback, None)
                    await pause
                    end(stream)
                return count

            self.assertEqual(self.run_(read()), 1)
            self.assertEnded()

    def test_aclosingEndsTheStreamAtTheEndOfItsBlock(self) -> None:
        """
        A loop within ``aclosing`` breaks or raises. The stream and its requests end with the block,
        although the stream is still referenced.
        """
        streams: list[QueryStream] = []

        async def read(leave: Callable[[], bool]) -> None:
            async with aclosing(self.startQuery(30)) as stream:
                streams.append(stream)
                async for _ in stream:
                    if leave():
                        break
            self.assertEqual((self.running, self.inFlight), (0, 0))

        def fail() -> bool:
            raise ZeroDivisionError

        self.run_(read(lambda: True))
        with self.assertRaises(ZeroDivisionError):
            self.run_(read(fail))
        self.assertEqual(len(streams), 2)
        self.assertEnded()

    def test_aclosingOfAFinishedLoopDoesNothing(self) -> None:
        """A loop within ``aclosing`` can read all 5 replies."""

        async def read() -> int:
            async with aclosing(self.startQuery(5)) as stream:
                return len([reply async for reply in stream])

        self.assertEqual(self.run_(read()), 5)
        self.assertEnded()


class LeftLoopTests(DroppedTestCase):
    """
    Loops that are left, so that no reference to the stream remains.
    """

    def assertAllEnd(self, read: Callable[[], Coroutine[Deferred[Any], Any, Any]]) -> None:
        """
        Run 50 coroutines, each of which leaves its stream after the first reply. Require that all
        50 streams end.
        """
        for _ in range(50):
            deferred = self.runCoroutine(read())
            deferred.addErrback(lambda failure: failure.trap(ZeroDivisionError))
            self.clock.runUntil(deferred)
        self.assertEnded()

    def test_breakEndsTheStream(self) -> None:
        """A stream ends if its loop breaks after the first of 20 replies, in each of 50 runs."""

        async def read() -> None:
            async for _ in self.startQuery(20):
                break

        self.assertAllEnd(read)

    def test_returnEndsTheStream(self) -> None:
        """A stream ends if its loop returns after the first of 20 replies, in each of 50 runs."""

        async def read() -> Reply | None:
            async for reply in self.startQuery(20):
                return reply
            return None

        self.assertAllEnd(read)

    def test_exceptionEndsTheStream(self) -> None:
        """
        A stream ends if its loop raises after the first of 20 replies, as soon as the traceback is
        deleted. This holds in each of 50 runs.
        """

        async def read() -> None:
            async for _ in self.startQuery(20):
                raise ZeroDivisionError

        self.assertAllEnd(read)

    def test_returnOfAGeneratorEndsTheStream(self) -> None:
        """
        A stream ends if it is read by an asynchronous generator that is closed after the first of
        20 replies. This holds in each of 50 runs.
        """

        async def hosts() -> AsyncGenerator[str, None]:
            async for reply in self.startQuery(20):
                yield reply.node.host

        async def read() -> str | None:
            async with aclosing(hosts()) as generator:
                async for host in generator:
                    return host
            return None

        self.assertAllEnd(read)

    def test_breakOfAPausedLoopEndsTheStream(self) -> None:
        """
        A slow loop has left a window of replies unread, so its stream is paused. The stream ends
        when the loop breaks.
        """

        async def read() -> None:
            async for _ in self.startQuery(100):
                pause: Deferred[None] = Deferred()
                self.clock.callLater(5, pause.callback, None)
                await pause
                break

        self.run_(read())
        self.assertLessEqual(self.countAsked(), 1 + 3 * LOOKUP_WINDOW)
        self.assertEnded()

    def test_requestsEndOnTheNextTurn(self) -> None:
        """
        A stream without a reference counts as ended at once. Its requests end on the next turn, so
        that no callback runs inside of the code that dropped it.
        """
        stream = self.startQuery(40)
        self.clock.runUntil(stream.__anext__())
        inFlight = self.inFlight
        self.assertGreater(inFlight, 0)
        del stream
        self.assertEqual((self.running, self.inFlight), (0, inFlight))
        self.assertEnded()

    def test_collectedCycleEndsItsStream(self) -> None:
        """A stream in a reference cycle ends when the garbage collector finds it."""
        self.dropInACycle()
        self.assertEqual(self.running, 1)
        gc.collect()
        self.assertEnded()

    def test_collectionInAnotherThreadEndsTheStream(self) -> None:
        """
        A stream in a reference cycle also ends if the garbage collector runs in another thread.
        This thread itself cancels no request.
        """
        self.dropInACycle()
        inFlight = self.inFlight
        collector = Thread(target=gc.collect)
        collector.start()
        collector.join()
        self.assertEqual((self.running, self.inFlight), (0, inFlight))
        self.assertEnded()

    def dropInACycle(self) -> None:
        """Leave a loop over a stream that refers to itself."""
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        stream = self.startQuery(40)
        self.clock.runUntil(stream.__anext__())
        self.assertGreater(self.inFlight, 0)
        stream.cycle = stream  # type: ignore[attr-defined]

    def test_reactorWithoutThreadsEndsTheStream(self) -> None:
        """
        A stream without a reference also ends on a reactor without ``callFromThread``, like the
        reactors of Twisted's own tests.
        """
        self.asker = self.node(reactor=_Plain(self.network.reactor()), ephemeral=True)
        stream = self.startQuery(40)
        self.clock.runUntil(stream.__anext__())
        self.assertGreater(self.inFlight, 0)
        del stream
        self.assertEnded()

    def test_unreadStreamIsDroppedQuietly(self) -> None:
        """An unread stream without a reference disappears and has sent no datagram."""
        self.startQuery(3)
        self.assertEnded()
        self.assertEqual(self.sent, [])


class _Plain:
    """
    A reactor with only the time and UDP of another reactor.
    """

    def __init__(self, reactor: HostReactor) -> None:
        self.host = reactor.host
        self.seconds = reactor.seconds
        self.callLater = reactor.callLater
        self.listenUDP = reactor.listenUDP
