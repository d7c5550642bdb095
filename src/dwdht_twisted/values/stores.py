"""
Where a node keeps the values that others store on it: in memory, or in a file.

Both stores are bounded in bytes and in age, because what they hold comes from
strangers.  When the bytes run out the oldest values go first; a value that is
stored again counts as new, so that publishers keep a value by repeating it.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Callable
from os import PathLike, fspath
from time import time
from typing import TYPE_CHECKING, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorCore
from zope.interface import implementer

from ..errors import DHTError, ValueTooLarge
from ..interfaces import IValueStore

if TYPE_CHECKING:
    from twisted.enterprise.adbapi import ConnectionPool, Transaction

#: How much a store holds unless told otherwise, in bytes.
DEFAULT_MAXIMUM_BYTES = 64 * 1024 * 1024

#: How long a store keeps a value unless told otherwise, in seconds: a day, as in Kademlia
#: section 2.5.
DEFAULT_MAXIMUM_AGE = 24 * 60 * 60.0

#: What an entry is taken to cost beside its key and value, in bytes: the objects or the row around
#: them.  Without it a bound in bytes would be none against values of one byte.
ENTRY_OVERHEAD_BYTES = 256


class CannotOpenStore(DHTError):
    """The file of a store can't be opened, or isn't a store."""


def _checkBounds(maximumBytes: int, maximumAge: float) -> None:
    if maximumBytes <= 0:
        raise ValueError(f"maximumBytes must be above 0, not {maximumBytes!r}")
    if maximumAge <= 0:
        raise ValueError(f"maximumAge must be above 0 seconds, not {maximumAge!r}")


def _checkedCost(key: bytes, value: bytes, maximumBytes: int) -> int:
    cost = len(key) + len(value) + ENTRY_OVERHEAD_BYTES
    if cost > maximumBytes:
        raise ValueTooLarge(
            f"a value of {len(value)} bytes doesn't fit a store of {maximumBytes} bytes"
        )
    return cost


@implementer(IValueStore)
class MemoryStore:
    """
    Keeps values in memory.

    :param seconds: gives the present time in seconds, such as ``reactor.seconds``
    :param maximumBytes: how much it holds, in bytes, with 256 bytes for each entry beside its key
        and value
    :param maximumAge: how long it keeps a value, in seconds
    :raises ValueError: when a bound isn't above 0
    """

    def __init__(
        self,
        seconds: Callable[[], float],
        *,
        maximumBytes: int = DEFAULT_MAXIMUM_BYTES,
        maximumAge: float = DEFAULT_MAXIMUM_AGE,
    ) -> None:
        _checkBounds(maximumBytes, maximumAge)
        self._seconds = seconds
        self._maximumBytes = maximumBytes
        self._maximumAge = maximumAge
        self._bytes = 0
        # In the order in which they were stored, so that the oldest is always the first.
        self._entries: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()

    def __len__(self) -> int:
        """How many values it holds."""
        return len(self._entries)

    def put(self, key: bytes, value: bytes) -> None:
        """
        Keep a value; the oldest make place for it.

        :param key: 32 bytes
        :raises ValueTooLarge: when the store couldn't hold it even if it were empty
        """
        cost = _checkedCost(key, value, self._maximumBytes)
        self._drop(key)
        self._dropUntil(self._maximumBytes - cost)
        self._entries[key] = (self._seconds(), value)
        self._bytes += cost

    def get(self, key: bytes) -> bytes | None:
        """
        :param key: 32 bytes
        :return: the value, or None when there is none or it is too old
        """
        entry = self._entries.get(key)
        if entry is None:
            return None
        stored, value = entry
        if self._seconds() - stored >= self._maximumAge:
            self._drop(key)
            return None
        return value

    def close(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._bytes = 0

    def _drop(self, key: bytes) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= len(key) + len(entry[1]) + ENTRY_OVERHEAD_BYTES

    def _dropUntil(self, bytesLeft: int) -> None:
        expired = self._seconds() - self._maximumAge
        while self._entries:
            oldest, (stored, _) = next(iter(self._entries.items()))
            if self._bytes <= bytesLeft and stored > expired:
                return
            self._drop(oldest)


#: The triggers keep the sum of bytes beside the entries, within the same transaction: counting
#: anew at each store would read the whole table.
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

    The file is opened, and made if it isn't there, at once, so that a bad path is known before a
    node serves; all work on entries is done in a thread of the store's own.

    :param reactor: gets the results of the thread
    :param path: the file
    :param seconds: gives the present time in seconds, counted from the same moment after a restart
    :param maximumBytes: how much it holds, in bytes, with 256 bytes for each entry beside its key
        and value
    :param maximumAge: how long it keeps a value, in seconds
    :raises CannotOpenStore: when the file can't be opened or isn't a database
    :raises ValueError: when a bound isn't above 0
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
        # Imported here: of all who keep values, only the users of this store pay for it.
        from twisted.enterprise.adbapi import ConnectionPool

        _checkBounds(maximumBytes, maximumAge)
        self._seconds = seconds
        self._maximumBytes = maximumBytes
        self._maximumAge = maximumAge
        name = fspath(path)
        _prepare(name)
        self._pool = ConnectionPool(
            "sqlite3",
            name,
            # The thread opens the connection, and closing the pool closes it from outside.
            check_same_thread=False,
            # SQLite writes one at a time anyway, and one thread takes its work in order.
            cp_min=1,
            cp_max=1,
            cp_openfun=_configure,
            cp_reactor=reactor,
        )

    def put(self, key: bytes, value: bytes) -> Deferred[None]:
        """
        Keep a value; the oldest make place for it.

        :param key: 32 bytes
        :return: fires when the value is in the file
        :raises ValueTooLarge: when the store couldn't hold it even if it were empty
        """
        cost = _checkedCost(key, value, self._maximumBytes)
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
        Close the file, after all that was asked before.

        :return: fires when it is closed
        """

        async def close() -> None:
            if self._pool.running:
                # When this is done all is done, so that joining the thread won't hold up the
                # reactor.
                await self._pool.runInteraction(lambda transaction: None)
            self._pool.close()

        return Deferred.fromCoroutine(close())

    def _running(self) -> ConnectionPool:
        # The pool would start by itself when the reactor does, which is too late for what is asked
        # and closed before.
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
    # With a write-ahead log the file stays whole whatever happens; a power cut may cost the values
    # of the last moments, which other nodes hold too.
    connection.execute("PRAGMA synchronous = NORMAL")


def _prepare(path: str) -> None:
    try:
        connection = sqlite3.connect(path)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_SCHEMA)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise CannotOpenStore(f"cannot keep values in {path!r}: {error}") from None
