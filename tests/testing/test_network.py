"""
Tests for `dwdht_twisted.testing`: delivery, the reactor of a host, the example.
"""

from __future__ import annotations

from textwrap import dedent
from typing import Any
from unittest import TestResult

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IReactorPluggableNameResolver,
    IReactorTime,
    IReactorUDP,
    IResolutionReceiver,
)
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from dwdht_twisted import testing
from dwdht_twisted.testing import HostReactor, MemoryNetwork, SimulatedClock
from tests.helpers.networks.three_hosts import A, B, C, Echo, NetworkTestCase, Recorder


class DeliveryTests(NetworkTestCase):
    """
    `MemoryNetwork` carries datagrams from port to port.
    """

    def test_delivery(self) -> None:
        """
        A datagram arrives after the latency, with the address of its sender.
        """
        self.build(latency=0.25)
        self.send(A, B, b"hello")
        self.clock.runFor(0.2)
        self.assertEqual(self.recorders[B].received, [])
        self.clock.runFor(0.1)
        self.assertEqual(self.recorders[B].received, [(b"hello", (A, 1000))])
        self.assertEqual(self.recorders[B].times, [0.25])

    def test_order(self) -> None:
        """
        With a constant latency and no faults, datagrams arrive once and in order.
        """
        self.assertEqual(self.sendMany(500), self.recorders[B].payloads)

    def test_plainClock(self) -> None:
        """
        The network works with a plain ``Clock``, too.
        """
        clock = Clock()
        self.build(clock, latency=0.25)
        self.listen(B, 7, Echo())
        self.ports[A].write(b"hello", (B, 7))
        clock.pump([0.2, 0.1, 0.2])
        self.assertEqual(self.recorders[A].received, [])
        clock.advance(0.1)
        self.assertEqual(self.recorders[A].received, [(b"hello", (B, 7))])

    def test_ownClock(self) -> None:
        """
        A network that is given no clock has a simulated one.
        """
        self.assertIsInstance(MemoryNetwork().clock, SimulatedClock)

    def test_loopback(self) -> None:
        """
        The loopback address of a host is the host itself.
        """
        for host in ("127.0.0.1", "127.3.2.1", "0.0.0.0"):
            self.build()
            self.send(A, host, b"to myself")
            self.clock.runFor(1)
            self.assertEqual(self.recorders[A].received, [(b"to myself", ("127.0.0.1", 1000))])

    def test_ownAddress(self) -> None:
        """
        A host reaches itself by its own address.
        """
        self.send(A, A, b"to myself")
        self.clock.runFor(1)
        self.assertEqual(self.recorders[A].received, [(b"to myself", (A, 1000))])

    def test_interface(self) -> None:
        """
        A port bound to one address of its host takes nothing for the other.
        """
        inside, outside = Recorder(), Recorder()
        self.listen(A, 2000, inside, "127.0.0.1")
        self.listen(A, 3000, outside, A)
        for number in (2000, 3000):
            for host in (A, "127.0.0.1"):
                self.ports[A].write(host.encode(), (host, number))
        self.clock.runFor(1)
        self.assertEqual(inside.payloads, [b"127.0.0.1"])
        self.assertEqual(outside.payloads, [A.encode()])

    def test_closedPort(self) -> None:
        """
        A datagram to a port that nobody listens at, or to no host, vanishes.
        """
        self.ports[A].write(b"?", (B, 9))
        self.ports[A].write(b"?", ("192.0.2.1", 1000))
        self.ports[A].write(b"?", ("<broadcast>", 1000))
        self.clock.runFor(1)
        self.assertEqual((self.network.sent, self.network.lost), (3, 3))

    def test_openedOnTheWay(self) -> None:
        """
        What counts is whether the port is open when the datagram arrives.
        """
        late = Recorder()
        self.ports[A].write(b"early", (B, 9))
        self.listen(B, 9, late)
        self.clock.runFor(1)
        self.assertEqual(late.payloads, [b"early"])

    def test_counters(self) -> None:
        """
        What is sent, under way, delivered, doubled and lost is counted.
        """
        network = self.network
        network.duplication = 1
        self.send(A, B, b"four")
        network.duplication = 0
        network.loss = 1
        self.send(A, B, b"lost")
        self.assertEqual((network.sent, network.bytesSent, network.inFlight), (2, 8, 2))
        self.clock.runFor(1)
        self.assertEqual((network.delivered, network.bytesDelivered, network.inFlight), (2, 8, 0))
        self.assertEqual((network.duplicated, network.lost), (1, 1))

    def test_observer(self) -> None:
        """
        The observer sees each datagram that is sent, even one that is lost, once.
        """
        seen: list[tuple[tuple[str, int], tuple[str, int], bytes]] = []
        self.network.onDatagram = lambda *datagram: seen.append(datagram)
        self.network.duplication = 1
        self.send(A, B, b"1")
        self.network.loss = 1
        self.send(A, "127.0.0.1", b"2")
        self.assertEqual(seen, [((A, 1000), (B, 1000), b"1"), ((A, 1000), (A, 1000), b"2")])

    def test_exception(self) -> None:
        """
        What a protocol raises on a datagram is logged, and the network goes on.
        """

        class Broken(Recorder):
            def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
                super().datagramReceived(datagram, addr)
                raise ZeroDivisionError("broken")

        broken = Broken()
        self.listen(B, 9, broken)
        self.ports[A].write(b"1", (B, 9))
        self.ports[A].write(b"2", (B, 9))
        self.clock.runFor(1)
        self.assertEqual(broken.payloads, [b"1", b"2"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_datagramIsACopy(self) -> None:
        """
        A buffer that is changed after it was sent doesn't change what arrives.
        """
        buffer: Any = bytearray(b"before")
        self.ports[A].write(buffer, (B, 1000))
        buffer[:] = b"after!"
        self.clock.runFor(1)
        self.assertEqual(self.recorders[B].payloads, [b"before"])

    def test_maxPacketSize(self) -> None:
        """
        A datagram longer than the port takes is cut.
        """
        small = Recorder()
        self.listen(B, 9, small, "", 4)
        self.ports[A].write(b"123456", (B, 9))
        self.clock.runFor(1)
        self.assertEqual(small.payloads, [b"1234"])


@implementer(IResolutionReceiver)
class Receiver:
    """Keeps the addresses that a name has."""

    def __init__(self) -> None:
        self.began: IHostResolution | None = None
        self.addresses: list[IAddress] = []
        self.complete = 0

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        self.began = resolutionInProgress

    def addressResolved(self, address: IAddress) -> None:
        self.addresses.append(address)

    def resolutionComplete(self) -> None:
        self.complete += 1


class ReactorTests(NetworkTestCase):
    """
    `HostReactor` is the reactor of one host.
    """

    def reactor(self) -> HostReactor:
        """The reactor of host A."""
        return self.network.reactor(A)

    def resolve(self, name: str, *more: Any) -> list[IAddress]:
        """The addresses of a name."""
        receiver = Receiver()
        self.reactor().nameResolver.resolveHostName(receiver, name, *more)
        self.assertEqual((receiver.addresses, receiver.complete), ([], 0))
        self.clock.runUntil(lambda: receiver.complete)
        self.assertEqual(receiver.complete, 1)
        return receiver.addresses

    def test_interfaces(self) -> None:
        """
        It provides time, UDP and names.
        """
        for interface in (IReactorTime, IReactorUDP, IReactorPluggableNameResolver):
            self.assertTrue(verifyObject(interface, self.reactor()))
        self.assertTrue(verifyObject(IHostnameResolver, self.reactor().nameResolver))

    def test_sameHost(self) -> None:
        """
        A host has one reactor.
        """
        self.assertIs(self.network.reactor(A), self.network.reactor(A))
        self.assertIsNot(self.network.reactor(A), self.network.reactor(B))

    def test_anyHost(self) -> None:
        """
        Without an address, each call gives a host that wasn't there before.
        """
        hosts = [self.network.reactor().host for _ in range(1000)]
        self.assertEqual(len(set(hosts) | {A, B, C}), 1003)

    def test_badHost(self) -> None:
        """
        A host has an IPv4 address that others can send to.
        """
        for host in ("example", "::1", "127.0.0.1", "0.0.0.0", ""):
            self.assertRaises(ValueError, self.network.reactor, host)

    def test_time(self) -> None:
        """
        Time is that of the clock.
        """
        ran: list[float] = []
        call = self.reactor().callLater(3, lambda: ran.append(self.reactor().seconds()))
        self.assertEqual(list(self.reactor().getDelayedCalls()), [call])
        self.clock.runFor(5)
        self.assertEqual(ran, [3])

    def test_datagramsAreNotDelayedCalls(self) -> None:
        """
        A datagram under way isn't among the delayed calls, so that an application can be seen to
        have left none behind.
        """
        self.send(A, B, b"hello")
        self.assertEqual(list(self.reactor().getDelayedCalls()), [])

    def test_resolve(self) -> None:
        """
        A name that was added has its addresses, however it is capitalized.
        """
        self.network.addName("Bootstrap.example", A, B)
        self.assertEqual(
            self.resolve("bootstrap.Example", 7, None, "UDP"),
            [IPv4Address("UDP", A, 7), IPv4Address("UDP", B, 7)],
        )

    def test_resolveKnown(self) -> None:
        """
        ``localhost`` and IPv4 addresses need not be added.
        """
        self.assertEqual(self.resolve("localhost"), [IPv4Address("TCP", "127.0.0.1", 0)])
        self.assertEqual(self.resolve("192.0.2.1"), [IPv4Address("TCP", "192.0.2.1", 0)])

    def test_resolveUnknown(self) -> None:
        """
        A name that wasn't added, or was taken away again, has no addresses.
        """
        self.network.addName("gone.example", A)
        self.network.addName("gone.example")
        self.assertEqual(self.resolve("gone.example"), [])
        self.assertEqual(self.resolve("unknown.example"), [])

    def test_resolveOtherTypes(self) -> None:
        """
        Whoever asks for IPv6 addresses only gets none.
        """
        self.assertEqual(self.resolve("localhost", 0, [IPv6Address]), [])
        self.assertEqual(len(self.resolve("localhost", 0, [IPv6Address, IPv4Address])), 1)

    def test_resolveLatency(self) -> None:
        """
        Resolving takes as long as the network says.
        """
        self.network.nameLatency = 2.5
        self.resolve("localhost")
        self.assertEqual(self.clock.seconds(), 2.5)

    def test_resolveCancel(self) -> None:
        """
        A resolution that is cancelled says nothing more, and may be cancelled again.
        """
        receiver = Receiver()
        resolution = self.reactor().nameResolver.resolveHostName(receiver, "localhost")
        self.assertIs(receiver.began, resolution)
        self.assertTrue(verifyObject(IHostResolution, resolution))
        self.assertEqual(resolution.name, "localhost")
        resolution.cancel()
        resolution.cancel()
        self.clock.runFor(1)
        self.assertEqual((receiver.addresses, receiver.complete), ([], 0))
        self.assertEqual(list(self.reactor().getDelayedCalls()), [])

    def test_badName(self) -> None:
        """
        A name can't stand for another name.
        """
        self.assertRaises(ValueError, self.network.addName, "alias.example", "localhost")

    def test_installNameResolver(self) -> None:
        """
        A host may have a resolver of its own; the others keep theirs.
        """
        other = MemoryNetwork()
        previous = self.reactor().installNameResolver(other.resolver)
        self.assertIs(self.reactor().nameResolver, other.resolver)
        self.assertIs(self.network.reactor(B).nameResolver, previous)


class DocumentationTests(SynchronousTestCase):
    """
    The example of the module works.
    """

    def test_example(self) -> None:
        """
        The example is a test that passes.
        """
        assert testing.__doc__ is not None
        _, _, rest = testing.__doc__.partition("Example::\n")
        lines = rest.splitlines()
        end = next(n for n, line in enumerate(lines) if line and not line.startswith("    "))
        namespace: dict[str, Any] = {"__name__": __name__}
        exec(dedent("\n".join(lines[:end])), namespace)
        result = TestResult()
        namespace["EchoTests"]("test_answer").run(result)
        self.assertEqual((result.testsRun, result.errors, result.failures), (1, [], []))
