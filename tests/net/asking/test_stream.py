"""
Query streams: the ways to read a stream, and pauses.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer, IPushProducer
from zope.interface.verify import verifyObject

from dwdht_twisted import IQueryStream, NoResponse, Reply
from dwdht_twisted._core.lookup.bounds import LOOKUP_WINDOW
from tests.helpers.core.contacts import closestIds
from tests.helpers.networks.doubles import Consumer
from tests.helpers.networks.nodes import COMMAND, REQUEST_SECONDS
from tests.helpers.networks.streams import StreamTestCase


class InterfaceTests(StreamTestCase):
    """
    A query stream as its reader sees it.
    """

    def test_streamProvidesItsInterfaces(self) -> None:
        """
        A stream provides `IQueryStream` and ``IPushProducer``.
        """
        stream = self.startQuery(1)
        verifyObject(IQueryStream, stream)
        verifyObject(IPushProducer, stream)

    def test_consumerIsRegisteredUntilTheEnd(self) -> None:
        """
        The stream is registered with its consumer as a push producer. At the end, it is
        unregistered.
        """
        consumer = Consumer()
        verifyObject(IConsumer, consumer)
        stream = self.startQuery(1)
        done = stream.startProducing(consumer)
        self.assertIs(consumer.producer, stream)
        self.assertTrue(consumer.isStreaming)
        self.assertIsNone(self.clock.runUntil(done))
        self.assertIsNone(consumer.producer)

    def test_unreadStreamSendsNothing(self) -> None:
        """A stream that is not read sends no datagram."""
        self.startQuery(3)
        self.clock.runFor(10)
        self.assertEqual(self.sent, [])

    def test_streamIsReadOnce(self) -> None:
        """
        Reading a stream a second time raises ``ValueError``, in each of the three ways to read.
        """
        stream = self.startQuery(1)
        self.clock.runUntil(stream.collect())
        with self.assertRaises(ValueError):
            stream.collect()
        with self.assertRaises(ValueError):
            stream.startProducing(Consumer())
        with self.assertRaises(ValueError):
            stream.__aiter__()


class ReadTests(StreamTestCase):
    """
    The three ways to read a stream: a consumer, ``collect`` and ``async for``.
    """

    def test_consumerGetsEachReply(self) -> None:
        """A consumer gets one reply from each of 5 nodes, with the node's contact."""
        consumer = Consumer()
        self.clock.runUntil(self.startQuery(5).startProducing(consumer))
        self.assertEqual({reply.node for reply in consumer.items}, {p.contact for p in self.peers})

    def test_collectReturnsAllReplies(self) -> None:
        """``collect`` returns the replies of 40 nodes, more than are asked at the same time."""
        stream = self.startQuery(40)
        replies = self.clock.runUntil(stream.collect())
        self.assertEqual({reply.node for reply in replies}, {p.contact for p in self.peers})
        self.assertEqual((stream.responses, stream.errors, stream.commits), (40, 0, 0))

    def test_asyncForYieldsAllReplies(self) -> None:
        """``async for`` yields the replies of 40 nodes and ends."""

        async def read() -> list[Reply]:
            return [reply async for reply in self.startQuery(40)]

        replies = self.clock.runUntil(self.runCoroutine(read()))
        self.assertEqual({reply.node for reply in replies}, {p.contact for p in self.peers})

    def test_slowAsyncForLosesNoReply(self) -> None:
        """``async for`` yields all 40 replies, although its body takes 0.2 seconds for each."""

        async def read() -> int:
            count = 0
            async for _ in self.startQuery(40):
                count += 1
                pause: Deferred[None] = Deferred()
                self.clock.callLater(0.2, pause.callback, None)
                await pause
            return count

        self.assertEqual(self.clock.runUntil(self.runCoroutine(read())), 40)

    def test_unreadRepliesPauseTheStream(self) -> None:
        """
        While 15 replies of a query to 16 nodes are unread, the query can end. While 16 replies are
        unread, as many as `LOOKUP_WINDOW`, it is paused and doesn't end.
        """
        queries = self.asker._parts.queries
        for unread, running in ((LOOKUP_WINDOW - 1, 0), (LOOKUP_WINDOW, 1)):
            self.peers.clear()
            stream = self.startQuery(1 + unread)
            self.clock.runUntil(stream.__anext__())
            self.clock.runFor(REQUEST_SECONDS)
            self.assertEqual(queries.running, running)
            stream.stopProducing()

    def test_secondAsyncForEndsAtOnce(self) -> None:
        """A second ``async for`` over a finished stream yields nothing."""

        async def read() -> list[Reply]:
            stream = self.startQuery(2)
            first = [reply async for reply in stream]
            return first + [reply async for reply in stream]

        self.assertEqual(len(self.clock.runUntil(self.runCoroutine(read()))), 2)

    def test_silenceFailsEachReading(self) -> None:
        """A query without any answer fails with `NoResponse`, in each of the three ways to read."""

        async def read() -> None:
            async for _ in self.startQuery(2, answers="ignore"):
                self.fail("a reply of nobody")

        stream = self.startQuery(2, answers="ignore")
        for reading in (
            stream.collect(),
            self.startQuery(2, answers="ignore").startProducing(Consumer()),
            self.runCoroutine(read()),
        ):
            with self.assertRaises(NoResponse):
                self.clock.runUntil(reading)
        self.assertEqual((stream.responses, stream.errors), (0, 2))

    def test_queryWithoutNodesToAskFails(self) -> None:
        """
        A query fails with `NoResponse` if its list of nodes is empty. It also fails if the
        bootstrap nodes, or the contacts of an earlier run, are all silent.
        """
        with self.assertRaises(NoResponse):
            self.collect(self.asker, self.target(), nodes=[])
        silent = self.peer()
        for options in ({"bootstrap": [silent.address]}, {"contacts": [silent.contact]}):
            with self.assertRaises(NoResponse):
                self.collect(self.node(**options), self.target())

    def test_queryOfALoneNodeEndsEmpty(self) -> None:
        """
        A query by a node that knows no other node ends without a reply, in each of the three ways
        to read. It sends no datagram.
        """

        async def read() -> None:
            async for _ in self.asker.query(COMMAND, self.target()):
                self.fail("a reply of nobody")

        self.assertEqual(self.collect(self.asker, self.target()), [])
        consumer = Consumer()
        done = self.asker.query(COMMAND, self.target()).startProducing(consumer)
        self.assertIsNone(self.successResultOf(done))
        self.assertEqual((consumer.items, consumer.producer), ([], None))
        self.assertIsNone(self.clock.runUntil(self.runCoroutine(read())))
        self.assertEqual(self.sent, [])

    def test_secondPendingReplyIsRefused(self) -> None:
        """A second ``__anext__`` raises ``ValueError`` while the first one is pending."""
        stream = self.startQuery(1)
        first = stream.__anext__()
        with self.assertRaises(ValueError):
            stream.__anext__()
        self.clock.runUntil(first)

    def test_silentNodeCountsAsAnError(self) -> None:
        """With 3 answering nodes and a silent one, a query has 3 replies and one error."""
        self.addPeers(1, "ignore")
        stream = self.startQuery(3)
        self.assertEqual(len(self.clock.runUntil(stream.collect())), 3)
        self.assertEqual((stream.responses, stream.errors), (3, 1))


class PauseTests(StreamTestCase):
    """
    A paused stream, which starts no further requests.
    """

    def test_pausedStreamStopsAsking(self) -> None:
        """
        A stream is paused after 3 of 100 replies. It asks at most one more window of nodes. After
        it is resumed, it gets all 100 replies.
        """

        def pause(producer: Any) -> None:
            if len(consumer.items) == 3:
                producer.pauseProducing()

        consumer = Consumer(pause)
        stream = self.startQuery(100)
        done = stream.startProducing(consumer)
        self.clock.runUntil(lambda: len(consumer.items) == 3)
        asked = self.countAsked()
        requests = len(self.transmissions())
        self.clock.runFor(60)
        self.assertEqual(len(consumer.items), 3)
        self.assertLessEqual(self.countAsked(), asked + LOOKUP_WINDOW)
        self.assertLessEqual(len(self.transmissions()), requests + LOOKUP_WINDOW)
        self.assertLessEqual(stream.responses, 3 + LOOKUP_WINDOW)
        stream.resumeProducing()
        self.clock.runUntil(done)
        self.assertEqual(len(consumer.items), 100)
        self.assertEqual(len({reply.node for reply in consumer.items}), 100)

    def test_pausedLookupStopsAsking(self) -> None:
        """
        A lookup sends no request while it is paused. After it was resumed, it finds the 20 closest
        nodes.
        """
        nodes = self.swarm(60)
        asker = self.node(bootstrap=[self.bootstrap], ephemeral=True)
        self.clock.runUntil(asker.ready())
        consumer = Consumer(lambda producer: producer.pauseProducing())
        target = self.target()
        stream = asker.query(COMMAND, target)
        done = stream.startProducing(consumer)
        self.clock.runFor(5)
        before = len(self.requestsBy(self.addressOf(asker)))
        self.clock.runFor(5)
        self.assertEqual(len(self.requestsBy(self.addressOf(asker))), before)
        self.assertEqual(len(consumer.items), 1)
        for _ in range(200):
            stream.resumeProducing()
            self.clock.runFor(0.1)
        self.successResultOf(done)
        found = {reply.node.id for reply in consumer.items}
        self.assertLessEqual(set(closestIds(map(self.contactOf, nodes), target)), found)

    def test_pauseInEachWriteGetsOneReplyAtATime(self) -> None:
        """
        A consumer that pauses in each write gets one reply after each resume, in the order of the
        answers.
        """
        consumer = Consumer(lambda producer: producer.pauseProducing())
        stream = self.startQuery(20)
        done = stream.startProducing(consumer)
        for count in range(1, 20):
            self.clock.runFor(0.5)
            self.assertEqual(len(consumer.items), count)
            self.assertNoResult(done)
            stream.resumeProducing()
        self.clock.runFor(0.5)
        stream.resumeProducing()
        self.successResultOf(done)
        self.assertEqual(
            [reply.node.host for reply in consumer.items], [p.host for p in self.peers]
        )

    def test_pauseAtRegistrationSendsNothing(self) -> None:
        """
        A consumer pauses the stream when it is registered. The stream sends no datagram before it
        is resumed.
        """

        class Busy(Consumer):
            def registerProducer(self, producer: Any, streaming: bool) -> None:
                super().registerProducer(producer, streaming)
                producer.pauseProducing()

        stream = self.startQuery(2)
        done = stream.startProducing(Busy())
        self.clock.runFor(5)
        self.assertEqual(self.sent, [])
        stream.resumeProducing()
        self.assertIsNone(self.clock.runUntil(done))

    def test_slowAsyncForStopsAsking(self) -> None:
        """
        If an ``async for`` has stopped after one reply, the stream asks at most 3 more windows of
        nodes.
        """
        stream = self.startQuery(100)
        self.clock.runUntil(stream.__anext__())
        self.clock.runFor(60)
        self.assertLessEqual(self.countAsked(), 1 + 3 * LOOKUP_WINDOW)

    def test_failureDuringAPauseIsReportedLater(self) -> None:
        """If all requests of a paused stream time out, the stream fails when it is resumed."""
        consumer = Consumer()
        stream = self.startQuery(3, answers="ignore")
        done = stream.startProducing(consumer)
        stream.pauseProducing()
        self.clock.runFor(REQUEST_SECONDS)
        self.assertNoResult(done)
        stream.resumeProducing()
        self.failureResultOf(done, NoResponse)
