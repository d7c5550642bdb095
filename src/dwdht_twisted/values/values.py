"""
A key-value store on the network, on the public API of a node alone.

The command is ``values``.  The key of a value is its SHA-256, so that nobody has
to be trusted: whoever stores checks the key, and whoever fetches checks it
again.  A value is kept by the nodes closest to its key, for as long as their
stores keep it; who wants it kept longer puts it again.
"""

from __future__ import annotations

from collections.abc import Awaitable
from hashlib import sha256

from twisted.internet.defer import Deferred
from zope.interface import implementer

from .._core.wire import Contact, checkId
from ..errors import NoCloseNodes, NoResponse, ValueNotFound, ValueTooLarge
from ..interfaces import HandlerResult, ICommandHandler, IDHTNode, IValueStore, Request

#: The name of the command.
COMMAND = "values"

#: The size that a value may have, in bytes.  As in BEP 44, it leaves room for the rest of the
#: message in a datagram that no network on the way cuts up.
MAXIMUM_VALUE_BYTES = 1000


def keyOf(value: bytes) -> bytes:
    """The key under which a value is kept: its SHA-256, 32 bytes."""
    return sha256(value).digest()


def checkValue(value: object) -> bytes:
    """
    Give ``value`` back when it can be stored.

    :raises TypeError: when it isn't bytes
    :raises ValueTooLarge: when it has more than 1,000 bytes
    """
    if not isinstance(value, bytes):
        raise TypeError(f"a value must be bytes, not {type(value).__name__}")
    if len(value) > MAXIMUM_VALUE_BYTES:
        raise ValueTooLarge(
            f"a value may have up to {MAXIMUM_VALUE_BYTES} bytes, and this one has {len(value)}"
        )
    return value


@implementer(ICommandHandler)
class ValueHandler:
    """
    Keeps the values that other nodes put, and gives them to who asks.

    What the network sends is never an error: a value that is missing, too large or not that of its
    key is left out without a word.

    :param store: where the values are kept
    """

    def __init__(self, store: IValueStore) -> None:
        self._store = store

    def queryReceived(self, request: Request) -> HandlerResult:
        """Give the value of the target, if it is here."""
        return self._store.get(request.target)

    def updateReceived(self, request: Request) -> Awaitable[None] | None:
        """Keep the value, if the target is its key."""
        value = request.value
        if (
            value is not None
            and len(value) <= MAXIMUM_VALUE_BYTES
            and keyOf(value) == request.target
        ):
            return self._store.put(request.target, value)
        return None


def put(node: IDHTNode, value: bytes) -> Deferred[bytes]:
    """
    Store a value on the nodes closest to its key; on this node when it is the only member of its
    network, and keeps values.

    :param value: up to 1,000 bytes
    :return: fires with the key, 32 bytes; fails with `NoResponse` when there are other nodes and none answered, and with
        `NoCloseNodes` when none took the value
    :raises TypeError: when the value isn't bytes
    :raises ValueTooLarge: when it has more than 1,000 bytes
    """
    key = keyOf(checkValue(value))

    async def store() -> bytes:
        try:
            await node.update(COMMAND, key, value).collect()
        except (NoResponse, NoCloseNodes):
            # Where others are, one that keeps a value for itself has told nobody of it.
            if not await _keepOwn(node, key, value):
                raise
        return key

    return Deferred.fromCoroutine(store())


def get(node: IDHTNode, key: bytes) -> Deferred[bytes]:
    """
    Find a value by its key, and stop at the first node that has it; this node is asked first.

    :param key: 32 bytes
    :return: fires with the value; fails with `ValueNotFound` when no node that was asked has it, and with
        `NoResponse` when no node answered
    :raises InvalidTarget: when the key isn't 32 bytes
    """
    key = checkId(key, "a key")

    async def find() -> bytes:
        own = await _ownValue(node, key)
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


async def _keepOwn(node: IDHTNode, key: bytes, value: bytes) -> bool:
    """
    Have the node itself keep a value when it is the only member of its network; an update doesn't
    go to the node that makes it.
    """
    handler = ICommandHandler(node, None)
    if handler is None or node.ephemeral or not await _isOnlyMember(node):
        return False
    request = Request(COMMAND, key, value, Contact(node.id, *node.address()))
    result = handler.updateReceived(request)
    if isinstance(result, Awaitable):
        await result
    return await _ownValue(node, key) == value


async def _isOnlyMember(node: IDHTNode) -> bool:
    """Whether a node knows no other, and the bootstrap nodes, if there are any, don't either."""
    if node.contacts():
        return False
    try:
        # That nobody answers isn't to say that nobody is there; where nobody is to be asked, it is.
        await node.bootstrap()
    except NoResponse:
        return False
    return not node.contacts()


async def _ownValue(node: IDHTNode, key: bytes) -> bytes | None:
    """What the node itself keeps under a key: a query doesn't ask the node that makes it."""
    handler = ICommandHandler(node, None)
    if handler is None:
        return None
    request = Request(COMMAND, key, None, Contact(node.id, *node.address()))
    result = handler.queryReceived(request)
    return await result if isinstance(result, Awaitable) else result


__all__ = [
    "COMMAND",
    "MAXIMUM_VALUE_BYTES",
    "ValueHandler",
    "checkValue",
    "get",
    "keyOf",
    "put",
]
