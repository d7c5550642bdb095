"""
Contacts for a node: UDP sockets that ping it once, and answer its pings.
"""

from __future__ import annotations

import os
import socket
import sys
from selectors import EVENT_READ, BaseSelector, DefaultSelector

from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import ID_BYTES, packAddress

from .calls import answerCalls

#: The number of contacts that introduce themselves at the same time.  Larger: some of them don't
#: become contacts, because the node pings a limited number of newcomers at a time.
TOGETHER = 25

#: The time without a datagram after which an introduction is over, in seconds.
SILENCE = 0.1


class FakeNode:
    """A socket with an id that answers pings."""

    def __init__(self, id: bytes) -> None:
        self.id = id
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)

    def introduce(self, address: tuple[str, int]) -> None:
        """Ping a node, with this node's id."""
        self.socket.sendto(wire.frameRequest(1, wire.requestBody(wire.PING, self.id)), address)

    def read(self) -> None:
        """Answer a ping, and ignore any other datagram."""
        datagram, address = self.socket.recvfrom(2048)
        if wire.isRequest(datagram):
            seenAs = packAddress(*address)
            answer = wire.encodeResponse(wire.transactionId(datagram), self.id, None, seenAs)
            self.socket.sendto(answer, address)


class Crowd:
    """
    All fake nodes of the process.

    :param selector: the selector to register their sockets with
    """

    def __init__(self, count: int, selector: BaseSelector) -> None:
        self._selector = selector
        self._nodes = [FakeNode(os.urandom(ID_BYTES)) for _ in range(count)]
        for node in self._nodes:
            selector.register(node.socket, EVENT_READ, node.read)

    def offer(self, port: int) -> None:
        """Introduce all fake nodes to the node on this port, and wait until it stops pinging."""
        for first in range(0, len(self._nodes), TOGETHER):
            for node in self._nodes[first : first + TOGETHER]:
                node.introduce(("127.0.0.1", port))
            while self._serve(SILENCE / 10):
                pass
        while self._serve(SILENCE):
            pass

    def _serve(self, seconds: float) -> bool:
        """Answer the pings that arrive within this time; return whether any datagram arrived."""
        # Only sockets can be ready.  The standard input can't be, because the parent waits for the
        # answer to its call before it makes another.
        ready = self._selector.select(seconds)
        for key, _ in ready:
            key.data()
        return bool(ready)


def main(count: int) -> None:
    """
    Run the process.

    :param count: the number of contacts
    """
    with DefaultSelector() as selector:
        crowd = Crowd(count, selector)
        answerCalls({"offer": crowd.offer}, selector)


if __name__ == "__main__":
    main(int(sys.argv[1]))
