"""
A layer that puts a mark in front of each datagram, for tests of the seam of private networks.
"""

from __future__ import annotations

from dwdht_twisted._core.wire import MAX_DATAGRAM_BYTES, HostPort
from dwdht_twisted.private import Transport

#: What stands in front of each datagram.
MARK = b"mark"


class MarkingLayer:
    """
    Marks what its node sends, and drops what comes without a mark.

    :ivar calls: the calls of ``start`` and ``stop`` in their order
    """

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.calls: list[str] = []

    def start(self) -> None:
        """Note the call."""
        self.calls.append("start")

    def stop(self) -> None:
        """Note the call."""
        self.calls.append("stop")

    def received(self, datagram: bytes, address: HostPort) -> None:
        """Deliver a marked datagram without its mark."""
        if datagram.startswith(MARK):
            self.transport.deliver(datagram[len(MARK) :], address)

    def send(self, datagram: bytes, address: HostPort) -> None:
        """Send a datagram with a mark."""
        self.transport.write(MARK + datagram, address)


class MarkingSecurity:
    """
    Makes marking layers.

    :param id: the id that its nodes have to have, or None
    :ivar layers: the layers that were made
    """

    overhead = len(MARK)
    maximumBytes = MAX_DATAGRAM_BYTES

    def __init__(self, id: bytes | None = None) -> None:
        self.id = id
        self.layers: list[MarkingLayer] = []

    def layer(self, transport: Transport) -> MarkingLayer:
        """Make a layer, and keep it in ``layers``."""
        layer = MarkingLayer(transport)
        self.layers.append(layer)
        return layer
