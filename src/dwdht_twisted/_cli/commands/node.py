"""
``dwdht node``: a node as a program of its own, without ``twistd``.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    formatEventAsClassicLogText,
    globalLogBeginner,
)

from ..command import Command
from ..console import LAYOUT, Console
from ..options import bootstrapOf
from ..running.process import takeSignals
from ..tap import NodeOptions, makeNodeService


class Node(Command, NodeOptions):
    """Run a node."""

    synopsis = "[options]"
    longdesc = (
        "Runs a node until it is interrupted or terminated, and logs to standard error. The node "
        "keeps values for others in the store of --store; `dwdht put` and `dwdht get` store and "
        "find values."
    )

    def postOptions(self) -> None:
        """Check the options.  Look for bootstrap nodes as `bootstrapOf` does."""
        super().postOptions()
        self["bootstrap"] = bootstrapOf(self)

    async def run(self, reactor: Any, console: Console) -> None:
        """Run the node until the work is cancelled, and stop it in order."""
        service = makeNodeService(self, reactor)
        service.privilegedStartService()
        service.startService()
        # Earlier events were buffered, and are written now.  Logging begins after the start: if the
        # service can't start, the user sees only the error.
        globalLogBeginner.beginLoggingTo([logTo(console)], redirectStandardIO=False)
        takeSignals(reactor)
        try:
            await Deferred()
        except CancelledError:
            # The user has ended the program, so the command has not failed.
            return
        finally:
            await maybeDeferred(service.stopService)


def logTo(console: Console) -> ILogObserver:
    """
    Make a log observer that writes lines with a timestamp to standard error.

    Events of the debug level are left out, because a stranger can cause any number of them.
    """

    def write(event: LogEvent) -> None:
        text = formatEventAsClassicLogText(event)
        if text is not None:
            console.report(text.rstrip("\n"), LAYOUT)

    observer = cast(ILogObserver, write)
    return FilteringLogObserver(observer, [LogLevelFilterPredicate(LogLevel.info)])
