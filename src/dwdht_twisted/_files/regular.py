"""
Files that are read whole, and that are not waited for.
"""

from __future__ import annotations

import errno
import os
import stat
from os import PathLike
from typing import BinaryIO, NamedTuple

#: The most bytes of a file that are read.  A revocation list of 100,000 certificates has 5 MB.
#: Larger: a wrong file takes up more memory.  Smaller: large lists are refused.
MAXIMUM_FILE_BYTES = 16 * 1024 * 1024


class RegularFile(NamedTuple):
    """
    A file that was read.

    :ivar content: its bytes
    :ivar mode: its type and permissions, when it was read
    """

    content: bytes
    mode: int


def openRegularFile(path: str | PathLike[str]) -> BinaryIO:
    """
    Open a file for reading, unless it is a pipe, a device or a folder: it could be waited for
    without end.

    :raises OSError: when it can't be opened, or is of another kind
    :raises ValueError: when the path has a null character
    """
    # O_NONBLOCK: a pipe without a writer is refused, and not waited for.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    raise OSError(errno.EINVAL, "it is not a regular file")


def readRegularFile(
    path: str | PathLike[str], maximumBytes: int = MAXIMUM_FILE_BYTES
) -> RegularFile:
    """
    Read a file that `openRegularFile` opens.

    :param maximumBytes: the most bytes that it may have
    :raises OSError: when it can't be read, is of another kind, or has more bytes
    :raises ValueError: when the path has a null character
    """
    with openRegularFile(path) as file:
        mode = os.fstat(file.fileno()).st_mode
        content = file.read(maximumBytes + 1)
    if len(content) > maximumBytes:
        raise OSError(f"it has more than {maximumBytes:,} bytes")
    return RegularFile(content, mode)


def reasonOf(error: Exception) -> str:
    """Why a file can't be read, without the number of the error."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


__all__ = ["MAXIMUM_FILE_BYTES", "RegularFile", "openRegularFile", "readRegularFile", "reasonOf"]
