"""
Tests for L{dwdht_twisted.testing}.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log
from random import Random
from statistics import median, stdev
from textwrap import dedent
from typing import Any
from unittest import TestResult

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.base import DelayedCall
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import (
    AlreadyCalled,
    AlreadyCancelled,
    CannotListenError,
    InvalidAddressError,
    MessageLengthError,
)
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IListeningPort,
    IReactorPluggableNameResolver,
    IReactorTime,
    IReactorUDP,
    IResolutionReceiver,
    IUDPTransport,
)
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from dwdht_twisted import testing
from dwdht_twisted.testing import (
    HostReactor,
    LimitReached,
    LogNormalLatency,
    MemoryNetwork,
    MemoryPort,
    SimulatedClock,
)

A, B, C = "10.0.0.1", "10.0.0.2", "10.0.0.3"


class Recorder(DatagramProtocol):
    """Keeps what it receives, and how often it was started and stopped."""

    noisy = False

    def __init__(self, clock: IReactorTime | None = None) -> None:
        self.clock = clock
        self.received: list[tuple[bytes, tuple[str, int]]] = []
        self.times: list[float] = []
        self.started = 0
        self.stopped = 0

    def startProtocol(self) -> None:
        self.started += 1

    def stopProtocol(self) -> None:
        self.stopped += 1

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        self.received.append((datagram, addr))
        if self.clock is not None:
            self.times.append(self.clock.seconds())

    @property
    def payloads(self) -> list[bytes]:
        """What was received, without where it came from."""
        return [datagram for datagram, _ in self.received]


class Echo(Recorder):
    """Sends back what it receives."""

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        super().datagramReceived(datagram, addr)
        assert self.transport is not None
        self.transport.write(datagram, addr)


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


_operation = st.one_of(
    st.tuples(st.just("callLater"), st.integers(0, 20), st.just(0)),
    st.tuples(st.just("cancel"), st.integers(0, 30), st.just(0)),
    st.tuples(st.just("reset"), st.integers(0, 30), st.integers(0, 20)),
    st.tuples(st.just("delay"), st.integers(0, 30), st.integers(-5, 20)),
    st.tuples(st.just("advance"), st.integers(0, 15), st.just(0)),
)


class ClockTests(SynchronousTestCase):
    """
    L{SimulatedClock} is a L{Clock} that schedules faster and can go from call to call.
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.ran: list[object] = []

    def note(self, label: object) -> None:
        """Remember that a call was made, and when."""
        self.ran.append((label, self.clock.seconds()))

    def test_interface(self) -> None:
        """
        It provides C{IReactorTime}.
        """
        self.assertTrue(verifyObject(IReactorTime, self.clock))

    @staticmethod
    def _trace(clock: Clock, operations: list[tuple[str, int, int]]) -> list[object]:
        """Do the operations and tell all that can be seen of them."""
        trace: list[object] = []
        batch: list[tuple[float, int]] = []
        calls: list[DelayedCall] = []

        def schedule(delay: int) -> None:
            label = len(calls)
            call = clock.callLater(delay, lambda: run(label))
            assert isinstance(call, DelayedCall)
            calls.append(call)

        def run(label: int) -> None:
            batch.append((calls[label].getTime(), label))
            if label % 3 == 1:
                schedule(label % 4)

        for name, first, second in operations:
            if name == "callLater":
                schedule(first)
            elif name == "advance":
                clock.advance(first)
                # Clock leaves open what comes first of calls moved to the same time.
                assert [time for time, _ in batch] == sorted(time for time, _ in batch)
                trace.append((clock.seconds(), sorted(batch)))
                batch.clear()
            elif calls:
                arguments = () if name == "cancel" else (second,)
                try:
                    getattr(calls[first % len(calls)], name)(*arguments)
                except (AlreadyCalled, AlreadyCancelled) as error:
                    trace.append(type(error))
            trace.append(sorted((call.getTime(), calls.index(call)) for call in pending(clock)))
            trace.append([call.active() for call in calls])
        return trace

    @settings(deadline=None, max_examples=300)
    @given(st.lists(_operation, max_size=40))
    def test_sameAsClock(self, operations: list[tuple[str, int, int]]) -> None:
        """
        Whatever is scheduled, cancelled, reset, delayed and advanced, the same calls run at the
        same times, are pending and refuse to be touched as with C{Clock}.
        """
        self.assertEqual(
            self._trace(SimulatedClock(), operations), self._trace(Clock(), operations)
        )

    def test_sameTime(self) -> None:
        """
        Calls at the same time run in the order in which they were scheduled.
        """
        for label in range(100):
            self.clock.callLater(1, self.note, label)
            self.clock.schedule(1, self.note, -label)
        self.clock.advance(1)
        expected = [(sign * label, 1.0) for label in range(100) for sign in (1, -1)]
        self.assertEqual(self.ran, expected)

    def test_movedKeepsPlace(self) -> None:
        """
        A call that is moved to the time of another runs where it was scheduled, before or after.
        """
        early, late = (self.clock.callLater(when, self.note, when) for when in (1, 9))
        self.clock.callLater(5, self.note, "other")
        late.reset(5)
        early.reset(5)
        self.clock.runFor(10)
        self.assertEqual(self.ran, [(1, 5), (9, 5), ("other", 5)])

    def test_keywordArguments(self) -> None:
        """
        A delayed call gets its arguments, by position and by keyword.
        """
        self.clock.callLater(0, lambda *args, **kw: self.ran.append((args, kw)), 1, two=2)
        self.clock.pump([0])
        self.assertEqual(self.ran, [((1,), {"two": 2})])

    def test_getDelayedCalls(self) -> None:
        """
        The pending delayed calls are listed by time; those without a handle aren't.
        """
        second = self.clock.callLater(2, self.note, "second")
        first = self.clock.callLater(1, self.note, "first")
        third = self.clock.callLater(0.5, self.note, "third")
        third.delay(5)
        self.clock.callLater(1.5, self.note, "cancelled").cancel()
        self.clock.schedule(1, self.note, "datagram")
        self.assertEqual(list(self.clock.getDelayedCalls()), [first, second, third])
        self.assertEqual(self.clock.calls, [first, second, third])

    def test_advanceJumps(self) -> None:
        """
        C{advance} moves time to its end before the calls run, as in C{Clock}.
        """
        self.clock.callLater(1, self.note, "call")
        self.clock.advance(10)
        self.assertEqual(self.ran, [("call", 10)])

    def test_exception(self) -> None:
        """
        What a call raises comes out of C{advance}, and the calls after it run next time.
        """
        self.clock.callLater(1, lambda: 1 / 0)
        self.clock.callLater(1, self.note, "after")
        self.assertRaises(ZeroDivisionError, self.clock.advance, 1)
        self.clock.advance(0)
        self.assertEqual(self.ran, [("after", 1)])

    def test_runFor(self) -> None:
        """
        C{runFor} lets each call see its own time, and ends at its own.
        """
        self.clock.callLater(1, lambda: self.clock.callLater(2, self.note, "nested"))
        self.clock.callLater(7, self.note, "later")
        self.clock.runFor(5)
        self.assertEqual(self.ran, [("nested", 3)])
        self.assertEqual(self.clock.seconds(), 5)

    def test_runUntilDeferred(self) -> None:
        """
        C{runUntil} gives the result of a Deferred at the time when it fires.
        """
        deferred: Deferred[str] = Deferred()
        self.clock.callLater(3, deferred.callback, "result")
        self.clock.callLater(4, self.note, "later")
        self.assertEqual(self.clock.runUntil(deferred, limit=10), "result")
        self.assertEqual((self.clock.seconds(), self.ran), (3, []))

    def test_runUntilFailure(self) -> None:
        """
        C{runUntil} raises what a Deferred fails with.
        """
        deferred: Deferred[None] = Deferred()
        self.clock.callLater(3, deferred.cancel)
        self.assertRaises(CancelledError, self.clock.runUntil, deferred)

    def test_runUntilPredicate(self) -> None:
        """
        C{runUntil} stops after the call that makes a function true.
        """
        for label in range(10):
            self.clock.callLater(label, self.note, label)
        self.clock.runUntil(lambda: len(self.ran) == 4)
        self.assertEqual(self.clock.seconds(), 3)

    def test_runUntilLimit(self) -> None:
        """
        C{runUntil} raises at its limit, and leaves the Deferred to fire later for others.
        """
        deferred: Deferred[str] = Deferred()
        self.clock.callLater(3, deferred.callback, "late")
        error = self.assertRaises(LimitReached, self.clock.runUntil, deferred, limit=2)
        self.assertIn("2 simulated seconds", str(error))
        self.assertEqual(self.clock.seconds(), 2)
        self.clock.runFor(1)
        self.assertEqual(self.successResultOf(deferred), "late")

    def test_runUntilNothingLeft(self) -> None:
        """
        C{runUntil} raises at once when nothing is scheduled that it could wait for.
        """
        self.clock.callLater(3, self.note, "only")
        self.clock.callLater(4, self.note, "cancelled").cancel()
        error = self.assertRaises(LimitReached, self.clock.runUntil, Deferred())
        self.assertIn("nothing is scheduled", str(error))
        self.assertEqual(self.clock.seconds(), 3)

    def test_cancelledAreForgotten(self) -> None:
        """
        Calls that are cancelled or moved again and again take no room, and the others run in
        order.
        """
        for when in range(20):
            self.clock.callLater(1000 + when * 7 % 20, self.note, "kept")
        moved = self.clock.callLater(1000, self.note, "moved")
        for number in range(1000):
            self.clock.callLater(number * 7 % 5000, self.note, "never").cancel()
            moved.reset(999 - number / 2)
        self.assertLess(len(self.clock._heap), 200)
        self.clock.runFor(5000)
        kept = [("kept", 1000.0 + when) for when in range(20)]
        self.assertEqual(self.ran, [("moved", 499.5), *kept])


def pending(clock: Clock) -> list[DelayedCall]:
    """The delayed calls of a clock."""
    return [call for call in clock.getDelayedCalls() if isinstance(call, DelayedCall)]


class NetworkTestCase(SynchronousTestCase):
    """
    Three hosts, each with a port.
    """

    def setUp(self) -> None:
        self.build()

    def build(self, clock: Clock | None = None, **options: Any) -> None:
        """Make a network with these options."""
        self.clock = SimulatedClock()
        self.network = MemoryNetwork(clock or self.clock, **options)
        self.recorders = {host: Recorder(self.clock) for host in (A, B, C)}
        self.ports = {host: self.listen(host, 1000, self.recorders[host]) for host in (A, B, C)}

    def listen(self, host: str, port: int, protocol: DatagramProtocol, *more: Any) -> MemoryPort:
        """Open a port on a host."""
        return self.network.reactor(host).listenUDP(port, protocol, *more)

    def send(self, source: str, destination: str, *payloads: bytes) -> None:
        """Send datagrams from one host's port to another's."""
        for payload in payloads:
            self.ports[source].write(payload, (destination, 1000))

    def sendMany(self, count: int) -> list[bytes]:
        """Send numbered datagrams from A to B and let them arrive."""
        payloads = [b"%d" % number for number in range(count)]
        self.send(A, B, *payloads)
        self.clock.runFor(100)
        return payloads


class DeliveryTests(NetworkTestCase):
    """
    L{MemoryNetwork} carries datagrams from port to port.
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
        The network works with a plain C{Clock}, too.
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


class FaultTests(NetworkTestCase):
    """
    Latency, loss, duplication, reordering and partitions are as set.
    """

    def trace(self, seed: int) -> list[object]:
        """All that arrives in a conversation over a bad network, and when."""
        self.build(
            seed=seed,
            latency=LogNormalLatency(0.04),
            loss=0.1,
            duplication=0.1,
            reordering=0.1,
        )
        self.listen(B, 7, Echo())
        for number in range(200):
            self.ports[A].write(b"%d" % number, (B, 7))
        self.clock.runFor(100)
        recorder = self.recorders[A]
        return list(zip(recorder.times, recorder.received, strict=True))

    def test_sameSeed(self) -> None:
        """
        Two runs from the same seed are the same to the last datagram.
        """
        first = self.trace(7)
        self.assertGreater(len(first), 100)
        self.assertEqual(first, self.trace(7))

    def test_otherSeed(self) -> None:
        """
        Another seed makes another run.
        """
        self.assertNotEqual(self.trace(7), self.trace(8))

    def test_loss(self) -> None:
        """
        Of 10,000 datagrams with a loss of 0.2, about 8,000 arrive.
        """
        self.build(loss=0.2)
        self.sendMany(10_000)
        self.assertApproximates(len(self.recorders[B].received), 8000, 200)
        self.assertEqual(self.network.lost, 10_000 - len(self.recorders[B].received))

    def test_duplication(self) -> None:
        """
        Of 10,000 datagrams with a duplication of 0.2, all arrive, and about 2,000 of them twice.
        """
        self.build(duplication=0.2)
        payloads = self.sendMany(10_000)
        arrived = self.recorders[B].payloads
        self.assertEqual(set(arrived), set(payloads))
        self.assertApproximates(len(arrived), 12_000, 200)
        self.assertEqual(self.network.duplicated, len(arrived) - 10_000)

    def test_reordering(self) -> None:
        """
        A datagram that is held back is overtaken, by no longer than the reordering delay.
        """
        self.build(latency=0.5, reordering=0.2, reorderingDelay=0.3)
        payloads = self.sendMany(1000)
        recorder = self.recorders[B]
        self.assertNotEqual(recorder.payloads, payloads)
        self.assertEqual(sorted(recorder.payloads), sorted(payloads))
        self.assertApproximates(sum(time > 0.5 for time in recorder.times), 200, 60)
        self.assertLessEqual(max(recorder.times), 0.8)

    def test_changedWhileRunning(self) -> None:
        """
        A changed option counts for what is sent from then on.
        """
        self.send(A, B, b"before")
        self.network.loss = 1.0
        self.send(A, B, b"during")
        self.network.loss = 0.0
        self.network.latency = 5
        self.send(A, B, b"after")
        self.clock.runFor(10)
        self.assertEqual(self.recorders[B].payloads, [b"before", b"after"])
        self.assertEqual(self.recorders[B].times, [0.01, 5])

    def test_latencyFunction(self) -> None:
        """
        A latency function gets the network's random numbers and both hosts.
        """
        asked: list[tuple[Random, str, str]] = []

        def latency(random: Random, source: str, destination: str) -> float:
            asked.append((random, source, destination))
            return 2.0

        self.build(latency=latency)
        self.send(A, B, b"")
        self.clock.runFor(3)
        self.assertEqual(asked, [(self.network.random, A, B)])
        self.assertEqual(self.recorders[B].times, [2.0])

    def test_badOptions(self) -> None:
        """
        An option out of its range is refused at once, when it is changed as well.
        """
        for name, value in [
            ("loss", 1.1),
            ("duplication", -0.1),
            ("reordering", float("nan")),
            ("latency", -1.0),
            ("latency", float("inf")),
        ]:
            options: dict[str, Any] = {name: value}
            error = self.assertRaises(ValueError, MemoryNetwork, **options)
            self.assertIn(repr(value), str(error))
            self.assertRaises(ValueError, setattr, self.network, name, value)

    def partitioned(self) -> set[tuple[str, str]]:
        """The pairs of hosts of which the first can't send to the second."""
        cut = set()
        for source in (A, B, C):
            for destination in (A, B, C):
                before = len(self.recorders[destination].received)
                self.send(source, destination, b"x")
                self.clock.runFor(1)
                if len(self.recorders[destination].received) == before:
                    cut.add((source, destination))
        return cut

    def test_partition(self) -> None:
        """
        Between the groups of a partition nothing passes, in either direction; all else does.
        """
        self.network.partition([A], [B])
        self.assertEqual(self.partitioned(), {(A, B), (B, A)})

    def test_partitionFromAll(self) -> None:
        """
        A partition with one group cuts it off from all others.
        """
        self.network.partition([A, C])
        self.assertEqual(self.partitioned(), {(A, B), (B, A), (C, B), (B, C)})

    def test_partitionsAddUp(self) -> None:
        """
        A second partition leaves the first in place.
        """
        self.network.partition([A], [B])
        self.network.partition([A], [C])
        self.assertEqual(self.partitioned(), {(A, B), (B, A), (A, C), (C, A)})

    def test_heal(self) -> None:
        """
        After healing everything passes; what was sent during the partition stays lost.
        """
        self.network.partition([A], [B])
        self.send(A, B, b"during")
        self.network.heal()
        self.send(A, B, b"after")
        self.clock.runFor(1)
        self.assertEqual(self.recorders[B].payloads, [b"after"])
        self.assertEqual(self.partitioned(), set())

    def test_partitionOnTheWay(self) -> None:
        """
        What is under way when a partition begins still arrives.
        """
        self.send(A, B, b"before")
        self.network.partition([A], [B])
        self.clock.runFor(1)
        self.assertEqual(self.recorders[B].payloads, [b"before"])


class LogNormalLatencyTests(SynchronousTestCase):
    """
    L{LogNormalLatency} has the median and the spread that it is given.
    """

    def sample(self, latency: LogNormalLatency) -> list[float]:
        """The latencies between 4,000 pairs of hosts."""
        random = Random(1)
        return [latency(random, A, f"10.1.{n // 250}.{n % 250}") for n in range(4000)]

    def test_distribution(self) -> None:
        """
        Half of the latencies are below the median; their logarithms spread by sigma.
        """
        for stable in (False, True):
            drawn = self.sample(LogNormalLatency(0.04, 0.5, stable=stable))
            self.assertApproximates(median(drawn), 0.04, 0.002)
            self.assertApproximates(stdev(map(log, drawn)), 0.5, 0.03)

    def test_stable(self) -> None:
        """
        A stable latency is the same for a pair of hosts, both ways, and differs between pairs.
        """
        latency = LogNormalLatency(0.04, stable=True)
        random = Random(1)
        self.assertEqual(latency(random, A, B), latency(random, B, A))
        self.assertNotEqual(latency(random, A, B), latency(random, A, C))

    def test_stableFromSeed(self) -> None:
        """
        The seed of the network decides about stable latencies, too.
        """

        def drawn(seed: int) -> float:
            return LogNormalLatency(0.04, stable=True)(Random(seed), A, B)

        self.assertEqual(drawn(1), drawn(1))
        self.assertNotEqual(drawn(1), drawn(2))

    def test_badArguments(self) -> None:
        """
        A median that isn't above 0, or a sigma below 0, is refused.
        """
        self.assertRaises(ValueError, LogNormalLatency, 0)
        self.assertRaises(ValueError, LogNormalLatency, 1, -1)


class PortTests(NetworkTestCase):
    """
    L{MemoryPort} is to its protocol what a real UDP port is.
    """

    def test_interfaces(self) -> None:
        """
        A port provides C{IListeningPort} and C{IUDPTransport}.
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
    What L{MemoryPort} imitates is how a real port behaves.
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


class ReactorTests(NetworkTestCase):
    """
    L{HostReactor} is the reactor of one host.
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
        C{localhost} and IPv4 addresses need not be added.
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
