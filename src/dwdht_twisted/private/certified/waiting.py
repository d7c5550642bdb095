"""
Datagrams that wait until there is an association with their receiver.
"""

from __future__ import annotations

from ..._core.wire import HostPort
from ..bounds import HANDSHAKE_DEADLINE, WAITING_BYTES, WAITING_DATAGRAMS


class WaitingData:
    """
    The datagrams that wait for handshakes, by their receiver.

    A node repeats a request that is not answered, so an equal datagram waits only once.

    A datagram is dropped when it has waited for longer than one handshake may take.  The receiver
    of an update remembers it for a limited time, in which all its repetitions have to arrive.

    The arguments ``now`` are times in seconds.
    """

    __slots__ = ("_bytes", "_waiting")

    def __init__(self) -> None:
        self._waiting: dict[HostPort, dict[bytes, float]] = {}
        self._bytes = 0

    def add(self, data: bytes, address: HostPort, now: float) -> bool:
        """
        Let a datagram wait.

        :return: whether it waits; otherwise there are too many, and it is lost
        """
        waiting = self._waiting.get(address, {})
        if data in waiting:
            return True
        if len(waiting) >= WAITING_DATAGRAMS or self._bytes + len(data) > WAITING_BYTES:
            return False
        self._waiting[address] = waiting
        waiting[data] = now
        self._bytes += len(data)
        return True

    def has(self, address: HostPort) -> bool:
        """Whether any datagram waits for this receiver."""
        return address in self._waiting

    def take(self, address: HostPort, now: float) -> list[bytes]:
        """Take the datagrams that wait for this receiver, in their order, without the old ones."""
        waiting = self._waiting.pop(address, {})
        self._bytes -= sum(map(len, waiting))
        return [data for data, since in waiting.items() if now - since <= HANDSHAKE_DEADLINE]
