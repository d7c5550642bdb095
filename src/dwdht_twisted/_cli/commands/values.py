"""
``dwdht put`` and ``dwdht get``: store a value, and find one.
"""

from __future__ import annotations

from typing import Any

from twisted.python import usage

from ... import values
from ..._core.wire import ID_BYTES
from ...interfaces import IDHTNode
from ..command import NetworkCommand
from ..console import Console, countNodes, shown, valueFields
from ..options import readHex
from ..payload import ValueOptions


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
