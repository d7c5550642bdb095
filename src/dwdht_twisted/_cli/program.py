"""
The program ``dwdht``: its command line, and the run of a command under the reactor.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NoReturn, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorCore
from twisted.python import usage

from ..errors import DHTError, InvalidCommand, NoResponse, RequestTimeout, ValueTooLarge
from .command import Command, CommandFailed, ProgramOptions
from .console import Console, OutputFailed
from .options import BootstrapOptions
from .running.security import PrivateOptions, SecurityOptions

FAILED = 1
BAD_USAGE = 2


def _command(module: str, name: str) -> Callable[[], Command]:
    """Return a function that loads a command, so that no other command is loaded."""

    def make() -> Command:
        command: Command = getattr(import_module(f"{__package__}.commands.{module}"), name)()
        return command

    return make


class Options(BootstrapOptions, PrivateOptions, ProgramOptions):
    """The command line of ``dwdht``."""

    synopsis = "Usage: dwdht [options] COMMAND"
    longdesc = (
        "Stores and finds values and peers on a DHT that speaks the protocol of dht-rpc 2, asks "
        "its nodes, and runs nodes. The options may also stand after the command. `dwdht COMMAND "
        "--help` lists the arguments and options of a command. DWDHT_BOOTSTRAP holds the "
        "bootstrap nodes when --bootstrap is not given, and DWDHT_NETWORK_KEY_FILE the file of "
        "the network key when --network-key-file is not given."
    )
    optFlags = [["json", None, "Print JSON, an object on each line."]]
    optParameters = [["timeout", None, None, "Give up after this many seconds."]]
    subCommands = [
        ["put", None, _command("values", "Put"), "Store a value and print its key."],
        ["get", None, _command("values", "Get"), "Find a value by its key and print it."],
        [
            "keygen",
            None,
            _command("records", "Keygen"),
            "Make a private key for records, and print its public key.",
        ],
        [
            "publish",
            None,
            _command("records", "Publish"),
            "Sign a value, and store it as a record.",
        ],
        ["resolve", None, _command("records", "Resolve"), "Find the newest record of a key."],
        [
            "announce",
            None,
            _command("peers", "Announce"),
            "Be found as a peer of a topic, until interrupted.",
        ],
        ["lookup", None, _command("peers", "LookUp"), "Find the peers of a topic."],
        ["ping", None, _command("ping", "Ping"), "Ask a node whether it is there."],
        [
            "query",
            None,
            _command("questions", "Query"),
            "Ask the nodes closest to a target to run a command.",
        ],
        [
            "update",
            None,
            _command("questions", "Update"),
            "Ask the nodes closest to a target to change something.",
        ],
        [
            "trace",
            None,
            _command("trace", "Trace"),
            "Show a lookup as it runs, as text, JSON or a picture.",
        ],
        [
            "status",
            None,
            _command("status", "Status"),
            "Show a node that is served over HTTP, once or as it changes.",
        ],
        ["node", None, _command("node", "Node"), "Run a node."],
        [
            "network",
            None,
            _command("network", "Network"),
            "Make the keys and certificates of a private network.",
        ],
        [
            "demo",
            None,
            _command("demo", "Demo"),
            "Show a network of 100 nodes at work, on this machine alone.",
        ],
    ]

    def postOptions(self) -> None:
        """Require a command, and refuse options that it doesn't take."""
        super().postOptions()
        if self.subCommand is None:
            *names, last = (str(each[0]) for each in self.subCommands)
            raise usage.UsageError(
                f"give a command: {', '.join(names)} or {last}; see `dwdht --help`"
            )
        for name in ("json", "timeout", "certificate", "network-key-file"):
            if self[name] and name not in self.command:
                raise usage.UsageError(f"this command has no option --{name}")

    @property
    def command(self) -> Command:
        """The command, after ``parseOptions``."""
        return cast(Command, self.subOptions)


async def run(reactor: Any, options: Options, console: Console) -> int:
    """
    Run the command of a command line.  If it fails, tell the user.

    :param console: where the result is written
    :return: the exit status
    """
    try:
        await options.command.run(reactor, console)
    except (DHTError, CommandFailed, OutputFailed, CancelledError) as error:
        return _tell(error, options, console)
    return 0


def execute(arguments: Sequence[str] | None = None) -> NoReturn:
    """
    Run the command line of this process, and end the process.

    :param arguments: used instead of those of the process
    """
    console = Console.ofProcess()
    options = Options()
    try:
        options.parseOptions(arguments)
        options.command.readInput(None if sys.stdin is None else sys.stdin.buffer)
    except (usage.UsageError, OutputFailed, KeyboardInterrupt) as error:
        status = _tell(error, options, console)
        console.abandon()
        sys.exit(status)

    # Imported here, because the import installs the reactor.
    from twisted.internet import reactor
    from twisted.internet.task import react

    # The modules are loaded.  After freeze(), later collections don't look at them.
    gc.freeze()
    gc.enable()
    react(_runUntilInterrupted, (options, console), cast(IReactorCore, reactor))


def _tell(error: BaseException, options: Options, console: Console) -> int:
    """
    Tell the user why a command has failed.

    :return: the exit status
    """
    if isinstance(error, OutputFailed) and error.isClosed:
        return FAILED
    isInterrupted = isinstance(error, (CancelledError, KeyboardInterrupt))
    name = " ".join(filter(None, ["dwdht", options.subCommand]))
    text = "interrupted" if isInterrupted else str(error)
    if isinstance(error, (NoResponse, RequestTimeout)) and isinstance(
        options.command, SecurityOptions
    ):
        text = "; ".join(filter(None, [text, options.command.reasonOfSilence]))
    console.report(f"{name}: {text}")
    # A wrong command name or a too large value is a mistake, too.  Both are found before a port is
    # opened.
    isMistake = isinstance(error, (usage.UsageError, InvalidCommand, ValueTooLarge))
    return BAD_USAGE if isMistake else FAILED


def _runUntilInterrupted(
    reactor: IReactorCore, options: Options, console: Console
) -> Deferred[None]:
    work: Deferred[None] = Deferred()

    async def attempt() -> None:
        status = await run(reactor, options, console)
        console.abandon()
        if status:
            raise SystemExit(status)

    work.addCallback(lambda _: Deferred.fromCoroutine(attempt()))
    # Start the work once the reactor runs.  Until then, the reactor handles no signals, and SIGINT
    # would raise KeyboardInterrupt in the middle of the work.
    reactor.callWhenRunning(work.callback, None)

    def stop() -> Deferred[None]:
        # The shutdown waits until the command has released its node.  If the work has already
        # ended, cancel() does nothing.
        work.cancel()
        return work

    reactor.addSystemEventTrigger("before", "shutdown", stop)
    return work
