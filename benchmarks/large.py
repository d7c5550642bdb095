"""
``python -m benchmarks.large``: the time, the bytes and the memory of a put and a get of 1 MiB.

They are measured in three ways:

* in memory, in simulated time, among 50 nodes, with and without loss: each datagram takes 10 ms;
* on loopback, in real time, among 50 nodes of one process, each end in a process of its own;
* as a plain copy by TCP on loopback, for comparison.

The bytes are those of all datagrams, requests and answers, that were sent during the operation.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from random import Random

from dwdht_twisted import DHTNode, MemoryStore, ValueHandler, values
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock
from dwdht_twisted.values.bounds import MAXIMUM_LARGE_BYTES

from .child import Child
from .processes.transfers import Checksum, valueOf

PORT = 6620

#: The time that nodes in memory have to fill their tables, in seconds.
SETTLED_AFTER = 60.0

#: The longest time of a transfer, in seconds.
LIMIT = 600.0


@dataclass
class Outcome:
    """
    The cost of one operation.

    :ivar name: the name of the operation
    :ivar seconds: its duration, in seconds
    :ivar sent: the bytes that all nodes have sent meanwhile; None when they were not counted
    :ivar cpu: the CPU time of the process, in seconds; None in simulated time
    :ivar peak: the largest memory of the process, in bytes; None in simulated time
    :ivar refused: the requests that nodes dropped because of their rate limit
    """

    name: str
    seconds: float
    sent: int | None = None
    cpu: float | None = None
    peak: int | None = None
    refused: int = 0

    def __str__(self) -> str:
        parts = [f"{self.seconds:.3f} s"]
        if self.sent is not None:
            parts.append(f"{self.sent / 1e6:.2f} MB sent")
        if self.refused:
            parts.append(f"{self.refused} requests refused")
        if self.cpu is not None and self.peak is not None:
            parts.append(f"CPU {self.cpu:.3f} s, memory up to {self.peak / 1e6:.0f} MB")
        return f"{self.name:<36}{', '.join(parts)}"


def inMemory(length: int, size: int, loss: float) -> list[Outcome]:
    """Put and get a value among nodes in memory."""
    clock = SimulatedClock()
    network = MemoryNetwork(clock, seed=1)
    nodes: list[DHTNode] = []

    def join(isMember: bool) -> DHTNode:
        number = len(nodes)
        node = DHTNode(
            network.reactor(f"4.{number >> 8}.{number & 255}.1"),
            ephemeral=not isMember,
            bootstrap=[("4.0.0.1", PORT)] if nodes else [],
            random=Random(f"node {number}"),
        )
        node.listen(PORT)
        if isMember:
            node.register(values.COMMAND, ValueHandler(MemoryStore(clock)))
        clock.runUntil(node.ready())
        nodes.append(node)
        return node

    for _ in range(size):
        join(isMember=True)
    clock.runFor(SETTLED_AFTER)
    network.loss = loss
    value = valueOf(length)
    name = f"in memory, {loss:.0%} loss"

    def outcome(operation: str, start: float, sent: int) -> Outcome:
        refused = sum(node.counters.rateLimited for node in nodes)
        seconds = clock.seconds() - start
        return Outcome(f"{operation} {name}", seconds, network.bytesSent - sent, refused=refused)

    writer = join(isMember=False)
    start, sent = clock.seconds(), network.bytesSent
    key = clock.runUntil(values.putLarge(writer, value), limit=LIMIT)
    put = outcome("put", start, sent)
    reader, checksum = join(isMember=False), Checksum()
    start, sent = clock.seconds(), network.bytesSent
    clock.runUntil(values.getLarge(reader, key, checksum), limit=LIMIT)
    get = outcome("get", start, sent)
    if not checksum.isOf(value):
        raise AssertionError("another value was found")
    return [put, get]


def onLoopback(length: int, size: int) -> list[Outcome]:
    """Put and get a value among nodes on loopback, and copy it by TCP."""
    command = [sys.executable, "-m", "benchmarks.processes.transfers"]
    with Child(command) as holders, Child(command) as writer, Child(command) as reader:
        bootstrap = holders.call("network", size=size)
        put = writer.call("put", bootstrap=bootstrap, length=length, timeout=LIMIT)
        key = put.pop("key")
        get = reader.call("get", bootstrap=bootstrap, key=key, length=length, timeout=LIMIT)
    with Child(command) as server, Child(command) as client:
        copy = client.call("copy", port=server.call("serve", length=length), length=length)
    return [
        Outcome("put on loopback", **put),
        Outcome("get on loopback", **get),
        Outcome("plain copy by TCP on loopback", sent=length, **copy),
    ]


def main() -> None:
    """Measure, and print a line for each operation."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.large", description="Measure a put and a get of a large value."
    )
    parser.add_argument(
        "--length", type=int, default=MAXIMUM_LARGE_BYTES, help="the bytes of the value"
    )
    parser.add_argument("--nodes", type=int, default=50, help="the nodes that keep values")
    options = parser.parse_args()
    if not 0 <= options.length <= MAXIMUM_LARGE_BYTES:
        parser.error(f"--length must be from 0 to {MAXIMUM_LARGE_BYTES}, not {options.length}")
    if not 1 <= options.nodes <= 250:
        parser.error(f"--nodes must be from 1 to 250, not {options.nodes}")
    for loss in (0.0, 0.05):
        for outcome in inMemory(options.length, options.nodes, loss):
            print(outcome, flush=True)
    for outcome in onLoopback(options.length, options.nodes):
        print(outcome, flush=True)


if __name__ == "__main__":
    main()
