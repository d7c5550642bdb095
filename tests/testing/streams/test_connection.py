"""
TCP connections between simulated hosts.
"""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IConsumer,
    IHalfCloseableProtocol,
    IPushProducer,
    ITCPTransport,
)
from twisted.python.failure import Failure
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tests.helpers.networks.connections import ConnectionTestCase, Recorder
from tests.helpers.networks.three_hosts import A, B


class Source:
    """
    A push producer that writes 1,000 bytes at each turn, as often as it may.

    :ivar written: the number of bytes so far
    """

    def __init__(self, clock: Any, transport: Any) -> None:
        self._clock = clock
        self._transport = transport
        self._isPaused = False
        self.written = 0
        transport.registerProducer(self, True)
        self._write()

    def _write(self) -> None:
        if not self._isPaused:
            self._transport.write(bytes(1000))
            self.written += 1000
            self._clock.callLater(0.001, self._write)

    def pauseProducing(self) -> None:
        self._isPaused = True

    def resumeProducing(self) -> None:
        self._isPaused = False
        self._write()

    def stopProducing(self) -> None:
        self._isPaused = True


class ConnectionTests(ConnectionTestCase):
    """
    An open connection.
    """

    def test_transportProvidesInterfaces(self) -> None:
        """Both transports provide ``ITCPTransport``, ``IConsumer`` and ``IPushProducer``."""
        for protocol in self.pair():
            for interface in (ITCPTransport, IConsumer, IPushProducer):
                self.assertTrue(verifyObject(interface, protocol.transport))

    def test_addressesAreThoseOfTheHosts(self) -> None:
        """The host of one transport is the peer of the other."""
        client, server = (each.transport for each in self.pair())
        self.assertEqual((client.getPeer().host, client.getPeer().port), (B, 8080))
        self.assertEqual(client.getHost().host, A)
        self.assertEqual(client.getHost(), server.getPeer())
        self.assertEqual(server.getHost(), client.getPeer())

    def test_bytesTakeTheLatency(self) -> None:
        """Bytes that are written together arrive together, after the latency."""
        client, server = self.pair()
        self.clock.runFor(1)
        began = self.clock.seconds()
        client.transport.write(b"one ")
        client.transport.writeSequence([b"two ", b"three"])
        self.clock.runFor(0.1)
        self.assertEqual(server.received, b"one two three")
        self.assertEqual(len(server.times), 1)
        self.assertAlmostEqual(server.times[0] - began, 0.04)

    def test_bytesArriveInOrder(self) -> None:
        """All bytes of both ends arrive in their order, whatever the latency and the loss."""
        for seed in range(10):
            random = Random(seed)
            self.network.loss = random.choice([0, 0.1])
            self.network.reordering = random.choice([0, 0.5])
            self.network.latency = lambda random, source, to: random.uniform(0.001, 0.5)
            ends = self.pair()
            sent = [b"", b""]
            for _ in range(40):
                number = random.randrange(2)
                data = random.randbytes(random.choice([1, 100, 100_000]))
                ends[number].transport.write(data)
                sent[number] += data
                self.clock.runFor(random.choice([0, 0.01, 1]))
            self.clock.runFor(300)
            self.assertEqual([ends[1].received, ends[0].received], sent)

    def test_partitionHoldsBytesBack(self) -> None:
        """Bytes that are written during a partition of ten seconds arrive after its end."""
        client, server = self.pair()
        self.clock.runFor(1)
        self.network.partition([A])
        client.transport.write(b"late")
        self.clock.runFor(10)
        self.assertEqual(server.received, b"")
        self.network.heal()
        self.clock.runFor(10)
        self.assertEqual(server.received, b"late")

    def test_longPartitionEndsTheConnection(self) -> None:
        """A connection whose bytes aren't acknowledged for 63 seconds is lost."""
        client, _ = self.pair()
        self.clock.runFor(1)
        self.network.partition([A])
        client.transport.write(b"late")
        self.clock.runFor(62)
        self.assertIsNone(client.reason)
        self.clock.runFor(2)
        assert client.reason is not None
        self.assertTrue(client.reason.check(ConnectionLost))

    def test_exceptionEndsTheConnection(self) -> None:
        """An exception of a protocol is logged, and ends its connection."""
        client, server = self.pair()
        server.dataReceived = lambda data: 1 / 0  # type: ignore[method-assign,assignment]
        client.transport.write(b"data")
        self.clock.runFor(1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertIsNotNone(server.reason)
        self.assertIsNotNone(client.reason)


class FlowTests(ConnectionTestCase):
    """
    The bound on what a connection holds.
    """

    def test_pausedReaderPausesTheProducer(self) -> None:
        """
        A producer whose consumer doesn't read is paused after some 200,000 bytes, until it does.
        """
        client, server = self.pair()
        server.transport.pauseProducing()
        source = Source(self.clock, client.transport)
        self.clock.runFor(10)
        self.assertEqual(server.received, b"")
        self.assertLess(source.written, 250_000)
        server.transport.resumeProducing()
        self.clock.runFor(10)
        self.assertGreater(len(server.received), 1_000_000)
        source.stopProducing()

    def test_pausedReaderMissesNothing(self) -> None:
        """A paused reader gets the bytes and the end of the connection when it resumes."""
        client, server = self.pair()
        server.transport.pauseProducing()
        client.transport.write(bytes(1000))
        self.clock.runFor(1)
        client.transport.loseConnection()
        self.clock.runFor(1)
        self.assertIsNone(server.reason)
        server.transport.resumeProducing()
        self.clock.runFor(1)
        self.assertEqual(len(server.received), 1000)
        self.assertIsNotNone(server.reason)


@implementer(IHalfCloseableProtocol)
class HalfCloseable(Recorder):
    """A recorder that notices a half-closed connection."""

    events: tuple[str, ...] = ()

    def readConnectionLost(self) -> None:
        self.events += ("read",)

    def writeConnectionLost(self) -> None:
        self.events += ("write",)


class EndTests(ConnectionTestCase):
    """
    The end of a connection.
    """

    def check(self, protocol: Recorder, kind: type[Exception]) -> None:
        """Require that a protocol lost its connection for a reason."""
        reason: Failure | None = protocol.reason
        assert reason is not None
        self.assertTrue(reason.check(kind), reason)

    def test_closeDeliversAllBytes(self) -> None:
        """``loseConnection`` delivers a megabyte first, and both ends get ``ConnectionDone``."""
        client, server = self.pair()
        client.transport.write(bytes(1_000_000))
        client.transport.loseConnection()
        client.transport.write(b"too late")
        self.clock.runFor(10)
        self.assertEqual(len(server.received), 1_000_008)
        self.check(client, ConnectionDone)
        self.check(server, ConnectionDone)
        self.assertEqual(self.network.streams.connections, set())

    def test_abortDropsBytes(self) -> None:
        """``abortConnection`` sends nothing more, and the other end gets ``ConnectionLost``."""
        client, server = self.pair()
        self.clock.runFor(1)
        client.transport.write(b"dropped")
        client.transport.abortConnection()
        self.clock.runFor(1)
        self.assertEqual(server.received, b"")
        self.check(client, ConnectionAborted)
        self.check(server, ConnectionLost)

    def test_writeAfterTheEndIsReset(self) -> None:
        """Bytes to an end that is gone are answered by a reset."""
        client, _ = self.pair()
        self.clock.runFor(1)
        self.network.partition([A])
        self.host(B).crash()
        self.clock.runFor(100)
        self.network.heal()
        self.assertIsNone(client.reason)
        client.transport.write(b"anybody?")
        self.clock.runFor(1)
        self.check(client, ConnectionLost)

    def test_crashResetsConnections(self) -> None:
        """A killed process tells its protocols nothing, and its peers lose the connection."""
        client, server = self.pair()
        self.host(B).crash()
        self.clock.runFor(1)
        self.check(client, ConnectionLost)
        self.assertIsNone(server.reason)

    def test_shutdownClosesConnections(self) -> None:
        """The shutdown of a host ends its connections, and tells both ends."""
        client, server = self.pair()
        self.clock.runUntil(self.host(B).shutDown())
        self.clock.runFor(1)
        self.check(server, ConnectionLost)
        self.assertIsNotNone(client.reason)

    def test_halfCloseLetsTheOtherWrite(self) -> None:
        """After ``loseWriteConnection``, the other end may still write."""
        self.servers.buildProtocol = lambda addr: server  # type: ignore[method-assign]
        server = HalfCloseable(self.clock)
        self.clients.buildProtocol = lambda addr: client  # type: ignore[method-assign]
        client = HalfCloseable(self.clock)
        self.listen()
        self.connect()
        self.clock.runFor(1)
        client.transport.write(b"question")
        client.transport.loseWriteConnection()
        self.clock.runFor(1)
        self.assertEqual((client.events, server.events), (("write",), ("read",)))
        server.transport.write(b"answer")
        server.transport.loseConnection()
        self.clock.runFor(1)
        self.assertEqual((server.received, client.received), (b"question", b"answer"))
        client.transport.loseConnection()
        self.clock.runFor(1)
        self.check(client, ConnectionDone)
        self.check(server, ConnectionDone)
