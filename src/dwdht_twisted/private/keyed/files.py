"""
Network keys, and the files that hold them.

The file of a network key has one line: a mark, and the key in hexadecimal digits.
"""

from __future__ import annotations

import os
import secrets
from binascii import unhexlify
from collections.abc import Iterable
from os import PathLike

from ..._files.keys import createKeyFile, readKeyFile
from ...errors import CannotUseKey
from .sealing import NETWORK_KEY_BYTES

#: What stands in front of the digits.
MARK = b"dwdht-network-key:"


def newNetworkKey() -> bytes:
    """A new network key: 32 bytes of the operating system's randomness."""
    return secrets.token_bytes(NETWORK_KEY_BYTES)


def createNetworkKey(path: str | PathLike[str]) -> bytes:
    """
    Make a network key, and write it to a new file.  Only the owner may read it (mode 0600).

    :return: the key, 32 bytes
    :raises CannotUseKey: when the file exists already, or can't be written
    """
    key = newNetworkKey()
    createKeyFile(path, MARK + key.hex().encode() + b"\n")
    return key


def loadNetworkKey(path: str | PathLike[str]) -> bytes:
    """
    Read a network key from a file of `createNetworkKey`.

    :return: the key, 32 bytes
    :raises CannotUseKey: when the file can't be read, may be read by others than its owner, or
        holds no network key
    """
    text = readKeyFile(path).strip()
    try:
        key = unhexlify(text[len(MARK) :])
    except ValueError:
        key = b""
    if not text.startswith(MARK) or len(key) != NETWORK_KEY_BYTES:
        name = os.fspath(path)
        raise CannotUseKey(f"the key file {name!r} holds no network key; see `dwdht network key`")
    return key


def loadNetworkKeys(paths: Iterable[str | PathLike[str]]) -> list[bytes]:
    """
    Read the keys of a network whose key may be under replacement.

    While it is replaced, two files may hold the same key for a time.  They are one key.

    :return: the different keys, in the order of the files
    :raises CannotUseKey: as `loadNetworkKey`
    """
    return list(dict.fromkeys(map(loadNetworkKey, paths)))


__all__ = ["createNetworkKey", "loadNetworkKey", "loadNetworkKeys", "newNetworkKey"]
