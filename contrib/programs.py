"""
The commands and options of ``dwdht`` and ``twistd dwdht``, as data.
"""

from __future__ import annotations

from inspect import cleandoc, signature
from typing import Any, NamedTuple

from twisted.python import usage
from twisted.python.reflect import accumulateClassList, prefixedMethodNames

from dwdht_twisted._cli import tap
from dwdht_twisted._cli.program import Options

#: The words that may stand after an option.
WORDS = {"log-format": ("text", "json"), "store": ("memory", "none", "sqlite:")}

#: The options after which a file stands, and those after which a folder does.
FILES = {
    *("authority", "certificate", "config", "file", "http-client-ca", "http-token-file", "key"),
    *("log-file", "output", "private-key", "revocations", "svg"),
}
FOLDERS = {"state"}


class Option(NamedTuple):
    """
    An option.

    :ivar name: its name, without dashes
    :ivar isFlag: whether it has no value
    :ivar default: its default, or an empty text
    :ivar text: what it does
    """

    name: str
    isFlag: bool
    default: str
    text: str

    @property
    def shown(self) -> str:
        """The option with a word for its value."""
        return f"--{self.name}" if self.isFlag else f"--{self.name} {self.placeholder}"

    @property
    def placeholder(self) -> str:
        """A word for the value of the option."""
        if self.name in FILES:
            return "FILE"
        return "FOLDER" if self.name in FOLDERS else "VALUE"

    @property
    def full(self) -> str:
        """What it does, and its default."""
        return f"{self.text} Default: {self.default}." if self.default else self.text


class Command(NamedTuple):
    """
    A command, or a program of its own.

    :ivar name: its name, or the name of the program
    :ivar synopsis: its arguments
    :ivar summary: what it does, in a line
    :ivar text: what it does
    :ivar options: its options, by name
    """

    name: str
    synopsis: str
    summary: str
    text: str
    options: list[Option]


def commands() -> list[Command]:
    """Return the commands of ``dwdht``."""
    rows: list[Any] = Options.subCommands
    return [_command(name, summary, make()) for name, _, make, summary in rows]


def program() -> Command:
    """Return what ``dwdht`` takes before a command."""
    return _command("dwdht", "the network of a DHT from the command line", Options())


def split(command: Command) -> tuple[list[Option], list[str]]:
    """
    Tell the options of a command of ``dwdht`` apart.

    :return: its own options, and the names of those that ``dwdht`` takes before the command, too
    """
    shared = {each.name: each.text for each in program().options}
    own = [each for each in command.options if each.name not in shared]
    names = [each.name for each in command.options if each.name in shared]
    return own, [name for name in names if name not in ("help", "version")]


def plugin() -> Command:
    """Return ``twistd dwdht``."""
    return _command("twistd dwdht", "run a node of a DHT under twistd", tap.Options())


def _command(name: str, summary: str, options: Any) -> Command:
    synopsis = getattr(options, "synopsis", "").removeprefix("Usage: dwdht ")
    return Command(name, synopsis, summary.rstrip("."), options.longdesc, optionsOf(options))


def optionsOf(options: usage.Options) -> list[Option]:
    """Return the options of a command line, by name."""
    flags: list[list[str]] = []
    parameters: list[list[str]] = []
    accumulateClassList(options.__class__, "optFlags", flags)
    accumulateClassList(options.__class__, "optParameters", parameters)
    found = [Option(name, True, "", text) for name, _, text in flags]
    for name, _, default, text in parameters:
        isTold = default is None or "default" in text.lower()
        found.append(Option(name, False, "" if isTold else default, text))
    for name in prefixedMethodNames(options.__class__, "opt_"):
        method = getattr(options, f"opt_{name}")
        if len(name) > 1:
            isFlag = not signature(method).parameters
            text = " ".join(cleandoc(method.__doc__).split())
            found.append(Option(name.replace("_", "-"), isFlag, "", text))
    return sorted(found)
