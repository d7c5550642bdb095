"""
`put` and `get`: store a value on the network, and find one by its key.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, TypeAlias

from twisted.internet.defer import Deferred

from .._awaitable import awaitable, fromCoroutine
from .._core.wire import checkId
from ..errors import ValueNotFound
from ..interfaces import IDHTNode, checkNode
from .keys import COMMAND, checkValue, keyOf

if TYPE_CHECKING:
    from ..node import DHTNode

#: A node.  `DHTNode` is named too, because a type checker may not know that it provides `IDHTNode`.
Node: TypeAlias = "DHTNode | IDHTNode"


def put(node: Node, value: bytes) -> Deferred[bytes]:
    """
    Store a value on the 20 nodes closest to its key.

    This node is one of the 20 if it is a member, keeps values and is close enough to the key.

    :param value: up to 1,000 bytes
    :return: fires with the key, 32 bytes; fails with `NoResponse` when there are other nodes but
        none answered, with `NoCloseNodes` when no node took the value, and with `TooManyRequests`,
        before anything was sent, when too many queries wait already
    :raises TypeError: when the value isn't bytes
    :raises ValueTooLarge: when the value has more than 1,000 bytes
    :raises ValueError: when ``node`` isn't a node
    """
    key = keyOf(checkValue(value))
    stored = checkNode(node).update(COMMAND, key, value, valueInQuery=False).collect()
    return awaitable(stored.addCallback(lambda _: key))


def get(node: Node, key: bytes) -> Deferred[bytes]:
    """
    Find a value by its key.

    The query stops at the first valid value.

    :param key: 32 bytes
    :return: fires with the value; fails with `ValueNotFound` when none of the asked nodes has the
        value, with `NoResponse` when there are other nodes but none answered, and with
        `TooManyRequests` when too many queries wait already
    :raises InvalidTarget: when the key isn't 32 bytes
    :raises ValueError: when ``node`` isn't a node
    """
    return fromCoroutine(find(checkNode(node), checkId(key, "a key")))


async def find(node: Node, key: bytes, question: bytes | None = None) -> bytes:
    """
    Find a value as `get` does.

    :param question: a payload of the queries; handlers ignore it
    """
    async with aclosing(node.query(COMMAND, key, question, takersOnly=True)) as stream:
        async for reply in stream:
            if reply.value is not None and keyOf(reply.value) == key:
                return reply.value
    raise ValueNotFound(f"no node holds a valid value under {key.hex()}")


__all__ = ["find", "get", "put"]
