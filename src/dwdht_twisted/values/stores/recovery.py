"""
When the file of an `SQLiteStore` is recovered, and what the log says about it.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

from twisted.logger import Logger

from .salvage import finish, recover

#: The most recoveries of one file while a process runs.  A disk that damages each new file needs
#: another remedy.  Larger: more damaged files are left on such a disk.
MAXIMUM_RECOVERIES = 8

#: The shortest time from the end of a recovery that failed to the next one, in seconds.  Larger:
#: puts are refused for longer, after the disk has room again.  Smaller: reads that come meanwhile
#: start the next one.
LEAST_WAIT = 1.0

#: The time from the end of a recovery that failed to the next one, as a multiple of the time that
#: it took.  Larger: as above.  Smaller: reads wait for recoveries more often.
WAIT_FACTOR = 9


class RecoveryFailed(Exception):
    """
    A damaged file was not recovered.  It has its name still, or `Recovery.finish` goes on.
    """


class Recovery:
    """
    Recovers one file, in threads.  Only one thread at a time may call it.

    :param reactor: receives what is logged
    :param path: the file
    :param maximumAge: the longest lifetime of a value, in seconds
    :ivar count: the number of recoveries
    """

    _log = Logger()

    def __init__(self, reactor: Any, path: str, maximumAge: float) -> None:
        self._reactor = reactor
        self._path = path
        self._maximumAge = maximumAge
        self.count = 0
        # Why the last one failed, and the time before which it isn't tried again.
        self._failure = ""
        self._pause = 0.0

    @property
    def isPaused(self) -> bool:
        """Whether a recovery has failed, and is not tried again yet."""
        return bool(self._failure) and monotonic() < self._pause

    def finish(self) -> None:
        """
        Finish a recovery that ended with its process, if there is one.  No connection may be open.

        :raises RecoveryFailed: when the files can't be renamed
        """
        try:
            aside = finish(self._path)
        except OSError as error:
            raise RecoveryFailed(f"its recovery can't be finished: {error}") from error
        if aside is not None:
            self._say(
                self._log.error,
                "the store {path!r} was damaged, and its recovery is finished only now; the "
                "damaged file is now {aside!r}",
                aside=aside,
            )

    def run(self) -> None:
        """
        Recover the file.  No connection may be open.

        :raises RecoveryFailed: when this fails, and while `isPaused`
        """
        if self.isPaused:
            raise RecoveryFailed(self._failure)
        started = monotonic()
        try:
            if self.count >= MAXIMUM_RECOVERIES:
                raise RecoveryFailed("it is damaged again and again")
            kept, aside = recover(self._path, self._maximumAge)
        except Exception as error:
            self._failed(error, monotonic() - started)
            raise RecoveryFailed(self._failure) from error
        self.count += 1
        self._failure = ""
        self._say(
            self._log.error,
            "the store {path!r} was damaged: {kept} values could be read and are kept; the damaged "
            "file is now {aside!r}",
            kept=kept,
            aside=aside,
        )

    def _failed(self, error: Exception, took: float) -> None:
        before = self._failure
        self._failure = (
            str(error)
            if isinstance(error, RecoveryFailed)
            else f"it is damaged, and recovering it failed: {error}"
        )
        self._pause = monotonic() + max(LEAST_WAIT, WAIT_FACTOR * took)
        if self._failure != before:
            self._say(
                self._log.error,
                "the store {path!r} can't be recovered: {reason}; what can be read of it is "
                "served, and puts are refused until the recovery succeeds",
                reason=self._failure,
            )

    def _say(self, log: Callable[..., None], line: str, **fields: Any) -> None:
        self._reactor.callFromThread(log, line, path=self._path, **fields)


__all__ = ["MAXIMUM_RECOVERIES", "Recovery", "RecoveryFailed"]
