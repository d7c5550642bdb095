"""
Standard output and standard error of a command.

Characters on which a terminal might act are escaped.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import BinaryIO

#: Characters of a value that are not printable, but harmless to a terminal.
LAYOUT = "\n\t"

# The control sequence that returns to the start of the line and erases the line (ECMA-48, EL).
_ERASE_LINE = b"\r\x1b[K"


class OutputFailed(Exception):
    """
    Standard output can't be written.

    :ivar isClosed: whether the reader of standard output has ended, as ``head`` does after its
        last line.  This is no error to report, because the reader wants no more output.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(f"cannot write to standard output: {error.strerror or error}")
        self.isClosed = isinstance(error, BrokenPipeError)


class Console:
    """
    The two outputs of a command.

    :param output: where results are written; None when standard output is closed
    :param errors: where notes and errors are written; None when standard error is closed
    :param isTerminal: whether standard output is a terminal
    :param showsProgress: whether standard error is a terminal that can erase a line
    :param encoding: the encoding of the terminal
    """

    def __init__(
        self,
        output: BinaryIO | None,
        errors: BinaryIO | None = None,
        *,
        isTerminal: bool = False,
        showsProgress: bool = False,
        encoding: str = "utf-8",
    ) -> None:
        self.isTerminal = isTerminal
        self.showsProgress = showsProgress and errors is not None
        self._output = output
        self._errors = errors
        self._encoding = encoding
        self._hasProgress = False

    @classmethod
    def ofProcess(cls) -> Console:
        """The console of this process."""
        # Either stream is None when the process was started with this stream closed.
        output, errors = sys.stdout, sys.stderr
        return cls(
            None if output is None else output.buffer,
            None if errors is None else errors.buffer,
            isTerminal=output is not None and output.isatty(),
            showsProgress=(
                errors is not None and errors.isatty() and os.environ.get("TERM") != "dumb"
            ),
            encoding=output.encoding if output is not None else "utf-8",
        )

    def write(self, data: bytes) -> None:
        """
        Write a part of the result as it is, at once.

        :raises OutputFailed: when it can't be written
        """
        self.eraseProgress()
        try:
            if self._output is None:
                raise OSError("it is closed")
            _writeAll(self._output, data)
        except OSError as error:
            raise OutputFailed(error) from None

    def line(self, text: str) -> None:
        """
        Write a line of the result, with control characters escaped.

        :raises OutputFailed: when it can't be written
        """
        self.write(self.encode(escaped(text) + "\n"))

    def drawing(self, lines: Iterable[str]) -> None:
        """
        Write lines of the result that may have control sequences, for example for colours.

        :param lines: texts in which all that comes from other nodes is escaped
        :raises OutputFailed: when they can't be written
        """
        text = "".join(f"{line}\n" for line in lines)
        if text:
            self.write(self.encode(text))

    def value(self, value: bytes, *, isRaw: bool) -> None:
        """
        Write a value as it is, or on a terminal as `shown` does, with a line end.

        :param isRaw: whether to write it as it is on a terminal, too
        :raises OutputFailed: when it can't be written
        """
        if isRaw or not self.isTerminal:
            self.write(value)
            return
        text, hasEscapes = shown(value)
        self.write(self.encode(text if text.endswith("\n") else f"{text}\n"))
        if hasEscapes:
            self.report(
                "the value isn't plain text and is shown with escapes; --raw prints it as it is"
            )

    def record(self, /, **fields: object) -> None:
        """
        Write an object of the result as a line of JSON.

        :raises OutputFailed: when it can't be written
        """
        # Imported here, because most commands print no JSON.
        import json

        self.write(json.dumps(fields).encode() + b"\n")

    def report(self, text: str, allowed: str = "") -> None:
        """
        Write a line to standard error, with control characters escaped.

        :param allowed: control characters to write as they are
        """
        self.eraseProgress()
        self._write(self.encode(escaped(text, allowed) + "\n"))

    def progress(self, text: str) -> None:
        """Show a line on the terminal until something else is written."""
        if self.showsProgress:
            self._hasProgress = True
            self._write(_ERASE_LINE + self.encode(escaped(text)))

    def eraseProgress(self) -> None:
        """Erase the line that `progress` has shown."""
        if self._hasProgress:
            self._hasProgress = False
            self._write(_ERASE_LINE)

    def encode(self, text: str) -> bytes:
        """
        Encode a text in the encoding of the terminal.

        In another encoding, a byte of a harmless character could be a control character.  For
        example, the second byte of a letter in UTF-8 can be 0x9B, which starts a control sequence
        in ISO 8859-1.
        """
        return text.encode(self._encoding, "backslashreplace")

    def abandon(self) -> None:
        """
        Discard the output that this process could not write.

        Without this call, Python would try to write the output again when the process ends, and
        would print a message of its own about the second failure.
        """
        null = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            try:
                if stream is not None:
                    stream.flush()
            except OSError:
                os.dup2(null, stream.fileno())

    def _write(self, data: bytes) -> None:
        try:
            if self._errors is not None:
                _writeAll(self._errors, data)
        except OSError:
            # No stream is left on which this failure could be reported.
            self._errors = None


def _writeAll(stream: BinaryIO, data: bytes) -> None:
    left = memoryview(data)
    while left:
        # Under ``python -u`` the stream has no buffer, and may write only a part of the bytes.
        left = left[stream.write(left) or 0 :]
    stream.flush()


def escaped(text: str, allowed: str = "") -> str:
    """
    Escape the characters of a text that are not printable, as in a Python literal.

    Characters that are not printable can move the cursor, change the title of a terminal, or
    reverse the order in which other characters are shown.

    :param allowed: characters to keep although they are not printable
    """
    if text.isprintable():
        return text
    return "".join(
        each
        if each.isprintable() or each in allowed
        else each.encode("unicode_escape").decode("ascii")
        for each in text
    )


def shown(value: bytes) -> tuple[str, bool]:
    """
    A value as text for a terminal.

    UTF-8 with only printable characters, line ends and tabs is shown unchanged.  If a value has
    anything else, these other characters and bytes are escaped.  The backslashes of such a value
    are doubled, so that they can't be taken for escapes.

    :return: the text, and whether anything in it is escaped
    """
    try:
        text = value.decode()
    except UnicodeDecodeError:
        pass
    else:
        if escaped(text, LAYOUT) == text:
            return text, False
    doubled = value.replace(b"\\", b"\\\\").decode(errors="backslashreplace")
    return escaped(doubled, LAYOUT), True


def valueFields(value: bytes | None) -> dict[str, str | None]:
    """
    The field of a JSON object that holds a value.

    :return: the field ``value`` with the text of UTF-8, or with None when there is no value; for
        other bytes, the field ``valueBase64``
    """
    if value is None:
        return {"value": None}
    try:
        return {"value": value.decode()}
    except UnicodeDecodeError:
        from base64 import b64encode

        return {"valueBase64": b64encode(value).decode("ascii")}


def countNodes(number: int) -> str:
    """Write a number of nodes, such as ``1 node`` or ``20 nodes``."""
    return "1 node" if number == 1 else f"{number} nodes"
