"""
A network of Python and JavaScript nodes. Each side looks up the values that the other one stored.

Run as a command, it prints its figures and exits with 1 if a value was lost. The interop tests run
a smaller network::

    python -m tests.helpers.peer.mixed_swarm --nodes 64 --values 50
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

#: The number of nodes that hold a value: Kademlia's k.
HOLDERS = 20

#: The most seconds in which all JavaScript nodes together must join, one after the other.
JOIN_SECONDS = 120.0


@dataclass
class Direction:
    """
    Counts over the values that one side stored and the other side looked up.

    :ivar storer: the side that stored the values
    :ivar values: the number of values
    :ivar found: the number of values that the other side found
    :ivar holders: the number of nodes that hold a value, summed over all values
    :ivar closest: the number of these holders that are among the 20 nodes closest to the value's
        key, not counting the storing node, summed over all values
    :ivar reachable: the number of these closest nodes, summed over all values
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
    """
    The figures of a run.

    :ivar directions: the counts of both directions
    :ivar joining: the seconds for joining
    :ivar storing: the seconds for storing and looking up
    """

    directions: tuple[Direction, Direction]
    joining: float
    storing: float


class MixedSwarm:
    """
    A network with equal numbers of Python and JavaScript nodes.

    They join through an ephemeral Python node.

    :param peer: the running process of the JavaScript nodes
    :param seed: the seed of the choice of nodes
    :ivar python: the Python nodes
    :ivar javaScript: the JavaScript nodes
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
        Build the network. Then store and look up values.

        :param nodes: the number of nodes of each side
        :param values: the number of values that each side stores
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
        """Destroy the Python nodes. The JavaScript nodes end together with their process."""
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
        print("\n".join(["a value was lost, or the peer raised an exception", *peer.exceptions]))
        raise SystemExit(1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and run the network in a reactor."""
    from twisted.internet.task import react

    parser = argparse.ArgumentParser(
        prog="python -m tests.helpers.peer.mixed_swarm", description=__doc__
    )
    parser.add_argument("--nodes", type=int, default=64, help="nodes of each side")
    parser.add_argument("--values", type=int, default=50, help="values that each side stores")
    parser.add_argument("--seed", type=int, default=0, help="seed of the choice of nodes")
    given = parser.parse_args(arguments)
    react(
        lambda reactor: Deferred.fromCoroutine(
            _main(reactor, given.nodes, given.values, given.seed)
        )
    )


if __name__ == "__main__":
    main()
