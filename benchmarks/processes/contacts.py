"""
A thousand contacts to offer to a node: UDP sockets that ask it something, and answer its pings.
"""

from __future__ import annotations

import os
import selectors
import socket
import sys
from time import monotonic

from dwdht_twisted import wire
from dwdht_twisted.contact import ID_BYTES, packAddress

from .calls import Commands, answerNow

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

    :param count: how many
    """

    def __init__(self, count: int) -> None:
        self._nodes = [FakeNode(os.urandom(ID_BYTES)) for _ in range(count)]
        self._isCalled = False
        self._selector = selectors.DefaultSelector()
        for node in self._nodes:
            self._selector.register(node.socket, selectors.EVENT_READ, node)

    def offer(self, port: int) -> None:
        """Introduce all of them to the node on this port, and wait until it is content."""
        for first in range(0, len(self._nodes), TOGETHER):
            for node in self._nodes[first : first + TOGETHER]:
                node.introduce(("127.0.0.1", port))
            while self._serve(SILENCE / 10):
                pass
        quietSince = monotonic()
        while monotonic() < quietSince + SILENCE:
            if self._serve(SILENCE / 10):
                quietSince = monotonic()

    def answerCalls(self, commands: Commands) -> None:
        """Answer pings, and the calls of the parent, until its line is closed."""
        self._selector.register(0, selectors.EVENT_READ)
        read = b""
        while True:
            self._serve(None)
            if not self._isCalled:
                continue
            data = os.read(0, 1 << 16)
            if not data:
                return
            *lines, read = (read + data).split(b"\n")
            for line in lines:
                answerNow(commands, line)

    def _serve(self, seconds: float | None) -> bool:
        """Answer what has come or comes in time; tell whether anything did."""
        served = False
        self._isCalled = False
        for key, _ in self._selector.select(seconds):
            if key.data is None:
                self._isCalled = True
            else:
                key.data.read()
                served = True
        return served


def main(count: int) -> None:
    """
    Run the process.

    :param count: how many contacts there are
    """
    crowd = Crowd(count)
    crowd.answerCalls({"offer": crowd.offer})


if __name__ == "__main__":
    main(int(sys.argv[1]))
