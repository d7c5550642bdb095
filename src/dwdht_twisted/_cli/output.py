"""
Where the pieces of a value go: to standard output, into a file, or to a pipe.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import EISDIR, ENXIO
from typing import Any, BinaryIO

from twisted.internet.interfaces import IConsumer, IReactorTime
from twisted.internet.task import deferLater
from zope.interface import implementer

from ..values.bounds import MAXIMUM_LARGE_BYTES
from .command import CommandFailed

#: The name of a file that stands for standard output.
STANDARD_OUTPUT = "-"

#: The time between two looks for a reader of a pipe, in seconds.  Larger: the reader waits longer.
#: Smaller: a pipe that nobody reads takes up more of the processor.
READER_INTERVAL = 0.1

#: Names of standard output and of other descriptors of this process.  The system opens a file anew
#: under such a name, and what was written to it before would be overwritten.
_DESCRIPTOR = re.compile(r"/dev/stdout|(?:/dev|/proc/self)/fd/([0-9]{1,9})", re.ASCII)


@implementer(IConsumer)
class Writer:
    """
    A consumer that hands all that is written to a function, which is done when it returns.

    :param write: takes bytes
    """

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write

    def write(self, data: bytes) -> None:
        """Hand the bytes on."""
        self._write(data)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Accept a producer.  It is never paused, because each write is done at once."""

    def unregisterProducer(self) -> None:
        """Forget the producer."""


class PartFile:
    """
    A file that is written under another name, ``PATH.part``, until it is whole.

    A ``PATH.part`` of an earlier run is used again, if nobody else can have a hand in it: in a
    folder such as ``/tmp``, others may have put something else there.

    :param path: the name of the file when it is whole, which is not that of a symbolic link
    :ivar path: the name of the file until then
    :ivar known: what an earlier run has written, at most as much as the largest value
    :raises CommandFailed: when the file can't be opened or read
    """

    def __init__(self, path: str) -> None:
        self._whole = path
        self.path = f"{path}.part"
        with _inOneLine(self.path):
            self._mode = _modeOf(path)
            descriptor = _openPart(self.path, self._mode)
            self._file: BinaryIO = os.fdopen(descriptor, "r+b")
            self.known = self._file.read(MAXIMUM_LARGE_BYTES)
            self._file.seek(0)

    def write(self, data: bytes) -> None:
        """
        Write the next bytes over those of an earlier run.

        :raises CommandFailed: when the file can't be written
        """
        with _inOneLine(self.path):
            self._file.write(data)

    def finish(self) -> None:
        """
        Give the file its name, because all was written, and the mode of the file that it replaces.

        :raises CommandFailed: when the file can't be written or renamed
        """
        with _inOneLine(self.path):
            self._file.truncate()
            if self._mode is not None and os.name == "posix":
                os.fchmod(self._file.fileno(), self._mode)
            self._file.close()
            os.replace(self.path, self._whole)

    def leave(self) -> int:
        """
        Close the file before all was written.  It is removed if it is empty.

        :return: the size of the file, in bytes
        """
        try:
            self._file.close()
            size = os.path.getsize(self.path)
            if not size:
                os.remove(self.path)
        except OSError:
            return 0
        return size


class ThroughFile:
    """
    A pipe, a device or a descriptor, to which bytes are written at once.

    :param path: its name
    :param descriptor: is closed at the end
    :ivar path: its name
    :ivar known: nothing, because it can't be read
    """

    known = b""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self._file = os.fdopen(descriptor, "wb", buffering=0)

    def write(self, data: bytes) -> None:
        """
        Write the next bytes, and wait until they are taken.

        :raises CommandFailed: when they can't be written
        """
        left = memoryview(data)
        with _inOneLine(self.path):
            while left:
                left = left[self._file.write(left) or 0 :]

    def finish(self) -> None:
        """
        Close it, because all was written.

        :raises CommandFailed: when it can't be closed
        """
        with _inOneLine(self.path):
            self._file.close()

    def leave(self) -> int:
        """
        Close it before all was written.

        :return: 0, because nothing is kept for another run
        """
        with suppress(OSError):
            self._file.close()
        return 0


async def openOutput(path: str, clock: IReactorTime) -> PartFile | ThroughFile:
    """
    Open what stands under a name, or make a file.

    A file is replaced when all was written.  Through a symbolic link, its target is replaced.  A
    pipe or a device is written as it is, and a pipe is waited for until somebody reads it.

    :raises CommandFailed: when it can't be opened
    """
    with _inOneLine(path):
        number = _DESCRIPTOR.fullmatch(path)
        if number is not None:
            return ThroughFile(path, os.dup(int(number[1] or 1)))
        # Look for a link first, so that one that another user puts there at this moment is not
        # followed without the checks of the system in stat().
        isLink = os.path.islink(path)
        try:
            kind = stat.S_IFMT(os.stat(path).st_mode)
        except FileNotFoundError:
            kind = stat.S_IFREG
        if kind == stat.S_IFREG:
            return PartFile(os.path.realpath(path) if isLink else path)
        if kind == stat.S_IFDIR:
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
        if kind not in (stat.S_IFIFO, stat.S_IFCHR):
            raise ValueError("it is neither a file nor a pipe")
        while True:
            descriptor = _openThrough(path)
            if descriptor is not None:
                return ThroughFile(path, descriptor)
            await deferLater(clock, READER_INTERVAL)


def _openThrough(path: str) -> int | None:
    """
    Open a pipe or a device.

    :return: its descriptor, or None when nobody reads the pipe yet
    """
    # Without O_NONBLOCK, this would wait for a reader of the pipe, and no signal could end that.
    flags = os.O_WRONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno == ENXIO and stat.S_ISFIFO(os.stat(path).st_mode):
            return None
        raise
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        # Somebody has put another file there since its kind was looked at.
        os.close(descriptor)
        raise ValueError("it was replaced just now")
    if os.name == "posix":
        os.set_blocking(descriptor, True)
    return descriptor


def _openPart(path: str, mode: int | None) -> int:
    """
    Open a file for reading and writing that is never emptied, and make it if it isn't there.

    :param mode: that of the file which will be replaced; None if there is none
    """
    flags = os.O_RDWR | getattr(os, "O_BINARY", 0)
    try:
        # Its owner may write it in any case: another run goes on with it.
        made = 0o666 if mode is None else mode & 0o666 | 0o600
        return os.open(path, flags | os.O_CREAT | os.O_EXCL, made)
    except FileExistsError:
        pass
    if os.path.islink(path):
        raise ValueError("it is a symbolic link")
    # O_NONBLOCK: a pipe without a reader is refused, and not waited for.
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(path, flags)
    try:
        _checkPart(os.fstat(descriptor))
    except ValueError:
        os.close(descriptor)
        raise
    return descriptor


def _checkPart(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is not a regular file")
    if os.name == "posix" and status.st_uid != os.geteuid():
        raise ValueError("it belongs to another user")
    if status.st_nlink > 1:
        raise ValueError("it has another name, too")


def _modeOf(path: str) -> int | None:
    """The permissions of a file, or None if there is none."""
    try:
        return os.stat(path).st_mode & 0o777
    except FileNotFoundError:
        return None


@contextmanager
def _inOneLine(path: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CommandFailed(f"cannot write {path!r}: {reason}") from None


__all__ = ["STANDARD_OUTPUT", "PartFile", "ThroughFile", "Writer", "openOutput"]
