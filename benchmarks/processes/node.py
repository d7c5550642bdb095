"""
One node of this package, which serves requests.
"""

from __future__ import annotations

from typing import Any

from zope.interface import implementer

from dwdht_twisted import DHTNode, ICommandHandler, Request

from ..usage import cpuSeconds
from .calls import Commands, answerWithReactor


@implementer(ICommandHandler)
class EchoHandler:
    """Answers queries and updates with the value of the request."""

    def queryReceived(self, request: Request) -> bytes | None:
        """See `ICommandHandler`."""
        return request.value

    def updateReceived(self, request: Request) -> bytes | None:
        """See `ICommandHandler`."""
        return request.value


def makeCommands(reactor: Any) -> Commands:
    """The commands of the process."""
    node = DHTNode(reactor)
    node.register("echo", EchoHandler())

    def start() -> int:
        node.listen(0, "127.0.0.1")
        return node.address().port

    return {"start": start, "cpu": cpuSeconds, "contacts": lambda: len(node.contacts())}


if __name__ == "__main__":
    answerWithReactor(makeCommands)
