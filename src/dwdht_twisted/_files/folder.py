"""
A folder in which one node keeps small files.

A file is replaced as a whole: the new content goes to a temporary file, which gets the name of the
file once it is on the disk.  So after a power failure, the file has its old content or its new
content.  The first line of a file has a checksum of the rest.  A file whose checksum is wrong was
damaged: it is set aside under another name, and the node goes on without it.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from hashlib import sha256
from os import PathLike, fspath
from threading import Lock
from typing import Any

from twisted.logger import Logger

from ..errors import CannotOpenState, StateFailed
from .regular import openRegularFile

try:
    # At the top of the module: after twistd has changed its root folder, this can't be imported.
    from fcntl import LOCK_EX, LOCK_NB, flock
except ImportError:
    # Windows has no such locks.
    HAS_LOCKS = False
else:
    HAS_LOCKS = True

#: The version of the form of the files.
VERSION = 1

#: The name of the file that is locked while the folder is in use.
LOCK = "folder.lock"

#: The names of files: without a dot, so that they are not those of the lock, of temporary files, of
#: files that were set aside, and of a database.
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


class StateFolder:
    """
    A folder that is in use until it is closed.

    A missing folder is made, and only its owner may enter it.  Its parent must exist.  The lock of
    the folder ends with the process, however that ends.  A simulated host has a set ``openFiles``
    of what it closes when it ends.

    Any thread may call `read` and `write`.  Both wait for the disk: a write takes some 20 ms, and
    far longer while the disk is busy.

    :param path: the folder
    :param reactor: that of the process, which may be a simulated host
    :ivar path: the absolute path of the folder
    :raises CannotOpenState: when the folder can't be made, or not be written, or is in use
    """

    _log = Logger()

    def __init__(self, path: str | PathLike[str], reactor: Any = None) -> None:
        self.path = os.path.abspath(path)
        self._turn = Lock()
        self._openFiles: set[Any] = getattr(reactor, "openFiles", set())
        given = fspath(path)
        try:
            with suppress(FileExistsError):
                os.mkdir(self.path, 0o700)
            if not os.path.isdir(self.path):
                raise CannotOpenState(f"the state {given!r} is not a folder")
            self._lock: int | None = self._openLock(given)
        except FileNotFoundError as error:
            # The folders above are not made: one that is missing is a slip in the name, or a disk
            # that is not there yet, and the node would start with a new id.
            raise CannotOpenState(
                f"the state folder {given!r} can't be made, because "
                f"{os.path.dirname(self.path)!r} is not there"
            ) from error
        except OSError as error:
            raise CannotOpenState(
                f"the state folder {given!r} can't be opened: {error.strerror}"
            ) from error
        refusal = self._refusal(self._lock)
        if refusal:
            self.close()
            raise CannotOpenState(f"the state folder {given!r} {refusal}")
        self._openFiles.add(self)

    def close(self) -> None:
        """Unlock the folder.  This may be called more than once."""
        self._openFiles.discard(self)
        with self._turn:
            lock, self._lock = self._lock, None
            if lock is not None:
                # Closing the file unlocks it.
                os.close(lock)

    def read(self, name: str) -> bytes | None:
        """
        Read a file.  A damaged file is set aside.

        :param name: small letters, digits and dashes
        :return: what was written last; None if there is no such file, or it was damaged
        :raises StateFailed: when the file can't be read, or the folder is closed
        :raises ValueError: when the name has other characters
        """
        path = self._checked(name)
        with self._turn:
            self._checkOpen()
            try:
                with openRegularFile(path) as file:
                    content = file.read()
            except FileNotFoundError:
                return None
            except OSError as error:
                raise StateFailed(f"{path} can't be read: {error.strerror}") from error
        data = content.partition(b"\n")[2]
        if content == _framed(data):
            return data
        self.setAside(name, "it is damaged, or of another version")
        return None

    def write(self, name: str, data: bytes) -> None:
        """
        Replace a file, or make it.  It is on the disk when this returns.

        :param name: small letters, digits and dashes
        :param data: the new content; a text can be read in the file, after its first line
        :raises StateFailed: when the file can't be written, or the folder is closed.  The file is
            left as it was.  Also when the file has the new content, but its name can't be brought
            to the disk: after a loss of power, the file may have the earlier content.
        :raises ValueError: when the name has other characters
        """
        path = self._checked(name)
        temporary = f"{path}.new"
        with self._turn:
            self._checkOpen()
            try:
                with suppress(FileNotFoundError):
                    os.unlink(temporary)
                # O_EXCL: a link that somebody else puts there at this moment is not followed.
                descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with open(descriptor, "wb") as file:
                    file.write(_framed(data))
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temporary, path)
            except OSError as error:
                with suppress(OSError):
                    os.unlink(temporary)
                raise StateFailed(f"{path} can't be written: {error.strerror}") from error
            try:
                self._syncFolder()
            except OSError as error:
                raise StateFailed(
                    f"{path} was written, but may be lost with the power: {error.strerror}"
                ) from error

    def setAside(self, name: str, reason: str) -> None:
        """
        Give a file that can't be used another name, and log it.

        :param name: small letters, digits and dashes
        :param reason: why it can't be used, for the log
        :raises StateFailed: when the file can't be renamed, or the folder is closed
        :raises ValueError: when the name has other characters
        """
        path = self._checked(name)
        with self._turn:
            self._checkOpen()
            try:
                aside = _reserve(f"{path}.damaged-")
                os.replace(path, aside)
                self._syncFolder()
            except OSError as error:
                raise StateFailed(f"{path} can't be set aside: {error.strerror}") from error
        self._log.warn(
            "{path} can't be used, because {reason}; it was set aside as {aside}",
            path=path,
            reason=reason,
            aside=aside,
        )

    def _openLock(self, given: str | bytes) -> int:
        path = self._file(LOCK)
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            if os.path.lexists(path):
                raise CannotOpenState(
                    f"the state folder {given!r} can't be used, because {LOCK!r} in it can't be "
                    f"opened: {error.strerror}"
                ) from error
            raise

    def _refusal(self, lock: int) -> str | None:
        """Lock the folder, and return None, or the reason why it can't be used."""
        if not HAS_LOCKS:
            return "can't be locked on this operating system"
        try:
            flock(lock, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            return "is in use by another node"
        except OSError as error:
            return f"can't be locked: {error.strerror}"
        return None if os.access(self.path, os.W_OK | os.X_OK) else "can't be written"

    def _file(self, name: str) -> str:
        return os.path.join(self.path, name)

    def _checked(self, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError(f"a name has small letters, digits and dashes, not {name!r}")
        return self._file(name)

    def _checkOpen(self) -> None:
        if self._lock is None:
            raise StateFailed(f"the state folder {self.path} is closed")

    def _syncFolder(self) -> None:
        """Bring the names of the files to the disk."""
        folder = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _framed(data: bytes) -> bytes:
    """Return the content of a file."""
    checksum = sha256(data).hexdigest()
    return f"dwdht_twisted state, version {VERSION}, sha256 {checksum}\n".encode() + data


def _reserve(beginning: str) -> str:
    """Make an empty file with a new name, so that no other file is replaced."""
    number = 1
    while True:
        path = f"{beginning}{number}"
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            return path
        except FileExistsError:
            number += 1


__all__ = ["StateFolder"]
