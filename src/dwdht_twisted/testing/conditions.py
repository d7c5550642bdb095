"""
Conditions of a network: latency, random faults, and partitions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random
from typing import TypeAlias

from .arguments import checkAddress, checkSeconds, isNumber
from .latency import Latency
from .reactor import HostReactor, addressOf

#: A group of hosts, or a single one: each is given as its IPv4 address or as its reactor.
Group: TypeAlias = Iterable[str | HostReactor] | str | HostReactor


class Conditions:
    """
    The latency and the random faults that each datagram of a network is subject to.

    The values aren't checked here, because `MemoryNetwork` checks its options when they are set.

    :ivar latency: the seconds that a datagram is under way, or the function that returns them
    :ivar loss: the probability that a datagram vanishes
    :ivar duplication: the probability that a datagram arrives twice
    :ivar reordering: the probability that a datagram is held back
    :ivar reorderingDelay: the longest time that a datagram is held back, in seconds
    """

    __slots__ = ("duplication", "latency", "loss", "reordering", "reorderingDelay")

    latency: float | Latency
    loss: float
    duplication: float
    reordering: float
    reorderingDelay: float

    def drawDelays(self, random: Random, source: str, destination: str) -> Sequence[float]:
        """
        Draw the seconds that each copy of a datagram is under way.

        :return: empty when the datagram is lost, two numbers when it is duplicated
        """
        # A fault that is switched off draws no random number.
        if self.loss and random.random() < self.loss:
            return ()
        if self.duplication and random.random() < self.duplication:
            first = self._drawDelay(random, source, destination)
            return first, self._drawDelay(random, source, destination)
        return (self._drawDelay(random, source, destination),)

    def _drawDelay(self, random: Random, source: str, destination: str) -> float:
        delay = self.latency
        if callable(delay):
            delay = delay(random, source, destination)
        if self.reordering and random.random() < self.reordering:
            delay += random.random() * self.reorderingDelay
        return delay


def checkProbability(name: str, value: float) -> None:
    """
    Check an option that is a probability.

    :raises ValueError: when the value isn't a number from 0 to 1
    """
    if not isNumber(value) or not 0 <= value <= 1:
        raise ValueError(f"{name} is a probability from 0 to 1, not {value!r}")


def checkLatency(name: str, value: float | Latency) -> None:
    """
    Check an option that is a latency.

    :raises ValueError: when the value is neither a function nor a finite number from 0 on
    """
    if not callable(value):
        checkSeconds(f"{name}, unless it is a function,", value)


class Partitions:
    """
    The partitions of a network that have not been healed.

    :ivar groups: the two groups of hosts of each partition.  The second group is None if it
        consists of all hosts that aren't in the first group.
    """

    __slots__ = ("groups",)

    def __init__(self) -> None:
        self.groups: list[tuple[frozenset[str], frozenset[str] | None]] = []

    def add(self, hosts: Group, others: Group | None) -> None:
        """
        Separate two groups of hosts.

        :param others: None for all hosts that aren't in the first group
        :raises ValueError: when a host isn't an IPv4 address
        """
        self.groups.append((_group(hosts), None if others is None else _group(others)))

    def clear(self) -> None:
        """Remove all partitions."""
        self.groups.clear()

    def separate(self, source: str, destination: str) -> bool:
        """Whether two hosts are on different sides of any partition."""
        for hosts, others in self.groups:
            if others is None:
                if (source in hosts) is not (destination in hosts):
                    return True
            elif (source in hosts and destination in others) or (
                source in others and destination in hosts
            ):
                return True
        return False


def _group(hosts: Group) -> frozenset[str]:
    # A single address is an iterable of its characters, too.
    several = [hosts] if isinstance(hosts, (str, HostReactor)) else hosts
    group = frozenset(map(addressOf, several))
    for host in group:
        checkAddress("a host of a partition is an IPv4 address", host)
    return group


__all__ = ["Conditions", "Group", "Partitions", "checkLatency", "checkProbability"]
