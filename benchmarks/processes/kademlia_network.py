"""
A network of nodes of ``kademlia``, from PyPI, in one process.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from kademlia.network import Server
from kademlia.utils import digest

from ..usage import cpuSeconds, peakBytes, residentBytes
from .calls import answerWithLoop
from .timing import timed

LOCAL_HOST = "127.0.0.1"

#: The pause after a network is built, in seconds, as in `benchmarks.processes.network`.
SETTLING = 0.5

#: The size of an id of ``kademlia``, which is a SHA-1 hash.
ID_BYTES = 20


class Network:
    """The commands of the process."""

    def __init__(self) -> None:
        self._servers: list[Server] = []

    async def build(self, ids: Sequence[str]) -> dict[str, float]:
        """
        Start a bootstrap node, and then the nodes with these ids, one after the other.

        :return: as `benchmarks.processes.network.Network.build`, without the port
        """
        gc.collect()
        before = residentBytes()
        cpu = cpuSeconds()
        bootstrap = Server()
        await bootstrap.listen(0, LOCAL_HOST)
        known = [bootstrap.transport.get_extra_info("sockname")]
        for id in ids:
            server = Server(node_id=bytes.fromhex(id)[:ID_BYTES])
            await server.listen(0, LOCAL_HOST)
            await server.bootstrap(known)
            self._servers.append(server)
        await asyncio.sleep(SETTLING)
        cpu = cpuSeconds() - cpu
        gc.collect()
        return {"cpu": cpu, "before": before, "after": residentBytes(), "peak": peakBytes()}

    async def idle(self, seconds: float) -> float:
        """The CPU time of the network without requests from outside, in seconds."""
        cpu = cpuSeconds()
        await asyncio.sleep(seconds)
        return cpuSeconds() - cpu

    def contacts(self) -> float:
        """The mean number of contacts of a node."""
        return sum(
            len(bucket.nodes)
            for server in self._servers
            for bucket in server.protocol.router.buckets
        ) / len(self._servers)

    async def put(self, operations: Sequence[tuple[int, str]]) -> dict[str, Any]:
        """Store values.  An operation is the number of the asking node, and the value."""

        async def run(asker: int, value: str) -> int:
            key = _keyOf(value)
            await self._servers[asker].set(key, bytes.fromhex(value))
            return sum(self._holds(server, key) for server in self._servers)

        return await timed(operations, run)

    async def get(self, operations: Sequence[tuple[Sequence[int], str]]) -> dict[str, Any]:
        """
        Find values.

        An operation is the numbers of some nodes, and the value.  The first of these nodes that
        doesn't hold the value asks for it.
        """

        async def run(askers: Sequence[int], value: str) -> bool:
            key = _keyOf(value)
            candidates = (self._servers[number] for number in askers)
            asker = next(server for server in candidates if not self._holds(server, key))
            return bool(await asker.get(key) == bytes.fromhex(value))

        return await timed(operations, run)

    def _holds(self, server: Server, key: bytes) -> bool:
        return server.storage.get(digest(key)) is not None


def _keyOf(value: str) -> bytes:
    return sha256(bytes.fromhex(value)).digest()


def main() -> None:
    """Run the process."""
    # Without a handler, Python prints the warnings of ``kademlia`` to standard error.
    logging.getLogger().addHandler(logging.NullHandler())
    network = Network()
    asyncio.run(
        answerWithLoop(
            {
                "build": network.build,
                "idle": network.idle,
                "contacts": network.contacts,
                "put": network.put,
                "get": network.get,
            }
        )
    )


if __name__ == "__main__":
    main()
