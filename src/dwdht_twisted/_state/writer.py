"""
Writing a file of the state from time to time, and at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure

from .._clock import reactorOf
from ..errors import StateFailed


class PeriodicWriter:
    """
    Writes what has changed.

    A write waits for the disk, so it is done in a thread while the node runs.  A write that fails
    is logged once, and tried again after the next pause.

    :param clock: calls later, as made by `clockOf`
    :param pauses: the shortest and the longest pause between two writes, in seconds.  The pause is
        drawn between them, so that the many nodes of a machine do not write together.
    :param random: draws the pauses
    :param changed: returns a function that writes, or None if there is nothing to write.  That
        function is called in any thread, and may raise `StateFailed`.
    :param trouble: the log format for the first of several failures, which contains ``{reason}``
    :param recovery: the log message for the first success after a failure
    """

    _log = Logger()

    def __init__(
        self,
        clock: Any,
        pauses: tuple[float, float],
        random: Random,
        *,
        changed: Callable[[], Callable[[], None] | None],
        trouble: str,
        recovery: str,
    ) -> None:
        self._clock = clock
        self._pauses = pauses
        self._random = random
        self._changed = changed
        self._trouble = trouble
        self._recovery = recovery
        self._timer: IDelayedCall | None = None
        self._writing: Deferred[None] = succeed(None)
        self._hasFailed = False

    def start(self, pauses: tuple[float, float] | None = None) -> None:
        """
        Begin to write.

        :param pauses: the shortest and the longest time until the first write, in seconds
        """
        self._timer = self._clock.callLater(
            self._random.uniform(*(pauses or self._pauses)), self._write
        )

    def stop(self) -> Deferred[None]:
        """
        Write what has changed, if `start` was called, and write no more.

        :return: fires when it is written, or that has failed
        """
        if self._timer is None:
            return self._writing
        self._timer.cancel()
        self._timer = None
        # The reactor may be about to stop its threads, so this write uses none.  A thread may still
        # write an earlier state, which must not take the place of this one.
        write = self._changed()
        if write is not None:
            self._writing.addCallback(lambda _: write()).addErrback(self._failed)
        return self._writing

    def _write(self) -> None:
        self.start()
        write = self._changed()
        if write is not None:
            reactor = reactorOf(self._clock)
            self._writing = deferToThreadPool(reactor, reactor.getThreadPool(), write)
            self._writing.addCallbacks(self._worked, self._failed)

    def _worked(self, _: None) -> None:
        if self._hasFailed:
            self._hasFailed = False
            self._log.info(self._recovery)

    def _failed(self, reason: Failure) -> None:
        reason.trap(StateFailed)
        if not self._hasFailed:
            self._hasFailed = True
            self._log.warn(self._trouble, reason=str(reason.value))


__all__ = ["PeriodicWriter"]
