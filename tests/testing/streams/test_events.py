"""
Events of a TCP connection that could overtake others, or get lost.
"""

from __future__ import annotations

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol, IPullProducer
from zope.interface import implementer

from dwdht_twisted.testing import LimitReached, LogNormalLatency
from tests.helpers.networks.connections import ConnectionTestCase, Recorder
from tests.helpers.networks.three_hosts import A, B


@implementer(IHalfCloseableProtocol)
class HalfRecorder(Recorder):
    """A recorder that goes on when the other end has closed its half."""

    def readConnectionLost(self) -> None:
        """Do nothing."""

    def writeConnectionLost(self) -> None:
        """Do nothing."""


@implementer(IPullProducer)
class Idle:
    """A producer that never has anything to write."""

    def resumeProducing(self) -> None:
        """Do nothing."""

    def stopProducing(self) -> None:
        """Do nothing."""


class EventTests(ConnectionTestCase):
    """
    Single events of a connection that could overtake others, or get lost.
    """

    def check(self, protocol: Recorder, kind: type[Exception]) -> None:
        """Require that a protocol lost its connection for a reason."""
        assert protocol.reason is not None
        self.assertTrue(protocol.reason.check(kind), protocol.reason)

    def test_pausedReaderMissesNothing(self) -> None:
        """A paused reader gets the bytes and the end that were written together."""
        client, server = self.pair()
        server.transport.pauseProducing()
        client.transport.write(bytes(1000))
        client.transport.loseConnection()
        self.clock.runFor(1)
        self.assertEqual((server.received, server.reason), (b"", None))
        server.transport.resumeProducing()
        self.clock.runFor(1)
        self.assertEqual(len(server.received), 1000)
        self.check(server, ConnectionDone)

    def test_pausedReaderHearsOfAReset(self) -> None:
        """A paused reader hears of a reset at once, or once it has read the bytes before it."""
        for isWaiting in (False, True):
            client, server = self.pair()
            server.transport.pauseProducing()
            client.transport.write(b"data" * isWaiting)
            self.clock.runFor(1)
            self.host(A).crash()
            self.clock.runFor(1)
            self.assertEqual(server.reason is None, isWaiting)
            server.transport.resumeProducing()
            self.clock.runFor(1)
            self.assertEqual(server.received, b"data" * isWaiting)
            self.check(server, ConnectionLost)

    def test_crashComesAfterSentBytes(self) -> None:
        """The bytes that a process has sent before it is killed arrive before the reset."""
        self.network.latency = LogNormalLatency(0.04, 1)
        for _ in range(50):
            client, server = self.pair()
            client.transport.write(b"last words")
            self.clock.runFor(0)
            self.host(A).crash()
            self.clock.runFor(10)
            self.assertEqual(server.received, b"last words")
            self.check(server, ConnectionLost)

    def test_exceptionComesAfterSentBytes(self) -> None:
        """The bytes that a protocol has sent before an exception arrive before the reset."""
        self.network.latency = LogNormalLatency(0.04, 1)
        for _ in range(50):
            client, server = self.pair()
            server.transport.write(b"last words")
            server.dataReceived = lambda data: 1 / 0  # type: ignore[method-assign,assignment]
            client.transport.write(b"question")
            self.clock.runFor(10)
            self.assertEqual(client.received, b"last words")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 50)

    def test_abortAfterHalfCloseIsTold(self) -> None:
        """The other end of a half-closed connection is told when the connection is aborted."""
        self.servers.buildProtocol = lambda addr: server  # type: ignore[method-assign]
        server = HalfRecorder(self.clock)
        self.listen()
        self.connect()
        self.clock.runFor(1)
        [client] = self.clients.made
        client.transport.loseWriteConnection()
        self.clock.runFor(1)
        self.assertIsNone(server.reason)
        client.transport.abortConnection()
        self.clock.runFor(1)
        self.check(server, ConnectionLost)

    def test_lostAcknowledgementEndsTheConnection(self) -> None:
        """A connection is lost when the acknowledgement of its bytes is lost for 63 seconds."""
        client, server = self.pair()
        self.clock.runFor(1)
        client.transport.write(b"data")
        self.clock.runFor(0.02)
        self.network.partition([A])
        self.clock.runFor(62)
        self.assertEqual((server.received, client.reason), (b"data", None))
        self.clock.runFor(2)
        self.check(client, ConnectionLost)

    def test_lostBytesEndTheConnection(self) -> None:
        """Bytes that are lost for 63 seconds are no regular end for the other end."""
        client, server = self.pair()
        self.clock.runFor(1)
        self.network.partition([A])
        client.transport.write(b"data")
        client.transport.loseConnection()
        self.clock.runFor(0)
        self.check(client, ConnectionDone)
        self.clock.runFor(60)
        self.network.heal()
        self.network.loss = 1
        self.clock.runFor(4)
        self.network.loss = 0
        self.clock.runFor(60)
        self.assertEqual(server.received, b"")
        self.check(server, ConnectionLost)

    def test_exceptionAtTheBeginningLosesNoBytes(self) -> None:
        """A server whose ``connectionMade`` raises an exception receives the first bytes."""

        def build(addr: object) -> Recorder:
            server = Recorder(self.clock)
            server.connectionMade = lambda: 1 / 0  # type: ignore[method-assign]
            self.servers.made.append(server)
            return server

        self.servers.buildProtocol = build  # type: ignore[method-assign]
        self.network.latency = LogNormalLatency(0.04, 1)
        self.listen()
        for _ in range(20):
            self.connect()
            self.clock.runUntil(lambda: self.clients.made)
            self.clients.made.pop().transport.write(b"data")
            self.clock.runFor(10)
        self.assertEqual([server.received for server in self.servers.made], [b"data"] * 20)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 20)

    def test_hostMovesWhileAConnectionIsMade(self) -> None:
        """A connection that is being made to a host that changes its address is lost."""
        self.listen()
        self.connect()
        self.clock.runFor(0.1)
        self.network.changeAddress(B, "10.0.0.9")
        self.clock.runFor(1)
        self.assertEqual(self.servers.made, [])
        self.check(self.clients.made[0], ConnectionLost)

    def test_unreadBytesAreReset(self) -> None:
        """An end that closes without having read all bytes resets the one that sent them."""
        for isHalf in (False, True):
            self.servers.buildProtocol = lambda addr: server  # type: ignore[method-assign]  # noqa: B023
            server = HalfRecorder(self.clock)
            if not isHalf:
                self.listen()
            self.connect()
            self.clock.runFor(1)
            client = self.clients.made[-1]
            client.transport.pauseProducing()
            server.transport.write(b"unread")
            if isHalf:
                client.transport.loseWriteConnection()
            self.clock.runFor(1)
            client.transport.loseConnection()
            self.clock.runFor(1)
            self.check(client, ConnectionDone)
            self.check(server, ConnectionLost)

    def test_bothEndsMayCloseWithFullBuffers(self) -> None:
        """Two ends that don't read and close both, with much to send, don't wait for each other."""
        ends = self.pair()
        for each in ends:
            each.transport.pauseProducing()
            each.transport.write(bytes(200_000))
        self.clock.runFor(1)
        for each in ends:
            each.transport.loseConnection()
        self.clock.runFor(10)
        self.assertEqual([each.reason is None for each in ends], [False, False])

    def test_closingEndReadsNothing(self) -> None:
        """An end that waits for its producer before it closes receives no more bytes."""
        client, server = self.pair()
        client.transport.registerProducer(Idle(), False)
        client.transport.loseConnection()
        server.transport.write(b"too late")
        self.clock.runFor(1)
        client.transport.unregisterProducer()
        self.clock.runFor(1)
        self.assertEqual((client.received, server.received), (b"", b""))
        self.check(client, ConnectionDone)
        self.check(server, ConnectionDone)

    def test_abortMayOvertakeBytes(self) -> None:
        """The reset of ``abortConnection`` overtakes some of the bytes that were sent before."""
        self.network.latency = LogNormalLatency(0.04, 1)
        received = []
        for _ in range(50):
            client, server = self.pair()
            client.transport.write(b"data")
            self.clock.runFor(0)
            client.transport.abortConnection()
            self.clock.runFor(10)
            received.append(server.received)
            self.check(server, ConnectionLost)
        self.assertEqual(set(received), {b"", b"data"})

    def test_partitionLeavesNothingBehind(self) -> None:
        """Two ends that close in a partition for good send nothing any more after some minutes."""
        ends = self.pair()
        self.clock.runFor(1)
        self.network.partition([A])
        for each in ends:
            each.transport.write(b"data")
            each.transport.loseConnection()
        with self.assertRaisesRegex(LimitReached, "nothing is scheduled"):
            self.clock.runUntil(lambda: False, limit=1000)
