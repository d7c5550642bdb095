"""
Private keys in files that only their owner may read.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from os import PathLike
from typing import TYPE_CHECKING

from ...errors import CannotUseKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

#: The most bytes of a key file that are read.  A file of `createKey` has 119 bytes.  Larger: a
#: wrong file takes up more memory.  Smaller: a file with comments before the key is refused.
MAXIMUM_FILE_BYTES = 65536


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
    name = os.fspath(path)
    try:
        # O_EXCL: another key is never overwritten, even if it appears at this moment.
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except (OSError, ValueError) as error:
        raise CannotUseKey(f"cannot make the key file {name!r}: {_reason(error)}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        with suppress(OSError):
            os.unlink(name)
        raise CannotUseKey(f"cannot write the key file {name!r}: {_reason(error)}") from error
    return key


def loadKey(path: str | PathLike[str]) -> Ed25519PrivateKey:
    """
    Read a private key from a file.

    :raises CannotUseKey: when the file can't be read, may be read by others than its owner, or
        doesn't hold an Ed25519 key without a password
    """
    name = os.fspath(path)
    try:
        # O_NONBLOCK: a pipe without a writer is refused, and not waited for.
        descriptor = os.open(name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            _checkMode(name, os.fstat(descriptor).st_mode)
            text = file.read(MAXIMUM_FILE_BYTES)
    except (OSError, ValueError) as error:
        raise CannotUseKey(f"cannot read the key file {name!r}: {_reason(error)}") from error
    return _parse(name, text)


def _checkMode(name: str, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise CannotUseKey(f"the key file {name!r} is not a regular file")
    # Other systems than POSIX have no such bits, or make them up.
    if os.name == "posix" and mode & 0o077:
        raise CannotUseKey(
            f"the key file {name!r} may be read or written by others (mode {mode & 0o777:04o}); "
            "make it private: chmod 600"
        )


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


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)


__all__ = ["createKey", "loadKey"]
