"""
``dwdht``: the network from the command line.

Exit status: 0 when it went well, 1 when it failed, 2 when the command line is
wrong.  In both last cases one line on standard error says why.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from getopt import GetoptError, gnu_getopt
from importlib.metadata import version
from inspect import signature
from typing import Any, BinaryIO, NoReturn, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorCore
from twisted.python import usage
from twisted.python.failure import Failure

from .. import values
from .._core.wire import ID_BYTES, Address
from .._net.asking import Resolver
from ..errors import DHTError, NoResponse, UnresolvableHost
from ..interfaces import IDHTNode
from ..node import DHTNode
from .options import BootstrapOptions, readAddress, readHex, readNumber

BAD_USAGE = 2

#: The most nodes that a demo may have: each takes a file descriptor, of which a process has 1,024
#: on many machines.
MAXIMUM_DEMO_NODES = 900


class _Program(usage.Options):
    """What every command line of the program has."""

    def opt_version(self) -> NoReturn:
        """Display the version and exit."""
        sys.stdout.write(f"dwdht {version('dwdht_twisted')}\n")
        sys.exit(0)


class Command(_Program):
    """
    A command of the command line, with its options.
    """

    synopsis = ""

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """
        Read the command line, with options before, between or after the arguments.

        :raises usage.UsageError: when there is a mistake in it
        """
        try:
            found, arguments = gnu_getopt(list(options or ()), self.shortOpt, self.longOpt)
        except GetoptError as error:
            raise usage.UsageError(str(error)) from None
        flags = [
            f"{name}={value}" if f"{name[2:]}=" in self.longOpt else name for name, value in found
        ]
        if "--help" not in flags and "--version" not in flags:
            self._checkNumber(arguments)
        super().parseOptions([*flags, "--", *arguments])

    def _checkNumber(self, arguments: list[str]) -> None:
        try:
            signature(self.parseArgs).bind(*arguments)
        except TypeError:
            raise usage.UsageError(f"the arguments must be: {self.synopsis}") from None

    async def run(self, reactor: Any, output: BinaryIO) -> None:
        """
        Do what the command is for.

        :param output: where the result goes
        :raises DHTError: when it fails
        """
        raise NotImplementedError


class NodeCommand(Command):
    """
    A command that is run on a node of its own, which others don't list, and which leaves at the
    end.
    """

    async def run(self, reactor: Any, output: BinaryIO) -> None:
        """Run the command on a new node, and destroy that node in any case."""
        node = DHTNode(reactor, ephemeral=True, bootstrap=self.get("bootstrap", ()))
        try:
            await self.runOn(node, output)
        finally:
            await node.destroy()

    async def runOn(self, node: IDHTNode, output: BinaryIO) -> None:
        """Run the command on this node."""
        raise NotImplementedError


class NetworkCommand(BootstrapOptions, NodeCommand):
    """A command that needs a network, and so a node of it to start from."""

    def postOptions(self) -> None:
        """Require a bootstrap node."""
        if not self["bootstrap"]:
            raise usage.UsageError("give --bootstrap HOST:PORT, a node of the network")

    async def run(self, reactor: Any, output: BinaryIO) -> None:
        """Run the command on a new node; when nobody answers, say which addresses were asked."""
        try:
            await super().run(reactor, output)
        except NoResponse as error:
            asked = [await _describe(reactor, address) for address in self["bootstrap"]]
            raise NoResponse(f"{error}; asked {', '.join(asked)}") from None


async def _describe(reactor: Any, address: Address) -> str:
    try:
        found = await Resolver(reactor).resolve(address)
    except UnresolvableHost as error:
        return f"{address} ({error})"
    return str(address) if found == address else f"{address} ({found.host})"


class Put(NetworkCommand):
    """Store a value."""

    synopsis = "--bootstrap HOST:PORT VALUE"
    longdesc = "Stores VALUE, up to 1,000 bytes, and prints its key: its SHA-256 in hexadecimal."

    def parseArgs(self, value: str) -> None:  # type: ignore[override]
        """Take the value."""
        try:
            self["value"] = values.checkValue(os.fsencode(value))
        except DHTError as error:
            raise usage.UsageError(str(error)) from None

    async def runOn(self, node: IDHTNode, output: BinaryIO) -> None:
        """Store the value and print its key."""
        key = await values.put(node, self["value"])
        output.write(f"{key.hex()}\n".encode())


class Get(NetworkCommand):
    """Find a value."""

    synopsis = "--bootstrap HOST:PORT KEYHEX"
    longdesc = "Finds the value with this key, and prints it as it is, without a line end."

    def parseArgs(self, key: str) -> None:  # type: ignore[override]
        """Take the key."""
        self["key"] = readHex(key, "the key", ID_BYTES)

    async def runOn(self, node: IDHTNode, output: BinaryIO) -> None:
        """Find the value and print it."""
        output.write(await values.get(node, self["key"]))


class Ping(NodeCommand):
    """Ask a node whether it is there."""

    synopsis = "HOST:PORT"
    longdesc = "Prints the node's id, its address, and the address that it sees us at."

    def parseArgs(self, address: str) -> None:  # type: ignore[override]
        """Take the address."""
        self["address"] = readAddress(address, "the address")

    async def runOn(self, node: IDHTNode, output: BinaryIO) -> None:
        """Ping and print what came back."""
        contact, address = await node.ping(self["address"])
        name = "an ephemeral node" if contact.id is None else contact.id.hex()
        output.write(f"{name} at {contact.address} sees us at {address}\n".encode())


class Query(NetworkCommand):
    """Ask the nodes closest to a target to run a command."""

    synopsis = "--bootstrap HOST:PORT [--value VALUE] COMMAND TARGETHEX"
    longdesc = (
        "Prints a line for each answer: the node's id, its address, and the value that its handler "
        "gave, if any, as a Python bytes literal."
    )
    optParameters = [["value", None, None, "A payload for the handlers."]]

    def parseArgs(self, command: str, target: str) -> None:  # type: ignore[override]
        """Take the command and its target."""
        self["command"] = command
        self["target"] = readHex(target, "the target", ID_BYTES)

    async def runOn(self, node: IDHTNode, output: BinaryIO) -> None:
        """Ask, and print each answer when it comes."""
        value = None if self["value"] is None else os.fsencode(self["value"])
        async for contact, answer in node.query(self["command"], self["target"], value):
            name = "-" if contact.id is None else contact.id.hex()
            shown = "" if answer is None else f" {answer!r}"
            output.write(f"{name} {contact.address}{shown}\n".encode())
            output.flush()


class Demo(Command):
    """Show a network at work, within this process."""

    synopsis = "[--nodes 100]"
    longdesc = (
        "Starts a network on this machine, stores a value, finds it from another node, and shows "
        "what happens."
    )
    optParameters = [["nodes", None, "100", "How many nodes the network has."]]

    def postOptions(self) -> None:
        """Check the number of nodes."""
        self["nodes"] = readNumber(self["nodes"], "--nodes", 1, MAXIMUM_DEMO_NODES)

    async def run(self, reactor: Any, output: BinaryIO) -> None:
        """Run the demo."""
        from .demo import Demonstration

        def show(line: str) -> None:
            output.write(f"{line}\n".encode())
            output.flush()

        await Demonstration(reactor, self["nodes"], show).run()


class Options(_Program):
    """The command line of ``dwdht``."""

    synopsis = "Usage: dwdht"
    longdesc = (
        "Works on a DHT that speaks the protocol of dht-rpc 2, or shows one. "
        "`dwdht COMMAND --help` tells what a command takes."
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
                "give a command: put, get, ping, query or demo; `dwdht --help` tells more"
            )


async def run(reactor: Any, options: Options, output: BinaryIO) -> None:
    """
    Run the command of a command line.

    :raises SystemExit: with a line for the user, when it fails
    """
    try:
        await cast(Command, options.subOptions).run(reactor, output)
    except DHTError as error:
        raise SystemExit(f"dwdht {options.subCommand}: {error}") from None


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """
    Run the command line of this process, and end it.

    :param arguments: instead of those of the process
    """
    options = Options()
    try:
        options.parseOptions(arguments)
    except usage.UsageError as error:
        name = " ".join(filter(None, ["dwdht", options.subCommand]))
        sys.stderr.write(f"{name}: {error}\n")
        sys.exit(BAD_USAGE)

    from twisted.internet import reactor
    from twisted.internet.task import react

    react(_runUntilInterrupted, (options,), cast(IReactorCore, reactor))


def _runUntilInterrupted(reactor: IReactorCore, options: Options) -> Deferred[None]:
    work: Deferred[None] = Deferred()
    work.addCallback(lambda _: Deferred.fromCoroutine(run(reactor, options, sys.stdout.buffer)))
    # Not before: until the reactor runs it takes no signals, and they would break into the work.
    reactor.callWhenRunning(work.callback, None)

    def interrupted(failure: Failure) -> NoReturn:
        failure.trap(CancelledError)
        raise SystemExit(f"dwdht {options.subCommand}: interrupted")

    def stop() -> Deferred[None]:
        # The node leaves in good order; work that is over isn't changed by this.
        work.cancel()
        return work

    reactor.addSystemEventTrigger("before", "shutdown", stop)
    return work.addErrback(interrupted)
