"""
The shares that the publishers of values hold of a store, and whose value a full store drops.

A store has to drop a value to make room for another one.  If it dropped its oldest value, one host
that puts many values would push out the values of all others.  So the store drops the oldest value
of the host that holds the largest share, in bytes.  A host that holds less than a host that fills
the store loses nothing.

One person may have all hosts of a /24 network, and hold a small share with each.  So a network has
a share too: the bytes of its hosts, divided by `HOSTS_PER_NETWORK`.  When this is more than the
largest share of a host, the store drops the oldest value of the largest host of the network.

The values of this node itself are a share as well, under the publisher `OWN`.
"""

from __future__ import annotations

from collections.abc import Hashable
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

from ..._core.wire.addresses import subnet

#: The publisher of a node's own values.
OWN = ""

#: The hosts of one /24 network together may hold as much as this number of hosts elsewhere.  It is
#: the number of hosts of a network that a routing table lists, so it has the same reason: an
#: attacker pays for a network once, and honest hosts share one too.  Larger: an attacker with a
#: network takes more room from others.  Smaller: honest hosts of one network lose values earlier.
HOSTS_PER_NETWORK = 4

#: The number of outdated entries that may always stay in a heap.  Larger: they take up more memory.
#: Smaller: a small heap is rebuilt at nearly every change.
OUTDATED_ENTRIES = 8

Item = TypeVar("Item", bound=Hashable)


class Ranking(Generic[Item]):
    """
    Items in the order of a rank that changes.  Each method takes a time of O(log n) on average.

    Old ranks stay in the heap until they come first, or until they outnumber the items.
    """

    __slots__ = ("_heap", "_ranks")

    def __init__(self) -> None:
        self._ranks: dict[Item, float] = {}
        self._heap: list[tuple[float, Item]] = []

    def __len__(self) -> int:
        return len(self._ranks)

    def rank(self, item: Item) -> float:
        """The rank of an item; 0 if it has none."""
        return self._ranks.get(item, 0)

    def set(self, item: Item, rank: float) -> None:
        """Give an item a rank."""
        if self._ranks.get(item) != rank:
            self._ranks[item] = rank
            heappush(self._heap, (rank, item))
            self._tidy()

    def discard(self, item: Item) -> None:
        """Remove an item, if it is there."""
        self._ranks.pop(item, None)
        self._tidy()

    def first(self) -> Item | None:
        """The item of the lowest rank, or None if there is no item."""
        heap = self._heap
        while heap:
            rank, item = heap[0]
            if self._ranks.get(item) == rank:
                return item
            heappop(heap)
        return None

    def _tidy(self) -> None:
        if len(self._heap) > 2 * len(self._ranks) + OUTDATED_ENTRIES:
            self._heap = [(rank, item) for item, rank in self._ranks.items()]
            heapify(self._heap)


class Shares:
    """
    The bytes that each publisher holds of a store.

    All ranks are negative numbers of bytes, so the largest share comes first.

    :ivar total: the bytes of all publishers together
    """

    def __init__(self) -> None:
        self.total = 0
        # For each /24 network, its hosts.
        self._hosts: dict[str, Ranking[str]] = {}
        # The networks by the share of all their hosts, and by the share of their largest host.
        self._networks: Ranking[str] = Ranking()
        self._largest: Ranking[str] = Ranking()

    def add(self, publisher: str, size: int) -> None:
        """Add to the share of a publisher a number of bytes, which may be negative."""
        self.total += size
        network = subnet(publisher)
        hosts = self._hosts.setdefault(network, Ranking())
        _add(hosts, publisher, size)
        _add(self._networks, network, size)
        largest = hosts.first()
        if largest is None:
            del self._hosts[network]
            self._largest.discard(network)
        else:
            self._largest.set(network, hosts.rank(largest))

    def of(self, publisher: str) -> int:
        """The bytes that a publisher holds."""
        hosts = self._hosts.get(subnet(publisher))
        return 0 if hosts is None else -int(hosts.rank(publisher))

    @property
    def most(self) -> int:
        """The bytes that the host with the largest share holds."""
        network = self._largest.first()
        return 0 if network is None else -int(self._largest.rank(network))

    def largest(self, putter: str) -> str:
        """
        Return the publisher whose oldest value is dropped next.  Some publisher must hold a share.

        :param putter: the publisher of the value that needs the room.  It comes before others with
            the same share.
        """
        byHost, byNetwork = self._largest.first(), self._networks.first()
        assert byHost is not None and byNetwork is not None
        isNetwork = self._networks.rank(byNetwork) < HOSTS_PER_NETWORK * self._largest.rank(byHost)
        host = self._hosts[byNetwork if isNetwork else byHost].first()
        assert host is not None
        return putter if self.of(putter) == self.of(host) else host


def _add(ranking: Ranking[str], item: str, size: int) -> None:
    rank = ranking.rank(item) - size
    if rank:
        ranking.set(item, rank)
    else:
        ranking.discard(item)


__all__ = ["OWN", "Ranking", "Shares"]
