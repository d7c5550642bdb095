"""
The file of an `SQLiteStore`: the marks in its header, its tables, and how it is opened.

Two numbers in the header of a database (https://www.sqlite.org/fileformat.html, section 1.3) mark
the file of a store:

* ``application_id`` is `APPLICATION_ID`.  A database with another number belongs to another program
  and is refused.
* ``user_version`` is `VERSION`, the version of the tables.  A file with another version was written
  by another version of this package and is refused.

The marks and the tables are made in one transaction, so a file that isn't empty has both or none.
"""

from __future__ import annotations

import sqlite3
from os import W_OK, access
from os.path import abspath, dirname, exists, getsize, isfile
from pathlib import Path

from ...errors import CannotOpenStore
from .bounds import ENTRY_OVERHEAD_BYTES

#: The application id of a store: the letters "dwdh" in ASCII.
APPLICATION_ID = 0x64776468

#: The version of the tables.
VERSION = 2

#: The longest time that a read or a write waits for the lock of another process, in seconds: as
#: long as an asker waits for an answer.  Larger: later requests queue up, although their askers
#: have given up.  Smaller: requests fail when another program holds the lock for a moment, as a
#: backup does.
LOCK_TIMEOUT = 2.0

#: The statements that make the tables.  The triggers keep the sum of all bytes up to date, in the
#: transaction that changes an entry.  Without the triggers, each put would have to read the whole
#: table to compute the sum.
_SCHEMA = f"""
BEGIN IMMEDIATE;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
CREATE TABLE IF NOT EXISTS entries (
    key BLOB PRIMARY KEY,
    value BLOB NOT NULL,
    expires REAL NOT NULL,
    publisher TEXT
);
CREATE INDEX IF NOT EXISTS entries_by_expiry ON entries (expires);
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
COMMIT;
"""


def checkFile(path: str) -> None:
    """
    Require that a file is a store, or can become one.  A missing file is created.

    The function waits for no lock.  A refused file and its folder are left unchanged.

    :raises CannotOpenStore: when the file is refused; the message has the path and the reason
    """
    if path in ("", ":memory:"):
        raise CannotOpenStore(f"{path!r} is not a file; use MemoryStore to keep values in memory")
    try:
        if not exists(path) or (isfile(path) and not getsize(path)):
            _create(path)
        elif isfile(path):
            _checkMarks(path)
        else:
            raise CannotOpenStore("not a regular file")
        for written in (path, dirname(abspath(path))):
            # The folder must be writable, too: the write-ahead log is a file beside the store.
            if not access(written, W_OK):
                raise CannotOpenStore(f"{written!r} may not be written")
    except (sqlite3.Error, CannotOpenStore, OSError, ValueError) as error:
        raise CannotOpenStore(f"cannot keep values in {path!r}: {error}") from error


def connect(path: str, lockTimeout: float) -> sqlite3.Connection:
    """
    Open a file for reading and writing, and make the tables if it is empty.

    :param lockTimeout: how long this function and later statements wait for a lock, in seconds
    :raises CannotOpenStore: when the file isn't a store
    :raises sqlite3.Error: when the file can't be opened, or stays locked
    """
    # check_same_thread: one thread at a time uses the connection, but not always the same one.
    # isolation_level: with None, the sqlite3 module begins no transactions.  Our statements do.
    connection = sqlite3.connect(
        path, timeout=lockTimeout, isolation_level=None, check_same_thread=False
    )
    try:
        # With a write-ahead log, NORMAL keeps the file intact in every crash.  A power failure may
        # lose the values of the last moments, but other nodes hold these values too.  FULL would
        # wait for the disk at every put.
        connection.execute("PRAGMA synchronous = NORMAL")
        if _number(connection, "page_count") == 0:
            connection.executescript(_SCHEMA)
        _requireStore(connection)
        connection.execute("PRAGMA journal_mode = WAL")
    except BaseException:
        connection.close()
        raise
    return connection


def _create(path: str) -> None:
    try:
        connect(path, lockTimeout=0).close()
    except sqlite3.OperationalError as error:
        # Another process holds the lock.  A thread waits for the lock later, and makes the tables.
        if "locked" not in str(error):
            raise


def _checkMarks(path: str) -> None:
    """
    Require the marks of a store in the header of a file.  Nothing is changed or locked.

    The connection is immutable, so it takes no lock, and neither reads nor makes a write-ahead log.
    The marks can be read without the log: they are in the file itself from the first transaction
    on.

    :raises CannotOpenStore: when the file has other marks
    :raises sqlite3.Error: when the file isn't a database
    """
    uri = f"{Path(abspath(path)).as_uri()}?mode=ro&immutable=1"
    connection = sqlite3.connect(uri, uri=True)
    try:
        # When a process was killed during a checkpoint, the header may count more pages than the
        # file has.  The missing pages are in the write-ahead log, but this connection doesn't read
        # the log.  Without this setting, SQLite would call the file malformed.
        connection.execute("PRAGMA writable_schema = ON")
        _requireStore(connection)
    finally:
        connection.close()


def _requireStore(connection: sqlite3.Connection) -> None:
    if _number(connection, "application_id") != APPLICATION_ID:
        raise CannotOpenStore("this database belongs to another program")
    version = _number(connection, "user_version")
    if version != VERSION:
        raise CannotOpenStore(
            f"this store is of version {version}; this package reads version {VERSION}"
        )


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    number: int
    (number,) = connection.execute(f"PRAGMA {pragma}").fetchone()
    return number


__all__ = ["APPLICATION_ID", "LOCK_TIMEOUT", "VERSION", "checkFile", "connect"]
