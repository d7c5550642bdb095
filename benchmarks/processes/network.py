"""
A network of nodes of this package in one process.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Any

from twisted.internet.task import deferLater
from zope.interface import implementer

from dwdht_twisted import DHTNode, ICommandHandler, Request, ValueNotFound, values
from dwdht_twisted.values import MemoryStore

from ..usage import cpuSeconds, peakBytes, residentBytes
from .calls import Commands, answerWithReactor
from .timing import timed

LOCAL_HOST = "127.0.0.1"

#: How long a network is left alone when it is built, so that what is under way ends, in seconds.
SETTLING = 0.5


@implementer(ICommandHandler)
class NoteHandler:
    """Answers a query with nothing, and takes an update without keeping it."""

    def queryReceived(self, request: Request) -> None:
        """See `ICommandHandler`."""

    def updateReceived(self, request: Request) -> None:
        """See `ICommandHandler`."""


class Network:
    """
    What the process is called for.

    :param reactor: the real one
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._nodes: list[DHTNode] = []
        self._stores: list[MemoryStore] = []

    async def build(self, ids: Sequence[str]) -> dict[str, float]:
        """
        Start a bootstrap node, and the nodes with these ids one after the other.

        :return: the port of the bootstrap node, the seconds of CPU that it took, the memory before,
            after, and at the most
        """
        gc.collect()
        before = residentBytes()
        cpu = cpuSeconds()
        bootstrap = DHTNode(self._reactor, ephemeral=True)
        bootstrap.listen(0, LOCAL_HOST)
        for id in ids:
            node = DHTNode(self._reactor, bootstrap=[bootstrap.address()], id=bytes.fromhex(id))
            store = MemoryStore(self._reactor.seconds)
            node.register("note", NoteHandler())
            node.register(values.COMMAND, values.ValueHandler(store))
            node.listen(0, LOCAL_HOST)
            await node.ready()
            self._nodes.append(node)
            self._stores.append(store)
        await deferLater(self._reactor, SETTLING)
        cpu = cpuSeconds() - cpu
        gc.collect()
        return {
            "port": bootstrap.address().port,
            "cpu": cpu,
            "before": before,
            "after": residentBytes(),
            "peak": peakBytes(),
        }

    async def idle(self, seconds: float) -> float:
        """The seconds of CPU that the network takes when nobody asks it anything."""
        cpu = cpuSeconds()
        await deferLater(self._reactor, seconds)
        return cpuSeconds() - cpu

    def contacts(self) -> float:
        """How many contacts a node has on average."""
        return sum(len(node.contacts()) for node in self._nodes) / len(self._nodes)

    async def query(self, operations: Sequence[tuple[int, str]]) -> dict[str, Any]:
        """Have nodes, by number, query for targets."""

        async def run(asker: int, target: str) -> int:
            stream = self._nodes[asker].query("note", bytes.fromhex(target))
            await stream.collect()
            return stream.responses

        return await timed(operations, run)

    async def update(self, operations: Sequence[tuple[int, str]]) -> dict[str, Any]:
        """Have nodes, by number, send updates to the nodes closest to targets."""

        async def run(asker: int, target: str) -> int:
            stream = self._nodes[asker].update("note", bytes.fromhex(target), b"note")
            await stream.collect()
            return stream.commits

        return await timed(operations, run)

    async def put(self, operations: Sequence[tuple[int, str]]) -> dict[str, Any]:
        """Have nodes, by number, store values."""

        async def run(asker: int, value: str) -> int:
            key = await values.put(self._nodes[asker], bytes.fromhex(value))
            return sum(store.get(key) is not None for store in self._stores)

        return await timed(operations, run)

    async def get(self, operations: Sequence[tuple[Sequence[int], str]]) -> dict[str, Any]:
        """Have the first of some nodes, by number, that doesn't hold a value find it."""

        async def run(askers: Sequence[int], value: str) -> bool:
            wanted = bytes.fromhex(value)
            key = values.keyOf(wanted)
            asker = next(number for number in askers if self._stores[number].get(key) is None)
            try:
                return await values.get(self._nodes[asker], key) == wanted
            except ValueNotFound:
                return False

        return await timed(operations, run)


def makeCommands(reactor: Any) -> Commands:
    """What the process can be called for."""
    network = Network(reactor)
    return {
        "build": network.build,
        "idle": network.idle,
        "contacts": network.contacts,
        "query": network.query,
        "update": network.update,
        "put": network.put,
        "get": network.get,
    }


if __name__ == "__main__":
    answerWithReactor(makeCommands)
