"""
``dwdht put`` and ``dwdht get``: store a value, and find one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, BinaryIO

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IConsumer, IReactorTime
from twisted.python import usage

from ... import values
from ..._clock import clockOf
from ..._core.wire import ID_BYTES
from ...errors import InvalidTarget
from ...interfaces import IDHTNode
from ...node import DHTNode
from ...values.bounds import MAXIMUM_LARGE_BYTES
from ...values.large import Transfer, TreeKey
from ...values.large.tree import PREFIX
from ..command import NetworkCommand
from ..console import Console, OutputFailed, countNodes, valueFields
from ..options import readHex, readNumber
from ..output import STANDARD_OUTPUT, PartFile, ThroughFile, Writer, openOutput
from ..payload import ValueOptions
from .kept import KeptParts


class TransferCommand(NetworkCommand):
    """
    A command that puts or gets a value of up to 1 MiB.

    :ivar transfer: how far it has come
    """

    def __init__(self) -> None:
        super().__init__()
        self.transfer = Transfer()

    def describeProgress(self, node: DHTNode) -> str:
        """The bytes that are done, once the size of a large value is known."""
        length = self.transfer.length
        if length is None:
            return super().describeProgress(node)
        return f"{self.transfer.bytesDone:,} of {length:,} bytes"


class Put(ValueOptions, TransferCommand):
    """Store a value."""

    synopsis = "[options] [VALUE]"
    longdesc = (
        "Stores VALUE, up to 1 MiB, and prints its key. The key of a value of up to 1,000 bytes is "
        "its SHA-256 in hexadecimal. A larger value is stored in pieces under a tree of hashes, "
        "and its key begins with tree:. The number of nodes that store the value is written to "
        "standard error. When VALUE is - or is missing, the value is read from standard input; a "
        "line end at the end of the input is a part of the value. With --keep, the command runs "
        "until it is interrupted, and puts the value again before its holders drop it, which they "
        "do after a day. It puts four pieces of a larger value a second, and prints the key when "
        "all of them are stored."
    )
    optFlags = [["keep", None, "Keep the value alive until the command is interrupted."]]
    optParameters = [
        [
            "from",
            None,
            "0",
            "Go on with an interrupted put of a larger value: the bytes at its start that are "
            "stored already.",
        ]
    ]
    maximumBytes = MAXIMUM_LARGE_BYTES
    requiresValue = True

    def parseArgs(self, value: str | None = None) -> None:
        """Read the value: the bytes of the argument, as the shell passed them."""
        self["value"] = value

    def postOptions(self) -> None:
        """Check --from, and refuse --timeout together with --keep."""
        super().postOptions()
        self._kept: KeptParts | None = None
        if self["keep"] and self["timeout"] is not None:
            raise usage.UsageError("give --keep or --timeout, not both")
        self["from"] = readNumber(self["from"], "--from", 0, MAXIMUM_LARGE_BYTES)
        if self["keep"] and self["from"]:
            raise usage.UsageError("give --keep or --from, not both")

    def readInput(self, stdin: BinaryIO | None) -> None:
        """Require that the value fits --from."""
        super().readInput(stdin)
        if self["from"] > len(self["value"]):
            raise usage.UsageError(
                f"--from {self['from']} is beyond the end: the value has {len(self['value'])} bytes"
            )

    def describeProgress(self, node: DHTNode) -> str:
        """How far the command has come; with --keep, the number of holders."""
        progress = self._kept.describe() if self._kept is not None else None
        return super().describeProgress(node) if progress is None else progress

    async def runOn(self, node: IDHTNode, reactor: Any, console: Console) -> None:
        """Store the value and print its key."""
        if self["keep"]:
            await self._keep(node, reactor, console)
            return
        value = self["value"]
        if len(value) > values.MAXIMUM_VALUE_BYTES:
            await self._putLarge(node, value, console)
            return
        key = values.keyOf(value)
        stream = node.update(values.COMMAND, key, value, valueInQuery=False)
        await stream.collect()
        if self["json"]:
            console.record(key=key.hex(), nodes=stream.commits)
        else:
            console.line(key.hex())
            console.report(f"stored on {countNodes(stream.commits)}")

    async def _putLarge(self, node: IDHTNode, value: bytes, console: Console) -> None:
        transfer = self.transfer
        try:
            key = await values.putLarge(node, value, offset=self["from"], transfer=transfer)
        except BaseException:
            if transfer.bytesDone:
                console.report(
                    f"{transfer.bytesDone} bytes are stored; --from {transfer.bytesDone} goes on "
                    f"from there"
                )
            raise
        assert transfer.fewestNodes is not None
        if self["json"]:
            console.record(key=str(key), nodes=transfer.fewestNodes, bytes=len(value))
        else:
            console.line(str(key))
            console.report(f"each piece is stored on {countNodes(transfer.fewestNodes)} or more")

    async def _keep(self, node: IDHTNode, reactor: Any, console: Console) -> None:
        """
        Keep the value alive until the work is cancelled.

        An interruption before the whole value was stored is a failure, and a later one is not.
        """
        ended: Deferred[None] = Deferred()
        kept = self._kept = KeptParts(self["value"])

        def onPut(put: values.Kept) -> None:
            try:
                kept.report(put, console, isJSON=self["json"])
            except OutputFailed:
                ended.errback()

        keeper = values.Keeper(node, reactor, onPut=onPut)
        for part in kept.parts:
            keeper.keep(part)
        keeper.startService()
        try:
            await ended
        except CancelledError:
            if not kept.wasStored:
                raise
        finally:
            await keeper.stopService()


class Get(TransferCommand):
    """Find a value."""

    synopsis = "[options] KEY"
    longdesc = (
        "Finds the value with this key, and prints it unchanged. On a terminal, a line end is "
        "added, and characters that could control the terminal are shown as escapes. KEY is what "
        "`dwdht put` has printed: 64 hexadecimal digits, after tree: for a value of more than "
        "1,000 bytes."
    )
    optFlags = [["raw", None, "Print the value unchanged to a terminal, too."]]
    optParameters = [
        [
            "output",
            None,
            None,
            "Write the value to this file, or to a pipe; - is standard output. Until a file is "
            "whole, it is PATH.part, and another run goes on with it.",
        ]
    ]

    def parseArgs(self, key: str) -> None:  # type: ignore[override]
        """Read the key."""
        if not key.startswith(PREFIX):
            self["key"] = readHex(key, "the key", ID_BYTES)
            return
        try:
            self["key"] = TreeKey.parse(key)
        except InvalidTarget:
            raise usage.UsageError(
                f"the key must be {PREFIX} and {2 * ID_BYTES} hexadecimal digits, not {key!r}"
            ) from None

    def postOptions(self) -> None:
        """Refuse --raw together with --json or --output, and --json with a value beside it."""
        super().postOptions()
        if self["output"] == "":
            raise usage.UsageError("--output must be a file, not ''")
        if self["json"] and self["output"] == STANDARD_OUTPUT:
            raise usage.UsageError(f"give --json or --output {STANDARD_OUTPUT}, not both")
        for name in ("json", "output"):
            if self["raw"] and self[name]:
                raise usage.UsageError(f"give --raw or --{name}, not both")

    async def runOn(self, node: IDHTNode, reactor: Any, console: Console) -> None:
        """Find the value, and print it or write it to a file."""
        isRaw = self["raw"] or self["output"] == STANDARD_OUTPUT
        if self["output"] not in (None, STANDARD_OUTPUT):
            await self._save(node, clockOf(reactor), console)
        elif self["json"] or (console.isTerminal and not isRaw):
            value = bytearray()
            await self._fetch(node, Writer(value.extend))
            self._show(bytes(value), console)
        else:
            await self._fetch(node, Writer(console.write))

    async def _fetch(self, node: IDHTNode, consumer: IConsumer, known: bytes = b"") -> int:
        """
        Find the value and write it to a consumer.

        :return: the length of the value, in bytes
        """
        key = self["key"]
        if isinstance(key, TreeKey):
            return await values.getLarge(node, key, consumer, known=known, transfer=self.transfer)
        value = await values.get(node, key)
        consumer.write(value)
        return len(value)

    def _show(self, value: bytes, console: Console) -> None:
        if self["json"]:
            console.record(key=self._keyText, **valueFields(value))
            return
        console.value(value, isRaw=False)

    async def _save(self, node: IDHTNode, clock: IReactorTime, console: Console) -> None:
        async with _opened(self["output"], clock, console) as file:
            length = await self._fetch(node, Writer(file.write), file.known)
            file.finish()
        if self["json"]:
            console.record(key=self._keyText, bytes=length, output=self["output"])

    @property
    def _keyText(self) -> str:
        key: TreeKey | bytes = self["key"]
        return str(key) if isinstance(key, TreeKey) else key.hex()


@asynccontextmanager
async def _opened(
    path: str, clock: IReactorTime, console: Console
) -> AsyncIterator[PartFile | ThroughFile]:
    """Open a file, and tell the user how to go on if it doesn't become whole."""
    file = await openOutput(path, clock)
    try:
        yield file
    except BaseException:
        size = file.leave()
        if size:
            console.report(f"{file.path!r} keeps {size} bytes; the same command goes on with it")
        raise
