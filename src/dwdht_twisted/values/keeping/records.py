"""
The records of a keeper, in memory and in its state folder.
"""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from ..._files import StateFolder
from ..health import StoreHealth
from .kept import Record, decodeRecords, encodeRecords
from .schedule import Entry

#: The name of the file with the records.
FILE = "kept"

#: The time from a change to the beginning of a write, in seconds.  Larger: a crash loses what was
#: kept in a longer time.  Smaller: many values that are kept one after the other cause more writes
#: of the whole list.
WRITE_AFTER = 1.0


class State(Protocol):
    """
    A folder of small files.
    """

    def read(self, name: str) -> bytes | None:
        """Return the content of a file; None when there is no such file."""

    def write(self, name: str, data: bytes) -> None:
        """Replace the content of a file, or make the file.  It is called in a thread."""


class KeptRecords:
    """
    The entries of a keeper, in the order in which they were added.

    :param reactor: provides threads
    :param clock: provides the time
    """

    _log = Logger()

    def __init__(self, reactor: Any, clock: Any) -> None:
        self._reactor = reactor
        self._clock = clock
        self._entries: dict[tuple[str, bytes], Entry] = {}
        self._state: State | None = None
        # The folder, if it was opened here.
        self._folder: StateFolder | None = None
        self._timer: IDelayedCall | None = None
        self._written: Deferred[None] = succeed(None)
        self._health = StoreHealth(
            self._log,
            "the list of kept values can't be written: {reason}",
            "recovered: the list of kept values can be written again",
        )

    def all(self) -> list[Entry]:
        """All entries."""
        return list(self._entries.values())

    def find(self, command: str, target: bytes) -> Entry | None:
        """The entry of a command and a target, or None."""
        return self._entries.get((command, target))

    def add(self, entry: Entry) -> None:
        """Add an entry in place of the one with the same command and target."""
        self._entries[entry.record.command, entry.record.target] = entry
        self._changed()

    def remove(self, command: str, target: bytes) -> Entry:
        """
        Remove an entry.

        :raises KeyError: when there is none
        """
        entry = self._entries.pop((command, target), None)
        if entry is None:
            raise KeyError(target.hex())
        self._changed()
        return entry

    def open(self, state: str | State | None) -> list[Record]:
        """
        Use a state folder until `close`.  A list that can't be read is logged, and never replaced.

        :param state: the folder, or its path
        :return: the records in the folder
        :raises CannotOpenState: when the folder of a path can't be opened or is in use
        """
        if isinstance(state, str):
            state = self._folder = StateFolder(state, self._reactor)
        if state is None:
            return []
        try:
            content = state.read(FILE)
            records = [] if content is None else decodeRecords(content)
        except Exception as error:
            # The state may be an object of the program, which raises what it likes.
            self._log.error(
                "the list of kept values can't be read: {reason}; it is left as it is, and what is "
                "kept from now on is forgotten by a restart",
                reason=str(error),
            )
            return []
        # Only now: what is kept before must not replace a list that wasn't read.
        self._state = state
        if self._entries:
            self._changed()
        return records

    def close(self) -> Deferred[None]:
        """
        Write what has changed, and use the folder no more.

        :return: fires when everything is written
        """
        if self._timer is not None:
            self._timer.cancel()
            # The reactor may be about to stop its threads.
            self._write(usesThread=False)
        self._state = None
        folder, self._folder = self._folder, None
        closed: Deferred[None] = Deferred()

        def written(_: None) -> None:
            if folder is not None:
                folder.close()
            closed.callback(None)

        self._written.addCallback(written)
        return closed

    def _changed(self) -> None:
        if self._state is not None and self._timer is None:
            self._timer = self._clock.callLater(WRITE_AFTER, self._write)

    def _write(self, usesThread: bool = True) -> None:
        """Write the list after the writes before have ended."""
        self._timer = None
        state = self._state
        assert state is not None
        data = encodeRecords(entry.record for entry in self._entries.values())

        def write(_: None) -> Deferred[None]:
            if not usesThread:
                return maybeDeferred(state.write, FILE, data)
            pool = self._reactor.getThreadPool()
            return deferToThreadPool(self._reactor, pool, state.write, FILE, data)

        self._written.addCallback(write).addCallbacks(
            lambda _: self._health.worked(), lambda reason: self._health.failed(reason.value)
        )


__all__ = ["KeptRecords", "State"]
