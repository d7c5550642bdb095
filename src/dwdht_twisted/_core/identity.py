"""
What a node says of itself in its datagrams.
"""

from __future__ import annotations

from .wire import HEADER_BYTES, PING, requestBody


class Identity:
    """
    The id of a node, and whether the node sends it.

    A node that sends its id is a member: other nodes list it.  A node that doesn't is ephemeral.

    :param id: 32 bytes
    :param isMember: whether the node sends its id
    :ivar id: 32 bytes, even when the node is ephemeral
    :ivar sent: the id that the node sends, or None when it is ephemeral
    :ivar ping: the body of a ping, as `requestBody` makes it
    :ivar pingBytes: the size of a ping, in bytes
    """

    __slots__ = ("id", "ping", "pingBytes", "sent")

    sent: bytes | None
    ping: bytes
    pingBytes: int

    def __init__(self, id: bytes, *, isMember: bool) -> None:
        self.id = id
        self.become(isMember=isMember)

    def take(self, id: bytes) -> None:
        """Have another id from now on.  A node does that before it sends anything."""
        self.id = id
        self.become(isMember=self.sent is not None)

    def become(self, *, isMember: bool) -> None:
        """Send the id from now on, or send it no more."""
        self.sent = self.id if isMember else None
        self.ping = requestBody(PING, self.sent)
        self.pingBytes = HEADER_BYTES + len(self.ping)
