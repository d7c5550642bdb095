"""
Signatures of records: Ed25519 (RFC 8032), by ``cryptography``.

``cryptography`` is imported at the first signature, because most programs make and check none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .record import PUBLIC_KEY_BYTES, SIGNATURE_BYTES, Record, signedText

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def publicKeyOf(key: Ed25519PrivateKey) -> bytes:
    """
    The public key of a private key, 32 bytes.

    :raises TypeError: when ``key`` isn't an ``Ed25519PrivateKey`` of ``cryptography``
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError(f"a key must be an Ed25519PrivateKey, not {type(key).__name__}")
    return key.public_key().public_bytes_raw()


def signed(key: Ed25519PrivateKey, value: bytes, sequence: int, salt: bytes = b"") -> Record:
    """
    Sign a value.

    :param value: up to 1,000 bytes
    :param sequence: the number of this version
    :param salt: up to 64 bytes
    """
    signature = key.sign(signedText(salt, sequence, value))
    return Record(publicKeyOf(key), salt, sequence, value, signature)


def isSigned(record: Record) -> bool:
    """Whether the signature of a record is valid."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes(record.publicKey)
        key.verify(record.signature, record.signedText)
    except (InvalidSignature, ValueError):
        return False
    return True


def prepare() -> None:
    """
    Import ``cryptography`` with all that it imports when it checks a signature.

    A process that changes its root folder or its user later may not be able to import it then.
    """
    isSigned(Record(bytes(PUBLIC_KEY_BYTES), b"", 0, b"", bytes(SIGNATURE_BYTES)))


__all__ = ["isSigned", "prepare", "publicKeyOf", "signed"]
