"""
The partitions of a network, those in force and those that are healed, and the hosts that are or
were off the network one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import inf

from twisted.internet.interfaces import IReactorTime

from dwdht_twisted.testing import MemoryNetwork


class _Partition:
    """
    One partition.

    :ivar hosts: the hosts of one side; all others are on the other side
    :ivar healedAt: the time of its end, infinite while it is in force
    """

    def __init__(self, hosts: frozenset[str]) -> None:
        self.hosts = hosts
        self.healedAt = inf


class PartitionHistory:
    """
    The history of a network's partitions, and of the hosts that were off the network.

    After a partition is healed, the separated nodes are missing in each other's tables for some
    time.  So `separated` and `existed` take the parameter ``countedFor``: the seconds for which a
    healed partition still counts.  With 0, only partitions in force count.  In the same way,
    `wasOff` counts a host that is back.
    """

    def __init__(self, network: MemoryNetwork, clock: IReactorTime) -> None:
        self._network = network
        self._clock = clock
        self._partitions: list[_Partition] = []
        self._off: Counter[str] = Counter()
        self._cutOff: Counter[str] = Counter()
        self._backAt: dict[str, float] = {}

    def cut(self, hosts: Iterable[str]) -> None:
        """Separate some hosts from all others."""
        partition = _Partition(frozenset(hosts))
        self._partitions.append(partition)
        self._apply()

    def heal(self) -> None:
        """End all partitions."""
        for partition in self._partitions:
            partition.healedAt = min(partition.healedAt, self._clock.seconds())
        self._apply()

    def takeOff(self, host: str, *, isRefused: bool = False) -> None:
        """
        Let no datagram pass between a host and any other, until `putBack`.

        :param isRefused: whether the datagrams pass and the nodes refuse them
        """
        self._off[host] += 1
        self._cutOff[host] += not isRefused
        self._apply()

    def putBack(self, host: str, *, isRefused: bool = False) -> None:
        """End one `takeOff` of a host, which had the same arguments."""
        self._off[host] -= 1
        self._cutOff[host] -= not isRefused
        self._backAt[host] = self._clock.seconds()
        self._apply()

    def moved(self, host: str, to: str) -> None:
        """
        Keep a host that has another address now where it was: off the network, and on its side of
        each partition.  It counts as a host that is back since now.
        """
        for partition in self._partitions:
            if host in partition.hosts:
                partition.hosts |= {to}
        self._off[to] = self._off.pop(host, 0)
        self._cutOff[to] = self._cutOff.pop(host, 0)
        self._backAt[to] = self._clock.seconds()
        self._apply()

    def _apply(self) -> None:
        """Make the partitions of the network those that are in force."""
        self._network.heal()
        for partition in self._partitions:
            if partition.healedAt == inf:
                self._network.partition(partition.hosts)
        off = [host for host, count in self._cutOff.items() if count > 0]
        if off:
            self._network.partition(off)
            self._network.partition(off, off)

    def isOff(self, host: str) -> bool:
        """Whether a host is off the network."""
        return self._off[host] > 0

    def wasOff(self, host: str, countedFor: float) -> bool:
        """Whether a host is, or recently was, off the network or at another address."""
        backAt = self._backAt.get(host, -inf)
        return self.isOff(host) or self._clock.seconds() - backAt < countedFor

    def isInMinority(self, host: str, count: int) -> bool:
        """
        Whether a host is on the smaller side of a partition in force.

        :param count: the number of all members
        """
        return any(
            partition.healedAt == inf
            and (host in partition.hosts) is (2 * len(partition.hosts) < count)
            for partition in self._partitions
        )

    def separated(self, one: str, other: str, countedFor: float) -> bool:
        """Whether two hosts are, or recently were, on different sides of a partition."""
        return any(
            (one in partition.hosts) is not (other in partition.hosts)
            for partition in self._recent(countedFor)
        )

    def existed(self, countedFor: float) -> bool:
        """Whether there is, or recently was, any partition."""
        return bool(self._recent(countedFor))

    def _recent(self, countedFor: float) -> list[_Partition]:
        since = self._clock.seconds() - countedFor
        return [partition for partition in self._partitions if partition.healedAt > since]
