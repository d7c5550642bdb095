"""
The value of a command, from an argument, a file, or standard input.
"""

from __future__ import annotations

import os
from typing import BinaryIO

from twisted.python import usage

#: The argument, or the name of a file, that stands for standard input.
STANDARD_INPUT = "-"


class ValueOptions(usage.Options):
    """
    A command line with a value.

    ``self["value"]`` is the text of the argument after ``parseArgs``, and bytes or None after
    `readInput`.

    :cvar maximumBytes: the largest size of a value, in bytes
    :cvar requiresValue: whether the command is refused without a value
    """

    optParameters = [["file", None, None, "Read the value from this file; - is standard input."]]

    maximumBytes: int
    requiresValue: bool

    def postOptions(self) -> None:
        """Read the value from its argument or its file."""
        super().postOptions()
        argument, path = self["value"], self["file"]
        if argument is not None and path is not None:
            raise usage.UsageError("give the value as an argument or as --file PATH, not as both")
        self._namesInput = STANDARD_INPUT in (argument, path)
        if self._namesInput:
            self["value"] = None
        elif argument is not None:
            self["value"] = self._checked(os.fsencode(argument))
        elif path is not None:
            self["value"] = self._readFile(path)

    def readInput(self, stdin: BinaryIO | None) -> None:
        """
        Read the value from standard input, if the command line says so or has no value.

        :param stdin: standard input; None when it is closed
        :raises usage.UsageError: when the value can't be read, is too large, or is missing
        """
        if self["value"] is not None:
            return
        if self._namesInput:
            if stdin is None:
                raise usage.UsageError("standard input is closed")
            self["value"] = self._readStream(stdin, "standard input")
            return
        # The command line doesn't ask for standard input, so there may be no value to read:
        # standard input may be a terminal, or empty, as in a job that runs at night.
        if stdin is not None and not stdin.isatty():
            self["value"] = self._readStream(stdin, "standard input") or None
        if self["value"] is None and self.requiresValue:
            raise usage.UsageError(
                "give a value: as an argument, as --file PATH, or on standard input"
            )

    def _readFile(self, path: str) -> bytes:
        try:
            with open(path, "rb") as file:
                return self._readStream(file, repr(path))
        except (OSError, ValueError) as error:
            raise usage.UsageError(f"cannot read {path!r}: {_reason(error)}") from None

    def _readStream(self, stream: BinaryIO, name: str) -> bytes:
        try:
            # Read at most one byte more than is allowed: this shows that the value is too large.
            value = stream.read(self.maximumBytes + 1)
        except (OSError, ValueError) as error:
            raise usage.UsageError(f"cannot read {name}: {_reason(error)}") from None
        return self._checked(value, isWhole=False)

    def _checked(self, value: bytes, *, isWhole: bool = True) -> bytes:
        if len(value) > self.maximumBytes:
            raise usage.UsageError(
                f"a value may have up to {self.maximumBytes} bytes, "
                f"and this one has {len(value) if isWhole else 'more'}"
            )
        return value


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)
