"""
The functions that watch a node: they are called at each step of its lookups, for example.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import TypeVar

from twisted.logger import Logger
from twisted.python.failure import Failure

from .._observation import LookupStep
from .reporting import Reports

Event = TypeVar("Event")
State = TypeVar("State")

#: A function that is called with each step.
Watcher = Callable[[LookupStep], object]


def addWatcher(
    watchers: dict[Callable[[Event], object], State | None], watcher: Callable[[Event], object]
) -> Callable[[], None]:
    """
    Add a function to those that watch.

    :param watchers: each watch, and what is kept for it: None at first
    :return: a function that ends the watch
    :raises ValueError: when it isn't a function
    """
    if not callable(watcher):
        raise ValueError(f"a watcher is a function, not {watcher!r}")

    def tell(event: Event) -> object:
        """Stand for this watch, because a function may watch more than once."""
        return watcher(event)

    def end() -> None:
        watchers.pop(tell, None)

    watchers[tell] = None
    return end


class LookupWatchers:
    """
    Tells each step of the lookups of one node to whoever watches.

    :param seconds: tells the time
    :ivar seconds: tells the time
    """

    _log = Logger()

    def __init__(self, seconds: Callable[[], float]) -> None:
        self.seconds = seconds
        self._numbers = count(1)
        self._watchers: dict[Watcher, None] = {}
        self._reports = Reports(self._log, seconds)

    def __bool__(self) -> bool:
        """Whether anybody watches."""
        return bool(self._watchers)

    def number(self) -> int:
        """The number of a new lookup."""
        return next(self._numbers)

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """
        Call a function at each step.

        :return: a function that ends the watch
        """
        return addWatcher(self._watchers, watcher)

    def follow(self, former: LookupWatchers) -> None:
        """Tell those who have watched another node, and go on with its numbers."""
        self._watchers, self._numbers = former._watchers, former._numbers

    def tell(self, step: LookupStep) -> None:
        """Call each function with a step."""
        for watcher in list(self._watchers):
            try:
                watcher(step)
            except BaseException:
                self._reports.failed("a watcher of lookups failed", Failure())
