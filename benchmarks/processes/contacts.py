"""
A thousand contacts to offer to a node: UDP sockets that ask it something, and answer its pings.
"""

from __future__ import annotations

import os
import socket
import sys
from selectors import EVENT_READ, BaseSelector, DefaultSelector

from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import ID_BYTES, packAddress

from .calls import answerCalls

#: How many contacts introduce themselves at once.
TOGETHER = 25

#: How long the line must be silent before an introduction counts as over, in seconds.
SILENCE = 0.1


class FakeNode:
    """A socket with an id, which it tells whoever pings it."""

    def __init__(self, id: bytes) -> None:
        self.id = id
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)

    def introduce(self, address: tuple[str, int]) -> None:
        """Ping a node, which tells it this one's id."""
        self.socket.sendto(wire.frameRequest(1, wire.requestBody(wire.PING, self.id)), address)

    def read(self) -> None:
        """Answer a ping, and pass over everything else."""
        datagram, address = self.socket.recvfrom(2048)
        if wire.isRequest(datagram):
            seenAs = packAddress(*address)
            answer = wire.encodeResponse(wire.transactionId(datagram), self.id, None, seenAs)
            self.socket.sendto(answer, address)


class Crowd:
    """
    All the fake nodes.

    :param selector: what they are to be registered with
    """

    def __init__(self, count: int, selector: BaseSelector) -> None:
        self._selector = selector
        self._nodes = [FakeNode(os.urandom(ID_BYTES)) for _ in range(count)]
        for node in self._nodes:
            selector.register(node.socket, EVENT_READ, node.read)

    def offer(self, port: int) -> None:
        """Introduce all of them to the node on this port, and wait until it asks no more."""
        for first in range(0, len(self._nodes), TOGETHER):
            for node in self._nodes[first : first + TOGETHER]:
                node.introduce(("127.0.0.1", port))
            while self._serve(SILENCE / 10):
                pass
        while self._serve(SILENCE):
            pass

    def _serve(self, seconds: float) -> bool:
        """Answer what comes within this time; tell whether anything did."""
        # Nothing but datagrams is ready here: the parent waits for the answer to its call.
        ready = self._selector.select(seconds)
        for key, _ in ready:
            key.data()
        return bool(ready)


def main(count: int) -> None:
    """
    Run the process.

    :param count: how many contacts there are
    """
    with DefaultSelector() as selector:
        crowd = Crowd(count, selector)
        answerCalls({"offer": crowd.offer}, selector)


if __name__ == "__main__":
    main(int(sys.argv[1]))
