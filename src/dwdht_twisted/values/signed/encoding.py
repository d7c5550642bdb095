"""
Records on the network and in a store.

An update, an answer and an entry of a store have the same form.  Numbers are big-endian:

==============  =========  =====================================================================
Field           Bytes      Meaning
==============  =========  =====================================================================
flags           1          1: there is an expected number; 2: there is a lifetime
expected        0 or 8     only in an update: the sequence number to replace (BEP 44, ``cas``)
lifetime        0 or 4     the seconds after which the record expires
public key      32         the key of the owner
signature       64         the signature of the salt, the sequence number and the value
sequence        8          the sequence number
salt's length   1          the bytes of the salt
salt            0 to 64    tells the records of one key apart
value           0 to 1000  the rest
==============  =========  =====================================================================

A record contains all that is needed to check it.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from ..keys import MAXIMUM_VALUE_BYTES
from .record import MAXIMUM_SALT_BYTES, PUBLIC_KEY_BYTES, SIGNATURE_BYTES, Record

_HAS_EXPECTED = 1
_HAS_LIFETIME = 2

_NUMBER = Struct(">Q")
_SECONDS = Struct(">I")
_HEAD = Struct(f">{PUBLIC_KEY_BYTES}s{SIGNATURE_BYTES}sQB")

#: The most seconds that the field for a lifetime can hold: more than a hundred years.
MAXIMUM_LIFETIME = 2**32 - 1

#: The size of the largest message, in bytes.  As an update it is a datagram of 1,298 bytes, with
#: the 116 bytes of the framing, the command ``records``, an id, a target, a token and the header of
#: the value.  So it fits a datagram of 1,400 bytes, as `MAXIMUM_KEPT_BYTES` does.
MAXIMUM_MESSAGE_BYTES = (
    1 + _NUMBER.size + _SECONDS.size + _HEAD.size + MAXIMUM_SALT_BYTES + MAXIMUM_VALUE_BYTES
)


class Message(NamedTuple):
    """
    A record, and what an update or an answer says about it.

    :ivar record: the record; its signature is not checked
    :ivar expected: the sequence number that the record replaces, or None for any
    :ivar lifetime: the seconds until the record expires; None when they are unknown, and in an
        update of the owner, which lets the record live for the age of the store
    """

    record: Record
    expected: int | None = None
    lifetime: int | None = None


def encode(message: Message) -> bytes:
    """Encode a message."""
    record, expected, lifetime = message
    flags = 0
    fields = b""
    if expected is not None:
        flags |= _HAS_EXPECTED
        fields += _NUMBER.pack(expected)
    if lifetime is not None:
        flags |= _HAS_LIFETIME
        fields += _SECONDS.pack(min(lifetime, MAXIMUM_LIFETIME))
    publicKey, salt, sequence, value, signature = record
    head = _HEAD.pack(publicKey, signature, sequence, len(salt))
    return b"%c%b%b%b%b" % (flags, fields, head, salt, value)


def decode(data: bytes) -> Message:
    """
    Decode a message.  The signature is not checked.

    :raises ValueError: when the message is malformed; the error says why
    """
    if len(data) > MAXIMUM_MESSAGE_BYTES:
        raise ValueError(
            f"a record takes up to {MAXIMUM_MESSAGE_BYTES} bytes, and this one takes {len(data)}"
        )
    flags = data[0] if data else 0
    if flags & ~(_HAS_EXPECTED | _HAS_LIFETIME):
        raise ValueError(f"the record has the unknown flags {flags}")
    start = 1
    expected = lifetime = None
    if flags & _HAS_EXPECTED:
        (expected,) = _NUMBER.unpack(_field(data, start, _NUMBER.size))
        start += _NUMBER.size
    if flags & _HAS_LIFETIME:
        (lifetime,) = _SECONDS.unpack(_field(data, start, _SECONDS.size))
        start += _SECONDS.size
    publicKey, signature, sequence, saltBytes = _HEAD.unpack(_field(data, start, _HEAD.size))
    start += _HEAD.size
    if saltBytes > MAXIMUM_SALT_BYTES:
        raise ValueError(
            f"a salt may have up to {MAXIMUM_SALT_BYTES} bytes, and this one has {saltBytes}"
        )
    salt = _field(data, start, saltBytes)
    value = data[start + saltBytes :]
    if len(value) > MAXIMUM_VALUE_BYTES:
        raise ValueError(
            f"a value may have up to {MAXIMUM_VALUE_BYTES} bytes, and this one has {len(value)}"
        )
    return Message(Record(publicKey, salt, sequence, value, signature), expected, lifetime)


def _field(data: bytes, start: int, size: int) -> bytes:
    found = data[start : start + size]
    if len(found) < size:
        raise ValueError(f"a record of {len(data)} bytes is cut")
    return found


__all__ = ["MAXIMUM_LIFETIME", "MAXIMUM_MESSAGE_BYTES", "Message", "decode", "encode"]
