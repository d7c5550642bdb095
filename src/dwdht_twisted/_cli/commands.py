"""
The commands put, get, query, update and demo of ``dwdht``.

The other commands are in `ping` and `foreground`.
"""

from __future__ import annotations

import os
from typing import Any

from twisted.python import usage

from .. import values
from .._core.wire import ID_BYTES, MAX_DATAGRAM_BYTES
from .._net.arguments import checkCommand
from ..errors import InvalidCommand
from ..interfaces import IDHTNode, Reply
from .command import Command, CommandFailed, NetworkCommand
from .console import Console, shown, valueFields
from .options import readHex, readNumber
from .payload import ValueOptions
from .progress import Progress

#: The most nodes that a demo may have.  Each node takes a file descriptor.  Larger: the demo would
#: fail on many machines, because a process may open only 1,024 file descriptors there.
MAXIMUM_DEMO_NODES = 900


class Put(ValueOptions, NetworkCommand):
    """Store a value."""

    synopsis = "[options] [VALUE]"
    longdesc = (
        "Stores VALUE, up to 1,000 bytes, and prints its key: the SHA-256 of the value in "
        "hexadecimal. The number of nodes that store the value is written to standard error. When "
        "VALUE is - or is missing, the value is read from standard input; a line end at the end of "
        "the input is a part of the value."
    )
    maximumBytes = values.MAXIMUM_VALUE_BYTES
    requiresValue = True

    def parseArgs(self, value: str | None = None) -> None:
        """Read the value: the bytes of the argument, as the shell passed them."""
        self["value"] = value

    async def runOn(self, node: IDHTNode, reactor: Any, console: Console) -> None:
        """Store the value and print its key."""
        value = self["value"]
        key = values.keyOf(value)
        stream = node.update(values.COMMAND, key, value)
        await stream.collect()
        if self["json"]:
            console.record(key=key.hex(), nodes=stream.commits)
        else:
            console.line(key.hex())
            console.report(f"stored on {countNodes(stream.commits)}")


class Get(NetworkCommand):
    """Find a value."""

    synopsis = "[options] KEYHEX"
    longdesc = (
        "Finds the value with this key, and prints it unchanged. On a terminal, a line end is "
        "added, and characters that could control the terminal are shown as escapes."
    )
    optFlags = [["raw", None, "Print the value unchanged to a terminal, too."]]

    def parseArgs(self, key: str) -> None:  # type: ignore[override]
        """Read the key."""
        self["key"] = readHex(key, "the key", ID_BYTES)

    def postOptions(self) -> None:
        """Refuse --raw together with --json."""
        super().postOptions()
        if self["raw"] and self["json"]:
            raise usage.UsageError("give --raw or --json, not both")

    async def runOn(self, node: IDHTNode, reactor: Any, console: Console) -> None:
        """Find the value and print it."""
        value = await values.get(node, self["key"])
        if self["json"]:
            console.record(key=self["key"].hex(), **valueFields(value))
        elif self["raw"] or not console.isTerminal:
            console.write(value)
        else:
            text, hasEscapes = shown(value)
            console.write(console.encode(text if text.endswith("\n") else f"{text}\n"))
            if hasEscapes:
                console.report(
                    "the value isn't plain text and is shown with escapes; --raw prints it as it is"
                )


class TargetCommand(NetworkCommand):
    """
    A command that asks the nodes closest to a target to run a command of the network.
    """

    def readQuestion(self, command: str, target: str) -> None:
        """Read the command and its target."""
        try:
            self["command"] = checkCommand(command)
        except InvalidCommand as error:
            raise usage.UsageError(str(error)) from None
        self["target"] = readHex(target, "the target", ID_BYTES)

    def show(self, reply: Reply, console: Console) -> None:
        """Print an answer."""
        id = None if reply.node.id is None else reply.node.id.hex()
        address = str(reply.node.address)
        if self["json"]:
            console.record(node=id, address=address, **valueFields(reply.value))
        else:
            value = "" if reply.value is None else f" {reply.value!r}"
            console.line(f"{id or '-'} {address}{value}")


class Query(TargetCommand):
    """Ask the nodes closest to a target to run a command."""

    synopsis = "[options] COMMAND TARGETHEX"
    longdesc = (
        "Prints a line for each answer: the node's id, its address, and the value that its handler "
        "returned, if any, as a Python bytes literal. Fails when there is no answer."
    )
    optParameters = [["value", None, None, "A payload for the handlers."]]

    def parseArgs(self, command: str, target: str) -> None:  # type: ignore[override]
        """Read the command and its target."""
        self.readQuestion(command, target)

    async def runOn(self, node: IDHTNode, reactor: Any, console: Console) -> None:
        """Query the network, and print each answer when it arrives."""
        value = None if self["value"] is None else os.fsencode(self["value"])
        hasAnswer = False
        async for reply in node.query(self["command"], self["target"], value):
            hasAnswer = True
            self.show(reply, console)
        if not hasAnswer:
            raise CommandFailed("no member of the network answered")


class Update(ValueOptions, TargetCommand):
    """Ask the nodes closest to a target to change something."""

    synopsis = "[options] COMMAND TARGETHEX [VALUE]"
    longdesc = (
        "Sends an update to the 20 nodes closest to the target. For each node that took the "
        "update, prints a line as `dwdht query` does. The number of these nodes is written to "
        "standard error. When VALUE is - or is missing, the value is read from standard input. If "
        "VALUE is missing and standard input is a terminal or is empty, the update has no value."
    )
    maximumBytes = MAX_DATAGRAM_BYTES
    requiresValue = False

    def parseArgs(  # type: ignore[override]
        self, command: str, target: str, value: str | None = None
    ) -> None:
        """Read the command, its target, and the value: the bytes of the argument."""
        self.readQuestion(command, target)
        self["value"] = value

    async def runOn(self, node: IDHTNode, reactor: Any, console: Console) -> None:
        """Update the network, and print the answer of each node that took the update."""
        stream = node.update(self["command"], self["target"], self["value"])
        async for reply in stream:
            self.show(reply, console)
        if self["json"]:
            console.record(nodes=stream.commits)
        else:
            console.report(f"taken by {countNodes(stream.commits)}")


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
        super().postOptions()
        self["nodes"] = readNumber(self["nodes"], "--nodes", 1, MAXIMUM_DEMO_NODES)

    async def run(self, reactor: Any, console: Console) -> None:
        """Run the demo, and print each line at once."""
        from .demo import Demonstration

        demonstration = Demonstration(reactor, self["nodes"], console.line)
        progress = Progress(reactor, console, demonstration.describe)
        try:
            await demonstration.run()
        finally:
            progress.stop()


def countNodes(number: int) -> str:
    """Write a number of nodes, such as ``1 node`` or ``20 nodes``."""
    return "1 node" if number == 1 else f"{number} nodes"
