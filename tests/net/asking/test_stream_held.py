"""
Query streams that are still being read, although no variable refers to them.
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
    Streams without a variable, read by a loop, by ``collect`` or by a consumer.
    """

    def test_loopThatWaitsIsNeverCollected(self) -> None:
        """
        A loop that waits for a reply isn't collected as garbage, although nothing else refers to
        it. It gets the reply.
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
        A loop keeps its stream while its body waits for another Deferred. The loop gets all 5
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

    def test_anextOfAnUnreferencedStreamReturnsItsReply(self) -> None:
        """``anext`` of an unreferenced stream returns its first reply. Then the stream ends."""

        async def read() -> Reply:
            return await anext(self.startQuery(20))

        reply = self.run_(read())
        self.assertIn(reply.node, [peer.contact for peer in self.peers])
        self.assertEnded()

    def test_collectGoesOnWithoutItsStream(self) -> None:
        """
        ``collect`` of an unreferenced stream returns all 40 replies after the garbage collector has
        run.
        """
        collected = self.startQuery(40).collect()
        gc.collect()
        self.assertEqual(len(self.clock.runUntil(collected)), 40)
        self.assertEnded()

    def test_collectGoesOnWithoutItsDeferred(self) -> None:
        """
        A query that was started by ``collect`` asks all 40 nodes, although nothing refers to the
        stream or to the Deferred.
        """
        self.startQuery(40).collect()
        gc.collect()
        self.clock.runFor(1)
        self.assertEqual(self.countAsked(), 40)
        self.assertEnded()

    def test_consumerGoesOnWithoutItsStream(self) -> None:
        """A consumer without a reference to its producer gets all 40 replies."""
        consumer = _Forgetful()
        done = self.startQuery(40).startProducing(consumer)
        gc.collect()
        self.clock.runUntil(done)
        self.assertEqual(len(consumer.items), 40)

    def test_pausedStreamWithoutAReferenceEnds(self) -> None:
        """
        A paused stream ends and its Deferred fires if its consumer keeps no reference to it,
        because nothing could resume it.
        """
        consumer = _Forgetful(pausesAfter=3)
        done = self.startQuery(40).startProducing(consumer)
        self.clock.runFor(1)
        self.assertIsNone(self.successResultOf(done))
        self.assertEqual(len(consumer.items), 3)
        self.assertEnded()

    def test_pausedStreamOfAConsumerWaits(self) -> None:
        """
        A paused stream waits for 600 seconds if its consumer keeps a reference. After a resume, it
        writes all 40 replies.
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
        """After the end of a stream, nothing in its node refers to it."""
        stream = self.asker.query(COMMAND, self.target(), nodes=self.addPeers(3))
        self.clock.runUntil(stream.collect())
        released = ref(stream)
        del stream
        gc.collect()
        self.assertIsNone(released())


class _Forgetful(Consumer):
    """
    A consumer that doesn't keep its producer.

    :param pausesAfter: the number of replies after which it pauses the producer; -1 for never
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
