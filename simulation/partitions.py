"""
The partitions of a network, those in force and those that are healed.
"""

from __future__ import annotations

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
    The history of a network's partitions.

    After a partition is healed, the separated nodes are missing in each other's tables for some
    time.  So `separated` and `existed` take the parameter ``countedFor``: the seconds for which a
    healed partition still counts.  With 0, only partitions in force count.
    """

    def __init__(self, network: MemoryNetwork, clock: IReactorTime) -> None:
        self._network = network
        self._clock = clock
        self._partitions: list[_Partition] = []

    def cut(self, hosts: Iterable[str]) -> None:
        """Separate some hosts from all others."""
        partition = _Partition(frozenset(hosts))
        self._partitions.append(partition)
        self._network.partition(partition.hosts)

    def heal(self) -> None:
        """End all partitions."""
        for partition in self._partitions:
            partition.healedAt = min(partition.healedAt, self._clock.seconds())
        self._network.heal()

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
