"""
Query streams that end early: stopped, cancelled, refused by their consumer, or destroyed with their
node.
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
    A stream that ends at once, and its requests with it.
    """

    def assertQuiet(self) -> None:
        """Require that the node sends no request within the next 15 seconds."""
        before = len(self.transmissions())
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual(len(self.transmissions()), before)

    def test_stopEndsTheStream(self) -> None:
        """
        ``stopProducing`` fires the Deferred with None, unregisters the consumer, and stops all
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
        """
        A consumer that stops the stream in a write gets no further reply.
        """
        consumer = Consumer(lambda producer: producer.stopProducing())
        done = self.startQuery(30).startProducing(consumer)
        self.assertIsNone(self.clock.runUntil(done))
        self.assertQuiet()
        self.assertEqual(len(consumer.items), 1)

    def test_stopDropsKeptReplies(self) -> None:
        """
        A consumer that stops the stream in the first write after a pause gets none of the other
        replies that were kept.
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
        A stream that its consumer stops when it is registered ends with None, and sends nothing.
        """

        class Closed(Consumer):
            def registerProducer(self, producer: Any, streaming: bool) -> None:
                super().registerProducer(producer, streaming)
                producer.stopProducing()

        done = self.startQuery(2).startProducing(Closed())
        self.assertIsNone(self.successResultOf(done))
        self.assertEqual(self.sent, [])

    def test_streamStoppedBeforeItIsReadIsEmpty(self) -> None:
        """
        A stream that is stopped before it is read has no replies, and sends nothing.
        """
        stream = self.startQuery(2)
        stream.stopProducing()
        self.assertEqual(self.successResultOf(stream.collect()), [])
        self.assertEqual(self.sent, [])

    def test_failingUnregistrationIsLogged(self) -> None:
        """
        A consumer that raises in ``unregisterProducer`` is logged, and the Deferred fires.
        """

        class Clinging(Consumer):
            def unregisterProducer(self) -> None:
                raise RuntimeError("no")

        done = self.startQuery(2).startProducing(Clinging())
        self.clock.runUntil(done)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_endedStreamIgnoresItsMethods(self) -> None:
        """
        The methods of a producer do nothing after the end of the stream.
        """
        stream = self.startQuery(2)
        self.clock.runUntil(stream.collect())
        stream.pauseProducing()
        stream.resumeProducing()
        stream.stopProducing()
        self.assertQuiet()

    def test_cancellingStartProducingStopsTheQuery(self) -> None:
        """
        Cancelling the Deferred of ``startProducing`` fails it with ``CancelledError``, and stops
        the query.
        """
        consumer = Consumer()
        done = self.startQuery(30, answers="ignore").startProducing(consumer)
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.assertIsNone(consumer.producer)
        self.assertQuiet()

    def test_cancellingCollectStopsTheQuery(self) -> None:
        """
        Cancelling the Deferred of ``collect`` fails it with ``CancelledError``, and stops the
        query.
        """
        done = self.startQuery(30, answers="ignore").collect()
        self.clock.runFor(0.1)
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.assertQuiet()

    def test_cancellingAsyncForStopsTheQuery(self) -> None:
        """
        Cancelling a coroutine in its ``async for`` raises ``CancelledError`` there, and stops the
        query.
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
        A consumer that raises in a write fails the Deferred with its error, and stops the query.
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
        """
        A consumer that refuses the stream keeps its former producer, and nothing is sent.
        """

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
        A stream whose node is destroyed fails with `NodeDestroyed` in each of the three ways of
        reading.
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
        """
        A stream that is read after its node was destroyed fails with `NodeDestroyed`.
        """
        stream, other = self.startQuery(2), self.startQuery(2)
        self.asker.destroy()
        consumer = Consumer()
        self.failureResultOf(stream.startProducing(consumer), NodeDestroyed)
        self.assertIsNone(consumer.producer)
        self.failureResultOf(other.collect(), NodeDestroyed)
