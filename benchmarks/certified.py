"""
``python -m benchmarks.certified``: networks by certificate, beside open ones and those by key.

All kinds are measured in turn, in one process and in memory, with a latency of 40 ms each way:

* the time of lookups of a node that has been there for ten minutes, and of new nodes;
* the processor time of both ends and of the network for one query of an associated pair;
* the processor time for all nodes to join, for each node.

The memory of a node that talks to 200 others is measured on loopback.  The node has a process of
its own.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

from dwdht_twisted import DHTNode
from dwdht_twisted.private import AuthorityFolder, KeyedNetwork, NetworkSecurity
from dwdht_twisted.testing import CertifiedMembers, MemoryNetwork, SimulatedClock

from .child import Child

#: The latency, in seconds, one way: a round trip takes 80 ms.
LATENCY = 0.04

#: The time that nodes have to fill their tables, in seconds.
SETTLED_AFTER = 600.0

#: The number of lookups of each sort, and of queries of a pair.
LOOKUPS = 15
QUERIES = 2000

PORT = 6620

#: The number of others that the node talks to whose memory is measured.
OTHERS = 200

#: The number of others that it talks to before.  Their code is loaded then, and first buffers made.
FIRST_OTHERS = 20

#: The network key, in hexadecimal digits.
KEY = "00" * 32

#: A lookup of a network by certificate, among nodes that it has associations with, may take this
#: multiple of the time on an open network.
WARM_LIMIT = 1.3


@dataclass
class Figures:
    """
    The figures of one kind of network.

    :ivar kind: its name
    :ivar join: the processor time for one node to join, in milliseconds
    :ivar warm: the median time of a lookup of a settled node, in simulated seconds
    :ivar cold: the median time of the first lookup of a new node, in simulated seconds
    :ivar query: the processor time for one query and its answer, in microseconds
    """

    kind: str
    join: float
    warm: float
    cold: float
    query: float

    def __str__(self) -> str:
        return (
            f"{self.kind:12} join {self.join:6.1f} ms of CPU; lookup warm {self.warm:.2f} s, cold "
            f"{self.cold:.2f} s; query and answer {self.query:.0f} us of CPU"
        )


def measure(kind: str, secure: Callable[[], NetworkSecurity | None], size: int) -> Figures:
    """
    Measure one kind of network.

    :param secure: makes the security of a node
    :param size: the number of nodes
    """
    clock = SimulatedClock()
    network = MemoryNetwork(clock, seed=1, latency=LATENCY)
    nodes: list[DHTNode] = []
    seeds = Random(1)

    def make(*, ephemeral: bool = False) -> DHTNode:
        node = DHTNode(
            network.reactor(),
            security=secure(),
            bootstrap=[nodes[0].address()._replace(host="10.0.0.1")] if nodes else [],
            ephemeral=ephemeral,
            random=Random(seeds.getrandbits(64)),
        )
        node.listen(PORT)
        return node

    def lookUp(node: DHTNode, target: bytes) -> float:
        began = clock.seconds()
        clock.runUntil(node.query("nothing", target).collect(), limit=60)
        return clock.seconds() - began

    random = Random(2)
    began = process_time()
    for _ in range(size):
        nodes.append(make())
        clock.runUntil(nodes[-1].ready(), limit=60)
    join = (process_time() - began) / size
    clock.runFor(SETTLED_AFTER)
    warm = median(lookUp(nodes[size // 2], random.randbytes(32)) for _ in range(LOOKUPS))
    colds = []
    for _ in range(LOOKUPS):
        new = make(ephemeral=True)
        colds.append(lookUp(new, random.randbytes(32)))
        clock.runUntil(new.destroy())
    query = _queries(clock, nodes)
    for node in nodes:
        clock.runUntil(node.destroy())
    return Figures(kind, 1e3 * join, warm, median(colds), 1e6 * query)


def _queries(clock: SimulatedClock, nodes: list[DHTNode]) -> float:
    """The processor time of one query to one node that answers with its closest contacts."""
    address = [nodes[0].address()._replace(host="10.0.0.1")]
    random = Random(3)
    gc.collect()
    began = process_time()
    for _ in range(QUERIES):
        target = random.randbytes(32)
        clock.runUntil(nodes[1].query("nothing", target, nodes=address).collect(), limit=60)
    return (process_time() - began) / QUERIES


@dataclass
class Memory:
    """
    The memory of a process with one node that talks to others.

    :ivar kind: the kind of the network
    :ivar total: its resident memory in the end, in bytes
    :ivar each: what it grew by for each of the others, in bytes
    :ivar contacts: the number of the others that are in its table
    """

    kind: str
    total: int
    each: float
    contacts: int

    def __str__(self) -> str:
        return (
            f"{self.kind:12} a node that talks to {OTHERS} others: {self.total / 1e6:.1f} MB in "
            f"all, {self.each / 1e3:.1f} kB for each; {self.contacts} are contacts"
        )


def measureMemory(kind: str, others: int = OTHERS) -> Memory:
    """
    Measure the memory of a node that talks to others, in a process of its own.

    :param kind: "open", "key" or "certificate"
    """
    command = [sys.executable, "-m", "benchmarks.processes.talking"]
    with (
        TemporaryDirectory() as folder,
        Child(command) as crowd,
        Child(command) as process,
    ):
        security: dict[str, Any] = {}
        if kind == "key":
            security["key"] = KEY
        elif kind == "certificate":
            AuthorityFolder.make(folder)
            security["folder"] = folder
        ports = crowd.call("listen", size=FIRST_OTHERS + others, name="other", **security)
        process.call("listen", size=1, name="node", **security)
        process.call("talk", ports=ports[:FIRST_OTHERS])
        before = process.call("memory")
        contacts = process.call("talk", ports=ports[FIRST_OTHERS:])
        after = process.call("memory")
    return Memory(kind, after, (after - before) / others, contacts)


def main() -> int:
    """Measure all kinds; return the exit status, which is 1 when a limit was exceeded."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.certified",
        description="Measure open networks beside private ones, by key and by certificate.",
    )
    parser.add_argument("--nodes", type=int, default=60, help="the nodes of each network")
    options = parser.parse_args()
    members = CertifiedMembers()
    keyed = KeyedNetwork(bytes(32))
    kinds: dict[str, Callable[[], NetworkSecurity | None]] = {
        "open": lambda: None,
        "key": lambda: keyed,
        "certificate": members.make,
    }
    found = {}
    for kind, secure in kinds.items():
        found[kind] = measure(kind, secure, options.nodes)
        print(found[kind], flush=True)
    for kind in kinds:
        print(measureMemory(kind), flush=True)
    isMet = found["certificate"].warm <= WARM_LIMIT * found["open"].warm
    print("within the limits" if isMet else "OUTSIDE THE LIMITS")
    return 0 if isMet else 1


if __name__ == "__main__":
    sys.exit(main())
