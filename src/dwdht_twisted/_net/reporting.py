"""
The log of events that other nodes cause.  The number of its lines is bounded.

A stranger can repeat each of these events as often as the rate limit allows.  One line for each
event would fill the disk.  So the first event of a kind is logged at once.  Later lines are rare,
and each of them also gives the number of events that were not logged.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from .._core.limits.bounds import REPORT_AGAIN_AFTER, REPORTED_KINDS, REPORTED_TEXT


def printable(text: str) -> str:
    """
    A text of another node in a form that a log or a terminal can show.

    :return: the text, cut to `REPORTED_TEXT` characters; all characters except printable ASCII are
        escaped
    """
    shown = ascii(text[:REPORTED_TEXT])[1:-1]
    isCut = max(len(text), len(shown)) > REPORTED_TEXT
    return shown[:REPORTED_TEXT] + "..." if isCut else shown


class _Kind:
    """
    The state of one kind of event.

    :ivar loggedAt: the time of the last line, in seconds
    :ivar unlogged: the number of events since then
    """

    __slots__ = ("loggedAt", "unlogged")

    def __init__(self, now: float) -> None:
        self.loggedAt = now
        self.unlogged = 0


class Reports:
    """
    Logs the first event of each kind, and then at most one line in `REPORT_AGAIN_AFTER` seconds.

    A later line tells how many events of its kind were not logged.

    :param log: where the lines go; it names the part that reports
    :param seconds: returns the time
    """

    def __init__(self, log: Logger, seconds: Callable[[], float]) -> None:
        self._log = log
        self._seconds = seconds
        self._kinds: dict[Hashable, _Kind] = {}

    def note(self, format: str, *, level: Any = LogLevel.debug, **fields: Any) -> None:
        """
        Report an event.  Reports with the same format count as one kind.

        :param format: the log format, a constant of the program
        :param level: a constant of ``LogLevel``
        :param fields: the fields of the format.  Pass any text that was received from another node
            through `printable` first.
        """
        unlogged = self._due(format)
        if unlogged is not None:
            self._log.emit(level, format + _rest(unlogged), unlogged=unlogged, **fields)

    def failed(self, format: str, reason: Failure, **fields: Any) -> None:
        """
        Report an exception with its traceback.

        Reports with the same format, the same class of exception and the same place in the program
        count as one kind.  Until the next line of a kind is due, repeats are only counted.

        :param format: the log format, a constant of the program
        :param fields: the fields of the format.  Pass any text that was received from another node
            through `printable` first.
        """
        unlogged = self._due((format, reason.type, *_placeOf(reason)))
        if unlogged is not None:
            self._log.failure(format + _rest(unlogged), reason, unlogged=unlogged, **fields)

    def _due(self, kind: Hashable) -> int | None:
        """
        Count an event.

        :return: the number of unlogged events before this one, if this event is to be logged;
            otherwise None
        """
        now = self._seconds()
        state = self._kinds.get(kind)
        if state is None:
            if len(self._kinds) >= REPORTED_KINDS:
                # A handler may make a new class of exceptions for each request.  From here on, all
                # new kinds count as one.
                kind = None
                state = self._kinds.get(kind)
            if state is None:
                self._kinds[kind] = _Kind(now)
                return 0
        if now - state.loggedAt < REPORT_AGAIN_AFTER:
            state.unlogged += 1
            return None
        unlogged, state.unlogged, state.loggedAt = state.unlogged, 0, now
        return unlogged


def _placeOf(reason: Failure) -> tuple[object, ...]:
    """The file and the line that raised an exception; nothing if that isn't known."""
    raised = reason.getTracebackObject()
    while raised is not None and raised.tb_next is not None:
        raised = raised.tb_next
    return () if raised is None else (raised.tb_frame.f_code.co_filename, raised.tb_lineno)


def _rest(unlogged: int) -> str:
    return "; and {unlogged} more since the last such line" if unlogged else ""
