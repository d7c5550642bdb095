"""
Files with secrets that only their owner may read.
"""

from __future__ import annotations

import os
from contextlib import suppress
from os import PathLike

from ..errors import CannotUseKey
from .regular import readRegularFile, reasonOf

#: The most bytes of a key file that are read.  The largest of this package has some 300 bytes.
#: Larger: a wrong file takes up more memory.  Smaller: a file with comments before the key is
#: refused.
MAXIMUM_FILE_BYTES = 65536


def createKeyFile(path: str | PathLike[str], text: bytes) -> None:
    """
    Write a secret to a new file.  Only the owner may read it (mode 0600).

    :raises CannotUseKey: when the file exists already, or can't be written
    """
    name = os.fspath(path)
    try:
        # O_EXCL: another key is never overwritten, even if it appears at this moment.
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except (OSError, ValueError) as error:
        raise CannotUseKey(f"cannot make the key file {name!r}: {reasonOf(error)}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        with suppress(OSError):
            os.unlink(name)
        raise CannotUseKey(f"cannot write the key file {name!r}: {reasonOf(error)}") from error


def readKeyFile(path: str | PathLike[str]) -> bytes:
    """
    Read a secret from a file.

    :raises CannotUseKey: when the file can't be read, or may be read by others than its owner
    """
    name = os.fspath(path)
    try:
        content, mode = readRegularFile(name, MAXIMUM_FILE_BYTES)
    except (OSError, ValueError) as error:
        raise CannotUseKey(f"cannot read the key file {name!r}: {reasonOf(error)}") from error
    # Other systems than POSIX have no such bits, or make them up.
    if os.name == "posix" and mode & 0o077:
        raise CannotUseKey(
            f"the key file {name!r} may be read or written by others (mode {mode & 0o777:04o}); "
            "make it private: chmod 600"
        )
    return content


__all__ = ["createKeyFile", "readKeyFile"]
