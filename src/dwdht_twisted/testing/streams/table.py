"""
The listening ports and the connections of a network, and how a segment crosses the network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from ..clock import schedulerOf

if TYPE_CHECKING:
    from .connection import MemoryConnection
    from .port import MemoryStreamPort

#: The seconds until a lost segment is sent again; each further time takes twice as long (RFC 6298).
RETRANSMISSION_TIMEOUT = 1.0

#: How often a lost segment is sent again, before its connection is lost.  That is 63 seconds after
#: the first time.  Larger: a connection survives a longer partition; Linux waits 15 minutes.
#: Smaller: a short one ends it.
RETRANSMISSIONS = 5


class StreamNetwork(Protocol):
    """
    The part of `MemoryNetwork` that TCP uses.

    :ivar clock: the clock of the network
    :ivar streams: the ports and the connections
    """

    clock: Clock
    streams: Streams

    def delay(self, source: str, destination: str) -> float | None:
        """The seconds that a segment is under way; None when it is lost."""

    def hasHost(self, host: str) -> bool:
        """Whether there is, or was, a host of this address."""


class Streams:
    """
    The listening ports and the connections of a network.

    :ivar ports: the open ports by host and number; each port adds and removes itself
    :ivar connections: the open ends of connections; each end adds and removes itself
    """

    def __init__(self) -> None:
        self.ports: dict[tuple[str, int], MemoryStreamPort] = {}
        self.connections: set[MemoryConnection] = set()

    def of(self, host: str) -> list[MemoryStreamPort | MemoryConnection]:
        """The open ports and the open ends of a host."""
        ports = [port for (each, _), port in self.ports.items() if each == host]
        return [*ports, *(end for end in self.connections if end.host == host)]

    def move(self, host: str, to: str) -> None:
        """Move the ports of a host to its new address.  Its connections end: they have the old."""
        for key in [key for key in self.ports if key[0] == host]:
            port = self.ports.pop(key)
            self.ports[to, key[1]] = port
            port.host = to
        for end in [end for end in self.connections if end.host == host]:
            end.connectionLost(Failure(ConnectionLost("the host has changed its address")))


class Segment:
    """
    A segment on its way.  It is sent again while it is lost.

    :param source: the IPv4 address of the sending host
    :param destination: the IPv4 address of the receiving host
    :param arrive: called at the arrival
    :param fail: called when the segment was lost too often
    """

    __slots__ = ("_arrive", "_destination", "_fail", "_network", "_schedule", "_source")

    def __init__(
        self,
        network: StreamNetwork,
        source: str,
        destination: str,
        *,
        arrive: Callable[[], object],
        fail: Callable[[], object],
    ) -> None:
        self._network = network
        self._schedule = schedulerOf(network.clock)
        self._source = source
        self._destination = destination
        self._arrive = arrive
        self._fail = fail
        self._send(0)

    def _send(self, number: int) -> None:
        delay = self._network.delay(self._source, self._destination)
        if delay is not None:
            self._schedule(delay, self._arrive)
        elif number <= RETRANSMISSIONS:
            self._schedule(RETRANSMISSION_TIMEOUT * 2**number, self._send, number + 1)
        else:
            self._fail()


__all__ = ["Segment", "StreamNetwork", "Streams"]
