"""
The in-memory network itself: where datagrams are delayed, lost, doubled and overtaken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b
from ipaddress import IPv4Address
from itertools import count
from math import exp, isfinite, log
from random import Random
from statistics import NormalDist
from typing import TypeAlias

from twisted.internet.task import Clock
from twisted.logger import Logger

from .clock import SimulatedClock
from .host import ANY, HostReactor, MemoryPort, MemoryResolver, isIPv4, isLoopback

#: Gives the seconds that a datagram is under way, from the network's random numbers, the source
#: host and the destination host.
Latency: TypeAlias = Callable[[Random, str, str], float]

#: Sees the source, the destination and the bytes of each datagram sent.
Observer: TypeAlias = Callable[[tuple[str, int], tuple[str, int], bytes], object]

_NORMAL = NormalDist()


class LogNormalLatency:
    """
    Latencies as the internet has them: log-normal, with a long tail.

    :param median: seconds one way, so half of the median round trip
    :param sigma: the standard deviation of the logarithm; 0.5 puts 99 % below 3.2 times the median
    :param stable: whether all datagrams between two hosts, both ways, take the same time, as most
        do on the internet; such an instance belongs to one network
    """

    def __init__(self, median: float, sigma: float = 0.5, *, stable: bool = False) -> None:
        if not (isfinite(median) and median > 0):
            raise ValueError(f"a median latency is above 0 seconds, not {median!r}")
        if not (isfinite(sigma) and sigma >= 0):
            raise ValueError(f"sigma is 0 or above, not {sigma!r}")
        self.median = median
        self.sigma = sigma
        self.stable = stable
        self._key: bytes | None = None

    def __call__(self, random: Random, source: str, destination: str) -> float:
        """How many seconds this datagram is under way."""
        if not self.stable:
            return random.lognormvariate(log(self.median), self.sigma)
        if self._key is None:
            self._key = random.getrandbits(128).to_bytes(16, "big")
        # Computed again each time: the pairs of a large network are too many to remember.
        pair = f"{min(source, destination)} {max(source, destination)}"
        drawn = int.from_bytes(blake2b(pair.encode(), digest_size=6, key=self._key).digest(), "big")
        return self.median * exp(self.sigma * _NORMAL.inv_cdf((drawn + 0.5) / 2**48))


class _Probability:
    """An attribute from 0 to 1, checked when it is set."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type | None = None) -> float:
        value: float = getattr(instance, f"_{self._name}")
        return value

    def __set__(self, instance: object, value: float) -> None:
        if not 0 <= value <= 1:
            raise ValueError(f"{self._name} is a probability from 0 to 1, not {value!r}")
        setattr(instance, f"_{self._name}", value)


class MemoryNetwork:
    """
    An IPv4 network for UDP in memory, driven by a clock, with all its chances drawn from one seed.

    The options are attributes too, and may be changed at any time; what is under way already isn't
    touched by that.

    :param clock: by default a `SimulatedClock` of its own; a plain
        `Clock` does for few datagrams, and lists each of those under
        way among its delayed calls
    :param seed: two runs with the same seed and the same calls are the same to the last datagram
    :param latency: the seconds that a datagram is under way, or a function that gives them, such as
        `LogNormalLatency`
    :param loss: the probability that a datagram vanishes
    :param duplication: the probability that it arrives twice, each time after a latency of its own
    :param reordering: the probability that it is held back, so that later ones may overtake it
    :param reorderingDelay: the seconds that it is then held back at most, in addition to its
        latency
    :param nameLatency: the seconds that resolving a name takes

    :ivar clock: the clock
    :ivar random: the source of all that is random here, and of what else a simulation needs
    :ivar onDatagram: None, or called with source, destination and bytes for each datagram that is
        sent, whatever becomes of it.  Addresses are tuples of host and port; a host that sends to
        itself is shown with its own address, not with the loopback address.
    :ivar sent: how many datagrams were sent
    :ivar delivered: how many were given to a protocol
    :ivar lost: how many vanished, by loss, by a partition or since nobody listens where they went
    :ivar duplicated: how many were doubled
    :ivar bytesSent: the payload of those sent
    :ivar bytesDelivered: the payload of those delivered
    """

    _log = Logger()

    loss = _Probability()
    duplication = _Probability()
    reordering = _Probability()

    _loss: float
    _duplication: float
    _reordering: float

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
        self.clock: Clock = SimulatedClock() if clock is None else clock
        self.random = Random(seed)
        self.latency = latency
        self.loss = loss
        self.duplication = duplication
        self.reordering = reordering
        self.reorderingDelay = reorderingDelay
        self.nameLatency = nameLatency
        self.onDatagram: Observer | None = None
        self.sent = 0
        self.delivered = 0
        self.lost = 0
        self.duplicated = 0
        self.bytesSent = 0
        self.bytesDelivered = 0
        #: The open ports by host and number; `MemoryPort` keeps it.
        self.ports: dict[tuple[str, int], MemoryPort] = {}
        self.resolver = MemoryResolver(self)
        self._hosts: dict[str, HostReactor] = {}
        self._unnamed = count(int(IPv4Address("10.0.0.1")))
        self._partitions: list[tuple[frozenset[str], frozenset[str] | None]] = []
        self._schedule: Callable[..., object] = (
            self.clock.schedule if isinstance(self.clock, SimulatedClock) else self.clock.callLater
        )

    @property
    def latency(self) -> float | Latency:
        """The seconds that a datagram is under way, or the function that gives them."""
        return self._latency

    @latency.setter
    def latency(self, value: float | Latency) -> None:
        if not callable(value) and not (isfinite(value) and value >= 0):
            raise ValueError(f"a latency is 0 seconds or more, or a function, not {value!r}")
        self._latency = value

    @property
    def inFlight(self) -> int:
        """How many datagrams are under way, doubles included."""
        return self.sent + self.duplicated - self.delivered - self.lost

    def reactor(self, host: str | None = None) -> HostReactor:
        """
        The reactor of a host, which is made at the first call.

        :param host: an IPv4 address; by default the next of 10.0.0.0/8 that isn't used yet
        :raises ValueError: when it isn't an IPv4 address that other hosts can send to
        """
        if host is None:
            host = next(
                name
                for name in map(str, map(IPv4Address, self._unnamed))
                if name not in self._hosts
            )
        reactor = self._hosts.get(host)
        if reactor is None:
            if not isIPv4(host) or isLoopback(host) or host == ANY:
                raise ValueError(f"a host is an IPv4 address that others can reach, not {host!r}")
            reactor = self._hosts[host] = HostReactor(self, host)
        return reactor

    def addName(self, name: str, *hosts: str) -> None:
        """
        Let a name stand for hosts, from now on and in place of those that it had.

        :param hosts: IPv4 addresses; without any the name is unknown again
        :raises ValueError: when one of them isn't an IPv4 address
        """
        for host in hosts:
            if not isIPv4(host):
                raise ValueError(f"a name stands for IPv4 addresses, not for {host!r}")
        self.resolver.names[name.lower()] = hosts

    def partition(self, hosts: Iterable[str], others: Iterable[str] | None = None) -> None:
        """
        Let no datagram pass between two groups of hosts, in either direction.

        Partitions add up.  Datagrams that are under way already still arrive.

        :param hosts: IPv4 addresses of the one group
        :param others: those of the other group; by default all hosts that aren't in the first
        """
        self._partitions.append((frozenset(hosts), None if others is None else frozenset(others)))

    def heal(self) -> None:
        """
        End all partitions.
        """
        self._partitions.clear()

    def transmit(
        self,
        source: tuple[str, int],
        destination: tuple[str, int],
        data: bytes,
        shown: tuple[str, int],
    ) -> None:
        """
        Send a datagram on its way; `MemoryPort.write` calls it.

        :param shown: the source address as the receiver sees it
        """
        self.sent += 1
        self.bytesSent += len(data)
        if self.onDatagram is not None:
            self.onDatagram(source, destination, data)
        if self._partitions and self._isCut(source[0], destination[0]):
            self.lost += 1
            return
        random = self.random.random
        if self._loss and random() < self._loss:
            self.lost += 1
            return
        copies = 1
        if self._duplication and random() < self._duplication:
            self.duplicated += 1
            copies = 2
        for _ in range(copies):
            delay = self._latency
            if callable(delay):
                delay = delay(self.random, source[0], destination[0])
            if self._reordering and random() < self._reordering:
                delay += random() * self.reorderingDelay
            self._schedule(delay, self._arrive, shown, destination, data)

    def _isCut(self, source: str, destination: str) -> bool:
        for hosts, others in self._partitions:
            if others is None:
                if (source in hosts) is not (destination in hosts):
                    return True
            elif (source in hosts and destination in others) or (
                source in others and destination in hosts
            ):
                return True
        return False

    def _arrive(self, shown: tuple[str, int], destination: tuple[str, int], data: bytes) -> None:
        port = self.ports.get(destination)
        if port is None or not port.accepts(shown):
            self.lost += 1
            return
        self.delivered += 1
        self.bytesDelivered += len(data)
        if len(data) > port.maxPacketSize:
            data = data[: port.maxPacketSize]
        try:
            port.protocol.datagramReceived(data, shown)
        except Exception:
            self._log.failure(
                "{protocol} failed on a datagram from {source}",
                protocol=port.protocol,
                source=shown,
            )


__all__ = ["Latency", "LogNormalLatency", "MemoryNetwork", "Observer"]
