"""
A network of 100 nodes that keep values for others.

    python examples/network.py [BOOTSTRAP] [COUNT]
"""

from __future__ import annotations

import sys
from hashlib import sha256
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react
from zope.interface import implementer

from dwdht_twisted import DHTNode, ICommandHandler, Request


@implementer(ICommandHandler)
class Values:
    """The handler of the command "values" on one node."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}

    def updateReceived(self, request: Request) -> None:
        """Store a value: this node is one of those closest to its key."""
        if request.value is None:
            return
        # Compute the key from the value: the asker may send a wrong target.
        key = sha256(request.value).digest()
        self.values[key] = request.value
        print("storing", key.hex(), "-->", request.value.decode(errors="replace"), flush=True)

    def queryReceived(self, request: Request) -> bytes | None:
        """Return the value of a key, or None."""
        return self.values.get(request.target)


def createNode(reactor: Any, bootstrap: str) -> DHTNode:
    node = DHTNode(reactor, bootstrap=[bootstrap])
    node.register("values", Values())
    node.listen()
    return node


async def main(reactor: Any, bootstrap: str = "localhost:10001", count: str = "100") -> None:
    nodes = [createNode(reactor, bootstrap) for _ in range(int(count))]
    await gatherResults([node.ready() for node in nodes])
    print(f"{len(nodes)} nodes are ready", flush=True)
    await Deferred()  # until the process is interrupted


if __name__ == "__main__":
    react(main, sys.argv[1:])
