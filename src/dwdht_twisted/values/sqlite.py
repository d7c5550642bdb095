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

    The constructor makes the file if it is missing, and checks that it is a store, so a bad path
    fails before the node serves.  It waits for no lock: a file that another process has locked is
    opened later, in a thread of the reactor, as all other work on the file is done.

    The file is marked as a store of this package.  A database of another program is refused, and
    left as it was.

    :param reactor: provides threads
    :param path: the file
    :param seconds: returns the present time in seconds; it must go on from the same origin after a
        restart, as ``time.time`` does and ``reactor.seconds`` need not
    :param maximumBytes: the size that it may reach, in bytes; each entry counts 256 bytes beside
        its key and value
    :param maximumAge: how long it keeps a value, in seconds
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
        Store a value.  Values that are too old are dropped, and then the oldest until it fits.

        :param key: 32 bytes
        :return: fires when the value is in the file; fails with `StoreFailed` when it can't be
            written, and when the store is closed
        :raises ValueTooLarge: when it wouldn't fit the empty store; nothing is dropped then
        """
        cost = checkedCost(key, value, self._maximumBytes)
        now = self._seconds()
        return self._database.run(lambda connection: self._put(connection, key, value, cost, now))

    def get(self, key: bytes) -> Deferred[bytes | None]:
        """
        :param key: 32 bytes
        :return: fires with the value, or None when there is none or it is too old; fails with
            `StoreFailed` when the file can't be read, and when the store is closed
        """
        expired = self._seconds() - self._maximumAge
        return self._database.run(lambda connection: _get(connection, key, expired))

    def close(self) -> Deferred[None]:
        """
        Close the file, after all puts and gets that were made before.

        :return: fires when it is closed; may be called again
        """
        return self._database.close()

    def _put(self, connection: Connection, key: bytes, value: bytes, cost: int, now: float) -> None:
        # Leaving the block commits, or rolls back after an exception.
        with connection:
            execute = connection.execute
            # Taking the lock for writing with the first statement that changes something would fail
            # at once if another process held it.
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
