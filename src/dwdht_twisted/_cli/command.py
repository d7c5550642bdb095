"""
The base classes of the commands of ``dwdht``.

`Command` reads a command line and runs it.  `TimedCommand` has ``--json`` and ``--timeout``.
`NodeCommand` starts a node for the command.
`NetworkCommand` lets this node join a network, so it requires bootstrap nodes.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from getopt import GetoptError, gnu_getopt
from inspect import signature
from typing import Any, BinaryIO, NoReturn, TypeVar

from twisted.internet.defer import Deferred, gatherResults
from twisted.python import usage

from .._bootstrap import BOOTSTRAP_VARIABLE
from .._clock import clockOf
from .._core.wire import Address
from .._net.names import Resolver
from ..errors import NoResponse
from ..interfaces import IDHTNode
from ..node import DHTNode
from .console import Console
from .options import BootstrapOptions, bootstrapOf, readSeconds
from .progress import Progress
from .running.security import SecurityOptions

#: The smallest width of the help, in columns.  Smaller: the base class can't wrap its text.
#: Larger: a narrow terminal breaks lines in the middle of a word.
LEAST_COLUMNS = 40

_T = TypeVar("_T")


class CommandFailed(Exception):
    """A command has failed.  The message is shown to the user."""


class ProgramOptions(usage.Options):
    """The options that ``dwdht`` takes before and after the name of a command: help and version."""

    def opt_help(self) -> NoReturn:
        """Display this help and exit."""
        width = max(LEAST_COLUMNS, shutil.get_terminal_size().columns)
        Console.ofProcess().write(f"{self.getSynopsis()}\n{self.getUsage(width)}\n".encode())
        sys.exit(0)

    opt_h = opt_help

    def opt_version(self) -> NoReturn:
        """Display the version and exit."""
        from .. import __version__

        Console.ofProcess().line(f"dwdht {__version__}")
        sys.exit(0)


class Command(ProgramOptions):
    """
    A command with its arguments and options.
    """

    synopsis = ""

    def getSynopsis(self) -> str:
        """The first line of the help."""
        name = "" if self.parent is None else f" {self.parent.subCommand}"
        return f"Usage: dwdht{name} {self.synopsis}"

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """
        Read the command line, whose options may stand before, between or after the arguments.

        The base class takes the first argument as the end of the options, so this method moves the
        options to the front.

        :raises usage.UsageError: when the command line has a mistake
        """
        try:
            found, arguments = gnu_getopt(list(options or ()), self.shortOpt, self.longOpt)
        except GetoptError as error:
            raise usage.UsageError(str(error)) from None
        flags = [
            f"{name}={value}" if f"{name[2:]}=" in self.longOpt else name for name, value in found
        ]
        if not {"-h", "--help", "--version"}.intersection(flags):
            self._checkNumber(arguments)
        super().parseOptions([*flags, "--", *arguments])

    def _checkNumber(self, arguments: list[str]) -> None:
        try:
            signature(self.parseArgs).bind(*arguments)
        except TypeError:
            raise usage.UsageError(f"the arguments must be: {self.synopsis}") from None

    def readInput(self, stdin: BinaryIO | None) -> None:
        """
        Read standard input, if the command takes a value from there.

        :param stdin: standard input; None when it is closed
        :raises usage.UsageError: when the command can't use the input
        """

    async def run(self, reactor: Any, console: Console) -> None:
        """
        Run the command.

        :param console: where the result is written
        :raises DHTError: when the command fails
        :raises CommandFailed: when the command fails
        """
        raise NotImplementedError


class TimedCommand(Command):
    """
    A command with ``--json`` and ``--timeout``.
    """

    optFlags = [["json", None, "Print JSON, an object on each line."]]
    optParameters = [["timeout", None, None, "Give up after this many seconds."]]

    def postOptions(self) -> None:
        """Check the options, which may also be given before the command."""
        super().postOptions()
        if self.parent is not None:
            self["json"] = self["json"] or self.parent["json"]
            if self["timeout"] is None:
                self["timeout"] = self.parent["timeout"]
        if self["timeout"] is not None:
            self["timeout"] = readSeconds(self["timeout"], "--timeout")

    def inTime(self, reactor: Any, work: Deferred[_T]) -> Deferred[_T]:
        """
        Limit the duration of some work to the time of ``--timeout``.

        :return: the same Deferred; fails with `CommandFailed` when the work takes longer
        """
        if self["timeout"] is not None:
            work.addTimeout(self["timeout"], clockOf(reactor), _expired)
        return work


class NodeCommand(SecurityOptions, TimedCommand):
    """
    A command that is run on a new ephemeral node, which no other node lists.
    """

    async def run(self, reactor: Any, console: Console) -> None:
        """Run the command on a new node, and destroy the node at the end or after a failure."""
        security = self.security
        bootstrap = self.get("bootstrap", ())
        node = DHTNode(reactor, ephemeral=True, bootstrap=bootstrap, security=security)
        progress = Progress(clockOf(reactor), console, lambda: self.describeProgress(node))
        try:
            await self.runOn(node, reactor, console)
        finally:
            progress.stop()
            await node.destroy()

    def describeProgress(self, node: DHTNode) -> str:
        """How far the command has come, for a line on the terminal."""
        return f"{node.counters.responsesReceived} answers so far"

    async def runOn(self, node: IDHTNode, reactor: Any, console: Console) -> None:
        """Run the command on this node."""
        raise NotImplementedError


def _expired(_: object, seconds: float) -> NoReturn:
    raise CommandFailed(f"gave up after {seconds:g} seconds")


class NetworkCommand(BootstrapOptions, NodeCommand):
    """A command that works on a network.  It requires a bootstrap node."""

    def postOptions(self) -> None:
        """Require a bootstrap node."""
        super().postOptions()
        self["bootstrap"] = bootstrapOf(self)
        if not self["bootstrap"]:
            raise usage.UsageError(
                f"give --bootstrap HOST:PORT, a node of the network, or set {BOOTSTRAP_VARIABLE}"
            )

    async def run(self, reactor: Any, console: Console) -> None:
        """
        Run the command on a new node.

        If no node answers, the error lists the bootstrap nodes.
        """
        await self.inTime(reactor, Deferred.fromCoroutine(self._run(reactor, console)))

    async def _run(self, reactor: Any, console: Console) -> None:
        try:
            await super().run(reactor, console)
        except NoResponse as error:
            resolver = Resolver(reactor, clockOf(reactor))
            asked = await gatherResults(
                [_describe(resolver, address) for address in self["bootstrap"]]
            )
            raise NoResponse(f"{error}; asked {', '.join(asked)}") from None


def _describe(resolver: Resolver, address: Address) -> Deferred[str]:
    """An address, with the IP addresses of its name, or the reason why the name has none."""
    found: list[str] = []
    reasons: list[str] = []

    def add(each: Address) -> None:
        found.append(each.host if each.port == address.port else str(each))

    def describe(_: object) -> str:
        known = ", ".join(found or reasons)
        return str(address) if known == address.host else f"{address} ({known})"

    return resolver.resolveEach([address], add, reasons.append).addCallback(describe)
