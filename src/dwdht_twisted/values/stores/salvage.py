"""
The recovery of the file of an `SQLiteStore` that is damaged.

The rows that can still be read are put into a new file beside the damaged one.  When the new file
is complete and on the disk, it gets the name of the store, and the damaged file gets another name.
It is never deleted.

A recovery may fail, as on a full disk, or end with its process:

* Before the new file is complete, the damaged file has its name still.  So the next recovery reads
  it again, from the beginning.
* Afterwards, `finish` gives the files their names.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import pairwise
from typing import Any, NamedTuple

from ..._core.wire import ID_BYTES, isIPv4
from . import schema
from .bounds import PUBLISHERS_PER_VALUE, entryCost
from .levels import INDEXES, Merging, rowOf
from .shares import OWN
from .table import checksum

#: The number of rows that are put into the new file at once.
_ROWS = 1000

#: The most positions that are tried one by one, where a damaged page hides the rows between two
#: others.  Larger: a file with many damaged pages takes longer.  Smaller: fewer values are kept of
#: it.
_PROBES = 1_000_000

_INSERT = (
    "INSERT INTO entries (key, value, checksum, expires, cost, publisher, others) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)"
)

#: A checksum that no time has.  The store then takes the time from its values.
_NO_CHECKSUM = -1

#: The first page of a file holds its header and the names of its tables.  It is the same for all
#: stores, except for the number of pages and the like.
_PAGE_BYTES = 4096

#: Parts of the messages of errors that say nothing about the content of a file.
_OUTER = ("locked", "full", "unable to open")


class Recovered(NamedTuple):
    """
    The end of a recovery.

    :ivar kept: the number of values that were kept
    :ivar aside: the present path of the damaged file
    """

    kept: int
    aside: str


def recover(path: str, maximumAge: float) -> Recovered:
    """
    Put what can be read of a damaged file into a new one, and set it aside.  No connection may be
    open.

    :param maximumAge: the longest lifetime of a value, in seconds
    :raises sqlite3.Error: when the new file can't be written, or the damaged one is locked
    :raises OSError: when a file can't be written or renamed
    """
    new = f"{path}.recovering"
    copy = f"{path}.recovering-copy"
    _remove(new, copy)
    try:
        kept = _fill(new, path, copy, maximumAge)
        os.rename(new, f"{path}.recovered")
    finally:
        _remove(new, copy)
    aside = finish(path)
    assert aside is not None
    return Recovered(kept, aside)


def finish(path: str) -> str | None:
    """
    Give a complete new file the name of the store, and set the damaged file aside.  No connection
    may be open.

    :return: the path of the damaged file; None when there is no complete new file
    :raises OSError: when a file can't be renamed.  This function then goes on when it is called
        again.
    """
    recovered = f"{path}.recovered"
    if not os.path.exists(recovered):
        return None
    number = 1
    while os.path.lexists(f"{path}.damaged-{number}"):
        number += 1
    if not os.path.exists(path) and number > 1:
        # The process ended after it had renamed the damaged file.
        number -= 1
    aside = f"{path}.damaged-{number}"
    try:
        _sync(path)
        with suppress(FileNotFoundError):
            os.rename(path, aside)
        # The new file must not get the log of the damaged one.
        with suppress(FileNotFoundError):
            # SQLite leaves an empty log beside a file that it fails to read.
            if os.path.getsize(f"{path}-wal"):
                os.rename(f"{path}-wal", f"{aside}-wal")
            else:
                os.remove(f"{path}-wal")
        # The index of the log is made anew from the log.
        with suppress(FileNotFoundError):
            os.remove(f"{path}-shm")
        _sync(path)
        os.rename(recovered, path)
        _sync(path)
    except OSError as error:
        moved = f"; the damaged file is now {aside!r}" if os.path.exists(aside) else ""
        raise OSError(error.errno, f"{error.strerror}{moved}") from error
    return aside


def _remove(*paths: str) -> None:
    """Remove databases, and what SQLite keeps beside them, if they are there."""
    for path in paths:
        for suffix in ("", "-wal", "-shm", "-journal"):
            with suppress(FileNotFoundError):
                os.remove(f"{path}{suffix}")


def _sync(path: str) -> None:
    """Bring the names of the files beside a path to the disk, in the order of their changes."""
    # Windows opens no folders.
    if os.name != "nt":
        folder = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _fill(path: str, damaged: str, copy: str, maximumAge: float) -> int:
    """Make a new file of what can be read of a damaged one.  Return the number of values."""
    kept = 0
    with closing(schema.connect(path, schema.LOCK_TIMEOUT, maximumAge)) as new:
        for source in _sources(damaged, copy):
            with source as connection:
                kept = _copy(connection, new)
            if kept:
                break
        # Without its log, the file can be renamed.
        new.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return kept


def _sources(damaged: str, copy: str) -> Iterator[Any]:
    """The damaged file, and then a copy of it whose first page is that of a new store."""
    yield closing(_connect(damaged))
    if _repair(damaged, copy):
        yield closing(_connect(copy))


def _connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=schema.LOCK_TIMEOUT, isolation_level=None)
    # A damaged text fails no row.
    connection.text_factory = schema.decoded
    # A connection that is alone needs no index of the log on the disk, which may be full.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    return connection


def _repair(damaged: str, copy: str) -> bool:
    """
    Copy a damaged file, and write the first page anew.

    :return: whether the file has more than a first page
    """
    schema.connect(copy, schema.LOCK_TIMEOUT, 0).close()
    with open(copy, "rb") as new:
        page = bytearray(new.read(_PAGE_BYTES))
    pages = os.path.getsize(damaged) // _PAGE_BYTES
    if pages < 2:
        return False
    # The fields of https://www.sqlite.org/fileformat.html, section 1.3: the number of pages, which
    # is valid if two change counters are equal, and an empty list of free pages.
    page[28:32] = pages.to_bytes(4, "big")
    page[92:96] = page[24:28]
    page[32:40] = bytes(8)
    shutil.copyfile(damaged, copy)
    with open(copy, "r+b") as file:
        file.write(page)
    # Its pages have checksums, so those that are used are intact.
    with suppress(FileNotFoundError):
        shutil.copyfile(f"{damaged}-wal", f"{copy}-wal")
    return True


@contextmanager
def _skipping() -> Iterator[None]:
    """
    Skip what can't be read.

    :raises sqlite3.Error: when the reason isn't in the file
    """
    try:
        yield
    except Exception as error:
        # SQLite, and the sqlite3 module, raise many kinds of errors for the cells of a damaged
        # page.  None of them may end the recovery of the others.
        if isinstance(error, sqlite3.Error) and any(each in str(error) for each in _OUTER):
            raise


def _copy(damaged: sqlite3.Connection, new: sqlite3.Connection) -> int:
    """Copy the rows that can be read.  Return their number."""
    kept = 0
    merging = Merging(new.execute)
    positions = _positions(damaged)
    for start in range(0, len(positions), _ROWS):
        with new:
            new.execute("BEGIN IMMEDIATE")
            for position in positions[start : start + _ROWS]:
                row = _row(damaged, position)
                if row is not None and rowOf(new.execute, row[0], "key") is None:
                    new.execute(_INSERT, row)
                    kept += 1
            merging.run()
    clock = (0.0, 0.0, _NO_CHECKSUM)
    with _skipping():
        row = damaged.execute("SELECT offset, latest, checksum FROM clock").fetchone()
        if row is not None and tuple(map(type, row)) == (float, float, int):
            clock = row
    new.execute("UPDATE clock SET offset = ?, latest = ?, checksum = ?", clock)
    return kept


def _positions(damaged: sqlite3.Connection) -> list[int]:
    """
    Return the positions of the rows in their order, as far as the table or one of its indexes has
    them.

    Each is read from both ends, because reading stops at the first damaged page.
    """
    positions: set[int] = set()
    isWhole = False
    sources = [("entries", "position"), ("entries", "expires")]
    sources += [(level, index.term) for index in INDEXES for level in index.levels]
    for table, column in sources:
        for order in ("ASC", "DESC"):
            with _skipping():
                for (position,) in damaged.execute(
                    f"SELECT position FROM {table} ORDER BY {column} {order}"
                ):
                    # A cell of a damaged index may have any type.
                    if type(position) is int:
                        positions.add(position)
                isWhole = isWhole or column == "position"
    if not isWhole:
        positions.update(_hidden(damaged, sorted(positions)))
    return sorted(positions)


def _hidden(damaged: sqlite3.Connection, positions: list[int]) -> set[int]:
    """Return the positions of rows between those that are known."""
    hidden: set[int] = set()
    probes = 0
    for low, high in pairwise(positions):
        position = low + 1
        while position < high and probes < _PROBES:
            probes += 1
            following = position
            with _skipping():
                (following,) = damaged.execute(
                    "SELECT position FROM entries WHERE position >= ? ORDER BY position LIMIT 1",
                    (position,),
                ).fetchone()
                if following < high:
                    hidden.add(following)
            # It is lower than asked for when the pages of the table are in a wrong order.
            position = max(position, following) + 1
    return hidden


def _row(damaged: sqlite3.Connection, position: int) -> tuple[Any, ...] | None:
    """Return a row for the new file, or None if its value is damaged."""
    columns = ("key, value, checksum", "expires", "publisher", "others")
    row = _cells(damaged, position, ", ".join(columns))
    if row is None:
        # The end of a row may be damaged alone.
        first, *others = (_cells(damaged, position, each) for each in columns)
        row = first and (*first, *(each[0] if each else None for each in others))
    if row is None or tuple(map(type, row[:3])) != (bytes, bytes, int):
        return None
    key, value, check, expires, publisher, others = row
    if len(key) != ID_BYTES or check != checksum(key, value):
        return None
    publisher, *further = _publishers(publisher, others)
    # The store makes a time that is too late the latest possible one.
    until = expires if type(expires) is float else float("inf")
    return (key, value, check, until, entryCost(key, value), publisher, " ".join(further))


def _cells(damaged: sqlite3.Connection, position: int, columns: str) -> tuple[Any, ...] | None:
    """Return columns of a row, or None if they can't be read."""
    with _skipping():
        row: tuple[Any, ...] | None = damaged.execute(
            f"SELECT {columns} FROM entries WHERE position = ?", (position,)
        ).fetchone()
        return row
    return None


def _publishers(publisher: object, others: object) -> list[str]:
    """Return the publishers of a row, as far as they are hosts.  At least one is returned."""
    further = [host for host in others.split() if isIPv4(host)] if type(others) is str else []
    if publisher == OWN or (type(publisher) is str and isIPv4(publisher)):
        further.insert(0, publisher)
    return further[:PUBLISHERS_PER_VALUE] or [OWN]


__all__ = ["Recovered", "finish", "recover"]
