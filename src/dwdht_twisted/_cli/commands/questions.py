"""
``dwdht query`` and ``dwdht update``: ask the nodes closest to a target.
"""

from __future__ import annotations

import os
from typing import Any

from twisted.python import usage

from ..._core.wire import ID_BYTES, MAX_DATAGRAM_BYTES
from ..._net.arguments import checkCommand
from ...errors import InvalidCommand
from ...interfaces import IDHTNode, Reply
from ..command import CommandFailed, NetworkCommand
from ..console import Console, countNodes, valueFields
from ..options import readHex
from ..payload import ValueOptions


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
