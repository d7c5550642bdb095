"""
Private keys in files that only their owner may read.
"""

from __future__ import annotations

import os
from os import PathLike
from typing import TYPE_CHECKING

from ..._files.keys import createKeyFile, readKeyFile
from ...errors import CannotUseKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def createKey(path: str | PathLike[str]) -> Ed25519PrivateKey:
    """
    Make a private key, and write it to a new file: PEM and PKCS #8, as ``openssl genpkey`` does.

    Only the owner may read the file (mode 0600).

    :raises CannotUseKey: when the file exists already, or can't be written
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    createKeyFile(path, text)
    return key


def loadKey(path: str | PathLike[str]) -> Ed25519PrivateKey:
    """
    Read a private key from a file.

    :raises CannotUseKey: when the file can't be read, may be read by others than its owner, or
        doesn't hold an Ed25519 key without a password
    """
    return _parse(os.fspath(path), readKeyFile(path))


def _parse(name: str, text: bytes) -> Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(text, password=None)
    except TypeError:
        raise CannotUseKey(f"the key file {name!r} is protected by a password") from None
    except (ValueError, UnsupportedAlgorithm):
        raise CannotUseKey(f"the key file {name!r} holds no private key in PEM") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise CannotUseKey(f"the key file {name!r} holds no Ed25519 key")
    return key


__all__ = ["createKey", "loadKey"]
