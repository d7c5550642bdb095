"""
The record of a run: a trace of its datagrams, and the invariants that it broke.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from struct import Struct

from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogPublisher
from zope.interface import implementer

from dwdht_twisted._core.wire import isRequest

_packTime = Struct(">d").pack


@implementer(ILogObserver)
class _FailureObserver:
    """
    Observes the log for failures and errors.

    :param report: called with the text of each failure or error
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report

    def __call__(self, event: LogEvent) -> None:
        failure = event.get("log_failure")
        if failure is not None or event.get("log_level", LogLevel.debug) >= LogLevel.error:
            self._report(f"an error was logged: {formatEvent(event)} {failure or ''}")


class Record:
    """
    The record of one run.  A logged error counts as a broken invariant.

    :ivar troubles: a text for each invariant that was found broken, in the order of time
    :ivar onRequest: None, or a function that is called with the source host and the bytes of each
        request that is sent
    """

    def __init__(self, clock: Clock) -> None:
        self.troubles: list[str] = []
        self.onRequest: Callable[[str, bytes], object] | None = None
        self._clock = clock
        self._hash = blake2b(digest_size=16)
        self._observer = _FailureObserver(self.addTrouble)
        globalLogPublisher.addObserver(self._observer)

    @property
    def trace(self) -> str:
        """
        A hash of all notes and of all datagrams sent so far, with their times, sources and
        destinations.
        """
        return self._hash.hexdigest()

    def note(self, text: str) -> None:
        """Add a text and its time to the trace."""
        self._hash.update(_packTime(self._clock.seconds()) + text.encode())

    def addTrouble(self, text: str) -> None:
        """Add a broken invariant, with the simulated time at which it was found."""
        self.troubles.append(f"at {self._clock.seconds():.1f} s: {text}")

    def datagramSent(
        self, source: tuple[str, int], destination: tuple[str, int], data: bytes
    ) -> None:
        """
        Add a datagram to the trace.  The network calls this for each datagram that is sent.
        """
        self._hash.update(
            b"%b%b%b%b"
            % (
                _packTime(self._clock.rightNow),
                source[0].encode(),
                destination[0].encode(),
                data,
            )
        )
        if self.onRequest is not None and data and isRequest(data):
            self.onRequest(source[0], data)

    def close(self) -> None:
        """Stop observing the log."""
        globalLogPublisher.removeObserver(self._observer)
