"""
Tests for `dwdht_twisted.stream`: stopped, cancelled, refused and destroyed.
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
    A stream that is stopped or cancelled ends at once, and its requests with it.
    """

    def assertQuiet(self) -> None:
        """The asker asks nobody any more."""
        before = len(self.transmissions())
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual(len(self.transmissions()), before)

    def test_stop(self) -> None:
        """
        Stopping fires the Deferred with None, releases the consumer and cancels the requests.
        """
        consumer = Consumer()
        stream = self.startQuery(30, answers="ignore")
        done = stream.startProducing(consumer)
        stream.stopProducing()
        self.assertIsNone(self.successResultOf(done))
        self.assertIsNone(consumer.producer)
        self.assertQuiet()

    def test_stopInWrite(self) -> None:
        """
        A consumer that stops the stream in a write gets no further reply.
        """
        consumer = Consumer(lambda producer: producer.stopProducing())
        done = self.startQuery(30).startProducing(consumer)
        self.assertIsNone(self.clock.runUntil(done))
        self.assertQuiet()
        self.assertEqual(len(consumer.items), 1)

    def test_stopOnResume(self) -> None:
        """
        A consumer that stops the stream when it gets a reply that was kept, gets no further one.
        """
        consumer = Consumer(lambda producer: producer.stopProducing())
        stream = self.startQuery(10)
        done = stream.startProducing(consumer)
        stream.pauseProducing()
        self.clock.runFor(1)
        stream.resumeProducing()
        self.assertIsNone(self.successResultOf(done))
        self.assertEqual(len(consumer.items), 1)

    def test_stopWhenRegistered(self) -> None:
        """
        A consumer that is closed already may stop the stream when it is registered.
        """

        class Closed(Consumer):
            def registerProducer(self, producer: Any, streaming: bool) -> None:
                super().registerProducer(producer, streaming)
                producer.stopProducing()

        done = self.startQuery(2).startProducing(Closed())
        self.assertIsNone(self.successResultOf(done))
        self.assertEqual(self.sent, [])

    def test_stopBeforeStart(self) -> None:
        """
        A stream that was stopped before anybody read it ends at once, without a word.
        """
        stream = self.startQuery(2)
        stream.stopProducing()
        self.assertEqual(self.successResultOf(stream.collect()), [])
        self.assertEqual(self.sent, [])

    def test_consumerKeepsItsProducer(self) -> None:
        """
        A consumer that raises when it lets its producer go keeps no Deferred from firing.
        """

        class Clinging(Consumer):
            def unregisterProducer(self) -> None:
                raise RuntimeError("no")

        done = self.startQuery(2).startProducing(Clinging())
        self.clock.runUntil(done)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_everythingAfterTheEnd(self) -> None:
        """
        The methods of a producer do nothing after the end.
        """
        stream = self.startQuery(2)
        self.clock.runUntil(stream.collect())
        stream.pauseProducing()
        stream.resumeProducing()
        stream.stopProducing()
        self.assertQuiet()

    def test_cancelProducing(self) -> None:
        """
        Cancelling what ``startProducing`` gave stops the query, and fails with `CancelledError`.
        """
        consumer = Consumer()
        done = self.startQuery(30, answers="ignore").startProducing(consumer)
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.assertIsNone(consumer.producer)
        self.assertQuiet()

    def test_cancelCollect(self) -> None:
        """
        Cancelling ``collect`` stops the query, and fails with `CancelledError`.
        """
        done = self.startQuery(30, answers="ignore").collect()
        self.clock.runFor(0.1)
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.assertQuiet()

    def test_cancelAsyncFor(self) -> None:
        """
        Cancelling a coroutine in its ``async for`` stops the query, and the loop doesn't end as if
        all answers had come.
        """

        async def read() -> None:
            async for _ in self.startQuery(30, answers="ignore"):
                pass

        done = self.runCoroutine(read())
        self.clock.runFor(0.1)
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.assertQuiet()

    def test_consumerRaises(self) -> None:
        """
        A consumer that raises gets its own error from the Deferred, and the query is over.
        """

        def refuse(producer: Any) -> None:
            raise ZeroDivisionError("no more")

        consumer = Consumer(refuse)
        done = self.startQuery(30).startProducing(consumer)
        with self.assertRaises(ZeroDivisionError):
            self.clock.runUntil(done)
        self.assertIsNone(consumer.producer)
        self.assertQuiet()

    def test_consumerRefuses(self) -> None:
        """
        A consumer that has a producer already keeps it when it refuses a stream.
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

    def test_destroyed(self) -> None:
        """
        A stream whose node is destroyed fails with `NodeDestroyed`, however it is read.
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

    def test_destroyedBefore(self) -> None:
        """
        A stream that is read after its node was destroyed fails with `NodeDestroyed`.
        """
        stream, other = self.startQuery(2), self.startQuery(2)
        self.asker.destroy()
        consumer = Consumer()
        self.failureResultOf(stream.startProducing(consumer), NodeDestroyed)
        self.assertIsNone(consumer.producer)
        self.failureResultOf(other.collect(), NodeDestroyed)
