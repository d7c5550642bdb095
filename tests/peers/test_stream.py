"""
`peers.PeerStream`: the ways to read it, pauses, and its end.
"""

from __future__ import annotations

import gc
from contextlib import aclosing
from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IPushProducer
from zope.interface.verify import verifyObject

from dwdht_twisted import Address, peers
from dwdht_twisted._core.wire import packAddress
from dwdht_twisted.peers.messages import encodeAnswer
from tests.helpers.networks.doubles import Consumer
from tests.helpers.networks.streams import DroppedTestCase


class PeerStreamTests(DroppedTestCase):
    """
    A stream of the peers that ten nodes name, three each.
    """

    def start(self, count: int = 10, answers: str = "serve") -> peers.PeerStream:
        """Return the unread stream of a look-up on new nodes."""
        replies = self.startQuery(count, answers=answers)
        for number, peer in enumerate(self.peers):
            if answers == "serve":
                compact = b"".join(packAddress("10.5.0.1", 3 * number + n) for n in (1, 2, 3))
                peer.onRequest = partial(peer.serve, value=encodeAnswer(compact, b""))
        return peers.PeerStream(replies, None)

    def everyone(self, count: int = 10) -> set[Address]:
        """Return all peers that are named."""
        return {Address("10.5.0.1", port) for port in range(1, 3 * count + 1)}

    def assertAll(self, found: list[Any]) -> None:
        """Require that each peer was found once."""
        self.assertEqual(len(found), 30)
        self.assertEqual({peer.address for peer in found}, self.everyone())

    def test_streamIsAPushProducer(self) -> None:
        """A stream provides ``IPushProducer``."""
        verifyObject(IPushProducer, self.start())

    def test_collectReturnsAllPeers(self) -> None:
        """``collect`` returns each peer once, and the stream counts the nodes."""
        stream = self.start()
        self.assertAll(self.clock.runUntil(stream.collect()))
        self.assertEqual((stream.responses, stream.errors, stream.commits), (10, 0, 0))

    def test_droppedStreamIsCollected(self) -> None:
        """``collect`` returns all peers although nobody has a reference to the stream."""
        collected = self.start().collect()
        gc.collect()
        self.assertAll(self.clock.runUntil(collected))

    def test_loopReadsEachPeer(self) -> None:
        """``async for`` reads each peer once."""

        async def read() -> list[peers.Peer]:
            return [peer async for peer in self.start()]

        self.assertAll(self.run_(read()))

    def test_consumerIsWrittenEachPeer(self) -> None:
        """A consumer is registered with the stream, gets each peer, and is unregistered."""
        consumer = Consumer()
        stream = self.start()
        done = stream.startProducing(consumer)
        self.assertIs(consumer.producer, stream)
        self.assertTrue(consumer.isStreaming)
        self.assertIsNone(self.clock.runUntil(done))
        self.assertIsNone(consumer.producer)
        self.assertAll(consumer.items)

    def test_streamIsReadOnce(self) -> None:
        """A second way to read a stream raises ``ValueError``."""
        stream = self.start()
        self.clock.runUntil(stream.collect())
        for read in (stream.collect, stream.__aiter__, lambda: stream.startProducing(Consumer())):
            with self.assertRaises(ValueError):
                read()

    def test_pausedConsumerGetsNoPeer(self) -> None:
        """
        A consumer that pauses after each peer gets one peer each time it goes on, and each peer in
        the end. Paused at its last peers, the stream doesn't end before they are read.
        """
        consumer = Consumer(lambda producer: producer.pauseProducing())
        stream = self.start()
        done = stream.startProducing(consumer)
        for count in range(1, 31):
            self.clock.runFor(5)
            self.assertEqual(len(consumer.items), count)
            self.assertNoResult(done)
            stream.resumeProducing()
        self.clock.runFor(5)
        self.successResultOf(done)
        self.assertAll(consumer.items)

    def test_pausedStreamAsksNoNode(self) -> None:
        """While a stream is paused, no further node is asked."""
        consumer = Consumer(lambda producer: producer.pauseProducing())
        stream = self.start(60)
        done = stream.startProducing(consumer)
        self.clock.runFor(30)
        asked = self.countAsked()
        self.assertLess(asked, 40)
        self.clock.runFor(30)
        self.assertEqual(self.countAsked(), asked)
        stream.stopProducing()
        self.successResultOf(done)

    def test_closedStreamGivesNoPeer(self) -> None:
        """A loop that closes its stream gets no further peer, and the query ends."""

        async def read() -> int:
            count = 0
            stream = self.start()
            async for _ in stream:
                count += 1
                await stream.aclose()
            return count

        self.assertEqual(self.run_(read()), 1)
        self.assertEnded()

    def test_leftBlockEndsTheQuery(self) -> None:
        """``aclosing`` ends the query when its block is left."""

        async def read() -> Address:
            async with aclosing(self.start(40)) as stream:
                async for peer in stream:
                    return peer.address
            raise AssertionError("no peer was found")

        self.assertIn(self.run_(read()), self.everyone(40))
        self.assertEnded()

    def test_droppedLoopEndsTheQuery(self) -> None:
        """A query ends when the last reference to its stream is gone, if a loop has read it."""
        stream = self.start(40)
        self.clock.runUntil(stream.__anext__())
        del stream
        self.assertEnded()

    def test_droppedPausedStreamEnds(self) -> None:
        """A query ends when its stream is paused and the last reference to it is gone."""
        consumer = Consumer(lambda producer: producer.pauseProducing())
        stream = self.start(40)
        stream.startProducing(consumer)
        self.clock.runFor(1)
        consumer.producer = None
        del stream
        self.assertEnded()

    def test_stoppedStreamWritesNoPeer(self) -> None:
        """A stream that is stopped while it is paused drops the peers that were not written."""
        consumer = Consumer(lambda producer: producer.pauseProducing())
        stream = self.start()
        done = stream.startProducing(consumer)
        self.clock.runFor(1)
        stream.stopProducing()
        stream.resumeProducing()
        self.successResultOf(done)
        self.assertEqual(len(consumer.items), 1)
        self.assertEnded()

    def test_cancelledReadEndsTheQuery(self) -> None:
        """Cancelling ``collect`` or the wait for a peer ends the query."""
        for read in (peers.PeerStream.collect, peers.PeerStream.__anext__):
            waiting: Deferred[Any] = read(self.start(5, answers="ignore"))
            self.clock.runFor(0.1)
            waiting.cancel()
            self.failureResultOf(waiting, CancelledError)
            self.assertEnded()
