"""
The table of an `SQLiteStore`: how its rows are read, added and dropped, and when they expire.

All methods are called in threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from math import isfinite
from sqlite3 import Connection, DatabaseError
from sqlite3 import Error as SQLiteError
from struct import pack
from threading import Lock
from typing import Any, NamedTuple
from zlib import crc32

from ...interfaces import StoredValue
from .bounds import withPublisher
from .levels import PUBLISHERS, Merging, rowOf, rowsAfter
from .shares import Shares

#: The smallest change of the machine's clock that is noticed, in seconds.  Larger: values of a
#: store whose ages are short expire early or late.  Smaller: a clock that is adjusted slowly makes
#: lifetimes longer or shorter by many small errors.
LEAST_STEP = 1.0

#: The most expired values that a transaction drops for each put: more than one, so that they become
#: fewer.  Larger: after a day without puts, the first ones take longer.
EXPIRED_PER_PUT = 2


class Put(NamedTuple):
    """
    A value that is put.

    :ivar lifetime: seconds
    :ivar cost: the bytes that it counts for
    """

    key: bytes
    value: bytes
    publisher: str
    lifetime: float
    cost: int


class StoreClock:
    """
    The time of a store, in seconds.  It goes on when the clock of the machine is set.

    It is the time of the machine's clock less an offset, which is in the file.  A step of the
    machine's clock changes the offset, so the times of the values needn't change.

    :param seconds: the clock of the machine
    :param elapsed: the seconds that have passed
    """

    def __init__(self, seconds: Callable[[], float], elapsed: Callable[[], float]) -> None:
        self._seconds = seconds
        self._elapsed = elapsed
        self._lock = Lock()
        self._ahead = 0.0
        self._offset: float | None = None

    def start(self, connection: Connection, maximumAge: float) -> None:
        """
        Continue the time in a file.  It doesn't go back, even if the machine's clock was set back
        while the store was closed.

        A damaged time could let all values expire.  In place of it, the time of the put that
        expires last is taken, so no value lives for longer than the age limit.  A value that
        expires later than one that is put now is left out, because its time may be damaged too.

        :param maximumAge: the longest lifetime of a value, in seconds
        """
        row = connection.execute("SELECT offset, latest, checksum FROM clock").fetchone()
        offset, latest, check = _checked(row, float, float, int)
        isDamaged = check != clockChecksum(offset, latest)
        last = self._last(connection, maximumAge) if isDamaged else None
        with self._lock:
            if self._offset is not None:
                # The connection was opened again.
                return
            now = self._seconds()
            self._ahead = now - self._elapsed()
            if not isDamaged:
                self._offset = min(offset, now - latest)
            else:
                self._offset = 0.0 if last is None else now - (last - maximumAge)

    def _last(self, connection: Connection, maximumAge: float) -> float | None:
        """The last time at which a value expires, as far as it is possible; None without one."""
        if not isfinite(maximumAge):
            return None
        row = connection.execute(
            "SELECT expires FROM entries WHERE expires BETWEEN 0 AND ? ORDER BY expires DESC",
            (self._seconds() + maximumAge,),
        ).fetchone()
        # A cell of a damaged file may have any type.
        return row[0] if row and type(row[0]) is float else None

    def present(self) -> float:
        """The present time."""
        with self._lock:
            assert self._offset is not None
            now = self._seconds()
            ahead = now - self._elapsed()
            if abs(ahead - self._ahead) > LEAST_STEP:
                self._offset += ahead - self._ahead
                self._ahead = ahead
            return now - self._offset

    def save(self, connection: Connection) -> None:
        """Write the offset and the present time to the file."""
        now = self.present()
        assert self._offset is not None
        connection.execute(
            "UPDATE clock SET offset = ?, latest = ?, checksum = ?",
            (self._offset, now, clockChecksum(self._offset, now)),
        )


def clockChecksum(offset: float, latest: float) -> int:
    """The checksum of the time in a file."""
    # SQLite stores -0.0 as 0.0.
    return crc32(pack(">dd", offset + 0.0, latest + 0.0))


def checksum(key: bytes, value: bytes) -> int:
    """The checksum of a row, by which damaged values are found."""
    return crc32(value, crc32(key))


def _checked(row: tuple[Any, ...] | None, *types: type) -> tuple[Any, ...]:
    """
    Return a row if its columns have the right types.

    :raises DatabaseError: when the row is damaged
    """
    if row is None or tuple(map(type, row)) != types:
        raise DatabaseError("a row of the table is malformed")
    return row


class Reader:
    """
    Reads the rows.  Expired and damaged rows count as missing.
    """

    def __init__(self, connection: Connection, clock: StoreClock) -> None:
        self._connection = connection
        self._execute = connection.execute
        self._clock = clock

    def close(self) -> None:
        """Close the connection."""
        _close(self._connection)

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, or None."""
        row = rowOf(self._execute, key, "value, checksum, expires")
        if row is None:
            return None
        value, check, expires = row
        if not self._isLive(expires) or type(value) is not bytes or check != checksum(key, value):
            return None
        return value

    def remaining(self, key: bytes) -> float | None:
        """The seconds until a value expires, or None."""
        row = rowOf(self._execute, key, "expires")
        return row[0] - self._clock.present() if row and self._isLive(row[0]) else None

    def usage(self) -> tuple[int, int, int]:
        """The number of values, the bytes that they count for, and the most for one publisher."""
        row = self._execute(
            "SELECT COALESCE(SUM(number), 0), COALESCE(SUM(size), 0), COALESCE(MAX(size), 0) FROM "
            "(SELECT COUNT(*) AS number, SUM(cost) AS size FROM entries GROUP BY publisher)"
        ).fetchone()
        values, size, most = _checked(row, int, int, int)
        return values, size, most

    def entries(self, after: bytes, limit: int) -> list[StoredValue]:
        """The first values with keys greater than ``after``, in the order of their keys."""
        now = self._clock.present()
        listed: list[StoredValue] = []
        rows = rowsAfter(self._execute, after, "value, checksum, expires, publisher")
        for key, value, check, expires, publisher in rows:
            if len(listed) >= limit:
                break
            isIntact = (type(value), type(publisher)) == (bytes, str)
            if isIntact and check == checksum(key, value) and self._isLive(expires):
                listed.append(StoredValue(key, value, expires - now, publisher or None))
        return listed

    def _isLive(self, expires: object) -> bool:
        return type(expires) is float and expires > self._clock.present()


class Writer:
    """
    Adds and drops rows, in transactions.

    The shares of the publishers are kept in memory.  They are computed again when another process
    has changed the file.

    :param maximumBytes: the most bytes of all values
    :param maximumAge: the longest lifetime, in seconds.  Values of a store that had a longer one
        get this one.
    """

    def __init__(
        self, connection: Connection, clock: StoreClock, *, maximumBytes: int, maximumAge: float
    ) -> None:
        self._connection = connection
        self._execute = connection.execute
        self._clock = clock
        self._maximumBytes = maximumBytes
        self._maximumAge = maximumAge
        self._version: int | None = None
        self._shares = Shares()
        self._merging = Merging(connection.execute)
        # The changes of the shares in this transaction.
        self._changes: list[tuple[str, int]] = []
        self._hasExpired = False

    def close(self) -> None:
        """Close the connection."""
        _close(self._connection)

    def emptyLog(self) -> None:
        """Move the pages of the log to the file, and cut the log, as far as this is possible."""
        with suppress(SQLiteError):
            self._execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def saveClock(self) -> None:
        """Write the time to the file, as far as this is possible."""
        with suppress(SQLiteError):
            self._clock.save(self._connection)

    def run(self, calls: Sequence[Callable[[Writer], Any]]) -> list[Any]:
        """
        Run calls in one transaction.

        :return: their results, when the disk has all that they have written
        :raises sqlite3.Error: when they have changed nothing
        """
        self._changes.clear()
        version = self._version
        try:
            # The end of the block commits the transaction.  An exception rolls it back.
            with self._connection:
                # Take the write lock now.  If the first change had to take the lock, this change
                # would fail at once while another process holds the lock.
                self._execute("BEGIN IMMEDIATE")
                self._load()
                self._hasExpired = True
                self._dropExpired(EXPIRED_PER_PUT * len(calls))
                self._merging.run()
                results = [call(self) for call in calls]
                self._clock.save(self._connection)
        except BaseException:
            for publisher, size in self._changes:
                self._shares.add(publisher, -size)
            if self._version != version:
                self._version = None
            raise
        return results

    def put(self, put: Put) -> None:
        """Add a row, and drop others until all fit."""
        row = rowOf(self._execute, put.key, "position, cost, publisher, others")
        publishers: tuple[str, ...] = ()
        if row is not None:
            position, cost, first, others = _checked(row, int, int, str, str)
            publishers = (first, *others.split())
            self._drop(position, cost, first)
        publisher, *further = withPublisher(publishers, put.publisher)
        self._count(publisher, put.cost)
        self._makeRoom(publisher, put.cost)
        self._execute(
            "INSERT INTO entries (key, value, checksum, expires, cost, publisher, others) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                put.key,
                put.value,
                checksum(put.key, put.value),
                self._clock.present() + put.lifetime,
                put.cost,
                publisher,
                " ".join(further),
            ),
        )

    def _load(self) -> None:
        """Compute the shares, unless no other process has changed the file since the last time."""
        (version,) = self._execute("PRAGMA data_version").fetchone()
        if version != self._version:
            self._shares = Shares()
            for level in PUBLISHERS.levels:
                for share in self._execute(
                    f"SELECT publisher, SUM(cost) FROM {level} GROUP BY publisher"
                ):
                    self._shares.add(*_checked(share, str, int))
            last = self._clock.present() + self._maximumAge
            self._execute("UPDATE entries SET expires = ? WHERE expires > ?", (last, last))
            self._version = version

    def _makeRoom(self, putter: str, cost: int) -> None:
        """Drop rows until the store keeps its limit.  A new value is counted already."""
        shares = self._shares
        isCounted = True
        while shares.total + (0 if isCounted else cost) > self._maximumBytes:
            if self._hasExpired:
                self._dropExpired(EXPIRED_PER_PUT)
                continue
            publisher = shares.largest(putter)
            if self._dropFor(publisher):
                continue
            if publisher != putter or not isCounted:
                raise DatabaseError("the index by publisher is malformed")
            # Only the new value counts for this publisher, so make room among the others.
            self._count(putter, -cost)
            isCounted = False
        if not isCounted:
            self._count(putter, cost)

    def _dropFor(self, publisher: str) -> bool:
        """
        Drop the oldest row of a publisher, or let it count for the next that put it.

        :return: whether the publisher had a row
        """
        row = self._execute(
            "SELECT position, cost, others FROM entries WHERE position = "
            "(SELECT position FROM publishers WHERE publisher = ? ORDER BY position LIMIT 1)",
            (publisher,),
        ).fetchone()
        if row is None:
            return False
        position, cost, others = _checked(row, int, int, str)
        if not others:
            self._drop(position, cost, publisher)
            return True
        following, _, others = others.partition(" ")
        self._count(publisher, -cost)
        self._count(following, cost)
        self._execute(
            "UPDATE entries SET position = (SELECT MAX(position) + 1 FROM entries), "
            "publisher = ?, others = ? WHERE position = ?",
            (following, others, position),
        )
        return True

    def _dropExpired(self, most: int) -> None:
        rows = self._execute(
            "SELECT position, cost, publisher FROM entries WHERE expires <= ? "
            "ORDER BY expires LIMIT ?",
            (self._clock.present(), most),
        ).fetchall()
        for row in rows:
            self._drop(*_checked(row, int, int, str))
        self._hasExpired = len(rows) == most

    def _drop(self, position: int, cost: int, publisher: str) -> None:
        self._execute("DELETE FROM entries WHERE position = ?", (position,))
        self._count(publisher, -cost)

    def _count(self, publisher: str, size: int) -> None:
        self._shares.add(publisher, size)
        self._changes.append((publisher, size))


def _close(connection: Connection) -> None:
    # Ignore an error about the last writes: the connection is discarded in any case.
    with suppress(SQLiteError):
        connection.close()


__all__ = ["Put", "Reader", "StoreClock", "Writer", "checksum", "clockChecksum"]
