"""
Ids: the places of nodes and targets, and the distance between them.
"""

from __future__ import annotations

from ...errors import InvalidTarget

#: The size of an id and of a target, in bytes (Kademlia section 2.1 has 20).
ID_BYTES = 32

#: The number of bits of an id.
ID_BITS = ID_BYTES * 8


def checkId(value: object, name: str) -> bytes:
    """
    Give ``value`` back when it can be an id or a target.

    :param name: what to call it in the error
    :raises InvalidTarget: when it isn't 32 bytes
    """
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise InvalidTarget(f"{name} must be {ID_BYTES} bytes, not {type(value).__name__}")
    if len(value) != ID_BYTES:
        raise InvalidTarget(f"{name} must be {ID_BYTES} bytes, not {len(value)}")
    return bytes(value)


def distance(one: bytes, other: bytes) -> int:
    """How far two ids are apart: their XOR, read as a big-endian number (Kademlia section 2.1)."""
    return int.from_bytes(one, "big") ^ int.from_bytes(other, "big")
