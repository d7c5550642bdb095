"""
The file of an `SQLiteStore`: the marks in its header, its tables, and how it is opened.

Two numbers in the header of a database (https://www.sqlite.org/fileformat.html, section 1.3) mark
the file of a store:

* ``application_id`` is `APPLICATION_ID`.  A database with another number belongs to another program
  and is refused.
* ``user_version`` is `VERSION`, the version of the tables.  A file of an earlier version is changed
  to this version.  A file with another version was written by a later version of this package and
  is refused.

The marks and the tables are made in one transaction, so a file that isn't empty has both or none.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import lru_cache
from os import W_OK, access
from os.path import abspath, dirname, exists, getsize, isfile
from pathlib import Path

from ...errors import CannotOpenStore
from .bounds import ENTRY_OVERHEAD_BYTES
from .levels import check, filling, tables, triggers
from .table import checksum, clockChecksum

#: The application id of a store: the letters "dwdh" in ASCII.
APPLICATION_ID = 0x64776468

#: The place of the application id in a file, in bytes.
_APPLICATION_ID_OFFSET = 68

#: What opening, reading or writing a file may raise.
FAILURES = (sqlite3.Error, CannotOpenStore, UnicodeDecodeError)

#: Parts of the messages by which SQLite says that a file is damaged.
_DAMAGE = (
    "malformed",
    "not a database",
    "unsupported file format",
    "no such table",
    "no such column",
    "no such index",
    "integer overflow",
    "too big",
)

#: The version of the tables.
VERSION = 3

#: The longest time that a read or a write waits for the lock of another process, in seconds: as
#: long as an asker waits for an answer.  Larger: later requests queue up, although their askers
#: have given up.  Smaller: requests fail when another program holds the lock for a moment, as a
#: backup does.
LOCK_TIMEOUT = 2.0

#: The size of the log at which its pages are moved to the file, in pages of 4,096 bytes.  Larger:
#: the log takes up more space.  Smaller: a page that many puts change is written more often.
CHECKPOINT_PAGES = 1000

#: The most memory for pages of a connection, in KiB.  Larger: a node takes up more memory.
#: Smaller: a put into a large store reads more pages of its indexes again.
CACHE_KIBIBYTES = 16 * 1024

#: The tables.  ``position`` is the order of the puts.  ``publisher`` is the host that a value
#: counts for, and ``others`` has further ones, separated by spaces.  ``cost`` is the number of
#: bytes that it counts for.  Most values expire in the order in which they are put, so puts change
#: the same pages of the index by expiry.
_TABLES = f"""
CREATE TABLE entries (
    position INTEGER PRIMARY KEY,
    key BLOB NOT NULL,
    value BLOB NOT NULL,
    checksum INTEGER NOT NULL,
    expires REAL NOT NULL,
    cost INTEGER NOT NULL,
    publisher TEXT NOT NULL,
    others TEXT NOT NULL
);
CREATE INDEX entries_by_expiry ON entries (expires);
{tables()}
"""

_CLOCK = f"""
CREATE TABLE clock (
    one INTEGER PRIMARY KEY CHECK (one = 1), offset REAL, latest REAL, checksum INTEGER
);
INSERT INTO clock VALUES (1, 0, 0, {clockChecksum(0, 0)});
"""

#: The statements that make a new file a store.
_CREATION = f"""
BEGIN IMMEDIATE;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
{_TABLES}
{_CLOCK}
{triggers()}
COMMIT;
"""

#: The statements that make a file of an earlier version one of the present version.  In version 1,
#: a value has the time at which it was put.  Its publisher is not known, so it counts for the node
#: itself.  In version 2, the table has other indexes.
_MIGRATIONS = {
    1: f"""
BEGIN IMMEDIATE;
ALTER TABLE entries RENAME TO earlier;
DROP TABLE total;
{_TABLES}
{_CLOCK}
INSERT INTO entries
SELECT
    NULL, key, value, checksum(key, value), stored + {{maximumAge}},
    LENGTH(key) + LENGTH(value) + {ENTRY_OVERHEAD_BYTES}, '', ''
FROM earlier ORDER BY stored;
{filling()}
{triggers()}
DROP TABLE earlier;
PRAGMA user_version = {VERSION};
COMMIT;
""",
    2: f"""
BEGIN IMMEDIATE;
ALTER TABLE entries RENAME TO earlier;
DROP INDEX entries_by_expiry;
DROP INDEX entries_by_publisher;
{_TABLES}
INSERT INTO entries
SELECT position, key, value, checksum, expires, cost, publisher, others
FROM earlier ORDER BY position;
{filling()}
{triggers()}
DROP TABLE earlier;
PRAGMA user_version = {VERSION};
COMMIT;
""",
}


def isFull(error: BaseException) -> bool:
    """Whether an exception says that the disk is full."""
    return "full" in str(error)


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
    except (*FAILURES, OSError, ValueError) as error:
        raise CannotOpenStore(f"cannot keep values in {path!r}: {error}") from error


def connect(path: str, lockTimeout: float, maximumAge: float) -> sqlite3.Connection:
    """
    Open a file for reading and writing, and make the tables if it is empty.

    :param lockTimeout: how long this function and later statements wait for a lock, in seconds
    :param maximumAge: the lifetime of the values in a file of version 1, in seconds
    :raises CannotOpenStore: when the file isn't a store
    :raises sqlite3.Error: when the file can't be opened, or stays locked
    """
    # check_same_thread: one thread at a time uses the connection, but not always the same one.
    # isolation_level: with None, the sqlite3 module begins no transactions.  Our statements do.
    connection = sqlite3.connect(
        path, timeout=lockTimeout, isolation_level=None, check_same_thread=False
    )
    try:
        connection.text_factory = decoded
        # An acknowledged value is on the disk: each transaction waits for it.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIBIBYTES}")
        if _number(connection, "page_count") == 0:
            connection.executescript(_CREATION)
        version = _requireStore(connection)
        if version != VERSION:
            connection.create_function("checksum", 2, checksum)
            # SQLite has no literal for an infinite number, but reads a larger one than it has so.
            age = "9e999" if maximumAge == float("inf") else repr(maximumAge)
            connection.executescript(_MIGRATIONS[version].format(maximumAge=age))
        _requireObjects(connection)
        check(connection.execute)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    except BaseException:
        connection.close()
        raise
    return connection


def connectReader(path: str, lockTimeout: float, *, isAlone: bool = False) -> sqlite3.Connection:
    """
    Open a file for reading.

    :param lockTimeout: as for `connect`
    :param isAlone: whether no other connection is needed.  This one then needs no index of the log
        on the disk, and no room for it.
    :raises CannotOpenStore: when the file isn't a store of this version
    :raises sqlite3.Error: when the file can't be opened
    """
    connection = sqlite3.connect(
        path, timeout=lockTimeout, isolation_level=None, check_same_thread=False
    )
    if isAlone:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    # Not "mode=ro": the connection that is closed last removes the log.
    connection.execute("PRAGMA query_only = ON")
    # A damaged text is found by its row, not by an error of the decoder.
    connection.text_factory = decoded
    try:
        if _requireStore(connection) != VERSION:
            raise CannotOpenStore("this store must be brought to the present version first")
        _requireObjects(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def decoded(text: bytes) -> str:
    """Decode a text of a file, which may be damaged."""
    return text.decode("utf-8", "replace")


def isDamage(error: BaseException) -> bool:
    """Whether an exception says that the content of a file is damaged."""
    # The sqlite3 module fails to decode an error message that quotes a damaged text.  No statement
    # of a store violates a constraint, unless the tables contradict each other.
    return isinstance(error, (UnicodeDecodeError, sqlite3.IntegrityError)) or (
        isinstance(error, sqlite3.DatabaseError) and any(each in str(error) for each in _DAMAGE)
    )


def _create(path: str) -> None:
    try:
        connect(path, lockTimeout=0, maximumAge=0).close()
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
    except (sqlite3.Error, UnicodeDecodeError) as error:
        # A damaged store is recovered when it is used.
        if not isDamage(error) or not _hasMark(path):
            raise
    finally:
        connection.close()


def _hasMark(path: str) -> bool:
    """Whether a file that isn't a database any more has the application id of a store."""
    with open(path, "rb") as file:
        file.seek(_APPLICATION_ID_OFFSET)
        return file.read(4) == APPLICATION_ID.to_bytes(4, "big")


def _requireStore(connection: sqlite3.Connection) -> int:
    """Return the version of a store, which is an earlier one or the present one."""
    if _number(connection, "application_id") != APPLICATION_ID:
        raise CannotOpenStore("this database belongs to another program")
    version = _number(connection, "user_version")
    if version not in (*_MIGRATIONS, VERSION):
        raise CannotOpenStore(
            f"this store is of version {version}; this package reads version {VERSION}"
        )
    return version


def _requireObjects(connection: sqlite3.Connection) -> None:
    """
    Require the tables, views and triggers of a store, as they were made.

    A changed byte in a trigger would go unnoticed otherwise, and values would be missing.

    :raises sqlite3.DatabaseError: when one is missing or has changed
    """
    if not _expectedObjects() <= _objects(connection):
        raise sqlite3.DatabaseError("the list of tables is malformed")


@lru_cache(maxsize=1)
def _expectedObjects() -> frozenset[tuple[str, ...]]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.executescript(_CREATION)
        return _objects(connection)


def _objects(connection: sqlite3.Connection) -> frozenset[tuple[str, ...]]:
    return frozenset(connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master"))


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    number: int
    (number,) = connection.execute(f"PRAGMA {pragma}").fetchone()
    return number


__all__ = [
    "APPLICATION_ID",
    "FAILURES",
    "LOCK_TIMEOUT",
    "VERSION",
    "checkFile",
    "connect",
    "connectReader",
    "decoded",
    "isDamage",
    "isFull",
]
