"""
Ids of nodes and targets, and the distance between two ids.
"""

from __future__ import annotations

from ...errors import InvalidTarget

#: The size of an id and of a target, in bytes.  The protocol fixes the size.  Kademlia, section
#: 2.1, has ids of 20 bytes.
ID_BYTES = 32

#: The size of an id, in bits.
ID_BITS = ID_BYTES * 8


def checkId(value: object, name: str) -> bytes:
    """
    Check that ``value`` can be an id or a target.

    :param name: the name of ``value`` in the error
    :return: ``value`` as bytes
    :raises InvalidTarget: when ``value`` isn't 32 bytes
    """
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise InvalidTarget(f"{name} must be {ID_BYTES} bytes, not {type(value).__name__}")
    if len(value) != ID_BYTES:
        raise InvalidTarget(f"{name} must be {ID_BYTES} bytes, not {len(value)}")
    return bytes(value)


def distance(one: bytes, other: bytes) -> int:
    """The XOR of two ids, read as a big-endian number (Kademlia, section 2.1)."""
    return int.from_bytes(one, "big") ^ int.from_bytes(other, "big")
