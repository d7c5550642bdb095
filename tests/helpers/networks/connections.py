"""
Protocols on simulated TCP connections, which record what happens to them.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ClientFactory, Protocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted.testing import HostReactor, MemoryNetwork, SimulatedClock
from tests.helpers.networks.three_hosts import A, B

PORT = 8080


class Recorder(Protocol):
    """
    A protocol that records what it receives.

    :ivar received: all bytes so far
    :ivar times: the time of each arrival, in seconds
    :ivar reason: why the connection ended, or None
    """

    #: A transport has other methods than those of ``ITransport``.
    transport: Any

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self.received = b""
        self.times: list[float] = []
        self.reason: Failure | None = None

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        self.times.append(self._clock.seconds())

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.reason = reason


class Recorders(ClientFactory):
    """
    Makes recorders, for clients and servers.

    :ivar made: the recorders so far
    :ivar failure: why a connection wasn't made, or None
    """

    noisy = False

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self.made: list[Recorder] = []
        self.failure: Failure | None = None

    def buildProtocol(self, addr: IAddress | None) -> Recorder:
        self.made.append(Recorder(self._clock))
        return self.made[-1]

    def clientConnectionFailed(self, connector: object, reason: Failure) -> None:
        self.failure = reason


class ConnectionTestCase(SynchronousTestCase):
    """
    A base for tests of TCP between two hosts, A and B, with a latency of 0.04 seconds.

    :ivar clock: the clock
    :ivar network: the network
    :ivar clients: the protocols of host A
    :ivar servers: the protocols of host B
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.network = MemoryNetwork(self.clock, seed=1, latency=0.04)
        self.clients = Recorders(self.clock)
        self.servers = Recorders(self.clock)

    def host(self, name: str) -> HostReactor:
        """Return the reactor of a host."""
        return self.network.reactor(name)

    def listen(self, **options: Any) -> Any:
        """Listen on host B."""
        return self.host(B).listenTCP(PORT, self.servers, **options)

    def connect(self, host: str = B, **options: Any) -> Any:
        """Begin to connect host A to a host, and return the connector."""
        return self.host(A).connectTCP(host, PORT, self.clients, **options)

    def pair(self) -> tuple[Recorder, Recorder]:
        """Return the protocols of a new connection: that of host A, and that of host B."""
        if (B, PORT) not in self.network.streams.ports:
            self.listen()
        count = len(self.servers.made)
        self.connect()
        self.clock.runUntil(lambda: len(self.servers.made) > count, limit=10)
        return self.clients.made[-1], self.servers.made[-1]
