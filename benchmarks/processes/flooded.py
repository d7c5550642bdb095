"""
The node that is flooded, in a process of its own, and the crowd that it looks nodes up in, in
another.

Every node of the crowd has a host of its own, as far as loopback has them, so that the rate limit
tells them from each other and from whoever floods.
"""

from __future__ import annotations

import gc
from random import Random
from typing import Any

from dwdht_twisted import DHTNode

from ..usage import residentBytes
from .calls import Commands, answerWithReactor
from .lookups import Lookups

HOST = "127.0.0.1"


class Flooded:
    """
    What the process is called for.

    :param reactor: the real one
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._crowd: list[DHTNode] = []
        self._node: DHTNode
        self._lookups: Lookups

    async def crowd(self, size: int) -> dict[str, Any]:
        """Start nodes that serve, and give their ids and the address of one of them."""
        for number in range(size):
            bootstrap = [node.address() for node in self._crowd[:1]]
            node = DHTNode(self._reactor, bootstrap=bootstrap)
            node.listen(0, f"127.1.{number >> 8}.{number & 255}" if number else "127.2.0.1")
            await node.ready()
            self._crowd.append(node)
        ids = [node.id.hex() for node in self._crowd]
        return {"bootstrap": str(self._crowd[0].address()), "ids": ids}

    async def start(self, bootstrap: str, ids: list[str], rateLimit: float) -> int:
        """Start the node, and give its port."""
        node = DHTNode(self._reactor, bootstrap=[bootstrap], rateLimit=rateLimit)
        node.listen(0, HOST)
        await node.ready()
        others = [bytes.fromhex(id) for id in ids]
        self._node = node
        self._lookups = Lookups(node, others, self._reactor.seconds, Random(1))
        return node.address().port

    def begin(self) -> None:
        """Have it look up, from now on."""
        self._lookups.begin()

    async def end(self) -> dict[str, Any]:
        """Wait for the lookups that run, and tell what has come of all."""
        await self._lookups.end()
        tally = self._lookups.take()
        return {"seconds": tally.seconds, "found": tally.found}

    def memory(self) -> int:
        """The memory of the process, in bytes."""
        gc.collect()
        return residentBytes()

    def counters(self) -> dict[str, int]:
        """What the node has done."""
        return self._node.counters.asDict()


def makeCommands(reactor: Any) -> Commands:
    """What the process can be called for."""
    flooded = Flooded(reactor)
    return {
        "crowd": flooded.crowd,
        "start": flooded.start,
        "begin": flooded.begin,
        "end": flooded.end,
        "memory": flooded.memory,
        "counters": flooded.counters,
    }


if __name__ == "__main__":
    answerWithReactor(makeCommands)
