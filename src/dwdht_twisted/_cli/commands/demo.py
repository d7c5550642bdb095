"""
``dwdht demo``: a network at work, within one process.
"""

from __future__ import annotations

from typing import Any

from ..command import Command
from ..console import Console
from ..options import readNumber
from ..progress import Progress

#: The most nodes that a demo may have.  Each node takes a file descriptor.  Larger: the demo would
#: fail on many machines, because a process may open only 1,024 file descriptors there.
MAXIMUM_DEMO_NODES = 900


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
        from ..demonstration import Demonstration

        demonstration = Demonstration(reactor, self["nodes"], console.line)
        progress = Progress(reactor, console, demonstration.describe)
        try:
            await demonstration.run()
        finally:
            progress.stop()
