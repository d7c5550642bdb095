"""
The indexes of an `SQLiteStore` by key and by publisher, which are log-structured merge-trees.

The keys of values are random.  In one large B-tree, each put changes a page of its own, and SQLite
writes each changed page to the log and later to the file.  So the larger the store, the more pages
a transaction of many puts would write.

An index is therefore several tables, its levels.  A new row goes to the first level, which is so
small that the puts of one transaction change the same pages.  When a level is full, a run of rows
that are next to each other in the order of the index moves to the next level, where they are next
to each other too (O'Neil, Cheng, Gawlick and O'Neil, "The Log-Structured Merge-Tree", 1996).  A row
is in one level at a time, and a view has the rows of all levels.

Triggers of the table of values add and remove the rows, so the indexes have them in any case, even
when another program changes the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from operator import itemgetter
from sqlite3 import DatabaseError
from typing import Any, NamedTuple

#: The number of rows that each level but the last one may have.  Larger: the puts of a transaction
#: change more pages of the level.  Smaller: the rows of a run go to more pages of the next level.
LEVEL_ROWS = (4096, 65536)

#: The number of rows that move to the next level at a time.  Larger: the transaction takes longer.
#: Smaller: a page of the next level gets fewer of the rows.
RUN_ROWS = 512


class Index(NamedTuple):
    """
    An index.

    :ivar name: the name of its view, and the beginning of the names of its tables
    :ivar term: the column by which it is ordered; the next one is the position of the value
    :ivar columns: its columns, and the SQL expression of each; ``{}`` stands for the row of a value
    :ivar first: a term before all others
    :ivar last: a term after all others
    """

    name: str
    term: str
    columns: dict[str, str]
    first: Any
    last: Any

    @property
    def levels(self) -> list[str]:
        """The names of the tables, from the smallest level on."""
        return [f"{self.name}_{level}" for level in range(len(LEVEL_ROWS) + 1)]

    def values(self, row: str) -> str:
        """The SQL expressions of the columns for a row of the values."""
        return ", ".join(expression.format(row) for expression in self.columns.values())


#: The number of bytes of a key that are in its index.  The key itself is beside the value.  Larger:
#: the index has more pages.  Smaller: a lookup reads rows of other keys that begin alike.
PREFIX_BYTES = 8

#: The index by key.
KEYS = Index(
    "keys",
    "prefix",
    {"prefix": f"substr({{}}.key, 1, {PREFIX_BYTES})", "position": "{}.position"},
    first=b"",
    last=b"\xff" * (PREFIX_BYTES + 1),
)

#: The index by publisher.  It has the bytes that a value counts for, so the shares of a large store
#: are summed up without reading the values.
PUBLISHERS = Index(
    "publishers",
    "publisher",
    {"publisher": "{}.publisher", "position": "{}.position", "cost": "{}.cost"},
    first="",
    last="\U0010ffff",
)

INDEXES = (KEYS, PUBLISHERS)


def tables() -> str:
    """The statements that make the tables and the views of all indexes."""
    made = ""
    for index in INDEXES:
        columns = ", ".join(index.columns)
        for level in index.levels:
            made += (
                f"CREATE TABLE {level} ({columns}, PRIMARY KEY ({index.term}, position)) "
                "WITHOUT ROWID;"
            )
        selects = (f"SELECT {columns} FROM {level}" for level in index.levels)
        made += f"CREATE VIEW {index.name} AS {' UNION ALL '.join(selects)};"
    return made


def triggers() -> str:
    """The statements that make the triggers of the table of values."""
    add = remove = ""
    for index in INDEXES:
        add += f"INSERT INTO {index.levels[0]} VALUES ({index.values('NEW')});"
        old = index.columns[index.term].format("OLD")
        for level in index.levels:
            remove += f"DELETE FROM {level} WHERE {index.term} = {old} AND position = OLD.position;"
    return (
        f"CREATE TRIGGER added AFTER INSERT ON entries BEGIN {add} END;"
        f"CREATE TRIGGER removed AFTER DELETE ON entries BEGIN {remove} END;"
        "CREATE TRIGGER changed AFTER UPDATE OF position, publisher ON entries "
        f"BEGIN {remove}{add} END;"
    )


def filling() -> str:
    """The statements that add the rows of all values to the last levels of all indexes."""
    return "".join(
        f"INSERT INTO {index.levels[-1]} SELECT {index.values('entries')} FROM entries "
        "ORDER BY 1, 2;"
        for index in INDEXES
    )


def check(execute: Callable[..., Any]) -> None:
    """
    Require that the rows of each level are in order.  A row with a damaged term would mislead the
    search for others.  This takes a quarter of a second for a million values.

    :raises DatabaseError: when a level is damaged
    """
    for index in INDEXES:
        for level in index.levels:
            (found,) = execute(f"PRAGMA integrity_check({level})").fetchone()
            if found != "ok":
                raise DatabaseError(f"an index is malformed: {found}")


def rowOf(execute: Callable[..., Any], key: bytes, columns: str) -> tuple[Any, ...] | None:
    """
    Return columns of the row of a key, or None.

    :param execute: runs a statement
    :raises DatabaseError: when the index has a row that the table of values lacks
    """
    rows = execute(
        f"SELECT key, {columns} FROM keys LEFT JOIN entries USING (position) WHERE prefix = ?",
        (key[:PREFIX_BYTES],),
    )
    for other, *row in rows:
        if other == key:
            return tuple(row)
        _checkKey(other)
    return None


def rowsAfter(execute: Callable[..., Any], after: bytes, columns: str) -> Iterator[tuple[Any, ...]]:
    """
    Return the rows with keys greater than ``after``, in the order of their keys: the key of each,
    and columns.

    :param execute: runs a statement
    :raises DatabaseError: when the index has a row that the table of values lacks
    """
    places = execute(
        "SELECT prefix, position FROM keys WHERE prefix >= ? ORDER BY prefix",
        (after[:PREFIX_BYTES],),
    )
    # The index has the order of the keys, except of those that begin alike.
    for _, alike in groupby(places, itemgetter(0)):
        rows = []
        for _, position in alike:
            row = execute(
                f"SELECT key, {columns} FROM entries WHERE position = ?", (position,)
            ).fetchone()
            _checkKey(row and row[0])
            if row[0] > after:
                rows.append(row)
        yield from sorted(rows, key=itemgetter(0))


def _checkKey(key: object) -> None:
    if type(key) is not bytes:
        raise DatabaseError("the index by key is malformed")


class Merging:
    """
    Moves rows of full levels to the next ones.

    :param execute: runs a statement
    """

    def __init__(self, execute: Callable[..., Any]) -> None:
        self._execute = execute
        # The last row of each level that has moved.  The next run begins after it, so that the
        # runs go through the whole level.
        self._places: dict[str, tuple[Any, int]] = {}

    def run(self) -> None:
        """Move rows of levels that are too large.  This is called in a transaction."""
        for index in INDEXES:
            levels = index.levels
            for level, following, limit in zip(levels, levels[1:], LEVEL_ROWS, strict=False):
                # SQLite counts rows by the headers of their pages.
                (rows,) = self._execute(f"SELECT COUNT(*) FROM {level}").fetchone()
                moved = 1
                while moved and rows >= limit + RUN_ROWS:
                    moved = self._move(index, level, following)
                    rows -= moved

    def _move(self, index: Index, level: str, following: str) -> int:
        row = f"({index.term}, position)"
        start = self._places.get(level, (index.first, 0))
        end = self._execute(
            f"SELECT {index.term}, position FROM {level} WHERE {row} > (?, ?) "
            f"ORDER BY {index.term}, position LIMIT 1 OFFSET {RUN_ROWS - 1}",
            start,
        ).fetchone()
        if end is None:
            # These are the last rows of the level.  The next run begins with the first ones.
            self._places.pop(level, None)
            end = (index.last, 0)
        else:
            self._places[level] = end
        run = f"FROM {level} WHERE {row} > (?, ?) AND {row} <= (?, ?)"
        self._execute(
            f"INSERT INTO {following} SELECT * {run} ORDER BY {index.term}, position",
            (*start, *end),
        )
        moved: int = self._execute(f"DELETE {run}", (*start, *end)).rowcount
        return moved


__all__ = [
    "INDEXES",
    "KEYS",
    "LEVEL_ROWS",
    "PUBLISHERS",
    "Merging",
    "check",
    "filling",
    "rowOf",
    "rowsAfter",
    "tables",
    "triggers",
]
