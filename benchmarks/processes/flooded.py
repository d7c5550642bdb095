"""
The flooded node, or the other nodes of its network.  They are two processes of this program.

The rate limit counts requests by their source address.  So each of the other nodes has a loopback
address of its own, and its requests don't count together with those of another node or of the
flood.
"""

from __future__ import annotations

import gc
from random import Random
from typing import Any

from dwdht_twisted import DHTNode
from dwdht_twisted.private import AuthorityFolder, SecurityContext

from ..usage import residentBytes
from .calls import Commands, answerWithReactor
from .lookups import Lookups

HOST = "127.0.0.1"


class Flooded:
    """
    The commands of the process.

    :param reactor: the real reactor
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._crowd: list[DHTNode] = []
        self._node: DHTNode
        self._lookups: Lookups

    async def crowd(self, size: int, folder: str | None = None) -> dict[str, Any]:
        """
        Start the other nodes.

        :param folder: where to make an authority, for a network by certificate
        :return: the ids of the nodes and the address of the first one
        """
        if folder is not None:
            AuthorityFolder.make(folder)
        for number in range(size):
            bootstrap = [node.address() for node in self._crowd[:1]]
            security = _member(folder, f"member-{number}")
            node = DHTNode(self._reactor, bootstrap=bootstrap, security=security)
            node.listen(0, f"127.1.{number >> 8}.{number & 255}" if number else "127.2.0.1")
            await node.ready()
            self._crowd.append(node)
        ids = [node.id.hex() for node in self._crowd]
        return {"bootstrap": str(self._crowd[0].address()), "ids": ids}

    async def start(
        self, bootstrap: str, ids: list[str], rateLimit: float, folder: str | None = None
    ) -> int:
        """Start the node; return its port."""
        security = _member(folder, "flooded")
        node = DHTNode(self._reactor, bootstrap=[bootstrap], rateLimit=rateLimit, security=security)
        node.listen(0, HOST)
        await node.ready()
        others = [bytes.fromhex(id) for id in ids]
        self._node = node
        self._lookups = Lookups(node, others, self._reactor.seconds, Random(1))
        return node.address().port

    def begin(self) -> None:
        """Start lookups on the node."""
        self._lookups.begin()

    async def end(self) -> dict[str, Any]:
        """Wait for the lookups that are running; return the durations and results of all."""
        await self._lookups.end()
        tally = self._lookups.take()
        return {"seconds": tally.seconds, "found": tally.found}

    def memory(self) -> int:
        """The resident memory of the process after a garbage collection, in bytes."""
        gc.collect()
        return residentBytes()

    def counters(self) -> dict[str, int]:
        """The counters of the node."""
        return self._node.counters.asDict()


def _member(folder: str | None, name: str) -> SecurityContext | None:
    if folder is None:
        return None
    authority = AuthorityFolder(folder)
    certificate, key = authority.certify(name)
    return SecurityContext(certificate, key, authority.certificateFile)


def makeCommands(reactor: Any) -> Commands:
    """The commands of the process."""
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
