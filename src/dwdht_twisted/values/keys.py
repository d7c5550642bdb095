"""
The key of a value, and the limit on the size of a value that is put.
"""

from __future__ import annotations

from hashlib import sha256

from ..errors import ValueTooLarge

#: The name of the command on the network.
COMMAND = "values"

#: The largest size of a value that `put` stores, in bytes; BEP 44 has the same limit.  An update
#: with a value of this size is a datagram of 1,115 bytes, and hardly any network fragments such a
#: datagram.  Larger: the datagram is fragmented, and is lost if one fragment is lost.  Smaller:
#: users must split more of their values.  Larger values of other implementations are kept too, up
#: to `MAXIMUM_KEPT_BYTES`.
MAXIMUM_VALUE_BYTES = 1000


def keyOf(value: bytes) -> bytes:
    """The key of a value: its SHA-256, 32 bytes."""
    return sha256(value).digest()


def checkValue(value: object) -> bytes:
    """
    Return ``value`` if it can be stored.

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


__all__ = ["COMMAND", "MAXIMUM_VALUE_BYTES", "checkValue", "keyOf"]
