"""
Reading the datagrams of a port.
"""

from __future__ import annotations

import socket as sockets
from errno import (
    EAGAIN,
    ECONNABORTED,
    ECONNREFUSED,
    ECONNRESET,
    EHOSTUNREACH,
    EINTR,
    EMSGSIZE,
    ENETDOWN,
    ENETRESET,
    ENETUNREACH,
    ENOBUFS,
    ETIMEDOUT,
    EWOULDBLOCK,
)
from mmap import mmap
from typing import Any

from twisted.logger import Logger

from .bounds import DATAGRAMS_A_TURN, READ_BYTES

#: The errors after which there is nothing to read.
NOTHING_TO_READ = {
    EAGAIN,
    EWOULDBLOCK,
    EINTR,
    # These are told once, and the next datagrams are read as before.  They are about the network or
    # about a datagram that was sent.  Twisted's own way passes over some of them on Windows.
    ECONNABORTED,
    ECONNREFUSED,
    ECONNRESET,
    EHOSTUNREACH,
    EMSGSIZE,
    ENETDOWN,
    ENETRESET,
    ENETUNREACH,
    ENOBUFS,
    ETIMEDOUT,
}


class DatagramReader:
    """
    Reads the datagrams of a port of Twisted.

    Twisted's own way has two faults.  It reads on until 256 kB have come, so a flood of empty
    datagrams would keep it from everything else.  And for each datagram it allocates the room of
    the largest one, and gives back what is not needed, which leaves holes in the memory of the
    process.

    :param transport: the port
    :param socket: its socket
    """

    _log = Logger()

    def __init__(self, transport: Any, socket: sockets.socket) -> None:
        self._transport = transport
        self._socket = socket
        # Only the pages of a mapping that were written to take memory.
        self._buffer = memoryview(mmap(-1, READ_BYTES))

    def read(self) -> None:
        """Read what has come, at most `DATAGRAMS_A_TURN` datagrams."""
        buffer, receive = self._buffer, self._socket.recvfrom_into
        for _ in range(DATAGRAMS_A_TURN):
            try:
                size, source = receive(buffer)
            except OSError as error:
                if error.errno in NOTHING_TO_READ:
                    return
                raise
            self._deliver(size, source)

    def _deliver(self, size: int, source: Any) -> None:
        """Hand over the datagram at the start of the buffer."""
        try:
            self._transport.protocol.datagramReceived(self._buffer[:size].tobytes(), source)
        except BaseException:
            self._log.failure("reading a datagram failed")


def canReadOtherwise(transport: Any) -> bool:
    """Whether a port reads in Twisted's own way, so that a `DatagramReader` can take its place."""
    # This import is not at the top of the module, because a node on a simulated network does not
    # need it.
    from twisted.internet.udp import Port

    return getattr(type(transport), "doRead", None) is Port.doRead
