"""
``dwdht``: the network from the command line.

The exit status is 0 when the command succeeded, 1 when it failed, and 2 when the command line is
wrong.  With status 1 or 2, one line on standard error gives the reason.  There is no such line when
the reader of standard output has ended.
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
    # Collect no garbage during the imports.  Modules stay until the end, so a collection would find
    # nothing.  It would take a fourteenth of the time of a short command.  `execute` enables
    # collections again.
    gc.disable()
    try:
        # Imported within the try statement: a short command spends most of its time on this import,
        # so it is likely to be interrupted here.
        from .program import execute

        execute(arguments)
    except KeyboardInterrupt:
        sys.exit("dwdht: interrupted")
