"""
Query streams that end early: they are stopped, cancelled or refused, or their node is destroyed.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError

from dwdht_twisted import NodeDestroyed
from tests.helpers.networks.doubles import Consumer
from tests.helpers.networks.nodes import REQUEST_SECONDS
from tests.helpers.networks.streams import StreamTestCase


class StopTests(StreamTestCase):
    """
    A stream that ends at once, together with its requests.
    """

    def assertQuiet(self) -> None:
        """Require that the node sends no request in the next 15 seconds."""
        before = len(self.transmissions())
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual(len(self.transmissions()), before)

    def test_stopEndsTheStream(self) -> None:
        """
        ``stopProducing`` fires the Deferred with None, unregisters the consumer and stops all
        requests.
        """
        consumer = Consumer()
        stream = self.startQuery(30, answers="ignore")
        done = stream.startProducing(consumer)
        stream.stopProducing()
        self.assertIsNone(self.successResultOf(done))
        self.assertIsNone(consumer.producer)
        self.assertQuiet()

    def test_stopInAWriteIsTheLastReply(self) -> None:
        """A consumer that stops the stream in a write gets no further reply."""
        consumer = Consumer(lambda producer: producer.stopProducing())
        done = self.startQuery(30).startProducing(consumer)
        self.assertIsNone(self.clock.runUntil(done))
        self.assertQuiet()
        self.assertEqual(len(consumer.items), 1)

    def test_stopDropsKeptReplies(self) -> None:
        """
        A consumer stops the stream in the first write after a pause. It gets none of the other kept
        replies.
        """
        consumer = Consumer(lambda producer: producer.stopProducing())
        stream = self.startQuery(10)
        done = stream.startProducing(consumer)
        stream.pauseProducing()
        self.clock.runFor(1)
        stream.resumeProducing()
        self.assertIsNone(self.successResultOf(done))
        self.assertEqual(len(consumer.items), 1)

    def test_stopAtRegistrationSendsNothing(self) -> None:
        """
        A consumer stops the stream when it is registered. The stream ends with None and sends no
        datagram.
        """

        class Closed(Consumer):
            def registerProducer(self, producer: Any, streaming: bool) -> None:
                super().registerProducer(producer, streaming)
                producer.stopProducing()

        done = self.startQuery(2).startProducing(Closed())
        self.assertIsNone(self.successResultOf(done))
        self.assertEqual(self.sent, [])

    def test_streamStoppedBeforeItIsReadIsEmpty(self) -> None:
        """A stream stopped before it is read has no replies and sends no datagram."""
        stream = self.startQuery(2)
        stream.stopProducing()
        self.assertEqual(self.successResultOf(stream.collect()), [])
        self.assertEqual(self.sent, [])

    def test_refusingConsumerEndsTheStream(self) -> None:
        """
        If a consumer refuses to register the stream, ``startProducing`` raises its exception. The
        stream is not running then, and sends no datagram.
        """

        class Refusing(Consumer):
            def registerProducer(self, producer: Any, streaming: bool) -> None:
                raise RuntimeError("no")

        stream = self.startQuery(2)
        with self.assertRaises(RuntimeError):
            stream.startProducing(Refusing())
        self.assertEqual(self.asker._parts.queries.running, 0)
        stream.resumeProducing()
        self.clock.runFor(1)
        self.assertEqual(self.sent, [])

    def test_failingUnregistrationIsLogged(self) -> None:
        """
        If a consumer raises in ``unregisterProducer``, the exception is logged and the Deferred
        fires.
        """

        class Clinging(Consumer):
            def unregisterProducer(self) -> None:
                raise RuntimeError("no")

        done = self.startQuery(2).startProducing(Clinging())
        self.clock.runUntil(done)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_endedStreamIgnoresItsMethods(self) -> None:
        """After the end of the stream, its producer methods do nothing."""
        stream = self.startQuery(2)
        self.clock.runUntil(stream.collect())
        stream.pauseProducing()
        stream.resumeProducing()
        stream.stopProducing()
        self.assertQuiet()

    def test_cancellingStartProducingStopsTheQuery(self) -> None:
        """
        Cancelling the Deferred of ``startProducing`` fails it with ``CancelledError`` and stops the
        query.
        """
        consumer = Consumer()
        done = self.startQuery(30, answers="ignore").startProducing(consumer)
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.assertIsNone(consumer.producer)
        self.assertQuiet()

    def test_cancellingCollectStopsTheQuery(self) -> None:
        """
        Cancelling the Deferred of ``collect`` fails it with ``CancelledError`` and stops the query.
        """
        done = self.startQuery(30, answers="ignore").collect()
        self.clock.runFor(0.1)
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.assertQuiet()

    def test_cancellingAsyncForStopsTheQuery(self) -> None:
        """
        Cancelling a coroutine during its ``async for`` raises ``CancelledError`` in the loop and
        stops the query.
        """

        async def read() -> None:
            async for _ in self.startQuery(30, answers="ignore"):
                pass

        done = self.runCoroutine(read())
        self.clock.runFor(0.1)
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.assertQuiet()

    def test_raisingConsumerEndsTheStream(self) -> None:
        """
        If a consumer raises in a write, the Deferred fails with this exception and the query stops.
        """

        def refuse(producer: Any) -> None:
            raise ZeroDivisionError("no more")

        consumer = Consumer(refuse)
        done = self.startQuery(30).startProducing(consumer)
        with self.assertRaises(ZeroDivisionError):
            self.clock.runUntil(done)
        self.assertIsNone(consumer.producer)
        self.assertQuiet()

    def test_refusingConsumerKeepsItsProducer(self) -> None:
        """If a consumer refuses the stream, it keeps its former producer. No datagram is sent."""

        class Busy(Consumer):
            def registerProducer(self, producer: Any, streaming: bool) -> None:
                raise RuntimeError("there is a producer")

        consumer = Busy()
        consumer.producer = other = object()
        stream = self.startQuery(2)
        with self.assertRaises(RuntimeError):
            stream.startProducing(consumer)
        stream.stopProducing()
        self.assertIs(consumer.producer, other)
        self.assertEqual(self.sent, [])

    def test_destroyedNodeFailsItsStreams(self) -> None:
        """
        A stream fails with `NodeDestroyed` when its node is destroyed, in each of the three ways to
        read.
        """

        async def read() -> None:
            async for _ in self.startQuery(2, answers="ignore"):
                pass

        reading = [
            self.startQuery(2, answers="ignore").collect(),
            self.startQuery(2, answers="ignore").startProducing(Consumer()),
            self.runCoroutine(read()),
        ]
        self.clock.runFor(0.1)
        self.asker.destroy()
        for each in reading:
            self.failureResultOf(each, NodeDestroyed)

    def test_streamOfADestroyedNodeFails(self) -> None:
        """A stream fails with `NodeDestroyed` if it is read after its node was destroyed."""
        stream, other = self.startQuery(2), self.startQuery(2)
        self.asker.destroy()
        consumer = Consumer()
        self.failureResultOf(stream.startProducing(consumer), NodeDestroyed)
        self.assertIsNone(consumer.producer)
        self.failureResultOf(other.collect(), NodeDestroyed)
