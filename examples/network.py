"""
A hundred nodes that keep values for others.

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
    """The command "values" of one node."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}

    def updateReceived(self, request: Request) -> None:
        """This node is one of the closest, and somebody wants to store a value here."""
        if request.value is None:
            return
        # The hash of the value is the key.
        key = sha256(request.value).digest()
        self.values[key] = request.value
        print("storing", key.hex(), "-->", request.value.decode(errors="replace"), flush=True)

    def queryReceived(self, request: Request) -> bytes | None:
        """Somebody looks for a value."""
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
