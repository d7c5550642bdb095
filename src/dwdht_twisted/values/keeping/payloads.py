"""
The payloads of the hand-over command.

A query offers keys to one node: the target is the id of the node, and the payload is up to
`OFFERED_KEYS` keys, one after the other.  The answer is a byte for each eight keys.  A bit is set
when the node lacks the value of a key; the first key has the highest bit of the first byte.  An
empty answer means that the node can't answer now.  The same offer may be made by an update, which
shows the address of its sender.

An update hands on one value: the target is its key, and the payload is its remaining lifetime in
whole seconds, as a big-endian number of four bytes, and the value.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..._core.wire import ID_BYTES
from ..bounds import OFFERED_KEYS
from ..keys import keyOf
from ..stores.bounds import MAXIMUM_KEPT_BYTES

#: The name of the command.  Nodes of ``dht-rpc`` have no such command, so they answer an offer
#: without a value.
HAND_OVER = "values/hand-over"

#: The answer to an offer that the node can't answer now: there are too many, or its store fails.
LATER = b""

_LIFETIME_BYTES = 4
_MAXIMUM_LIFETIME = 2 ** (8 * _LIFETIME_BYTES) - 1


def encodeOffer(keys: Sequence[bytes]) -> bytes:
    """Return the payload that offers these keys."""
    return b"".join(keys)


def decodeOffer(payload: bytes | None) -> list[bytes]:
    """Return the keys of an offer; none for any other payload."""
    if payload is None or len(payload) % ID_BYTES or len(payload) > OFFERED_KEYS * ID_BYTES:
        return []
    return [payload[start : start + ID_BYTES] for start in range(0, len(payload), ID_BYTES)]


def encodeLacking(isLacking: Sequence[bool]) -> bytes:
    """Return the answer to an offer; for each offered key, ``isLacking`` has an item."""
    size = (len(isLacking) + 7) // 8
    bits = sum(1 << (size * 8 - 1 - place) for place, each in enumerate(isLacking) if each)
    return bits.to_bytes(size, "big")


def decodeLacking(payload: bytes | None, keys: Sequence[bytes]) -> list[bytes] | None:
    """
    Read the answer to an offer of these keys.

    :return: the keys whose values the node lacks; None when the payload is no such answer
    """
    size = (len(keys) + 7) // 8
    if payload is None or len(payload) != size:
        return None
    bits = int.from_bytes(payload, "big")
    return [key for place, key in enumerate(keys) if bits >> (size * 8 - 1 - place) & 1]


def encodeValue(lifetime: float, value: bytes) -> bytes:
    """
    Return the payload that hands on a value.

    :param lifetime: its remaining lifetime, in seconds; fractions are cut off, and so is what is
        beyond the largest number of four bytes, more than a hundred years
    """
    return int(min(lifetime, _MAXIMUM_LIFETIME)).to_bytes(_LIFETIME_BYTES, "big") + value


def decodeValue(payload: bytes | None, key: bytes) -> tuple[int, bytes]:
    """
    Read a value that was handed on.

    :return: the remaining lifetime in seconds, and the value
    :raises ValueError: when there is no lifetime above 0, when the value has more than 1,285 bytes,
        or when it has another key
    """
    if payload is None or len(payload) < _LIFETIME_BYTES:
        raise ValueError("the update carries no value")
    lifetime = int.from_bytes(payload[:_LIFETIME_BYTES], "big")
    value = payload[_LIFETIME_BYTES:]
    if not lifetime:
        raise ValueError("the lifetime of the value must be above 0 seconds")
    if len(value) > MAXIMUM_KEPT_BYTES:
        raise ValueError(
            f"values of up to {MAXIMUM_KEPT_BYTES} bytes are kept, and this one has {len(value)}"
        )
    if keyOf(value) != key:
        raise ValueError(f"the key of this value is {keyOf(value).hex()}, not {key.hex()}")
    return lifetime, value


__all__ = [
    "HAND_OVER",
    "LATER",
    "decodeLacking",
    "decodeOffer",
    "decodeValue",
    "encodeLacking",
    "encodeOffer",
    "encodeValue",
]
