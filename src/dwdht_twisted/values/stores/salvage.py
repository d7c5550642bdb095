"""
The recovery of the file of an `SQLiteStore` that is damaged.

The damaged file gets another name beside its old one, and is never deleted.  Its rows that can
still be read are put into a new file.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any, NamedTuple

from . import schema
from .levels import INDEXES, Merging, rowOf
from .table import checksum

#: The number of rows that are put into the new file at once.
_ROWS = 1000

_COLUMNS = "key, value, checksum, expires, cost, publisher, others"

_INSERT = f"INSERT INTO entries ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"

#: The first page of a file holds its header and the names of its tables.  It is the same for all
#: stores, except for the number of pages and the like.
_PAGE_BYTES = 4096


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
    Set a damaged file aside, and put what can be read into a new one.  No connection may be open.

    :param maximumAge: the longest lifetime of a value, in seconds
    :raises sqlite3.Error: when the new file can't be written
    :raises OSError: when the files can't be renamed
    """
    aside = _setAside(path)
    kept = 0
    with closing(schema.connect(path, schema.LOCK_TIMEOUT, maximumAge)) as new:
        for source in _sources(aside):
            with source as connection:
                kept = _copy(connection, new)
            if kept:
                break
    # SQLite leaves an empty log beside a file that it fails to read.
    with suppress(FileNotFoundError):
        if not os.path.getsize(f"{aside}-wal"):
            os.remove(f"{aside}-wal")
    return Recovered(kept, aside)


def _setAside(path: str) -> str:
    number = 1
    while os.path.exists(aside := f"{path}.damaged-{number}"):
        number += 1
    os.rename(path, aside)
    with suppress(FileNotFoundError):
        os.rename(f"{path}-wal", f"{aside}-wal")
    # The index of the log is made anew from the log.
    with suppress(FileNotFoundError):
        os.remove(f"{path}-shm")
    return aside


def _sources(aside: str) -> Iterator[Any]:
    """The damaged file, and then a copy of it whose first page is that of a new store."""
    yield closing(sqlite3.connect(aside, isolation_level=None))
    copy = f"{aside}-repaired"
    try:
        if _repair(aside, copy):
            yield closing(sqlite3.connect(copy, isolation_level=None))
    finally:
        for name in (copy, f"{copy}-wal", f"{copy}-shm"):
            with suppress(FileNotFoundError):
                os.remove(name)


def _repair(aside: str, copy: str) -> bool:
    """
    Copy a damaged file, and write the first page anew.

    :return: whether the file has more than a first page
    """
    schema.connect(copy, schema.LOCK_TIMEOUT, 0).close()
    with open(copy, "rb") as new:
        page = bytearray(new.read(_PAGE_BYTES))
    pages = os.path.getsize(aside) // _PAGE_BYTES
    if pages < 2:
        return False
    # The fields of https://www.sqlite.org/fileformat.html, section 1.3: the number of pages, which
    # is valid if two change counters are equal, and an empty list of free pages.
    page[28:32] = pages.to_bytes(4, "big")
    page[92:96] = page[24:28]
    page[32:40] = bytes(8)
    shutil.copyfile(aside, copy)
    with open(copy, "r+b") as file:
        file.write(page)
    return True


def _copy(damaged: sqlite3.Connection, new: sqlite3.Connection) -> int:
    """Copy the rows that can be read.  Return their number."""
    kept = 0
    merging = Merging(new.execute)
    positions = sorted(_positions(damaged))
    for start in range(0, len(positions), _ROWS):
        with new:
            new.execute("BEGIN IMMEDIATE")
            for position in positions[start : start + _ROWS]:
                row = _row(damaged, position)
                if row is not None and rowOf(new.execute, row[0], "key") is None:
                    new.execute(_INSERT, row)
                    kept += 1
            merging.run()
    with suppress(*schema.FAILURES, TypeError):
        row = damaged.execute("SELECT offset, latest, checksum FROM clock").fetchone()
        if tuple(map(type, row)) == (float, float, int):
            new.execute("UPDATE clock SET offset = ?, latest = ?, checksum = ?", row)
    return kept


def _positions(damaged: sqlite3.Connection) -> set[int]:
    """
    Return the positions of the rows, as far as the table or one of its indexes has them.

    Each is read from both ends, because reading stops at the first damaged page.
    """
    positions: set[int] = set()
    sources = [("entries", "position"), ("entries", "expires")]
    sources += [(level, index.term) for index in INDEXES for level in index.levels]
    for table, column in sources:
        for order in ("ASC", "DESC"):
            with suppress(*schema.FAILURES):
                for (position,) in damaged.execute(
                    f"SELECT position FROM {table} ORDER BY {column} {order}"
                ):
                    positions.add(position)
    return positions


def _row(damaged: sqlite3.Connection, position: int) -> tuple[Any, ...] | None:
    """Return a row, or None if it is damaged."""
    try:
        row: tuple[Any, ...] | None = damaged.execute(
            f"SELECT {_COLUMNS} FROM entries WHERE position = ?", (position,)
        ).fetchone()
    except schema.FAILURES:
        return None
    if row is None or tuple(map(type, row)) != (bytes, bytes, int, float, int, str, str):
        return None
    return row if row[2] == checksum(row[0], row[1]) else None


__all__ = ["Recovered", "recover"]
