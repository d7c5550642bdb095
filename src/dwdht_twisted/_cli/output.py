"""
Where the pieces of a value go: to standard output, or into a file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from twisted.internet.interfaces import IConsumer
from zope.interface import implementer

from ..values.bounds import MAXIMUM_LARGE_BYTES
from .command import CommandFailed


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

    :param path: the name of the file when it is whole
    :ivar path: the name of the file until then
    :ivar known: what an earlier run has written, at most as much as the largest value
    :raises CommandFailed: when the file can't be opened or read
    """

    def __init__(self, path: str) -> None:
        self._whole = path
        self.path = f"{path}.part"
        with self._inOneLine():
            # Opened for reading and writing, made if it isn't there, and never emptied.
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0))
            self._file: BinaryIO = os.fdopen(descriptor, "r+b")
            self.known = self._file.read(MAXIMUM_LARGE_BYTES)
            self._file.seek(0)

    def write(self, data: bytes) -> None:
        """
        Write the next bytes over those of an earlier run.

        :raises CommandFailed: when the file can't be written
        """
        with self._inOneLine():
            self._file.write(data)

    def finish(self) -> None:
        """
        Give the file its name, because all was written.

        :raises CommandFailed: when the file can't be written or renamed
        """
        with self._inOneLine():
            self._file.truncate()
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

    @contextmanager
    def _inOneLine(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise CommandFailed(f"cannot write {self.path!r}: {reason}") from None


__all__ = ["PartFile", "Writer"]
