"""
The file of ``--config``: options in TOML, by the names that they have on the command line.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from getopt import GetoptError, gnu_getopt
from typing import Any

from twisted.python import usage
from twisted.python.reflect import accumulateClassList

from ..._files.regular import openRegularFile, reasonOf

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

#: The most bytes of a file.  Larger: finding the line of a mistake takes seconds.  Smaller: a file
#: with hundreds of bootstrap nodes is refused.
MAXIMUM_FILE_BYTES = 65536

#: Options that make no sense in a file.
COMMAND_LINE_ONLY = {"config", "help", "version"}

#: The place of a mistake at the end of a message of the parser.
_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")

_OPTION = re.compile(r"--([a-z][a-z-]*)")


class ConfigurationFile:
    """
    A file of options.

    :raises usage.UsageError: when the file can't be read or isn't TOML
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._text = self._read()
        try:
            self._values: dict[str, Any] = tomllib.loads(self._text)
        except tomllib.TOMLDecodeError as error:
            message = str(error)
            place = _PLACE.search(message)
            line = place[1] if place and place[1] else self._text.count("\n") + 1
            raise self._mistake(int(line), _PLACE.sub("", message)) from None

    def arguments(self, options: usage.Options, others: set[str]) -> Iterator[str]:
        """
        The options of the file as arguments of a command line.

        :param options: the options that there are
        :param others: names of options to pass over
        :raises usage.UsageError: when the file has an unknown option, or a value of a wrong type
        """
        flags = _names(options, "optFlags")
        single = _names(options, "optParameters")
        repeated = {name.rstrip("=") for name in options.longOpt} - flags - single
        for name, value in self._values.items():
            if name not in flags | single | repeated or name in COMMAND_LINE_ONLY:
                raise self._mistake(self._lineOf(name), f"there is no option {name!r}")
            if name in others:
                continue
            if name in flags:
                if not isinstance(value, bool):
                    raise self._mistake(self._lineOf(name), f"{name} must be true or false")
                if value:
                    yield f"--{name}"
                continue
            isList = name in repeated and isinstance(value, list)
            for each in value if isList else [value]:
                if isinstance(each, bool) or not isinstance(each, (str, int, float)):
                    kinds = "text or a list of texts" if name in repeated else "a number or text"
                    raise self._mistake(self._lineOf(name), f"{name} must be {kinds}")
                yield f"--{name}={each}"

    def located(self, message: str, others: set[str]) -> str:
        """
        Put the place in the file before a message about an option, if the option is from the file.

        :param others: names of options that the file doesn't set
        """
        for name in _OPTION.findall(message):
            if name in self._values and name not in others:
                return str(self._mistake(self._lineOf(name), message))
        return message

    def _read(self) -> str:
        try:
            with openRegularFile(self._path) as file:
                data = file.read(MAXIMUM_FILE_BYTES + 1)
        except (OSError, ValueError) as error:
            raise usage.UsageError(
                f"--config: cannot read {self._path!r}: {reasonOf(error)}"
            ) from None
        if len(data) > MAXIMUM_FILE_BYTES:
            raise usage.UsageError(
                f"--config: {self._path!r} has more than {MAXIMUM_FILE_BYTES:,} bytes"
            )
        try:
            return data.decode().replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            raise self._mistake(data.count(b"\n", 0, error.start) + 1, "not UTF-8") from None

    def _lineOf(self, name: str) -> int:
        """
        The number of the line on which an option begins.

        The parser doesn't tell it.  But the beginning of the file up to some line is TOML too,
        unless it ends within an option.  The option begins right after the longest such beginning
        that lacks it.
        """
        lines = self._text.split("\n")
        lacking = 0
        for number in range(1, len(lines) + 1):
            try:
                values = tomllib.loads("\n".join(lines[:number]))
            except tomllib.TOMLDecodeError:
                continue
            if name in values:
                break
            lacking = number
        return lacking + 1

    def _mistake(self, line: int, message: str) -> usage.UsageError:
        return usage.UsageError(f"{self._path}, line {line}: {message}")


class ConfigurationOptions(usage.Options):
    """
    Options that may also be given in the file of ``--config``.

    An option on the command line takes the place of the same option in the file.

    :cvar alternatives: sets of options of which only one can be given.  One on the command line
        takes the place of all of its set in the file.
    """

    optParameters = [
        [
            "config",
            None,
            None,
            "A file with options in TOML, by the names that they have here. The command line "
            "overrides it.",
        ]
    ]

    alternatives: tuple[set[str], ...] = ()

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """
        Read the command line, and the file that it names.

        :raises usage.UsageError: when one of them has a mistake; the message names the line of a
            mistake in the file
        """
        given = list(options or ())
        found = self._given(given)
        if "config" not in found or "help" in found or "version" in found:
            super().parseOptions(given)
            return
        file = ConfigurationFile(found["config"])
        others = self._others(found)
        try:
            super().parseOptions([*file.arguments(self, others), *given])
        except usage.UsageError as error:
            raise usage.UsageError(file.located(str(error), others)) from None

    def _given(self, arguments: list[str]) -> dict[str, str]:
        """The options of the command line by their names.  A mistake is left to `parseOptions`."""
        try:
            found, _ = gnu_getopt(arguments, self.shortOpt, self.longOpt)
        except GetoptError:
            return {}
        return {name.lstrip("-"): value for name, value in found}

    def _others(self, found: Iterable[str]) -> set[str]:
        """The options that the command line takes from the file."""
        others = set(found)
        for each in self.alternatives:
            if not each.isdisjoint(others):
                others |= each
        # These may stand before the name of the command.
        for name in ("bootstrap", "network-key-file"):
            if self.parent is not None and self.parent.get(name):
                others.add(name)
        return others


def _names(options: usage.Options, attribute: str) -> set[str]:
    rows: list[list[str]] = []
    accumulateClassList(options.__class__, attribute, rows)
    return {row[0] for row in rows}
