"""
`dwdht_twisted.testing.port`: the ports of a simulated network.
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
    A `MemoryPort`, which behaves towards its protocol like a real UDP port.
    """

    def test_portProvidesInterfaces(self) -> None:
        """
        A port provides ``IListeningPort`` and ``IUDPTransport``.
        """
        self.assertTrue(verifyObject(IListeningPort, self.ports[A]))
        self.assertTrue(verifyObject(IUDPTransport, self.ports[A]))

    def test_protocolIsStartedWithPort(self) -> None:
        """Listening starts the protocol once. The transport of the protocol is the port."""
        self.assertEqual(self.recorders[A].started, 1)
        self.assertIs(self.recorders[A].transport, self.ports[A])

    def test_getHostReturnsBoundAddress(self) -> None:
        """``getHost`` returns the address to which the port is bound, by default 0.0.0.0."""
        self.assertEqual(self.ports[A].getHost(), IPv4Address("UDP", "0.0.0.0", 1000))
        bound = self.listen(A, 7, Recorder(), A)
        self.assertEqual(bound.getHost(), IPv4Address("UDP", A, 7))

    def test_portZeroIsAFreePort(self) -> None:
        """Each of 100 ports opened with the number 0 gets a different free number."""
        self.listen(A, 49153, Recorder())
        numbers = [self.listen(A, 0, Recorder()).getHost().port for _ in range(100)]
        self.assertEqual(len(set(numbers) - {49153, 1000}), 100)

    def test_listeningFailsWithoutFreePort(self) -> None:
        """
        Listening on port 0 fails when all 16,384 dynamic ports are in use. It succeeds after one of
        these ports has been closed.
        """
        ports = [self.listen(A, 0, Recorder()) for _ in range(49152, 65536)]
        self.assertRaises(CannotListenError, self.listen, A, 0, Recorder())
        ports[77].stopListening()
        self.clock.runFor(1)
        again = self.listen(A, 0, Recorder())
        self.assertEqual(again.getHost().port, 49152 + 77)

    def test_takenPortIsRefused(self) -> None:
        """
        A port in use can't be opened a second time on its host. It can be opened on another host.
        """
        error = self.assertRaises(CannotListenError, self.listen, A, 1000, Recorder())
        self.assertEqual(error.port, 1000)
        self.listen("10.9.9.9", 1000, Recorder())

    def test_foreignInterfaceIsRefused(self) -> None:
        """A port can't be opened on another host's address, or on a name in place of an address."""
        self.assertRaises(CannotListenError, self.listen, A, 7, Recorder(), B)
        self.assertRaises(InvalidAddressError, self.listen, A, 7, Recorder(), "eth0")

    def test_badPortNumberIsRefused(self) -> None:
        """
        Port 65536 is refused for listening and sending, and port 0 is refused for sending. The
        exceptions are those of a socket.
        """
        self.assertRaises(OverflowError, self.listen, A, 65536, Recorder())
        self.assertRaises(OverflowError, self.ports[A].write, b"", (B, 65536))
        self.assertRaises(OSError, self.ports[A].write, b"", (B, 0))

    def test_writeToNameIsRefused(self) -> None:
        """
        A datagram to a name, an IPv6 address or an empty string is refused. It isn't counted as
        sent.
        """
        for host in ("localhost", "bootstrap.example", "::1", ""):
            self.assertRaises(InvalidAddressError, self.ports[A].write, b"", (host, 1000))
        self.assertEqual(self.network.sent, 0)

    def test_tooLongDatagramIsRefused(self) -> None:
        """A datagram of 65,508 bytes is refused. A datagram of 65,507 bytes is sent."""
        self.assertRaises(MessageLengthError, self.send, A, B, bytes(65508))
        self.send(A, B, bytes(65507))

    def test_loopbackPortReachesOwnHostOnly(self) -> None:
        """
        A port bound to the loopback address can't send to another host.
        """
        port = self.listen(A, 7, Recorder(), "127.0.0.1")
        self.assertRaises(OSError, port.write, b"", (B, 1000))

    def test_stoppedPortTakesNothing(self) -> None:
        """
        After the call of ``stopListening``, the port receives nothing, not even a datagram sent
        before. When the Deferred fires, the protocol has been stopped.
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

    def test_stoppedPortTakesNothingWithoutLatency(self) -> None:
        """A datagram that arrives at the moment of ``stopListening`` isn't delivered."""
        self.build(latency=0)
        self.ports[B].stopListening()
        self.send(A, B, b"now")
        self.clock.advance(0)
        self.assertEqual(self.recorders[B].received, [])

    def test_portStoppedByDatagramTakesNoOther(self) -> None:
        """
        A protocol that stops its port on the first datagram doesn't get a second one that arrives
        at the same time.
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

    def test_stoppingPortSendsUntilClosed(self) -> None:
        """
        After ``stopListening``, a port can send until it is closed. Then it raises RuntimeError.
        """
        self.ports[A].stopListening()
        self.send(A, B, b"last")
        self.clock.runFor(1)
        self.assertEqual(self.recorders[B].payloads, [b"last"])
        self.assertRaises(RuntimeError, self.send, A, B, b"too late")

    def test_connectedPortHasOnePeer(self) -> None:
        """A connected port sends only to its peer and receives only from its peer."""
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

    def test_writeWithoutAddressIsRefused(self) -> None:
        """A port that isn't connected raises AssertionError on a write without an address."""
        self.assertRaises(AssertionError, self.ports[A].write, b"")

    def test_broadcastFlagIsKept(self) -> None:
        """``getBroadcastAllowed`` returns False by default, and later the value that was set."""
        self.assertFalse(self.ports[A].getBroadcastAllowed())
        self.ports[A].setBroadcastAllowed(True)
        self.assertTrue(self.ports[A].getBroadcastAllowed())


class RealPortTests(TestCase):
    """
    A `MemoryPort` compared with a real port of this machine.
    """

    async def _observe(self, reactor: Any, settle: Callable[[], Deferred[None]]) -> list[object]:
        """Let two ports exchange datagrams. Return everything that their protocols can observe."""
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

    async def test_memoryPortBehavesAsRealPort(self) -> None:
        """
        A memory port and a real port have the same exceptions, addresses and order of closing.
        """
        from twisted.internet import reactor
        from twisted.internet.task import deferLater

        assert IReactorTime.providedBy(reactor)
        real = await self._observe(reactor, lambda: deferLater(reactor, 0.1))
        clock = SimulatedClock()
        host = MemoryNetwork(clock).reactor(A)
        observed = Deferred.fromCoroutine(self._observe(host, lambda: deferLater(clock, 0.1)))
        self.assertEqual(clock.runUntil(observed), real)
