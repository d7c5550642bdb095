"""
A network of nodes of this package, in one process.
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

#: The pause after a network is built, in seconds.  Smaller: requests of the last nodes are still in
#: flight, and count as part of the first measurement.
SETTLING = 0.5


@implementer(ICommandHandler)
class NoteHandler:
    """Answers a query without a value, and takes an update without storing it."""

    def queryReceived(self, request: Request) -> None:
        """See `ICommandHandler`."""

    def updateReceived(self, request: Request) -> None:
        """See `ICommandHandler`."""


class Network:
    """
    The commands of the process.

    :param reactor: the real reactor
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._nodes: list[DHTNode] = []
        self._stores: list[MemoryStore] = []

    async def build(self, ids: Sequence[str]) -> dict[str, float]:
        """
        Start a bootstrap node, and then the nodes with these ids, one after the other.

        :return: the port of the bootstrap node, the CPU time in seconds, and the memory before,
            after, and at its peak, in bytes
        """
        gc.collect()
        before = residentBytes()
        cpu = cpuSeconds()
        bootstrap = DHTNode(self._reactor, ephemeral=True)
        bootstrap.listen(0, LOCAL_HOST)
        for id in ids:
            node = DHTNode(self._reactor, bootstrap=[bootstrap.address()], id=bytes.fromhex(id))
            store = MemoryStore(self._reactor)
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
        """The CPU time of the network without requests from outside, in seconds."""
        cpu = cpuSeconds()
        await deferLater(self._reactor, seconds)
        return cpuSeconds() - cpu

    def contacts(self) -> float:
        """The mean number of contacts of a node."""
        return sum(len(node.contacts()) for node in self._nodes) / len(self._nodes)

    async def query(self, operations: Sequence[tuple[int, str]]) -> dict[str, Any]:
        """Query for targets.  An operation is the number of the asking node, and the target."""

        async def run(asker: int, target: str) -> int:
            stream = self._nodes[asker].query("note", bytes.fromhex(target))
            await stream.collect()
            return stream.responses

        return await timed(operations, run)

    async def update(self, operations: Sequence[tuple[int, str]]) -> dict[str, Any]:
        """Send updates.  An operation is the number of the asking node, and the target."""

        async def run(asker: int, target: str) -> int:
            stream = self._nodes[asker].update("note", bytes.fromhex(target), b"note")
            await stream.collect()
            return stream.commits

        return await timed(operations, run)

    async def put(self, operations: Sequence[tuple[int, str]]) -> dict[str, Any]:
        """Store values.  An operation is the number of the asking node, and the value."""

        async def run(asker: int, value: str) -> int:
            key = await values.put(self._nodes[asker], bytes.fromhex(value))
            return sum(store.get(key) is not None for store in self._stores)

        return await timed(operations, run)

    async def get(self, operations: Sequence[tuple[Sequence[int], str]]) -> dict[str, Any]:
        """
        Find values.

        An operation is the numbers of some nodes, and the value.  The first of these nodes that
        doesn't hold the value asks for it.
        """

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
    """The commands of the process."""
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
