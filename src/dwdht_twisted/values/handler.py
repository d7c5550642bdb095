"""
The handler of the ``values`` command, for a node that keeps values for others.
"""

from __future__ import annotations

from collections.abc import Awaitable

from zope.interface import implementer

from ..interfaces import HandlerResult, ICommandHandler, IValueStore, Request
from .keys import MAXIMUM_VALUE_BYTES, keyOf


@implementer(ICommandHandler)
class ValueHandler:
    """
    Stores the values that other nodes put, and returns them to nodes that ask for their keys.

    A value that is missing, too large, or under a key that isn't its own is ignored, and the update
    is answered like any other: data from the network is never an error of this node.

    :param store: where the values are kept
    """

    def __init__(self, store: IValueStore) -> None:
        self._store = store

    def queryReceived(self, request: Request) -> HandlerResult:
        """Return the value whose key is the target, or None if the store doesn't hold it."""
        return self._store.get(request.target)

    def updateReceived(self, request: Request) -> Awaitable[None] | None:
        """Store the value, if it has up to 1,000 bytes and the target is its key."""
        value = request.value
        if (
            value is not None
            and len(value) <= MAXIMUM_VALUE_BYTES
            and keyOf(value) == request.target
        ):
            return self._store.put(request.target, value)
        return None


__all__ = ["ValueHandler"]
