"""
The command ``peers`` of ``hyperdht``, for Python nodes of the interop tests.
"""

from __future__ import annotations

from collections import defaultdict

from zope.interface import implementer

from dwdht_twisted import Address, ICommandHandler, Request
from dwdht_twisted._core.wire import packAddress

#: The type of an update that announces the sender, and of one that takes the announcement back.
#: Other values only list peers.
ANNOUNCE = 1
UNANNOUNCE = 2


@implementer(ICommandHandler)
class Announcements:
    """
    The peers that announced themselves to one node, without expiry and without local addresses.

    :ivar held: the addresses that announced themselves, by topic
    """

    def __init__(self) -> None:
        self.held: dict[bytes, set[Address]] = defaultdict(set)

    def queryReceived(self, request: Request) -> bytes | None:
        """Return the peers of the topic, without the asker itself."""
        return self._list(request, _read(request)[1])

    def updateReceived(self, request: Request) -> bytes | None:
        """Announce the sender or take its announcement back."""
        kind, peer = _read(request)
        if kind == UNANNOUNCE:
            self.held[request.target].discard(peer)
            return None
        if kind == ANNOUNCE:
            self.held[request.target].add(peer)
        return self._list(request, peer)

    def _list(self, request: Request, asker: Address) -> bytes | None:
        peers = b"".join(packAddress(*peer) for peer in self.held[request.target] - {asker})
        return bytes([0x0A, len(peers)]) + peers if peers else None


def _read(request: Request) -> tuple[int, Address]:
    """Return the type of a request, and the address that it announces."""
    value = request.value or b""
    kind, port = value[1], 0
    # The second field is the port, in groups of seven bits, the lowest first.
    for position, byte in enumerate(value[3:6]):
        port |= (byte & 0x7F) << 7 * position
        if byte < 0x80:
            break
    return kind, Address(request.node.host, port or request.node.port)
