"""
Three hosts on an in-memory network, for the tests of `dwdht_twisted.testing`.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted.testing import MemoryNetwork, MemoryPort, SimulatedClock

A, B, C = "10.0.0.1", "10.0.0.2", "10.0.0.3"


class Recorder(DatagramProtocol):
    """
    A protocol that records the received datagrams and counts its starts and stops.

    :param clock: the clock for ``times``, or None
    :ivar received: each datagram, with its source
    :ivar times: the time of each datagram's arrival, in seconds, if there is a clock
    :ivar started: the number of starts
    :ivar stopped: the number of stops
    """

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
        """The received datagrams, without their sources."""
        return [datagram for datagram, _ in self.received]


class Echo(Recorder):
    """A `Recorder` that sends each datagram back to its source."""

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        super().datagramReceived(datagram, addr)
        assert self.transport is not None
        self.transport.write(datagram, addr)


class NetworkTestCase(SynchronousTestCase):
    """
    A base for tests with three hosts. Each has a protocol at port 1000.
    """

    def setUp(self) -> None:
        self.build()

    def build(self, clock: Clock | None = None, **options: Any) -> None:
        """Build a new network with these options of `MemoryNetwork`."""
        self.clock = SimulatedClock()
        self.network = MemoryNetwork(clock or self.clock, **options)
        self.recorders = {host: Recorder(self.clock) for host in (A, B, C)}
        self.ports = {host: self.listen(host, 1000, self.recorders[host]) for host in (A, B, C)}

    def listen(self, host: str, port: int, protocol: DatagramProtocol, *more: Any) -> MemoryPort:
        """Open a port on a host."""
        return self.network.reactor(host).listenUDP(port, protocol, *more)

    def send(self, source: str, destination: str, *payloads: bytes) -> None:
        """Send datagrams from port 1000 of one host to port 1000 of another."""
        for payload in payloads:
            self.ports[source].write(payload, (destination, 1000))

    def sendMany(self, count: int) -> list[bytes]:
        """
        Send numbered datagrams from A to B, run the clock for 100 seconds, and return the
        datagrams.
        """
        payloads = [b"%d" % number for number in range(count)]
        self.send(A, B, *payloads)
        self.clock.runFor(100)
        return payloads
