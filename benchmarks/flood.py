"""
``python -m benchmarks.flood``: lookups of a node that is flooded with requests.

The requests have random ids, or no ids, like the requests of ephemeral nodes.  Full answers to
requests without an id are held back until the address of the asker is validated.  There are six
floods:

* in memory, in simulated time, each request from a forged address of its own;
* in memory, all requests from one address;
* in memory, hellos without cookies from forged addresses, on a network by certificate;
* on loopback, in real time and from another process, all from one address;
* on loopback, each from another address;
* on loopback, the same hellos.

By default loopback is exempt from the rate limit; in these floods it is not.

Three quantities have a limit: the growth of the memory of the node's process, the time that its
lookups take relative to the time before the flood, and the share of them that find at least 19 of
the 20 closest nodes.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random
from tempfile import TemporaryDirectory
from time import sleep
from typing import Any

from dwdht_twisted import DHTNode
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import HostPort
from dwdht_twisted.testing import CertifiedMembers, LogNormalLatency, MemoryNetwork, SimulatedClock
from dwdht_twisted.testing.addresses import isIPv4

from .child import Child
from .processes.flooder import COMMANDS, hello, request
from .processes.lookups import Lookups, Tally
from .usage import residentBytes

#: The number of other nodes in memory.
NODES = 200

#: The number of other nodes on loopback.
CROWD = 100

#: The time that nodes in memory have to fill their tables before the flood, in seconds.  Smaller:
#: tables fill up during the flood, and their memory counts as growth.
SETTLED_AFTER = 120.0

#: The time for which lookups are measured before the flood, in seconds.
BEFORE = 10.0

#: The requests a second unless the command line says otherwise.
RATE_IN_MEMORY = 100_000
RATE_ON_LOOPBACK = 20_000

#: The median latency in memory, one way, in seconds.
LATENCY = 0.02

#: The time-out of a flood on loopback, in seconds.  The time that the requests take at their rate
#: is added to it.  Smaller: on a machine under load, a flood fails although it is merely slow.
EXTRA_TIMEOUT = 120.0

#: The growth of the node's process must stay below this limit, in megabytes.
GROWTH_LIMIT = 10.0

#: The mean time of a lookup during the flood must stay below this multiple of the time before.
SLOWDOWN_LIMIT = 3.0

#: The same limit for hellos.
HELLOS_SLOWDOWN_LIMIT = 1.5

#: A lookup is complete if it has found this many of the k closest nodes.  The number is below k,
#: because a full socket buffer loses answers as well as requests.
MINIMUM_FOUND = K - 1

#: The smallest share of the lookups that must be complete, from 0 to 1.
MINIMUM_COMPLETE = 0.999

PORT = 6620


@dataclass
class Outcome:
    """
    The outcome of a flood.

    :ivar name: the name of the flood
    :ivar requests: the number of requests
    :ivar seconds: the duration of the flood, in seconds; simulated seconds for a flood in memory
    :ivar growth: the growth of the memory of the node's process, in megabytes
    :ivar before: the lookups before the flood
    :ivar during: the lookups during the flood
    :ivar counters: the counters of the node
    :ivar slowdownLimit: the slowdown must stay below this limit
    """

    name: str
    requests: int
    seconds: float
    growth: float
    before: Tally
    during: Tally
    counters: dict[str, int]
    slowdownLimit: float = SLOWDOWN_LIMIT

    @property
    def slowdown(self) -> float:
        """The mean time of a lookup during the flood, divided by the mean time before the flood."""
        return self.during.mean / self.before.mean

    @property
    def completeShare(self) -> float:
        """The share of the lookups during the flood that are complete."""
        found = self.during.found
        return sum(each >= MINIMUM_FOUND for each in found) / len(found)

    @property
    def isWithinLimits(self) -> bool:
        """Whether growth, slowdown and complete lookups are within their limits."""
        return (
            self.growth < GROWTH_LIMIT
            and self.slowdown < self.slowdownLimit
            and self.completeShare >= MINIMUM_COMPLETE
        )

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
                f"  {'within the limits' if self.isWithinLimits else 'OUTSIDE THE LIMITS'}",
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


def _limitOf(hellos: bool) -> float:
    return HELLOS_SLOWDOWN_LIMIT if hellos else SLOWDOWN_LIMIT


def _nameOf(where: str, forged: bool, hasIds: bool, hellos: bool) -> str:
    source = "forged addresses" if forged else "one address"
    if hellos:
        return f"{where}, from {source}, hellos of DTLS"
    return f"{where}, from {source}, {'with' if hasIds else 'without'} ids"


# In memory.


def inMemory(
    requests: int,
    forged: bool,
    hasIds: bool = True,
    rate: float = RATE_IN_MEMORY,
    hellos: bool = False,
    size: int = NODES,
) -> Outcome:
    """Flood a node with the default rate limit in memory, on a network of ``size`` other nodes."""
    random = Random(3)
    members = CertifiedMembers() if hellos else None
    clock = SimulatedClock()
    network = MemoryNetwork(clock, seed=1, latency=LogNormalLatency(LATENCY, stable=True))
    nodes = [_join(network, number, members) for number in range(size + 1)]
    node, others = nodes[-1], nodes[:-1]
    victim = (_hostOf(size), PORT)
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
        command = COMMANDS[number % len(COMMANDS)]
        datagram = hello(random) if hellos else request(command, random, hasIds)
        source = _forgedSource(random) if forged else ("9.9.9.9", 1024 + number % 64)
        network.transmit(source, victim, datagram, source)
        if number % 100 == 0:
            clock.runFor(100 / rate)
    seconds = clock.seconds() - began
    clock.runUntil(lookups.end())
    gc.collect()
    growth = (residentBytes() - memory) / 1e6
    during = lookups.take()
    name = _nameOf("in memory", forged, hasIds, hellos)
    counters = node.counters.asDict()
    for each in nodes:
        each.destroy()
    return Outcome(name, requests, seconds, growth, before, during, counters, _limitOf(hellos))


def _fillCacheOfNetwork(random: Random) -> None:
    """
    Fill the cache of addresses of the network in memory, and replace all of its entries.

    The dictionary of the cache grows a last time when its entries are replaced.  During the flood,
    this would count as growth of the node.
    """
    for _ in range(2 * (isIPv4.cache_info().maxsize or 0)):
        isIPv4(_forgedSource(random)[0])


def _hostOf(number: int) -> str:
    return f"4.{number >> 8}.{number & 255}.1"


def _join(network: MemoryNetwork, number: int, members: CertifiedMembers | None) -> DHTNode:
    bootstrap = [(_hostOf(0), PORT)] if number else []
    node = DHTNode(
        network.reactor(_hostOf(number)),
        bootstrap=bootstrap,
        random=Random(f"node {number}"),
        security=None if members is None else members.make(),
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
    requests: int,
    forged: bool,
    hasIds: bool = True,
    rate: float = RATE_ON_LOOPBACK,
    hellos: bool = False,
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
        TemporaryDirectory() as folder,
    ):
        authority: dict[str, Any] = {"folder": folder} if hellos else {}
        network = crowd.call("crowd", size=CROWD, **authority)
        port = node.call("start", rateLimit=100.0, **authority, **network)
        node.call("begin")
        sleep(BEFORE)
        before = Tally(**node.call("end"))
        memory = node.call("memory")
        node.call("begin")
        seconds = flooder.call(
            "flood",
            timeout=EXTRA_TIMEOUT + requests / rate,
            port=port,
            requests=requests,
            forged=forged,
            hasIds=hasIds,
            rate=rate,
            hellos=hellos,
        )
        during = Tally(**node.call("end"))
        growth = (node.call("memory") - memory) / 1e6
        counters = node.call("counters")
    name = _nameOf("on loopback", forged, hasIds, hellos)
    return Outcome(name, requests, seconds, growth, before, during, counters, _limitOf(hellos))


FLOODS: dict[str, tuple[Callable[..., Outcome], bool]] = {
    "memory-forged": (inMemory, True),
    "memory-one": (inMemory, False),
    "memory-hellos": (partial(inMemory, hellos=True), True),
    "loopback-one": (onLoopback, False),
    "loopback-forged": (onLoopback, True),
    "loopback-hellos": (partial(onLoopback, hellos=True), True),
}


def main() -> int:
    """Run the floods; return the exit status, which is 1 when a limit was exceeded."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.flood",
        description="Flood a node with requests while it makes lookups.",
    )
    parser.add_argument(
        "--requests", type=int, default=1_000_000, help="how many requests each flood has"
    )
    parser.add_argument(
        "--rate", type=float, help="requests a second; on loopback at most as many as can be sent"
    )
    parser.add_argument(
        "--without-ids", action="store_true", help="send requests of ephemeral nodes"
    )
    parser.add_argument("floods", nargs="*", help=f"of {', '.join(FLOODS)}; all by default")
    options = parser.parse_args()
    names = options.floods or list(FLOODS)
    for name in names:
        if name not in FLOODS:
            parser.error(f"{name!r} is not a flood; there are {', '.join(FLOODS)}")
    if options.requests < 1:
        parser.error(f"--requests must be at least 1, not {options.requests}")
    if options.rate is not None and not 0 < options.rate < 1e9:
        parser.error(f"--rate must be above 0 and below 1e9, not {options.rate}")
    rate = {} if options.rate is None else {"rate": options.rate}
    isWithinLimits = True
    for name in names:
        flood, forged = FLOODS[name]
        outcome = flood(options.requests, forged, not options.without_ids, **rate)
        print(outcome, flush=True)
        isWithinLimits = isWithinLimits and outcome.isWithinLimits
    return 0 if isWithinLimits else 1


if __name__ == "__main__":
    sys.exit(main())
