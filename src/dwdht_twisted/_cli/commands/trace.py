"""
``dwdht trace``: one lookup as it runs.
"""

from __future__ import annotations

import os
from typing import Any

from twisted.python import usage

from ... import values
from ..._core.wire import ID_BYTES
from ..._net.arguments import checkCommand
from ...errors import InvalidCommand
from ...interfaces import IDHTNode, IQueryStream, LookupStep
from ..command import CommandFailed, NetworkCommand
from ..console import Console, OutputFailed
from ..drawing.journey import Journey
from ..drawing.steps import Steps
from ..drawing.style import Style
from ..options import readHex
from ..output import STANDARD_OUTPUT


class Trace(NetworkCommand):
    """Show a lookup as it runs."""

    synopsis = "[options] TARGETHEX"
    longdesc = (
        "Looks for the nodes closest to TARGETHEX, such as the key of a value, and prints a line "
        "for each answer: when it came, the hop, the node, how many leading bits of its id are "
        "those of the target, how long the answer took, and how many nodes it named. A node of hop "
        "1 was known before, and a node of hop 2 was named by one of hop 1. Lines tell of late and "
        "silent nodes, too. With --json, each step is an object, with its time in seconds since "
        "the start."
    )
    optParameters = [
        ["command", None, values.COMMAND, "The command that the nodes are asked to run."],
        ["svg", None, None, "Write a picture of the lookup to this file, as SVG."],
    ]

    def parseArgs(self, target: str) -> None:  # type: ignore[override]
        """Read the target."""
        self["target"] = readHex(target, "the target", ID_BYTES)

    def postOptions(self) -> None:
        """Check the command and the name of the picture."""
        super().postOptions()
        # Standard output has the lines of the lookup.
        if self["svg"] in ("", STANDARD_OUTPUT):
            raise usage.UsageError(f"--svg must be a file, not {self['svg']!r}")
        try:
            self["command"] = checkCommand(self["command"])
        except InvalidCommand as error:
            raise usage.UsageError(str(error)) from None

    async def runOn(self, node: IDHTNode, reactor: Any, console: Console) -> None:
        """Run the lookup, and write the picture at its end."""
        stream = node.query(self["command"], self["target"])
        tracing = _Tracing(console, stream, reactor, isJson=self["json"])
        end = node.watchLookups(tracing.take)
        try:
            await stream.collect()
        finally:
            end()
            if self["svg"] is not None:
                _writePicture(self["svg"], tracing.journey)
        if tracing.failure is not None:
            raise tracing.failure


class _Tracing:
    """
    Prints the steps of one lookup.

    :param stream: the lookup
    :param reactor: provides time
    :ivar journey: the course of the lookup
    :ivar failure: why its steps can't be printed, or None
    """

    def __init__(
        self, console: Console, stream: IQueryStream, reactor: Any, *, isJson: bool
    ) -> None:
        self.journey = Journey()
        self.failure: OutputFailed | None = None
        self._console = console
        self._stream = stream
        self._reactor = reactor
        self._steps = None if isJson else Steps(self.journey, Style.of(console))

    def take(self, step: LookupStep) -> None:
        """Print a step, unless it is one of another lookup."""
        if step.lookup != self._stream.number:
            return
        visit = self.journey.take(step)
        if self.failure is not None:
            return
        try:
            if self._steps is None:
                fields = {**step.asDict(), "time": round(self.journey.seconds, 6)}
                # This lookup is the only one.
                del fields["lookup"]
                self._console.record(**fields)
            else:
                self._console.drawing(self._steps.lines(step, visit))
        except OutputFailed as error:
            self.failure = error
            # A watcher must not use the node at once.
            self._reactor.callLater(0, self._stream.stopProducing)


def _writePicture(path: str, journey: Journey) -> None:
    # Imported here, because most lookups are traced without a picture.
    from ..drawing.picture import picture

    try:
        with open(path, "wb", opener=_openAtOnce) as file:
            file.write(picture(journey))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CommandFailed(f"cannot write {path!r}: {reason}") from None


def _openAtOnce(path: str, flags: int) -> int:
    """Open a file, or a pipe that somebody reads: no signal could end the wait for a reader."""
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)
    if os.name == "posix":
        os.set_blocking(descriptor, True)
    return descriptor
