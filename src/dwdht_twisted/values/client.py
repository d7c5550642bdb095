"""
`put` and `get`: store a value on the network, and find one by its key.

The stream of a query or an update doesn't ask the node that makes it.  So both functions also call
the handler that this node itself has for the command, through `ICommandHandler`.
"""

from __future__ import annotations

from collections.abc import Awaitable

from twisted.internet.defer import Deferred

from .._core.wire import Contact, checkId
from ..errors import NoCloseNodes, NoResponse, ValueNotFound
from ..interfaces import ICommandHandler, IDHTNode, Request
from .keys import COMMAND, checkValue, keyOf


def put(node: IDHTNode, value: bytes) -> Deferred[bytes]:
    """
    Store a value on the 20 nodes closest to its key.

    When this node is the only member of its network and has a handler for the command, the value is
    stored on this node instead.

    :param value: up to 1,000 bytes
    :return: fires with the key, 32 bytes; fails with `NoResponse` when there are other nodes and
        none answered, and with `NoCloseNodes` when none took the value
    :raises TypeError: when the value isn't bytes
    :raises ValueTooLarge: when it has more than 1,000 bytes
    """
    key = keyOf(checkValue(value))

    async def store() -> bytes:
        try:
            await node.update(COMMAND, key, value).collect()
        except (NoResponse, NoCloseNodes):
            # In a network with other members, a copy on this node alone is not a success: no other
            # node learns where it is.
            if not await _storeAlone(node, key, value):
                raise
        return key

    return Deferred.fromCoroutine(store())


def get(node: IDHTNode, key: bytes) -> Deferred[bytes]:
    """
    Find a value by its key.

    This node's own store is asked first.  The query of the others stops at the first valid value.

    :param key: 32 bytes
    :return: fires with the value; fails with `ValueNotFound` when no node that was asked has it,
        and with `NoResponse` when no node answered
    :raises InvalidTarget: when the key isn't 32 bytes
    """
    key = checkId(key, "a key")

    async def find() -> bytes:
        own = await _storedHere(node, key)
        if own is not None and keyOf(own) == key:
            return own
        stream = node.query(COMMAND, key)
        try:
            async for reply in stream:
                if reply.value is not None and keyOf(reply.value) == key:
                    return reply.value
        finally:
            stream.stopProducing()
        raise ValueNotFound(f"no node holds a valid value under {key.hex()}")

    return Deferred.fromCoroutine(find())


async def _storeAlone(node: IDHTNode, key: bytes, value: bytes) -> bool:
    """Store a value on this node if it is the only member; return whether it is stored there."""
    handler = ICommandHandler(node, None)
    if handler is None or node.ephemeral or not await _isOnlyMember(node):
        return False
    request = Request(COMMAND, key, value, Contact(node.id, *node.address()))
    result = handler.updateReceived(request)
    if isinstance(result, Awaitable):
        await result
    return await _storedHere(node, key) == value


async def _isOnlyMember(node: IDHTNode) -> bool:
    """Whether neither a node nor the bootstrap nodes, if it has any, know of another member."""
    if node.contacts():
        return False
    try:
        await node.bootstrap()
    except NoResponse:
        # The network may be out of reach, so this node can't know that it is alone.  Without
        # bootstrap nodes or contacts of an earlier run, bootstrap() succeeds at once: it is alone.
        return False
    return not node.contacts()


async def _storedHere(node: IDHTNode, key: bytes) -> bytes | None:
    """The value that this node's own handler returns for a key; None without a handler."""
    handler = ICommandHandler(node, None)
    if handler is None:
        return None
    request = Request(COMMAND, key, None, Contact(node.id, *node.address()))
    result = handler.queryReceived(request)
    return await result if isinstance(result, Awaitable) else result


__all__ = ["get", "put"]
