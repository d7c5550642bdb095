"""
`dwdht_twisted.testing.network`, and the examples in `dwdht_twisted.testing`.
"""

from __future__ import annotations

from asyncio import CancelledError
from textwrap import dedent
from typing import Any
from unittest import TestResult

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import testing
from dwdht_twisted.testing import LimitReached, MemoryNetwork, SimulatedClock
from tests.helpers.networks.three_hosts import A, B, Echo, NetworkTestCase, Recorder


class DeliveryTests(NetworkTestCase):
    """
    Delivery of datagrams from port to port in a `MemoryNetwork`.
    """

    def test_datagramArrivesAfterLatency(self) -> None:
        """
        A datagram arrives after the latency of 0.25 seconds, together with the sender's address.
        """
        self.build(latency=0.25)
        self.send(A, B, b"hello")
        self.clock.runFor(0.2)
        self.assertEqual(self.recorders[B].received, [])
        self.clock.runFor(0.1)
        self.assertEqual(self.recorders[B].received, [(b"hello", (A, 1000))])
        self.assertEqual(self.recorders[B].times, [0.25])

    def test_constantLatencyKeepsOrder(self) -> None:
        """With a constant latency and no faults, 500 datagrams all arrive once and in order."""
        self.assertEqual(self.sendMany(500), self.recorders[B].payloads)

    def test_plainClockDelivers(self) -> None:
        """On a plain ``Clock``, a network delivers each datagram after the latency."""
        clock = Clock()
        self.build(clock, latency=0.25)
        self.listen(B, 7, Echo())
        self.ports[A].write(b"hello", (B, 7))
        clock.pump([0.2, 0.1, 0.2])
        self.assertEqual(self.recorders[A].received, [])
        clock.advance(0.1)
        self.assertEqual(self.recorders[A].received, [(b"hello", (B, 7))])

    def test_defaultClockIsSimulated(self) -> None:
        """A network made without a clock uses a `SimulatedClock`."""
        self.assertIsInstance(MemoryNetwork().clock, SimulatedClock)

    def test_loopbackAddressReachesItsHost(self) -> None:
        """
        A datagram to a loopback address or to 0.0.0.0 arrives at its own host, from 127.0.0.1.
        """
        for host in ("127.0.0.1", "127.3.2.1", "0.0.0.0"):
            self.build()
            self.send(A, host, b"to myself")
            self.clock.runFor(1)
            self.assertEqual(self.recorders[A].received, [(b"to myself", ("127.0.0.1", 1000))])

    def test_ownAddressReachesItsHost(self) -> None:
        """A datagram to the own address arrives at its own host, from this address."""
        self.send(A, A, b"to myself")
        self.clock.runFor(1)
        self.assertEqual(self.recorders[A].received, [(b"to myself", (A, 1000))])

    def test_boundPortTakesOneAddress(self) -> None:
        """
        A port bound to the loopback address receives only datagrams to the loopback address. A port
        bound to the public address receives only datagrams to the public address.
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

    def test_datagramToClosedPortIsLost(self) -> None:
        """
        A datagram is lost if its port is closed, if no host has its address, or if it is a
        broadcast.
        """
        self.ports[A].write(b"?", (B, 9))
        self.ports[A].write(b"?", ("192.0.2.1", 1000))
        self.ports[A].write(b"?", ("<broadcast>", 1000))
        self.clock.runFor(1)
        self.assertEqual((self.network.sent, self.network.lost), (3, 3))

    def test_portOpenedOnTheWayReceives(self) -> None:
        """A port that is opened after a datagram was sent to it receives this datagram."""
        late = Recorder()
        self.ports[A].write(b"early", (B, 9))
        self.listen(B, 9, late)
        self.clock.runFor(1)
        self.assertEqual(late.payloads, [b"early"])

    def test_countersCountEachOutcome(self) -> None:
        """
        One datagram is duplicated and a second one is lost. The network counts two as sent, two as
        delivered, one as duplicated and one as lost.
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

    def test_observerSeesEachDatagramOnce(self) -> None:
        """
        The observer sees each datagram once, even if it is duplicated or lost. A datagram over
        loopback is shown with the host's real address.
        """
        seen: list[tuple[tuple[str, int], tuple[str, int], bytes]] = []
        self.network.onDatagram = lambda *datagram: seen.append(datagram)
        self.network.duplication = 1
        self.send(A, B, b"1")
        self.network.loss = 1
        self.send(A, "127.0.0.1", b"2")
        self.assertEqual(seen, [((A, 1000), (B, 1000), b"1"), ((A, 1000), (A, 1000), b"2")])

    def test_exceptionOfProtocolIsLogged(self) -> None:
        """
        Every exception that a protocol raises is logged, even SystemExit. The next datagram is
        still delivered. This holds on a `SimulatedClock` and on a plain ``Clock``.
        """
        errors = [ZeroDivisionError, SystemExit, CancelledError]

        class Broken(Recorder):
            def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
                super().datagramReceived(datagram, addr)
                raise errors[int(datagram)]

        for clock in (SimulatedClock(), Clock()):
            self.build(clock)
            broken = Broken()
            self.listen(B, 9, broken)
            for number in range(3):
                self.ports[A].write(b"%d" % number, (B, 9))
            clock.advance(1)
            self.assertEqual(broken.payloads, [b"0", b"1", b"2"])
            for error in errors:
                self.assertEqual(len(self.flushLoggedErrors(error)), 1)

    def test_exceptionForTestIsRaised(self) -> None:
        """
        If a protocol raises KeyboardInterrupt or `LimitReached`, the clock raises the same
        exception.
        """

        class Interrupted(Recorder):
            def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
                raise KeyboardInterrupt if datagram == b"1" else LimitReached

        self.listen(B, 9, Interrupted())
        for payload, error in ((b"1", KeyboardInterrupt), (b"2", LimitReached)):
            self.ports[A].write(payload, (B, 9))
            self.assertRaises(error, self.clock.runFor, 1)

    def test_sentBufferIsCopied(self) -> None:
        """A buffer that is changed after it was sent arrives unchanged."""
        buffer: Any = bytearray(b"before")
        self.ports[A].write(buffer, (B, 1000))
        buffer[:] = b"after!"
        self.clock.runFor(1)
        self.assertEqual(self.recorders[B].payloads, [b"before"])

    def test_longDatagramIsCut(self) -> None:
        """
        A datagram of six bytes arrives as four bytes at a port with a ``maxPacketSize`` of four.
        """
        small = Recorder()
        self.listen(B, 9, small, "", 4)
        self.ports[A].write(b"123456", (B, 9))
        self.clock.runFor(1)
        self.assertEqual(small.payloads, [b"1234"])


class DocumentationTests(SynchronousTestCase):
    """
    The examples in the documentation of `dwdht_twisted.testing`.
    """

    def runExample(self, before: str, test: str) -> None:
        """Run a test of the example that follows the given text, and require that it passes."""
        assert testing.__doc__ is not None
        _, _, rest = testing.__doc__.partition(f"{before}::\n")
        lines = rest.splitlines()
        end = next(n for n, line in enumerate(lines) if line and not line.startswith("    "))
        namespace: dict[str, Any] = {"__name__": __name__}
        exec(dedent("\n".join(lines[:end])), namespace)
        case, _, name = test.partition(".")
        result = TestResult()
        namespace[case](name).run(result)
        self.assertEqual((result.testsRun, result.errors, result.failures), (1, [], []))

    def test_examplePasses(self) -> None:
        """The first example of the module is a passing test."""
        self.runExample("Example", "EchoTests.test_answer")

    def test_exampleOfServicePasses(self) -> None:
        """The example of a service with a database is a passing test."""
        self.runExample("in a database", "JournalTests.test_restart")
