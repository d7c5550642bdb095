"""
One network of Python and JavaScript nodes, in which each side stores values for the other.

As a command, ``python -m tests.helpers.peer.acceptance_mixed --nodes 64 --values 50``, it prints its figures and
exits with 1 when a value was lost.  The ordinary tests run it smaller.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from dwdht_twisted import DHTNode, Reply
from dwdht_twisted._core.wire import distance
from tests.helpers.peer.interop import LOCAL_HOST, AnyNode, PythonNode, keyOf
from tests.helpers.peer.process import PeerNode, PeerProcess

#: How many nodes hold a value (Kademlia's k).
HOLDERS = 20

#: How long all the JavaScript nodes may take to join, in seconds.
JOIN_SECONDS = 120.0


@dataclass
class Direction:
    """
    The values that one side stored and the other looked up.

    :ivar storer: who stored them
    :ivar values: how many were stored
    :ivar found: how many of them the other side found
    :ivar holders: how many nodes hold them, over all values
    :ivar closest: how many of the other nodes that are truly closest to a value's key hold it,
        over all values
    :ivar reachable: how many those nodes are, over all values
    """

    storer: str
    values: int = 0
    found: int = 0
    holders: int = 0
    closest: int = 0
    reachable: int = 0

    def __str__(self) -> str:
        return (
            f"stored by {self.storer}: {self.found} of {self.values} found by the other side, "
            f"held by {self.holders} nodes, {self.closest} of the {self.reachable} closest"
        )


@dataclass
class Figures:
    """What came of a run: its directions, and how long joining and the rest took, in seconds."""

    directions: tuple[Direction, Direction]
    joining: float
    storing: float


class MixedSwarm:
    """
    Equally many nodes of both sides, that join through an ephemeral Python node.

    :param peer: a process that runs, for the JavaScript nodes
    :param seed: of the choice of nodes and values
    """

    def __init__(self, reactor: Any, peer: PeerProcess, seed: int = 0) -> None:
        self._reactor = reactor
        self._peer = peer
        self._random = random.Random(seed)
        self._bootstrap = DHTNode(reactor, ephemeral=True)
        self.python: list[PythonNode] = []
        self.javaScript: list[PeerNode] = []

    async def run(self, nodes: int, values: int) -> Figures:
        """
        Build the network, then store and look up.

        :param nodes: how many of each side
        :param values: how many each side stores
        """
        started = self._reactor.seconds()
        await self._join(nodes)
        joined = self._reactor.seconds()
        choose = self._random.choice
        byPython, byJavaScript = Direction("Python"), Direction("JavaScript")
        for number in range(values):
            value = b"value %d, stored by Python" % number
            python, javaScript = choose(self.python), choose(self.javaScript)
            await python.update("values", keyOf(value), value).collect()
            found = await javaScript.query("values", keyOf(value))
            await self._count(byPython, python, value, found)

            value = b"value %d, stored by JavaScript" % number
            python, javaScript = choose(self.python), choose(self.javaScript)
            await javaScript.update("values", keyOf(value), value)
            found = await python.query("values", keyOf(value)).collect()
            await self._count(byJavaScript, javaScript, value, found)
        ended = self._reactor.seconds()
        return Figures((byPython, byJavaScript), joined - started, ended - joined)

    async def _join(self, nodes: int) -> None:
        self._bootstrap.listen(0, LOCAL_HOST)
        address = self._bootstrap.address()
        joining = Deferred.fromCoroutine(self._peer.nodes(nodes, address, seconds=JOIN_SECONDS))
        for _ in range(nodes):
            node = PythonNode(self._reactor, bootstrap=[address])
            self.python.append(node)
            await node.start()
        self.javaScript = await joining

    async def _count(
        self, direction: Direction, storer: AnyNode, value: bytes, found: list[Reply]
    ) -> None:
        key = keyOf(value)
        holders = {node.id for node in self.python if key in node.values.held}
        holders |= await self._peer.holders(key)
        others: list[AnyNode] = [*self.python, *self.javaScript]
        others.remove(storer)
        closest = sorted((node.id for node in others), key=lambda id: distance(id, key))[:HOLDERS]
        direction.values += 1
        direction.found += any(reply.value == value for reply in found)
        direction.holders += len(holders)
        direction.closest += len(holders.intersection(closest))
        direction.reachable += len(closest)

    async def stop(self) -> None:
        """Release the Python nodes; the others end with their process."""
        await gatherResults([node.destroy() for node in (self._bootstrap, *self.python)])


async def _main(reactor: Any, nodes: int, values: int, seed: int) -> None:
    peer = PeerProcess(reactor)
    swarm = MixedSwarm(reactor, peer, seed)
    try:
        await peer.start()
        figures = await swarm.run(nodes, values)
    finally:
        await swarm.stop()
        await peer.stop()
    print(f"{nodes} Python and {nodes} JavaScript nodes joined in {figures.joining:.1f} s")
    for direction in figures.directions:
        print(direction)
    print(f"stored and looked up in {figures.storing:.1f} s")
    if peer.exceptions or any(each.found < each.values for each in figures.directions):
        print("\n".join(["not all is well", *peer.exceptions]))
        raise SystemExit(1)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    from twisted.internet.task import react

    parser = argparse.ArgumentParser(
        prog="python -m tests.helpers.peer.acceptance_mixed", description=__doc__
    )
    parser.add_argument("--nodes", type=int, default=64, help="nodes of each side")
    parser.add_argument("--values", type=int, default=50, help="values that each side stores")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of nodes")
    given = parser.parse_args(arguments)
    react(
        lambda reactor: Deferred.fromCoroutine(
            _main(reactor, given.nodes, given.values, given.seed)
        )
    )


if __name__ == "__main__":
    main()
