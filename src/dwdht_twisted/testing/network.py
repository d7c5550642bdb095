"""
The in-memory network itself: it delays, loses, duplicates, reorders and delivers datagrams.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Generic, TypeAlias, TypeVar

from twisted.internet.task import Clock
from twisted.logger import Logger

from .arguments import checkAddress, checkSeconds
from .clock import SimulatedClock, schedulerOf
from .conditions import Conditions, Group, Partitions, checkLatency, checkProbability
from .failures import stopsTest
from .latency import Latency
from .names import MemoryResolver, ServiceRecord
from .port import MemoryPort
from .reactor import HostReactor, Hosts, addressOf
from .streams import Streams

#: A function that is called with the source, the destination and the bytes of each datagram sent.
Observer: TypeAlias = Callable[[tuple[str, int], tuple[str, int], bytes], object]

_T = TypeVar("_T")


class _Option(Generic[_T]):
    """
    An option of a network, which can be changed at any time.

    The value is stored in the `Conditions` of the network.

    :param check: is called with the name of the option and a new value, and raises ValueError when
        the option can't have this value
    """

    def __init__(self, check: Callable[[str, _T], None]) -> None:
        self._check = check

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, network: MemoryNetwork, owner: type | None = None) -> _T:
        value: _T = getattr(network._conditions, self._name)
        return value

    def __set__(self, network: MemoryNetwork, value: _T) -> None:
        self._check(self._name, value)
        setattr(network._conditions, self._name, value)


class MemoryNetwork:
    """
    An IPv4 network for UDP and TCP in memory, driven by a clock.  All its random choices follow
    from one seed.

    The options are also attributes, and may be changed at any time.  A change doesn't affect
    datagrams in flight.

    :param clock: by default a new `SimulatedClock`.  A plain ``Clock`` is fast enough only for few
        datagrams: each datagram in flight is one of its delayed calls, and it sorts all of them for
        each new one.  A plain ``Clock`` raises the exception of a delayed call, and a
        `SimulatedClock` logs it.
    :param seed: the start of all random choices.  Two runs with the same seed and the same calls
        send the same datagrams at the same times.
    :param latency: the seconds that a datagram is in flight, or a function that returns them, such
        as `LogNormalLatency`
    :param loss: the probability that a datagram vanishes
    :param duplication: the probability that a datagram arrives twice; each copy has a latency of
        its own
    :param reordering: the probability that a datagram is held back, so that later datagrams may
        overtake it
    :param reorderingDelay: the longest time that a datagram is held back, in seconds; the latency
        of the datagram is added to this time
    :param nameLatency: the seconds that resolving a name takes
    :raises ValueError: when an option has another value, also when it is set later

    :ivar clock: the clock
    :ivar random: the random numbers of the network; a simulation may draw from them too
    :ivar onDatagram: None, or a function that is called with source, destination and bytes for each
        datagram that is sent, even if it is lost.  Addresses are tuples of host and port; a host
        that sends to itself is shown with its own address, not with the loopback address.
    :ivar sent: the number of datagrams that were sent
    :ivar delivered: the number of datagrams that were delivered to a protocol
    :ivar lost: the number of datagrams that vanished, by loss, by a partition, or because no port
        accepted them
    :ivar duplicated: the number of datagrams that were sent once and arrived twice
    :ivar bytesSent: the payload of all datagrams that were sent, in bytes
    :ivar bytesDelivered: the payload of all datagrams that were delivered, in bytes
    """

    _log = Logger()

    latency: _Option[float | Latency] = _Option(checkLatency)
    loss = _Option(checkProbability)
    duplication = _Option(checkProbability)
    reordering = _Option(checkProbability)
    reorderingDelay = _Option(checkSeconds)

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        seed: int = 0,
        latency: float | Latency = 0.01,
        loss: float = 0.0,
        duplication: float = 0.0,
        reordering: float = 0.0,
        reorderingDelay: float = 0.2,
        nameLatency: float = 0.0,
    ) -> None:
        if clock is not None and not callable(getattr(clock, "callLater", None)):
            raise ValueError(f"clock is a SimulatedClock, a Clock or None, not {clock!r}")
        self.clock: Clock = SimulatedClock() if clock is None else clock
        self.random = Random(seed)
        self._conditions = Conditions()
        self.latency = latency
        self.loss = loss
        self.duplication = duplication
        self.reordering = reordering
        self.reorderingDelay = reorderingDelay
        self.onDatagram: Observer | None = None
        self.sent = 0
        self.delivered = 0
        self.lost = 0
        self.duplicated = 0
        self.bytesSent = 0
        self.bytesDelivered = 0
        #: The open ports by host and number; each `MemoryPort` adds and removes itself.
        self.ports: dict[tuple[str, int], MemoryPort] = {}
        #: The listening TCP ports and the connections.
        self.streams = Streams()
        self.resolver = MemoryResolver(self.clock)
        self.nameLatency = nameLatency
        self._hosts = Hosts(self)
        self._partitions = Partitions()
        self._schedule = schedulerOf(self.clock)

    @property
    def nameLatency(self) -> float:
        """The seconds that resolving a name takes."""
        return self.resolver.latency

    @nameLatency.setter
    def nameLatency(self, seconds: float) -> None:
        checkSeconds("nameLatency", seconds)
        self.resolver.latency = seconds

    @property
    def inFlight(self) -> int:
        """The number of datagrams in flight.  A duplicated datagram counts twice."""
        return self.sent + self.duplicated - self.delivered - self.lost

    def reactor(self, host: str | HostReactor | None = None) -> HostReactor:
        """
        The reactor of a host.  The first call makes a reactor, and so does the first call after the
        end of the host.

        :param host: an IPv4 address, or an earlier reactor of this address; by default the next
            unused address of 10.0.0.0/8
        :raises ValueError: when the host isn't an IPv4 address that other hosts can send to
        """
        return self._hosts.reactor(host)

    def changeAddress(self, host: str | HostReactor, to: str) -> None:
        """
        Give a running host another address.  Its reactor and its open ports stay the same.

        Datagrams to the old address vanish from now on, also those in flight.

        :param host: the reactor of the host, or its address until now
        :param to: the new IPv4 address
        :raises ValueError: when no host runs at the address, when the new one isn't an IPv4 address
            that other hosts can send to, or when it is taken
        """
        self._hosts.move(host, to)

    def addName(self, name: str, *hosts: str | HostReactor) -> None:
        """
        Let a name stand for these hosts from now on.  Earlier hosts of the name are replaced.

        :param hosts: IPv4 addresses, or reactors, which stand for the address that they have now;
            without any, the name is unknown again
        :raises ValueError: when a host isn't an IPv4 address
        """
        addresses = tuple(map(addressOf, hosts))
        for address in addresses:
            checkAddress("a name stands for IPv4 addresses", address)
        self.resolver.names[name.lower()] = addresses

    def addService(self, name: str, *records: ServiceRecord) -> None:
        """
        Let a service have these SRV records from now on.  Earlier records are replaced.

        :param name: for example ``_dht._udp.example.org``
        :param records: without any, an answer about the service is empty
        :raises ValueError: when one of them isn't a `ServiceRecord`
        """
        for record in records:
            if not isinstance(record, ServiceRecord):
                raise ValueError(
                    f"a service has records, ServiceRecord(host, port), not {record!r}"
                )
        self.resolver.services[name.lower()] = records

    def partition(self, hosts: Group, others: Group | None = None) -> None:
        """
        Let no datagram pass between two groups of hosts, in either direction.

        Earlier partitions stay in force.  Datagrams in flight still arrive.

        :param hosts: the hosts of one group, or the only one: IPv4 addresses, or reactors, which
            stand for the address that they have now
        :param others: those of the other group; by default all other hosts
        :raises ValueError: when one of them isn't an IPv4 address
        """
        self._partitions.add(hosts, others)

    def heal(self) -> None:
        """
        End all partitions.
        """
        self._partitions.clear()

    def hasHost(self, host: str) -> bool:
        """Whether `reactor` has made a host of this address, even if it has ended."""
        return host in self._hosts

    def delay(self, source: str, destination: str) -> float | None:
        """
        The seconds that a segment of a TCP connection is under way; None when it is lost.
        """
        if self._partitions.groups and self._partitions.separate(source, destination):
            return None
        delays = self._conditions.drawDelays(self.random, source, destination)
        return delays[0] if delays else None

    def transmit(
        self,
        source: tuple[str, int],
        destination: tuple[str, int],
        data: bytes,
        shown: tuple[str, int],
    ) -> None:
        """
        Send a datagram on its way; `MemoryPort.write` calls this.

        :param shown: the source address as the receiver sees it
        """
        self.sent += 1
        self.bytesSent += len(data)
        if self.onDatagram is not None:
            self.onDatagram(source, destination, data)
        if self._partitions.groups and self._partitions.separate(source[0], destination[0]):
            self.lost += 1
            return
        conditions = self._conditions
        if conditions.loss or conditions.duplication or conditions.reordering:
            delays = conditions.drawDelays(self.random, source[0], destination[0])
            if not delays:
                self.lost += 1
            elif len(delays) == 2:
                self.duplicated += 1
            for delay in delays:
                self._schedule(delay, self._arrive, shown, destination, data)
        else:
            # A shortcut for a network without faults: it saves a call for each datagram.
            latency = conditions.latency
            if callable(latency):
                latency = latency(self.random, source[0], destination[0])
            self._schedule(latency, self._arrive, shown, destination, data)

    def _arrive(self, shown: tuple[str, int], destination: tuple[str, int], data: bytes) -> None:
        port = self.ports.get(destination)
        # Most ports accept all datagrams, so this attribute saves a call for most datagrams.
        if port is None or not (port.acceptsAll or port.accepts(shown)):
            self.lost += 1
            return
        self.delivered += 1
        self.bytesDelivered += len(data)
        if len(data) > port.maxPacketSize:
            data = data[: port.maxPacketSize]
        try:
            port.protocol.datagramReceived(data, shown)
        except BaseException as error:
            if stopsTest(error):
                raise
            self._log.failure(
                "{protocol} raised an exception on a datagram from {source}",
                protocol=port.protocol,
                source=shown,
            )


__all__ = ["MemoryNetwork", "Observer"]
