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

from .command import Command
from .console import LAYOUT, Console
from .options import bootstrapOf
from .tap import NodeOptions, makeNodeService


class Node(Command, NodeOptions):
    """Run a node."""

    synopsis = "[options]"
    longdesc = (
        "Runs a node until it is interrupted or terminated, and logs to standard error. It keeps "
        "values for others, where --store says; `dwdht put` and `dwdht get` store and find them."
    )

    def postOptions(self) -> None:
        """Check the options, and take the bootstrap nodes that were given elsewhere."""
        super().postOptions()
        self["bootstrap"] = bootstrapOf(self)

    async def run(self, reactor: Any, console: Console) -> None:
        """Run the node until the work is cancelled, and stop it in order."""
        service = makeNodeService(self, reactor)
        service.privilegedStartService()
        service.startService()
        # What was logged until now is kept, and written here.  When the service can't start, the
        # error is all that the user sees.
        globalLogBeginner.beginLoggingTo([logTo(console)], redirectStandardIO=False)
        try:
            await Deferred()
        except CancelledError:
            # The program was told to end, which is no failure of a node.
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
