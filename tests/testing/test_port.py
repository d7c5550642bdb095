"""
Tests for the ports of `dwdht_twisted.testing.host`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import (
    CannotListenError,
    InvalidAddressError,
    MessageLengthError,
)
from twisted.internet.interfaces import (
    IListeningPort,
    IReactorTime,
    IUDPTransport,
)
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from dwdht_twisted.testing import MemoryNetwork, SimulatedClock
from tests.helpers.networks.three_hosts import A, B, C, Echo, NetworkTestCase, Recorder


class PortTests(NetworkTestCase):
    """
    `MemoryPort` is to its protocol what a real UDP port is.
    """

    def test_interfaces(self) -> None:
        """
        A port provides ``IListeningPort`` and ``IUDPTransport``.
        """
        self.assertTrue(verifyObject(IListeningPort, self.ports[A]))
        self.assertTrue(verifyObject(IUDPTransport, self.ports[A]))

    def test_start(self) -> None:
        """
        The protocol is started with the port as its transport.
        """
        self.assertEqual(self.recorders[A].started, 1)
        self.assertIs(self.recorders[A].transport, self.ports[A])

    def test_getHost(self) -> None:
        """
        A port tells where it is bound, which is 0.0.0.0 by default.
        """
        self.assertEqual(self.ports[A].getHost(), IPv4Address("UDP", "0.0.0.0", 1000))
        bound = self.listen(A, 7, Recorder(), A)
        self.assertEqual(bound.getHost(), IPv4Address("UDP", A, 7))

    def test_freePort(self) -> None:
        """
        Port 0 stands for a free one, each time another.
        """
        self.listen(A, 49153, Recorder())
        numbers = [self.listen(A, 0, Recorder()).getHost().port for _ in range(100)]
        self.assertEqual(len(set(numbers) - {49153, 1000}), 100)

    def test_noFreePort(self) -> None:
        """
        When a host has no port left, listening fails; a port given up can be had again.
        """
        ports = [self.listen(A, 0, Recorder()) for _ in range(49152, 65536)]
        self.assertRaises(CannotListenError, self.listen, A, 0, Recorder())
        ports[77].stopListening()
        self.clock.runFor(1)
        again = self.listen(A, 0, Recorder())
        self.assertEqual(again.getHost().port, 49152 + 77)

    def test_portTaken(self) -> None:
        """
        A port that is taken can't be had; the same number on another host can.
        """
        error = self.assertRaises(CannotListenError, self.listen, A, 1000, Recorder())
        self.assertEqual(error.port, 1000)
        self.listen("10.9.9.9", 1000, Recorder())

    def test_badInterface(self) -> None:
        """
        An interface that is another host's can't be had, and one that is a name is no address.
        """
        self.assertRaises(CannotListenError, self.listen, A, 7, Recorder(), B)
        self.assertRaises(InvalidAddressError, self.listen, A, 7, Recorder(), "eth0")

    def test_badPort(self) -> None:
        """
        A number that is no port is refused, as by a socket.
        """
        self.assertRaises(OverflowError, self.listen, A, 65536, Recorder())
        self.assertRaises(OverflowError, self.ports[A].write, b"", (B, 65536))
        self.assertRaises(OSError, self.ports[A].write, b"", (B, 0))

    def test_writeToName(self) -> None:
        """
        A datagram can't be sent to a name, nor to an IPv6 address.
        """
        for host in ("localhost", "bootstrap.example", "::1", ""):
            self.assertRaises(InvalidAddressError, self.ports[A].write, b"", (host, 1000))
        self.assertEqual(self.network.sent, 0)

    def test_tooLong(self) -> None:
        """
        What doesn't fit a UDP datagram is refused.
        """
        self.assertRaises(MessageLengthError, self.send, A, B, bytes(65508))
        self.send(A, B, bytes(65507))

    def test_loopbackCantLeave(self) -> None:
        """
        A port bound to the loopback address can't send to other hosts.
        """
        port = self.listen(A, 7, Recorder(), "127.0.0.1")
        self.assertRaises(OSError, port.write, b"", (B, 1000))

    def test_stopListening(self) -> None:
        """
        A port that is given up takes nothing from that moment on, and its protocol is stopped.
        """
        self.send(A, B, b"under way")
        stopped = self.ports[B].stopListening()
        assert stopped is not None
        self.send(A, B, b"later")
        self.assertNoResult(stopped)
        self.clock.runUntil(stopped)
        self.assertEqual(self.recorders[B].stopped, 1)
        self.assertIsNone(self.recorders[B].transport)
        self.clock.runFor(1)
        self.assertEqual(self.recorders[B].received, [])
        self.assertEqual(self.network.lost, 2)
        self.assertIsNone(self.ports[B].stopListening())
        self.listen(B, 1000, Recorder())

    def test_stoppedDuringZeroLatency(self) -> None:
        """
        Even what arrives at the very moment when a port is given up isn't delivered.
        """
        self.build(latency=0)
        self.ports[B].stopListening()
        self.send(A, B, b"now")
        self.clock.advance(0)
        self.assertEqual(self.recorders[B].received, [])

    def test_stoppedByDatagram(self) -> None:
        """
        A protocol that gives its port up on a datagram isn't given another, not even one that
        arrived together with the first.
        """

        class Once(Recorder):
            def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
                super().datagramReceived(datagram, addr)
                port.stopListening()

        once = Once()
        port = self.listen(B, 9, once)
        for payload in (b"first", b"second"):
            self.ports[A].write(payload, (B, 9))
        self.clock.runFor(1)
        self.assertEqual(once.payloads, [b"first"])

    def test_writeAfterStop(self) -> None:
        """
        A port sends until it is closed, and refuses afterwards.
        """
        self.ports[A].stopListening()
        self.send(A, B, b"last")
        self.clock.runFor(1)
        self.assertEqual(self.recorders[B].payloads, [b"last"])
        self.assertRaises(RuntimeError, self.send, A, B, b"too late")

    def test_connected(self) -> None:
        """
        A connected port sends to its peer alone, and hears it alone.
        """
        port = self.ports[A]
        port.connect(B, 1000)
        port.write(b"without an address")
        port.write(b"with it", (B, 1000))
        self.assertRaises(AssertionError, port.write, b"", (C, 1000))
        self.send(B, A, b"from the peer")
        self.send(C, A, b"from another")
        self.clock.runFor(1)
        self.assertEqual(self.recorders[B].payloads, [b"without an address", b"with it"])
        self.assertEqual(self.recorders[A].payloads, [b"from the peer"])
        self.assertRaises(RuntimeError, port.connect, B, 1000)
        self.assertRaises(InvalidAddressError, self.ports[C].connect, "localhost", 1000)

    def test_noAddress(self) -> None:
        """
        A port that isn't connected needs an address to send to.
        """
        self.assertRaises(AssertionError, self.ports[A].write, b"")

    def test_broadcastFlag(self) -> None:
        """
        Whether broadcasts are allowed is remembered.
        """
        self.assertFalse(self.ports[A].getBroadcastAllowed())
        self.ports[A].setBroadcastAllowed(True)
        self.assertTrue(self.ports[A].getBroadcastAllowed())


class RealPortTests(TestCase):
    """
    What `MemoryPort` imitates is how a real port behaves.
    """

    async def _observe(self, reactor: Any, settle: Callable[[], Deferred[None]]) -> list[object]:
        """What can be seen of two ports that talk to each other."""
        seen: list[object] = []
        one, other = Recorder(), Echo()
        port = reactor.listenUDP(0, one, interface="127.0.0.1")
        echo = reactor.listenUDP(0, other)
        number = echo.getHost().port
        seen += [port.getHost().host, echo.getHost().host, port.getHost().type]
        for bad, interface in [(number, ""), (0, "192.0.2.1"), (0, "eth0"), (65536, "")]:
            try:
                reactor.listenUDP(bad, Recorder(), interface=interface)
            except Exception as error:
                seen.append(type(error))
        for packet, address in [
            (b"", ("localhost", number)),
            (b"", ("::1", number)),
            (b"", ("127.0.0.1", 0)),
            (b"", ("127.0.0.1", 65536)),
            (b"", ("192.0.2.1", number)),
            (bytes(65508), ("127.0.0.1", number)),
            (b"", None),
        ]:
            try:
                port.write(packet, address)
            except Exception as error:
                seen.append((packet[:1], address and address[0], type(error)))
        port.write(b"hello", ("127.0.0.1", number))
        await settle()
        source = port.getHost()
        seen.append(other.received == [(b"hello", (source.host, source.port))])
        seen.append(one.received == [(b"hello", ("127.0.0.1", number))])
        stopped = port.stopListening()
        seen += [stopped.called, one.stopped, one.transport is port]
        stopping = echo.stopListening()
        await settle()
        await stopping
        seen += [stopped.called, one.stopped, one.transport, port.stopListening()]
        return seen

    async def test_sameAsReal(self) -> None:
        """
        Errors, addresses and the order of what happens at the end are those of a real port.
        """
        from twisted.internet import reactor
        from twisted.internet.task import deferLater

        assert IReactorTime.providedBy(reactor)
        real = await self._observe(reactor, lambda: deferLater(reactor, 0.1))
        clock = SimulatedClock()
        host = MemoryNetwork(clock).reactor(A)
        observed = Deferred.fromCoroutine(self._observe(host, lambda: deferLater(clock, 0.1)))
        self.assertEqual(clock.runUntil(observed), real)
