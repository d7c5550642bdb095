"""
A record, its target, and its signed text.
"""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

from ...errors import ValueTooLarge

#: The name of the command on the network.
RECORDS = "records"

#: The size of an Ed25519 public key, in bytes (RFC 8032, section 5.1.5).
PUBLIC_KEY_BYTES = 32

#: The size of an Ed25519 signature, in bytes (RFC 8032, section 5.1.6).
SIGNATURE_BYTES = 64

#: The largest size of a salt, in bytes, as in BEP 44.
MAXIMUM_SALT_BYTES = 64

#: The largest sequence number: it has 64 bits.
MAXIMUM_SEQUENCE = 2**64 - 1


class Record(NamedTuple):
    """
    A signed value, which its owner can replace by one with a higher sequence number.

    :ivar publicKey: the owner's Ed25519 public key, 32 bytes
    :ivar salt: tells the records of one key apart; up to 64 bytes, and mostly empty
    :ivar sequence: the number of this version, from 0 to 2**64 - 1
    :ivar value: up to 1,000 bytes
    :ivar signature: the signature of `signedText`, 64 bytes
    """

    publicKey: bytes
    salt: bytes
    sequence: int
    value: bytes
    signature: bytes

    @property
    def target(self) -> bytes:
        """See `targetOf`."""
        return targetOf(self.publicKey, self.salt)

    @property
    def signedText(self) -> bytes:
        """See the function `signedText`."""
        return signedText(self.salt, self.sequence, self.value)

    def supersedes(self, other: Record) -> bool:
        """
        Whether this record is newer than another one of the same target.

        The higher sequence number is newer.  If two writers have used the same number, the larger
        value wins, and then the larger signature.  So all nodes prefer the same record, in whatever
        order the records arrive.
        """
        return self[2:] > other[2:]


def targetOf(publicKey: bytes, salt: bytes = b"") -> bytes:
    """The target of a record, 32 bytes: the SHA-256 of its public key and its salt."""
    return sha256(publicKey + salt).digest()


def signedText(salt: bytes, sequence: int, value: bytes) -> bytes:
    """
    The bytes that are signed: the salt, the sequence number and the value as in BEP 44.

    BEP 44 signs any bencoded value.  A value here is bytes, which are bencoded as a string.
    """
    parts = [b"4:salt%d:%b" % (len(salt), salt)] if salt else []
    parts.append(b"3:seqi%de1:v%d:%b" % (sequence, len(value), value))
    return b"".join(parts)


def checkSalt(salt: object) -> bytes:
    """
    Return ``salt`` if a record can have it.

    :raises TypeError: when it isn't bytes
    :raises ValueTooLarge: when it has more than 64 bytes
    """
    if not isinstance(salt, bytes):
        raise TypeError(f"a salt must be bytes, not {type(salt).__name__}")
    if len(salt) > MAXIMUM_SALT_BYTES:
        raise ValueTooLarge(
            f"a salt may have up to {MAXIMUM_SALT_BYTES} bytes, and this one has {len(salt)}"
        )
    return salt


def checkSequence(sequence: int | None, name: str) -> int | None:
    """
    Return ``sequence`` if it is None or a sequence number.

    :param name: the name of the argument in the error
    :raises TypeError: when it isn't a number
    :raises ValueError: when it is out of range
    """
    if sequence is None:
        return None
    if not isinstance(sequence, int) or isinstance(sequence, bool):
        raise TypeError(f"{name} must be a number, not {type(sequence).__name__}")
    if not 0 <= sequence <= MAXIMUM_SEQUENCE:
        raise ValueError(f"{name} must be from 0 to {MAXIMUM_SEQUENCE}, not {sequence}")
    return sequence


__all__ = [
    "MAXIMUM_SALT_BYTES",
    "MAXIMUM_SEQUENCE",
    "PUBLIC_KEY_BYTES",
    "RECORDS",
    "SIGNATURE_BYTES",
    "Record",
    "checkSalt",
    "checkSequence",
    "signedText",
    "targetOf",
]
