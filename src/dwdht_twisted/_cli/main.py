"""
``dwdht``: the network from the command line.

The exit status is 0 when the command succeeded, 1 when it failed, and 2 when the command line is
wrong.  In the latter two cases one line on standard error says why.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, BinaryIO, NoReturn, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorCore
from twisted.python import usage
from twisted.python.failure import Failure

from ..errors import DHTError
from .commands import Command, Demo, Get, Ping, ProgramOptions, Put, Query

BAD_USAGE = 2


class Options(ProgramOptions):
    """The command line of ``dwdht``."""

    synopsis = "Usage: dwdht"
    longdesc = (
        "Works on a DHT that speaks the protocol of dht-rpc 2, or shows one. "
        "`dwdht COMMAND --help` lists the arguments and options of a command."
    )
    subCommands = [
        ["put", None, Put, "Store a value and print its key."],
        ["get", None, Get, "Find a value by its key and print it."],
        ["ping", None, Ping, "Ask a node whether it is there."],
        ["query", None, Query, "Ask the nodes closest to a target to run a command."],
        ["demo", None, Demo, "Show a network of 100 nodes at work, on this machine alone."],
    ]

    def postOptions(self) -> None:
        """Require a command."""
        if self.subCommand is None:
            raise usage.UsageError(
                "give a command: put, get, ping, query or demo; see `dwdht --help`"
            )


async def run(reactor: Any, options: Options, output: BinaryIO) -> None:
    """
    Run the command of a command line.

    :param output: where the result is written
    :raises SystemExit: with a line for the user, when the command fails
    """
    try:
        await cast(Command, options.subOptions).run(reactor, output)
    except DHTError as error:
        raise SystemExit(f"dwdht {options.subCommand}: {error}") from None


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """
    Run the command line of this process, and end the process.

    :param arguments: used instead of those of the process
    """
    options = Options()
    try:
        options.parseOptions(arguments)
    except usage.UsageError as error:
        name = " ".join(filter(None, ["dwdht", options.subCommand]))
        sys.stderr.write(f"{name}: {error}\n")
        sys.exit(BAD_USAGE)

    # Imported here, because the import installs the reactor.
    from twisted.internet import reactor
    from twisted.internet.task import react

    react(_runUntilInterrupted, (options,), cast(IReactorCore, reactor))


def _runUntilInterrupted(reactor: IReactorCore, options: Options) -> Deferred[None]:
    work: Deferred[None] = Deferred()
    work.addCallback(lambda _: Deferred.fromCoroutine(run(reactor, options, sys.stdout.buffer)))
    # Start the work once the reactor runs.  Before that the reactor doesn't handle signals, so
    # SIGINT would raise KeyboardInterrupt in the middle of the work.
    reactor.callWhenRunning(work.callback, None)

    def interrupted(failure: Failure) -> NoReturn:
        failure.trap(CancelledError)
        raise SystemExit(f"dwdht {options.subCommand}: interrupted")

    def stop() -> Deferred[None]:
        # Wait until the command has released its node.  Work that has ended already isn't changed.
        work.cancel()
        return work

    reactor.addSystemEventTrigger("before", "shutdown", stop)
    return work.addErrback(interrupted)
