"""
``python -m benchmarks.flood``: a node under a flood of requests, while it looks up.

The requests have random ids; or none, as those of ephemeral nodes, whose full answers wait for a
proof that the address is the asker's.  They come

* in memory, on a network with simulated time: each from a forged address of its own, or all from
  one;
* on loopback, with real time, from another process: all from one address, or each from another,
  with the rate limit on, which loopback is exempt from otherwise.

Told are: by how much the memory of the node's process grows, how much longer the lookups take than
before the flood, and how many of them find the 20 closest nodes, all of them.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from time import sleep

from dwdht_twisted import DHTNode
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import HostPort
from dwdht_twisted.testing import LogNormalLatency, MemoryNetwork, SimulatedClock
from dwdht_twisted.testing.host import isIPv4

from .child import Child
from .processes.flooder import COMMANDS, request
from .processes.lookups import Lookups, Tally
from .usage import residentBytes

#: How many other nodes there are.
NODES = 200
CROWD = 100

#: How long nodes in memory are left alone first, in seconds, until they have filled their tables: a
#: flood that lasts would have that counted as growth.
SETTLED_AFTER = 120.0

#: How long the lookups run before the flood, in seconds.
BEFORE = 10.0

#: How many requests a second there are, unless it is told otherwise.
RATE_IN_MEMORY = 100_000
RATE_ON_LOOPBACK = 20_000

#: The median latency in memory, one way, in seconds.
LATENCY = 0.02

#: How much longer than its requests should take a flood on loopback is waited for, in seconds.
ATTENTION = 120.0

#: What is asked for: the growth in megabytes, and how many times longer a lookup may take.
GROWTH_LIMIT = 10.0
SLOWDOWN_LIMIT = 3.0

#: A lookup has ended right when it has found so many of the k closest nodes, and this share of them
#: must: where real sockets are flooded the operating system drops answers too.
ENOUGH = K - 1
RIGHT = 0.999

PORT = 6620


@dataclass
class Outcome:
    """
    What has come of a flood.

    :ivar name: which one
    :ivar requests: how many requests it had
    :ivar seconds: how long it took
    :ivar growth: of the process's memory, in megabytes
    :ivar before: the lookups before the flood
    :ivar during: the lookups during it
    :ivar counters: those of the node
    """

    name: str
    requests: int
    seconds: float
    growth: float
    before: Tally
    during: Tally
    counters: dict[str, int]

    @property
    def slowdown(self) -> float:
        """How many times longer a lookup took, on average."""
        return self.during.mean / self.before.mean

    @property
    def right(self) -> float:
        """The share of the lookups that ended right during the flood."""
        found = self.during.found
        return sum(each >= ENOUGH for each in found) / len(found)

    @property
    def isWell(self) -> bool:
        """Whether it is as it should be."""
        return self.growth < GROWTH_LIMIT and self.slowdown < SLOWDOWN_LIMIT and self.right >= RIGHT

    def __str__(self) -> str:
        counts = ", ".join(f"{name} {count:,}" for name, count in self.counters.items() if count)
        rate = self.requests / self.seconds
        return "\n".join(
            (
                f"{self.name}: {self.requests:,} requests, {rate:,.0f} a second",
                f"  memory {self.growth:+.1f} MB",
                f"  lookups before {_describe(self.before)}",
                f"  lookups during {_describe(self.during)}",
                f"  slowdown {self.slowdown:.2f}",
                f"  node: {counts}",
                f"  {'all is well' if self.isWell else 'NOT WELL'}",
            )
        )


def _describe(tally: Tally) -> str:
    worst = max(tally.seconds) * 1000
    found = Counter(tally.found)
    least = min(found)
    return (
        f"{len(tally.seconds):,}, {found[K]:,} found all {K} closest, the worst {least}; "
        f"mean {tally.mean * 1000:.0f} ms, longest {worst:.0f} ms"
    )


def _nameOf(where: str, forged: bool, hasIds: bool) -> str:
    source = "forged addresses" if forged else "one address"
    return f"{where}, from {source}, {'with' if hasIds else 'without'} ids"


# In memory.


def inMemory(
    requests: int, forged: bool, hasIds: bool = True, rate: float = RATE_IN_MEMORY
) -> Outcome:
    """Flood a node with the default rate limit on a network in memory."""
    random = Random(3)
    clock = SimulatedClock()
    network = MemoryNetwork(clock, seed=1, latency=LogNormalLatency(LATENCY, stable=True))
    nodes = [_join(network, number) for number in range(NODES + 1)]
    node, others = nodes[-1], nodes[:-1]
    victim = (_hostOf(NODES), PORT)
    clock.runFor(SETTLED_AFTER)
    lookups = Lookups(node, [other.id for other in others], clock.seconds, Random(1))
    lookups.begin()
    clock.runFor(BEFORE)
    before = lookups.take()
    _fillCacheOfNetwork(random)
    gc.collect()
    memory = residentBytes()
    began = clock.seconds()
    for number in range(requests):
        datagram = request(COMMANDS[number % len(COMMANDS)], random, hasIds)
        source = _forgedSource(random) if forged else ("9.9.9.9", 1024 + number % 64)
        network.transmit(source, victim, datagram, source)
        if number % 100 == 0:
            clock.runFor(100 / rate)
    seconds = clock.seconds() - began
    clock.runUntil(lookups.end())
    gc.collect()
    growth = (residentBytes() - memory) / 1e6
    during = lookups.take()
    name = _nameOf("in memory", forged, hasIds)
    counters = node.counters.asDict()
    for each in nodes:
        each.destroy()
    return Outcome(name, requests, seconds, growth, before, during, counters)


def _fillCacheOfNetwork(random: Random) -> None:
    """
    Let the network remember as many addresses as it ever does, and forget as many, for its
    dictionary grows once more when it does: that is no growth of the node.
    """
    for _ in range(2 * (isIPv4.cache_info().maxsize or 0)):
        isIPv4(_forgedSource(random)[0])


def _hostOf(number: int) -> str:
    return f"4.{number >> 8}.{number & 255}.1"


def _join(network: MemoryNetwork, number: int) -> DHTNode:
    bootstrap = [(_hostOf(0), PORT)] if number else []
    node = DHTNode(
        network.reactor(_hostOf(number)), bootstrap=bootstrap, random=Random(f"node {number}")
    )
    node.listen(PORT)
    assert isinstance(network.clock, SimulatedClock)
    network.clock.runUntil(node.ready())
    return node


def _forgedSource(random: Random) -> HostPort:
    number = random.getrandbits(48)
    octets = number.to_bytes(6, "big")
    return f"{octets[0]}.{octets[1]}.{octets[2]}.{octets[3]}", 1 + (number & 0x7FFF)


# On loopback.


def onLoopback(
    requests: int, forged: bool, hasIds: bool = True, rate: float = RATE_ON_LOOPBACK
) -> Outcome:
    """Flood a node with its rate limit on for loopback, from another process."""
    processors = sorted(os.sched_getaffinity(0))
    flooded, rest = processors[:1], processors[1:] or processors
    command = [sys.executable, "-m", "benchmarks.processes.flooded"]
    flooderCommand = [sys.executable, "-m", "benchmarks.processes.flooder"]
    with (
        Child(command, processors=rest) as crowd,
        Child(command, processors=flooded) as node,
        Child(flooderCommand, processors=rest) as flooder,
    ):
        network = crowd.call("crowd", size=CROWD)
        port = node.call("start", rateLimit=100.0, **network)
        node.call("begin")
        sleep(BEFORE)
        before = Tally(**node.call("end"))
        memory = node.call("memory")
        node.call("begin")
        seconds = flooder.call(
            "flood",
            timeout=ATTENTION + requests / rate,
            port=port,
            requests=requests,
            forged=forged,
            hasIds=hasIds,
            rate=rate,
        )
        during = Tally(**node.call("end"))
        growth = (node.call("memory") - memory) / 1e6
        counters = node.call("counters")
    name = _nameOf("on loopback", forged, hasIds)
    return Outcome(name, requests, seconds, growth, before, during, counters)


FLOODS: dict[str, tuple[Callable[..., Outcome], bool]] = {
    "memory-forged": (inMemory, True),
    "memory-one": (inMemory, False),
    "loopback-one": (onLoopback, False),
    "loopback-forged": (onLoopback, True),
}


def main() -> int:
    """Flood, and give the exit status: 1 when it did not go well."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.flood",
        description="Flood a node with requests while it looks up.",
    )
    parser.add_argument("--requests", type=int, default=1_000_000, help="how many")
    parser.add_argument(
        "--rate", type=float, help="how many a second; on loopback as many as go, at most"
    )
    parser.add_argument("--without-ids", action="store_true", help="as ephemeral nodes ask")
    parser.add_argument("floods", nargs="*", help=f"of {', '.join(FLOODS)}; all by default")
    options = parser.parse_args()
    names = options.floods or list(FLOODS)
    for name in names:
        if name not in FLOODS:
            parser.error(f"no such flood: {name}")
    if options.requests < 1:
        parser.error("--requests must be positive")
    if options.rate is not None and not 0 < options.rate < 1e9:
        parser.error("--rate must be positive, and under 1e9")
    rate = {} if options.rate is None else {"rate": options.rate}
    isWell = True
    for name in names:
        flood, forged = FLOODS[name]
        outcome = flood(options.requests, forged, not options.without_ids, **rate)
        print(outcome, flush=True)
        isWell = isWell and outcome.isWell
    return 0 if isWell else 1


if __name__ == "__main__":
    sys.exit(main())
