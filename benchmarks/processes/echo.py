"""
A bare Twisted echo: the cost of receiving and sending a datagram.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import DatagramProtocol

from ..usage import cpuSeconds
from .calls import Commands, answerWithReactor


class Echo(DatagramProtocol):
    """Sends each datagram back."""

    noisy = False

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        assert self.transport is not None
        self.transport.write(datagram, addr)


def makeCommands(reactor: Any) -> Commands:
    """The commands of the process."""
    return {
        "start": lambda: reactor.listenUDP(0, Echo(), "127.0.0.1").getHost().port,
        "cpu": cpuSeconds,
    }


if __name__ == "__main__":
    answerWithReactor(makeCommands)
