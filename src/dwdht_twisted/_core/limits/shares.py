"""
The bound on the places of one public host, and of one public /24 network.

A place is a contact in a routing table, or a request of a lookup.  An attacker has to pay for
public addresses, so the bound makes many places expensive.  Private and loopback addresses have no
bound, because one of them often stands for a whole network.
"""

from __future__ import annotations

from collections import Counter

from ..wire import isPublic, subnet
from .bounds import CONTACTS_PER_HOST


class HostCounts:
    """
    Counts the places that public hosts and networks hold.

    :param perHost: the most places of a public host
    :param perSubnet: the most places of a public /24 network
    :param contactsPerHost: the ``contactsPerHost`` of the node.  Both bounds grow with it, in
        proportion to its default.
    :ivar repeatedHosts: the number of places that are not the first place of their public host
    """

    __slots__ = ("_counts", "_perHost", "_perSubnet", "repeatedHosts")

    def __init__(
        self, perHost: int, perSubnet: int, contactsPerHost: int = CONTACTS_PER_HOST
    ) -> None:
        self._perHost = perHost * contactsPerHost // CONTACTS_PER_HOST
        self._perSubnet = perSubnet * contactsPerHost // CONTACTS_PER_HOST
        self._counts: Counter[str] = Counter()
        self.repeatedHosts = 0

    def hasRoom(self, host: str) -> bool:
        """Whether a host may hold one more place."""
        return not isPublic(host) or (
            self._counts[host] < self._perHost and self._counts[subnet(host)] < self._perSubnet
        )

    def has(self, host: str) -> bool:
        """Whether a host is public and holds a place."""
        return host in self._counts

    def add(self, host: str) -> None:
        """Give a host one more place."""
        if isPublic(host):
            self.repeatedHosts += self.has(host)
            self._counts[host] += 1
            self._counts[subnet(host)] += 1

    def remove(self, host: str) -> None:
        """Take a place from a host."""
        if isPublic(host):
            for hostOrSubnet in (host, subnet(host)):
                self._counts[hostOrSubnet] -= 1
                if not self._counts[hostOrSubnet]:
                    del self._counts[hostOrSubnet]
            self.repeatedHosts -= self.has(host)
