"""
``dwdht demo``: a network at work, within one process.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError

from ..command import Command
from ..console import Console
from ..options import readNumber
from ..progress import Progress
from ..running.http import HTTPOptions

#: The most nodes that a demo may have.  Each node takes a file descriptor.  Larger: the demo would
#: fail on many machines, because a process may open only 1,024 file descriptors there.
MAXIMUM_DEMO_NODES = 900


class Demo(HTTPOptions, Command):
    """Show a network at work, within this process."""

    synopsis = "[--nodes 100] [--http ENDPOINT]"
    longdesc = (
        "Starts a network on this machine, stores a value, finds it from another node, and shows "
        "what happens. With --http, it keeps the network until it is interrupted, looks up a "
        "random key each second, and serves one of the nodes over HTTP."
    )
    optParameters = [
        ["nodes", None, "100", "How many nodes the network has."],
    ]

    def postOptions(self) -> None:
        """Read the number of nodes."""
        super().postOptions()
        self["nodes"] = readNumber(self["nodes"], "--nodes", 1, MAXIMUM_DEMO_NODES)
        self.readHTTP()

    async def run(self, reactor: Any, console: Console) -> None:
        """Run the demo, and print each line at once."""
        from ..demonstration import Demonstration

        demonstration = Demonstration(reactor, self["nodes"], console.line, http=self["http"])
        progress = Progress(reactor, console, demonstration.describe)
        try:
            await demonstration.run()
        except CancelledError:
            # The user has ended a network that is served, so the command has not failed.
            if self["http"] is None:
                raise
        finally:
            progress.stop()
