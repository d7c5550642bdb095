"""
Simulated nodes, up to hundreds of thousands, each with the table of a settled network.

The tables are drawn at random; the network isn't run to build them.  Of the nodes whose ids fall
into a bucket, the bucket holds 20 random ones, or all of them when there are fewer.  The k-buckets
of Kademlia (section 2.4) end up like this once every node has heard of many others.  A table is
drawn when it is needed, and is always the same for the same node.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Container
from functools import lru_cache
from random import Random

from dwdht_twisted._core.routing import K, RoutingTable
from dwdht_twisted._core.wire import ID_BITS, ID_BYTES, Contact

PORT = 6620


class Population:
    """
    All nodes of a simulation.

    :param size: the number of nodes
    :param seed: the seed of ids and tables
    """

    def __init__(self, size: int, seed: int) -> None:
        self._seed = seed
        random = Random(seed)
        self._ids = sorted(random.getrandbits(ID_BITS) for _ in range(size))
        self.table = lru_cache(maxsize=1024)(self._drawTable)

    def __len__(self) -> int:
        return len(self._ids)

    def contact(self, number: int) -> Contact:
        """The contact of a node, with a public address in a /24 network of its own."""
        host = f"{20 + number % 64}.{number // 64 % 256}.{number // 16384}.1"
        return Contact(self._ids[number].to_bytes(ID_BYTES, "big"), host, PORT)

    def number(self, id: bytes) -> int:
        """
        The number of the node with this id.

        :param id: 32 bytes, the id of one of the nodes
        """
        return bisect_left(self._ids, int.from_bytes(id, "big"))

    def closest(self, target: bytes, count: int, without: Container[int] = ()) -> list[int]:
        """
        The numbers of the nodes closest to a target, closest first.

        :param without: the numbers of nodes to leave out
        """
        wanted = int.from_bytes(target, "big")
        # The nodes of a subtree are neighbours in the sorted list.  The smallest subtree around the
        # target that has enough nodes contains the closest ones.
        for prefix in range(ID_BITS, -1, -1):
            found = [number for number in self._subtree(wanted, prefix) if number not in without]
            if len(found) >= count or not prefix:
                break
        return sorted(found, key=lambda number: self._ids[number] ^ wanted)[:count]

    def _subtree(self, id: int, prefix: int) -> range:
        """The numbers of the nodes that share at least ``prefix`` leading bits with an id."""
        free = ID_BITS - prefix
        start = id >> free << free
        return range(bisect_left(self._ids, start), bisect_left(self._ids, start + (1 << free)))

    def _drawTable(self, number: int) -> RoutingTable:
        random = Random(f"{self._seed} {number}")
        own = self._ids[number]
        table = RoutingTable(own.to_bytes(ID_BYTES, "big"))
        whole = range(len(self._ids))
        for prefix in range(ID_BITS):
            within = self._subtree(own, prefix + 1)
            bucket = [*range(whole.start, within.start), *range(within.stop, whole.stop)]
            for each in random.sample(bucket, min(K, len(bucket))):
                table.answered(self.contact(each), 0.0)
            if len(within) == 1:
                break
            whole = within
        return table
