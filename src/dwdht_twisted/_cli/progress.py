"""
A line on the terminal that shows that a command is at work.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .console import Console

#: The time after which the line is first shown, in seconds.  Larger: a user believes that the
#: command hangs.  Smaller: the line flickers up in commands that are about to end.
SHOWN_AFTER = 1.0

#: The time between two changes of the line, in seconds.  Larger: the line seems to stand still.
#: Smaller: the terminal has more work, and the user can read no more than before.
CHANGED_EVERY = 0.5


class Progress:
    """
    Shows how long a command has been at work, and how far it has come.

    The line is shown only if standard error is a terminal.  Otherwise, no timer is set.

    :param reactor: provides time
    :param console: where the line is shown
    :param describe: returns how far the command has come
    """

    def __init__(self, reactor: Any, console: Console, describe: Callable[[], str]) -> None:
        self._reactor = reactor
        self._console = console
        self._describe = describe
        self._startedAt = reactor.seconds()
        self._timer: Any = None
        if console.showsProgress:
            self._timer = reactor.callLater(SHOWN_AFTER, self._show)

    def stop(self) -> None:
        """Erase the line, and don't show it again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._console.eraseProgress()

    def _show(self) -> None:
        seconds = self._reactor.seconds() - self._startedAt
        self._console.progress(f"{seconds:.0f} s: {self._describe()}")
        self._timer = self._reactor.callLater(CHANGED_EVERY, self._show)
