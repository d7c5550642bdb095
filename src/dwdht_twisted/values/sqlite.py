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

from ..errors import CannotOpenStore
from ..interfaces import IValueStore
from .bounds import (
    DEFAULT_MAXIMUM_AGE,
    DEFAULT_MAXIMUM_BYTES,
    ENTRY_OVERHEAD_BYTES,
    checkBounds,
    checkedCost,
)
from .database import Database


@implementer(IValueStore)
class SQLiteStore:
    """
    Keeps values in a file, so that they outlive the process.

    The constructor creates a missing file, and checks that an existing file is a store.  So a bad
    path fails before the node serves.  The constructor waits for no lock.  All later work on the
    file is done in a thread of the reactor.  If another process has locked a new file, that thread
    also makes the tables.

    The file is marked as a store of this package.  A database of another program is refused and
    left unchanged.

    :param reactor: provides threads
    :param path: the file
    :param seconds: returns the present time in seconds.  It has to count from the same origin after
        a restart of the process, as ``time.time`` does; ``reactor.seconds`` may start anew.
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
        maximumBytes: int = DEFAULT_MAXIMUM_BYTES,
        maximumAge: float = DEFAULT_MAXIMUM_AGE,
    ) -> None:
        checkBounds(maximumBytes, maximumAge)
        self._seconds = seconds
        self._maximumBytes = maximumBytes
        self._maximumAge = maximumAge
        self._database = Database(reactor, fspath(path))

    def put(self, key: bytes, value: bytes) -> Deferred[None]:
        """
        Store a value.

        Expired values are dropped first, and then the oldest values until the new one fits.

        :param key: 32 bytes
        :return: fires when the value is in the file; fails with `StoreFailed` when the file can't
            be written, and when the store is closed
        :raises ValueTooLarge: when the value wouldn't fit even into an empty store; nothing is
            dropped then
        """
        cost = checkedCost(key, value, self._maximumBytes)
        now = self._seconds()
        return self._database.run(lambda connection: self._put(connection, key, value, cost, now))

    def get(self, key: bytes) -> Deferred[bytes | None]:
        """
        :param key: 32 bytes
        :return: fires with the value, or with None when the store has none or the value has
            expired; fails with `StoreFailed` when the file can't be read, and when the store is
            closed
        """
        expired = self._seconds() - self._maximumAge
        return self._database.run(lambda connection: _get(connection, key, expired))

    def close(self) -> Deferred[None]:
        """
        Close the file after all earlier puts and gets have ended.  This may be called more than
        once.

        :return: fires when the file is closed
        """
        return self._database.close()

    def _put(self, connection: Connection, key: bytes, value: bytes, cost: int, now: float) -> None:
        # The end of the block commits the transaction.  An exception rolls it back.
        with connection:
            execute = connection.execute
            # Take the write lock now.  If the first change had to take the lock, this change would
            # fail at once while another process holds the lock.
            execute("BEGIN IMMEDIATE")
            execute(
                "DELETE FROM entries WHERE key = ? OR stored <= ?", (key, now - self._maximumAge)
            )
            (total,) = execute("SELECT bytes FROM total").fetchone()
            excess = total + cost - self._maximumBytes
            while excess > 0:
                row, size = execute(
                    "SELECT rowid, LENGTH(key) + LENGTH(value) FROM entries ORDER BY stored LIMIT 1"
                ).fetchone()
                execute("DELETE FROM entries WHERE rowid = ?", (row,))
                excess -= size + ENTRY_OVERHEAD_BYTES
            execute("INSERT INTO entries VALUES (?, ?, ?)", (key, value, now))


def _get(connection: Connection, key: bytes, expired: float) -> bytes | None:
    row = connection.execute(
        "SELECT value FROM entries WHERE key = ? AND stored > ?", (key, expired)
    ).fetchone()
    return None if row is None else row[0]


__all__ = ["CannotOpenStore", "SQLiteStore"]
