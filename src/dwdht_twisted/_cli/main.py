"""
``dwdht``: the network from the command line.

The exit status is 0 when the command succeeded, 1 when it failed, and 2 when the command line is
wrong.  In the latter two cases one line on standard error says why, unless the reader of standard
output has ended: then nobody wants to know.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from typing import NoReturn


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """
    Run the command line of this process, and end the process.

    :param arguments: used instead of those of the process
    """
    # Modules stay until the end, so a collection while they are loaded finds nothing, and takes a
    # fourteenth of the time of a short command.  `execute` enables it again.
    gc.disable()
    try:
        # Most of the time of a short command is spent on this import, so SIGINT is likely in it.
        from .program import execute

        execute(arguments)
    except KeyboardInterrupt:
        sys.exit("dwdht: interrupted")
