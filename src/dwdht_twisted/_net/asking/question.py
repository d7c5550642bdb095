"""
The question that a query stream asks.
"""

from __future__ import annotations

from typing import NamedTuple

from ..._core import wire


class Question(NamedTuple):
    """
    What a stream asks, and of how many phases the asking consists.

    :ivar command: the name of the command
    :ivar target: 32 bytes
    :ivar value: the payload, or None
    :ivar holepunching: whether silent nodes are reached through the nodes that named them
    :ivar isUpdate: whether the closest nodes are sent an update once they are found
    :ivar withQuery: whether the answers of an update's first phase are results too
    :ivar local: whether the node itself is asked, if it is a member and among the closest
    """

    command: str
    target: bytes
    value: bytes | None = None
    holepunching: bool = True
    isUpdate: bool = False
    withQuery: bool = False
    local: bool = False

    @property
    def isForHandler(self) -> bool:
        """Whether handlers of users answer it."""
        return self.command not in wire.INTERNAL_COMMANDS

    def body(self, id: bytes | None, token: bytes | None = None) -> bytes:
        """The body of a request that asks it; see `requestBody`."""
        return wire.requestBody(
            self.command,
            id,
            self.target,
            roundtripToken=token,
            value=self.value,
            # A token makes the request an update.
            askerFlags=None if token is None else wire.UNDERSTANDS_REFUSAL,
        )
