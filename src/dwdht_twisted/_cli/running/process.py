"""
The signals of a process that is a node.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from .configuration import ConfigurationOptions
from .hangup import handleHangup
from .logs import LogOptions
from .stopping import Stop, StopOptions

#: The file descriptor of standard input.
STANDARD_INPUT = 0


class ProcessOptions(ConfigurationOptions, LogOptions, StopOptions):
    """The options of a program that runs for long, whatever it is for."""


def takeSignals(reactor: Any, options: ProcessOptions) -> None:
    """
    Handle the signals that an operator sends to a node.  Call this once the reactor runs.

    SIGTERM stops the node within the time of the options.  SIGHUP reloads files, unless standard
    input is a terminal: there it means that the terminal was closed, and ends the process, as it
    ends every program that was started there.
    """
    Stop(reactor, options["stop-within"]).handleSignals()
    if not _hasTerminal():
        handleHangup(reactor)


def _hasTerminal() -> bool:
    # The descriptor is closed when the process was started without standard input.
    with suppress(OSError):
        return os.isatty(STANDARD_INPUT)
    return False
