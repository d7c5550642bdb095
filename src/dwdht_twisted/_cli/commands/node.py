"""
``dwdht node``: a node as a program of its own, without ``twistd``.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.logger import ILogObserver, globalLogBeginner

from ..command import Command, CommandFailed
from ..console import LAYOUT, Console
from ..options import bootstrapOf
from ..running.hangup import callOnHangup
from ..running.logs import cannotOpen, makeObserver, openLog
from ..running.process import takeSignals
from ..tap import NodeOptions, makeNodeService


class Node(Command, NodeOptions):
    """Run a node."""

    synopsis = "[options]"
    longdesc = (
        "Runs a node until it is interrupted or terminated, and logs to standard error or to a "
        "file. The node keeps values for others in the store of --store; `dwdht put` and `dwdht "
        "get` store and find values."
    )

    def postOptions(self) -> None:
        """Check the options.  Look for bootstrap nodes as `bootstrapOf` does."""
        super().postOptions()
        self["bootstrap"] = bootstrapOf(self)

    async def run(self, reactor: Any, console: Console) -> None:
        """Run the node until the work is cancelled, and stop it in order."""
        observer = self._openLog(console)
        service = makeNodeService(self, reactor)
        service.privilegedStartService()
        # The service says that it is ready.  From then on a signal must not end the process.
        takeSignals(reactor, self)
        service.startService()
        # Earlier events were buffered, and are written now.  Logging begins after the start: if the
        # service can't start, the user sees only the error.
        globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
        endOfReading = callOnHangup(self.readKeysAgain)
        try:
            await Deferred()
        except CancelledError:
            # The user has ended the program, so the command has not failed.
            return
        finally:
            endOfReading()
            await maybeDeferred(service.stopService)

    def _openLog(self, console: Console) -> ILogObserver:
        path = self["log-file"]
        if path is None:
            return logTo(console, self["log-format"])
        try:
            return makeObserver(openLog(path).write, self["log-format"])
        except OSError as error:
            raise CommandFailed(cannotOpen(path, error)) from None


def logTo(console: Console, format: str | None = None) -> ILogObserver:
    """
    Make a log observer that writes to standard error.

    :param format: as for `makeObserver`
    """
    return makeObserver(lambda line: console.report(line, LAYOUT), format)
