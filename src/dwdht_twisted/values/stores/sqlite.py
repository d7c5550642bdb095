"""
A store that keeps values in an SQLite file.
"""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike, fspath
from sqlite3 import Connection
from time import time
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..._clock import secondsUp
from ...errors import CannotOpenStore
from ...interfaces import ISharedStore, StoredValue
from .bounds import (
    DEFAULT_MAXIMUM_AGE,
    DEFAULT_MAXIMUM_BYTES,
    ENTRY_OVERHEAD_BYTES,
    checkBounds,
    checkedCost,
    checkedLifetime,
)
from .database import Database

#: The smallest change of the machine's clock that is noticed, in seconds.  Larger: values of a
#: store whose ages are short expire early or late.  Smaller: a clock that is adjusted slowly causes
#: more writes.
LEAST_STEP = 1.0


@implementer(ISharedStore)
class SQLiteStore:
    """
    Keeps values in a file, so that they outlive the process.

    The constructor creates a missing file, and checks that an existing file is a store.  So a bad
    path fails before the node serves.  The constructor waits for no lock.  All later work on the
    file is done in a thread of the reactor.  If another process has locked a new file, that thread
    also makes the tables.

    The file is marked as a store of this package.  A database of another program is refused and
    left unchanged.

    The age of a value is counted by the clock of the machine, because a restart must not change it.
    When this clock is set while the store is open, the times of all values are moved with it, so
    that no value expires early or late.  A value from the future, because the clock was set back
    while the store was closed, counts as put when the store is first used.

    :param reactor: provides threads
    :param path: the file
    :param seconds: returns the present time in seconds.  It has to count from the same origin after
        a restart of the process, as ``time.time`` does; ``reactor.seconds`` may start anew.
    :param elapsed: returns the seconds that have passed since any moment, whatever happens to
        ``seconds``.  By default, these are the seconds since the start of the machine for
        ``time.time``, and ``seconds`` itself for any other function.
    :param maximumBytes: the size limit of the store, in bytes; an entry counts for its key, its
        value and 256 bytes more
    :param maximumAge: how long the store keeps a value, in seconds
    :raises CannotOpenStore: when the file can't be opened or isn't a store, and for ``:memory:``
    :raises ValueError: when a limit isn't above 0
    """

    def __init__(
        self,
        reactor: Any,
        path: str | PathLike[str],
        *,
        seconds: Callable[[], float] = time,
        elapsed: Callable[[], float] | None = None,
        maximumBytes: int = DEFAULT_MAXIMUM_BYTES,
        maximumAge: float = DEFAULT_MAXIMUM_AGE,
    ) -> None:
        checkBounds(maximumBytes, maximumAge)
        self._times = _Times(
            seconds, elapsed or (secondsUp if seconds is time else seconds), maximumAge
        )
        self._maximumBytes = maximumBytes
        self._maximumAge = maximumAge
        self._database = Database(reactor, fspath(path))

    def put(
        self,
        key: bytes,
        value: bytes,
        *,
        publisher: str | None = None,
        lifetime: float | None = None,
    ) -> Deferred[None]:
        """
        Store a value.

        Expired values are dropped first, and then the oldest values until the new one fits.

        :param key: 32 bytes
        :param publisher: the IPv4 host that the value counts for; None is this node itself
        :param lifetime: the seconds until the value expires; at most, and by default, the age limit
        :return: fires when the value is in the file; fails with `StoreFailed` when the file can't
            be written, and when the store is closed
        :raises ValueError: when the lifetime isn't above 0
        :raises ValueTooLarge: when the value wouldn't fit even into an empty store; nothing is
            dropped then
        """
        kept = checkedLifetime(lifetime, self._maximumAge)
        cost = checkedCost(key, value, self._maximumBytes)
        return self._database.run(
            lambda connection: self._put(connection, (key, value, publisher), kept, cost)
        )

    def get(self, key: bytes) -> Deferred[bytes | None]:
        """
        :param key: 32 bytes
        :return: fires with the value, or with None when the store has none or the value has
            expired; fails with `StoreFailed` when the file can't be read, and when the store is
            closed
        """
        return self._database.run(lambda connection: self._get(connection, key))

    def remaining(self, key: bytes) -> Deferred[float | None]:
        """
        :param key: 32 bytes
        :return: fires with the seconds until the value expires, or with None when the store has no
            value; fails as `get` does
        """
        return self._database.run(lambda connection: self._remaining(connection, key))

    def entries(self, after: bytes = b"", limit: int = 100) -> Deferred[list[StoredValue]]:
        """
        List values in the order of their keys.

        :param after: only values with greater keys are listed
        :param limit: the most values that are listed
        :return: fires with the values; fails as `get` does
        """
        return self._database.run(lambda connection: self._entries(connection, after, limit))

    def close(self) -> Deferred[None]:
        """
        Close the file after all earlier puts and gets have ended.  This may be called more than
        once.

        :return: fires when the file is closed
        """
        return self._database.close()

    def _put(
        self,
        connection: Connection,
        entry: tuple[bytes, bytes, str | None],
        lifetime: float,
        cost: int,
    ) -> None:
        now = self._times.present(connection)
        key, value, publisher = entry
        # The end of the block commits the transaction.  An exception rolls it back.
        with connection:
            execute = connection.execute
            # Take the write lock now.  If the first change had to take the lock, this change would
            # fail at once while another process holds the lock.
            execute("BEGIN IMMEDIATE")
            execute("DELETE FROM entries WHERE key = ? OR expires <= ?", (key, now))
            (total,) = execute("SELECT bytes FROM total").fetchone()
            excess = total + cost - self._maximumBytes
            while excess > 0:
                row, size = execute(
                    "SELECT rowid, LENGTH(key) + LENGTH(value) FROM entries ORDER BY rowid LIMIT 1"
                ).fetchone()
                execute("DELETE FROM entries WHERE rowid = ?", (row,))
                excess -= size + ENTRY_OVERHEAD_BYTES
            execute(
                "INSERT INTO entries VALUES (?, ?, ?, ?)", (key, value, now + lifetime, publisher)
            )

    def _get(self, connection: Connection, key: bytes) -> bytes | None:
        now = self._times.present(connection)
        row = connection.execute(
            "SELECT value FROM entries WHERE key = ? AND expires > ?", (key, now)
        ).fetchone()
        return None if row is None else row[0]

    def _remaining(self, connection: Connection, key: bytes) -> float | None:
        now = self._times.present(connection)
        row = connection.execute(
            "SELECT expires FROM entries WHERE key = ? AND expires > ?", (key, now)
        ).fetchone()
        return None if row is None else row[0] - now

    def _entries(self, connection: Connection, after: bytes, limit: int) -> list[StoredValue]:
        now = self._times.present(connection)
        rows = connection.execute(
            "SELECT key, value, expires - ?, publisher FROM entries WHERE key > ? AND expires > ? "
            "ORDER BY key LIMIT ?",
            (now, after, now, limit),
        )
        return [StoredValue(*row) for row in rows]


class _Times:
    """
    The times at which the values of a store expire, moved when the clock of the machine is set.

    The methods are called in a thread, one at a time.

    :param seconds: the clock of the machine
    :param elapsed: the seconds that have passed
    :param maximumAge: the longest lifetime of a value, in seconds
    """

    def __init__(
        self, seconds: Callable[[], float], elapsed: Callable[[], float], maximumAge: float
    ) -> None:
        self._maximumAge = maximumAge
        self._seconds = seconds
        self._elapsed = elapsed
        self._ahead: float | None = None

    def present(self, connection: Connection) -> float:
        """Return the present time, after all times in the table were made to agree with it."""
        now = self._seconds()
        ahead = now - self._elapsed()
        if self._ahead is None:
            # An update takes the lock of the file even if there is nothing to change.
            last = now + self._maximumAge
            if connection.execute("SELECT 1 FROM entries WHERE expires > ?", (last,)).fetchone():
                connection.execute("UPDATE entries SET expires = ? WHERE expires > ?", (last, last))
            self._ahead = ahead
        elif abs(ahead - self._ahead) > LEAST_STEP:
            connection.execute("UPDATE entries SET expires = expires + ?", (ahead - self._ahead,))
            self._ahead = ahead
        return now


__all__ = ["CannotOpenStore", "SQLiteStore"]
