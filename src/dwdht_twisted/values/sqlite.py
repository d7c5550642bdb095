"""
A store that keeps values in an SQLite file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from os import PathLike, fspath
from time import time
from typing import TYPE_CHECKING, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorCore
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

if TYPE_CHECKING:
    from twisted.enterprise.adbapi import ConnectionPool, Transaction


#: The triggers keep the sum of all bytes up to date, in the transaction that changes an entry.
#: Without them each put would have to read the whole table to know the sum.
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS entries (
    key BLOB PRIMARY KEY,
    value BLOB NOT NULL,
    stored REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS entries_by_age ON entries (stored);
CREATE TABLE IF NOT EXISTS total (one INTEGER PRIMARY KEY CHECK (one = 1), bytes INTEGER NOT NULL);
INSERT OR IGNORE INTO total VALUES (1, 0);
CREATE TRIGGER IF NOT EXISTS entry_added AFTER INSERT ON entries BEGIN
    UPDATE total
    SET bytes = bytes + LENGTH(new.key) + LENGTH(new.value) + {ENTRY_OVERHEAD_BYTES};
END;
CREATE TRIGGER IF NOT EXISTS entry_dropped AFTER DELETE ON entries BEGIN
    UPDATE total
    SET bytes = bytes - LENGTH(old.key) - LENGTH(old.value) - {ENTRY_OVERHEAD_BYTES};
END;
"""


@implementer(IValueStore)
class SQLiteStore:
    """
    Keeps values in a file, so that they outlive the process.

    The file is opened by the constructor, and created if it is missing, so a bad path fails before
    the node serves.  All later work on the file is done in one thread of the store's own.

    :param reactor: receives the results of the thread
    :param path: the file
    :param seconds: returns the present time in seconds; it must go on from the same origin after a
        restart, as ``time.time`` does and ``reactor.seconds`` need not
    :param maximumBytes: the size that it may reach, in bytes; each entry counts 256 bytes beside
        its key and value
    :param maximumAge: how long it keeps a value, in seconds
    :raises CannotOpenStore: when the file can't be opened or isn't a database
    :raises ValueError: when a limit isn't above 0
    """

    def __init__(
        self,
        reactor: IReactorCore,
        path: str | PathLike[str],
        *,
        seconds: Callable[[], float] = time,
        maximumBytes: int = DEFAULT_MAXIMUM_BYTES,
        maximumAge: float = DEFAULT_MAXIMUM_AGE,
    ) -> None:
        # Imported here, so that a node without this store doesn't load Twisted's database code.
        from twisted.enterprise.adbapi import ConnectionPool

        checkBounds(maximumBytes, maximumAge)
        self._seconds = seconds
        self._maximumBytes = maximumBytes
        self._maximumAge = maximumAge
        name = fspath(path)
        _prepare(name)
        self._pool = ConnectionPool(
            "sqlite3",
            name,
            # The connection is opened in the pool's thread, and closed in the reactor's.
            check_same_thread=False,
            # One thread: SQLite serves one writer at a time, and the work stays in order, so that
            # close() comes after every put() that was made before it.
            cp_min=1,
            cp_max=1,
            cp_openfun=_configure,
            cp_reactor=reactor,
        )

    def put(self, key: bytes, value: bytes) -> Deferred[None]:
        """
        Store a value.  Values that are too old are dropped, and then the oldest until it fits.

        :param key: 32 bytes
        :return: fires when the value is in the file
        :raises ValueTooLarge: when it wouldn't fit the empty store; nothing is dropped then
        """
        cost = checkedCost(key, value, self._maximumBytes)
        done: Deferred[None] = self._running().runInteraction(
            self._put, key, value, cost, self._seconds()
        )
        return done

    def get(self, key: bytes) -> Deferred[bytes | None]:
        """
        :param key: 32 bytes
        :return: fires with the value, or None when there is none or it is too old
        """
        rows: Deferred[list[tuple[bytes]]] = self._running().runQuery(
            "SELECT value FROM entries WHERE key = ? AND stored > ?",
            (key, self._seconds() - self._maximumAge),
        )
        return rows.addCallback(lambda found: found[0][0] if found else None)

    def close(self) -> Deferred[None]:
        """
        Close the file, after all puts and gets that were made before.

        :return: fires when it is closed
        """

        async def close() -> None:
            if self._pool.running:
                # Closing the pool joins its thread, which blocks the reactor until the thread has
                # done its work.  After this empty interaction it has none left.
                await self._pool.runInteraction(lambda transaction: None)
            self._pool.close()

        return Deferred.fromCoroutine(close())

    def _running(self) -> ConnectionPool:
        # By itself the pool starts with the reactor.  A put() that is made and closed before that
        # would be lost.
        self._pool.start()
        return self._pool

    def _put(
        self, transaction: Transaction, key: bytes, value: bytes, cost: int, now: float
    ) -> None:
        execute = transaction.execute
        execute(
            "DELETE FROM entries WHERE key = ? OR stored <= ?",
            (key, now - self._maximumAge),
        )
        excess = _total(transaction) + cost - self._maximumBytes
        while excess > 0:
            execute(
                "SELECT rowid, LENGTH(key) + LENGTH(value) FROM entries ORDER BY stored LIMIT 1"
            )
            row, size = cast("tuple[int, int]", transaction.fetchone())
            execute("DELETE FROM entries WHERE rowid = ?", (row,))
            excess -= size + ENTRY_OVERHEAD_BYTES
        execute("INSERT INTO entries VALUES (?, ?, ?)", (key, value, now))


def _total(transaction: Transaction) -> int:
    transaction.execute("SELECT bytes FROM total")
    (total,) = cast("tuple[int]", transaction.fetchone())
    return total


def _configure(connection: sqlite3.Connection) -> None:
    # With a write-ahead log, NORMAL keeps the file intact in every crash.  A power failure may lose
    # the values of the last moments; other nodes hold them too.  FULL would sync at every put.
    connection.execute("PRAGMA synchronous = NORMAL")


def _prepare(path: str) -> None:
    """
    Create the file and its tables, unless they exist.

    :raises CannotOpenStore: when that fails
    """
    try:
        connection = sqlite3.connect(path)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_SCHEMA)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise CannotOpenStore(f"cannot keep values in {path!r}: {error}") from None


__all__ = ["CannotOpenStore", "SQLiteStore"]
