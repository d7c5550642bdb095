"""
How many places one public host, and one public /24 network, may hold.

On the public internet addresses are what an attacker has to pay for.  Private
and loopback addresses, where one host is often a whole network, are free of
bounds.  Pure.
"""

from __future__ import annotations

from collections import Counter

from ..wire import isPublic, subnet


class HostCounts:
    """
    Counts places by where they come from.

    :param perHost: how many places a public host may hold
    :param perSubnet: how many a public /24 network may hold
    :ivar repeatedHosts: how many places there are beyond the first of each public host
    """

    __slots__ = ("_counts", "_perHost", "_perSubnet", "repeatedHosts")

    def __init__(self, perHost: int, perSubnet: int) -> None:
        self._perHost = perHost
        self._perSubnet = perSubnet
        self._counts: Counter[str] = Counter()
        self.repeatedHosts = 0

    def hasRoom(self, host: str) -> bool:
        """Whether the host may hold one more place."""
        return not isPublic(host) or (
            self._counts[host] < self._perHost and self._counts[subnet(host)] < self._perSubnet
        )

    def has(self, host: str) -> bool:
        """Whether the host holds a place, as far as that is counted."""
        return host in self._counts

    def add(self, host: str) -> None:
        """The host holds one place more."""
        if isPublic(host):
            self.repeatedHosts += self.has(host)
            self._counts[host] += 1
            self._counts[subnet(host)] += 1

    def remove(self, host: str) -> None:
        """The host holds one place less."""
        if isPublic(host):
            for source in (host, subnet(host)):
                self._counts[source] -= 1
                if not self._counts[source]:
                    del self._counts[source]
            self.repeatedHosts -= self.has(host)
