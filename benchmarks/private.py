"""
``python -m benchmarks.private``: what a private network costs, beside an open one in the same run.

* The CPU time of the process of a node for a ``_find_node`` that it answers with 20 contacts, on
  loopback.  The rounds of the kinds alternate.
* The duration of lookups at a round trip of 80 ms, in simulated time: that of a node that has just
  joined (cold), and that of a node that has made lookups (warm).
* The memory of a node in a network of 200, in which each node hears most others.
"""

from __future__ import annotations

import argparse
import gc
import os
import socket
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from random import Random
from statistics import median
from time import monotonic, time

from twisted.internet.task import Clock

from dwdht_twisted import Address, DHTNode
from dwdht_twisted._core import wire
from dwdht_twisted._core.counters import Counters
from dwdht_twisted._core.wire import ID_BYTES, HostPort
from dwdht_twisted.private import NetworkSecurity, Transport
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock

from .child import Child
from .kinds import KINDS
from .subjects import pythonProcess

#: The number of nodes of a network.
NODES = 200

#: The latency of a datagram, one way, in seconds.
LATENCY = 0.04

#: The requests of a round.
REQUESTS = 12_800

#: The requests in flight, unless the command line says otherwise.  With one, the node sleeps before
#: each request, as it does in a quiet network.
WINDOW = 64

#: The least size of an answer with 20 contacts, in bytes.
LEAST_ANSWER = 760

#: The most CPU time of a served request on a network by key, relative to an open one.
KEYED_LIMIT = 1.35


class Network:
    """
    A network of nodes in memory.

    :param security: that of its nodes
    """

    def __init__(self, security: NetworkSecurity | None) -> None:
        self._random = Random(1)
        self._security = security
        self.clock = SimulatedClock()
        self.clock.advance(1_800_000_000)
        self._network = MemoryNetwork(self.clock, seed=1, latency=LATENCY)
        self._bootstrap: list[Address] = []
        self.nodes = [self.join() for _ in range(NODES)]
        self.clock.runFor(120)

    def join(self) -> DHTNode:
        """Return a node that has just joined."""
        reactor = self._network.reactor()
        node = DHTNode(
            reactor,
            bootstrap=self._bootstrap,
            security=self._security,
            rateLimit=None,
            random=Random(self._random.getrandbits(64)),
        )
        node.listen(6620)
        self.clock.runUntil(node.ready())
        self._bootstrap = self._bootstrap or [Address(reactor.host, 6620)]
        return node

    def lookUp(self, node: DHTNode) -> float:
        """Look a random target up, and return the duration in simulated seconds."""
        begun = self.clock.seconds()
        self.clock.runUntil(node.query("nothing", self._random.randbytes(ID_BYTES)).collect())
        return self.clock.seconds() - begun


class Served:
    """
    A process with a node that serves ``_find_node``, and the socket of an asker that it lists.

    :param kind: the kind of its network
    """

    def __init__(self, kind: str, stack: ExitStack, processors: Sequence[int]) -> None:
        self._child = stack.enter_context(Child(pythonProcess("served", kind), {}, processors))
        port = self._child.call("start")
        self._socket = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self._socket.bind(("127.0.0.1", 0))
        self._socket.connect(("127.0.0.1", port))
        self._socket.settimeout(5)
        self._random = Random(2)
        self._id = self._random.randbytes(ID_BYTES)
        self._child.call("know", id=self._id.hex(), port=self._socket.getsockname()[1])
        self._sealed: list[bytes] = []
        self._send: Callable[[bytes, HostPort], object] = lambda datagram, _: self._sealed.append(
            datagram
        )
        security = KINDS[kind]()
        if security is not None:
            transport = Transport(
                self._send, lambda *_: None, Clock(), time, self._random, Counters()
            )
            layer = security.layer(transport)
            layer.start()
            self._send = layer.send

    def microseconds(self, window: int) -> float:
        """The CPU time of a request, over a round with so many requests in flight."""
        for number in range(REQUESTS):
            target = self._random.randbytes(ID_BYTES)
            body = wire.requestBody(wire.FIND_NODE, self._id, target)
            self._send(wire.frameRequest(number & 0x7FFF, body), ("127.0.0.1", 1))
        datagrams, self._sealed[:] = self._sealed[:], []
        before = self._child.call("cpu")
        for datagram in datagrams[:window]:
            self._socket.send(datagram)
        sizes = []
        for datagram in datagrams[window:]:
            sizes.append(len(self._receive()))
            self._socket.send(datagram)
        sizes += [len(self._receive()) for _ in range(window)]
        assert min(sizes) > LEAST_ANSWER, "an answer doesn't name 20 contacts"
        spent: float = self._child.call("cpu") - before
        return spent / REQUESTS * 1e6

    def _receive(self) -> bytes:
        """
        Wait for an answer without sleeping.  Otherwise the node would have to wake this process up
        with each answer, which costs it CPU time.
        """
        giveUpAt = monotonic() + 5
        while monotonic() < giveUpAt:
            with suppress(BlockingIOError):
                return self._socket.recv(2048, socket.MSG_DONTWAIT)
        raise TimeoutError("the node doesn't answer")


def memory(security: NetworkSecurity | None) -> float:
    """The memory of a node in a network, in kilobytes."""
    gc.collect()
    tracemalloc.start()
    network = Network(security)
    gc.collect()
    traced, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return traced / len(network.nodes) / 1000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark, and return 0 when its limit is kept, else 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.private")
    parser.add_argument("--rounds", type=int, default=7, help="rounds (default: %(default)s)")
    parser.add_argument(
        "--in-flight", type=int, default=WINDOW, help="requests in flight (default: %(default)s)"
    )
    parser.add_argument("--lookups", type=int, default=30, help="lookups (default: %(default)s)")
    parser.add_argument("--no-memory", action="store_true", help="don't measure the memory")
    options = parser.parse_args(arguments)
    networks = {kind: Network(make()) for kind, make in KINDS.items()}
    cold = {
        kind: median(network.lookUp(network.join()) for _ in range(options.lookups))
        for kind, network in networks.items()
    }
    warm = {
        kind: median(network.lookUp(network.nodes[9]) for _ in range(options.lookups))
        for kind, network in networks.items()
    }
    # The load has a processor of its own.
    *others, last = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, [last])
    with ExitStack() as stack:
        served = {kind: Served(kind, stack, others or [last]) for kind in KINDS}
        # The first round isn't counted.
        rounds = [
            {kind: each.microseconds(options.in_flight) for kind, each in served.items()}
            for _ in range(options.rounds + 1)
        ][1:]
    print(f"{'':8}{'_find_node, us':>16}{'ratio':>8}{'cold, s':>10}{'warm, s':>10}{'kB/node':>10}")
    isKept = True
    for kind, make in KINDS.items():
        cpu = median(each[kind] for each in rounds)
        ratio = median(each[kind] / each["open"] for each in rounds)
        kilobytes = "-" if options.no_memory else f"{memory(make()):.0f}"
        print(
            f"{kind:8}{cpu:16.1f}{ratio:8.2f}{cold[kind]:10.3f}{warm[kind]:10.3f}{kilobytes:>10}",
            flush=True,
        )
        isKept = isKept and (kind != "keyed" or ratio <= KEYED_LIMIT)
    print("ok" if isKept else f"MISSED: keyed takes more than {KEYED_LIMIT} times the CPU of open")
    return 0 if isKept else 1


if __name__ == "__main__":
    sys.exit(main())
