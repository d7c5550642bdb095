"""
The commands of ``dwdht``: put, get, ping, query and demo.

`Command` reads a command line and runs it, `NodeCommand` adds a node of its own, and
`NetworkCommand` the bootstrap nodes of the network to work on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from getopt import GetoptError, gnu_getopt
from importlib.metadata import version
from inspect import signature
from typing import Any, BinaryIO, NoReturn

from twisted.python import usage

from .. import values
from .._core.wire import ID_BYTES, Address
from .._net.asking import Resolver
from ..errors import DHTError, NoResponse, UnresolvableHost
from ..interfaces import IDHTNode
from ..node import DHTNode
from .options import BootstrapOptions, readAddress, readHex, readNumber

#: The most nodes that a demo may have.  Each takes a file descriptor.  Larger: on many machines a
#: process may open only 1,024 of them, and the demo would fail.
MAXIMUM_DEMO_NODES = 900


class ProgramOptions(usage.Options):
    """The options of ``dwdht`` with and without a command."""

    def opt_version(self) -> NoReturn:
        """Display the version and exit."""
        sys.stdout.write(f"dwdht {version('dwdht_twisted')}\n")
        sys.exit(0)


class Command(ProgramOptions):
    """
    A command with its arguments and options.
    """

    synopsis = ""

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """
        Read the command line, with options before, between or after the arguments.

        The base class takes the first argument as the end of the options, so the options are moved
        to the front.

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
        Run the command.

        :param output: where the result is written
        :raises DHTError: when the command fails
        """
        raise NotImplementedError


class NodeCommand(Command):
    """
    A command that is run on a new ephemeral node, which no other node lists.
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
    """A command that works on a network, and so requires a bootstrap node."""

    def postOptions(self) -> None:
        """Require a bootstrap node."""
        if not self["bootstrap"]:
            raise usage.UsageError("give --bootstrap HOST:PORT, a node of the network")

    async def run(self, reactor: Any, output: BinaryIO) -> None:
        """Run the command on a new node; if no node answers, add the addresses to the error."""
        try:
            await super().run(reactor, output)
        except NoResponse as error:
            asked = [await _describe(reactor, address) for address in self["bootstrap"]]
            raise NoResponse(f"{error}; asked {', '.join(asked)}") from None


async def _describe(reactor: Any, address: Address) -> str:
    """An address, with the IP address of its host name or the reason why it has none."""
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
        """Read the value: the bytes of the argument, as the shell passed them."""
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
        """Read the key."""
        self["key"] = readHex(key, "the key", ID_BYTES)

    async def runOn(self, node: IDHTNode, output: BinaryIO) -> None:
        """Find the value and print it."""
        output.write(await values.get(node, self["key"]))


class Ping(NodeCommand):
    """Ask a node whether it is there."""

    synopsis = "HOST:PORT"
    longdesc = "Prints the node's id, its address, and the address that it sees us at."

    def parseArgs(self, address: str) -> None:  # type: ignore[override]
        """Read the address."""
        self["address"] = readAddress(address, "the address")

    async def runOn(self, node: IDHTNode, output: BinaryIO) -> None:
        """Ping the address and print the answer."""
        contact, address = await node.ping(self["address"])
        name = "an ephemeral node" if contact.id is None else contact.id.hex()
        output.write(f"{name} at {contact.address} sees us at {address}\n".encode())


class Query(NetworkCommand):
    """Ask the nodes closest to a target to run a command."""

    synopsis = "--bootstrap HOST:PORT [--value VALUE] COMMAND TARGETHEX"
    longdesc = (
        "Prints a line for each answer: the node's id, its address, and the value that its handler "
        "returned, if any, as a Python bytes literal."
    )
    optParameters = [["value", None, None, "A payload for the handlers."]]

    def parseArgs(self, command: str, target: str) -> None:  # type: ignore[override]
        """Read the command and its target."""
        self["command"] = command
        self["target"] = readHex(target, "the target", ID_BYTES)

    async def runOn(self, node: IDHTNode, output: BinaryIO) -> None:
        """Query the network, and print each answer when it arrives."""
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
        """Read the number of nodes."""
        self["nodes"] = readNumber(self["nodes"], "--nodes", 1, MAXIMUM_DEMO_NODES)

    async def run(self, reactor: Any, output: BinaryIO) -> None:
        """Run the demo, and print each line at once."""
        from .demo import Demonstration

        def show(line: str) -> None:
            output.write(f"{line}\n".encode())
            output.flush()

        await Demonstration(reactor, self["nodes"], show).run()
