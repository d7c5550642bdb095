"""
Query streams that somebody still reads, although nobody holds them by name.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any
from weakref import ref

from twisted.internet.defer import Deferred, ensureDeferred

from dwdht_twisted import Reply
from tests.helpers.networks.doubles import Consumer
from tests.helpers.networks.nodes import COMMAND, REQUEST_SECONDS
from tests.helpers.networks.streams import DroppedTestCase


class HeldTests(DroppedTestCase):
    """
    Streams without a name, that are read by a loop, by ``collect`` or by a consumer.
    """

    def test_loopThatWaitsIsNeverCollected(self) -> None:
        """
        A loop that waits for a reply, to which nothing else refers, gets the reply after the
        garbage collector has run.
        """
        found: list[Reply] = []

        async def read() -> None:
            async for reply in self.startQuery(1, answers="ignore"):
                found.append(reply)

        ensureDeferred(read())
        for _ in range(3):
            self.clock.runFor(0.2)
            gc.collect()
        self.assertEqual((self.running, found), (1, []))
        self.peers[0].onRequest = self.peers[0].serve
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual([reply.node for reply in found], [self.peers[0].contact])
        self.assertEnded()

    def test_loopThatWaitsElsewhereIsNeverCollected(self) -> None:
        """
        A loop whose body waits for another Deferred than a reply keeps its stream, and yields all 5
        replies.
        """
        count = 0

        async def read() -> None:
            nonlocal count
            async for _ in self.startQuery(5):
                pause: Deferred[None] = Deferred()
                self.clock.callLater(1, pause.callback, None)
                await pause
                count += 1

        ensureDeferred(read())
        for _ in range(10):
            self.clock.runFor(1)
            gc.collect()
        self.assertEqual(count, 5)

    def test_firstReplyOfAStreamThatNobodyHoldsComes(self) -> None:
        """
        ``anext`` of a stream that nobody holds gives its first reply, and the stream ends then.
        """

        async def read() -> Reply:
            return await anext(self.startQuery(20))

        reply = self.run_(read())
        self.assertIn(reply.node, [peer.contact for peer in self.peers])
        self.assertEnded()

    def test_collectGoesOnWithoutItsStream(self) -> None:
        """
        ``collect`` of a stream that nobody holds has all 40 replies after the garbage collector has
        run.
        """
        collected = self.startQuery(40).collect()
        gc.collect()
        self.assertEqual(len(self.clock.runUntil(collected)), 40)
        self.assertEnded()

    def test_collectGoesOnWithoutAnybody(self) -> None:
        """
        A query whose stream and Deferred nobody holds asks all of 40 nodes.
        """
        self.startQuery(40).collect()
        gc.collect()
        self.clock.runFor(1)
        self.assertEqual(self.countAsked(), 40)
        self.assertEnded()

    def test_consumerGoesOnWithoutItsStream(self) -> None:
        """
        A consumer that forgets its producer gets all 40 replies.
        """
        consumer = _Forgetful()
        done = self.startQuery(40).startProducing(consumer)
        gc.collect()
        self.clock.runUntil(done)
        self.assertEqual(len(consumer.items), 40)

    def test_pausedStreamThatNobodyCanResumeEnds(self) -> None:
        """
        A stream whose consumer has paused it and forgets it ends, and its Deferred fires.
        """
        consumer = _Forgetful(pausesAfter=3)
        done = self.startQuery(40).startProducing(consumer)
        self.clock.runFor(1)
        self.assertIsNone(self.successResultOf(done))
        self.assertEqual(len(consumer.items), 3)
        self.assertEnded()

    def test_pausedStreamThatItsConsumerHoldsWaits(self) -> None:
        """
        A stream whose consumer has paused it and holds it waits for 600 seconds, and goes on with
        all 40 replies.
        """
        consumer = Consumer(lambda producer: len(consumer.items) == 3 and producer.pauseProducing())
        done = self.startQuery(40).startProducing(consumer)
        self.clock.runFor(600)
        gc.collect()
        self.assertEqual((self.running, len(consumer.items)), (1, 3))
        consumer.producer.resumeProducing()
        self.clock.runUntil(done)
        self.assertEqual(len(consumer.items), 40)

    def test_endedStreamIsReleased(self) -> None:
        """
        A stream that has ended is kept by nothing of its node.
        """
        stream = self.asker.query(COMMAND, self.target(), nodes=self.addPeers(3))
        self.clock.runUntil(stream.collect())
        released = ref(stream)
        del stream
        gc.collect()
        self.assertIsNone(released())


class _Forgetful(Consumer):
    """
    A consumer that does not keep its producer.

    :param pausesAfter: the number of replies after which it pauses the producer, never by default
    """

    def __init__(self, pausesAfter: int = -1) -> None:
        super().__init__()
        self._pausesAfter = pausesAfter
        self._pause: Callable[[], None] | None = None

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self._pause = producer.pauseProducing if self._pausesAfter >= 0 else None

    def write(self, data: Any) -> None:
        self.items.append(data)
        if len(self.items) == self._pausesAfter and self._pause is not None:
            pause, self._pause = self._pause, None
            pause()
