"""
The signals of a process that is a node.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from .hangup import handleHangup

#: The file descriptor of standard input.
STANDARD_INPUT = 0


def takeSignals(reactor: Any) -> None:
    """
    Handle the signals that an operator sends to a node.  Call this once the reactor runs.

    SIGHUP reloads files, unless standard input is a terminal: there it means that the terminal was
    closed, and ends the process, as it ends every program that was started there.
    """
    if not _hasTerminal():
        handleHangup(reactor)


def _hasTerminal() -> bool:
    # The descriptor is closed when the process was started without standard input.
    with suppress(OSError):
        return os.isatty(STANDARD_INPUT)
    return False
