"""
The indexes of an `SQLiteStore`, whose rows are in levels.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.logger import capturedLogs
from twisted.trial.unittest import TestCase

from dwdht_twisted.testing.stores import keyOf, valueOf
from dwdht_twisted.values import SQLiteStore
from dwdht_twisted.values.stores import levels
from dwdht_twisted.values.stores.bounds import entryCost
from dwdht_twisted.values.stores.levels import INDEXES

#: The number of values that are put, and the number that are put at once.
VALUES = 400
AT_ONCE = 10

#: The rows of the levels in these tests, and those that move at a time.
LEVEL_ROWS = (20, 80)
RUN_ROWS = 10


class LevelTests(TestCase):
    """
    A store with small levels.
    """

    def setUp(self) -> None:
        self.patch(levels, "LEVEL_ROWS", LEVEL_ROWS)
        self.patch(levels, "RUN_ROWS", RUN_ROWS)
        self.path = Path(self.mktemp())

    def open(self, values: int = VALUES) -> SQLiteStore:
        """Open the file as a store with room for a number of values."""
        room = values * entryCost(keyOf(0), valueOf(0))
        store = SQLiteStore(reactor, self.path, maximumBytes=room)
        self.addCleanup(store.close)
        return store

    async def put(self, store: SQLiteStore, numbers: range) -> None:
        """Put values of several publishers, some at once."""
        for start in range(numbers.start, numbers.stop, AT_ONCE):
            await gatherResults(
                [
                    store.put(keyOf(number), valueOf(number), publisher=f"192.0.2.{number % 7}")
                    for number in range(start, min(start + AT_ONCE, numbers.stop))
                ]
            )

    def rows(self) -> dict[str, int]:
        """Return the number of rows of each level, and of the values."""
        names = ["entries", *(level for index in INDEXES for level in index.levels)]
        with closing(sqlite3.connect(self.path)) as connection:
            return {
                name: connection.execute(f"SELECT COUNT(*) FROM {name}").fetchone()[0]
                for name in names
            }

    async def test_rowsMoveToLargerLevels(self) -> None:
        """A level has no more rows than its limit, one run and one transaction. None are lost."""
        store = self.open()
        await self.put(store, range(VALUES))
        rows = self.rows()
        for index in INDEXES:
            for level, limit in zip(index.levels, LEVEL_ROWS, strict=False):
                self.assertLess(rows[level], limit + RUN_ROWS + AT_ONCE + 1)
            self.assertGreater(rows[index.levels[-1]], VALUES // 2)
            self.assertEqual(sum(rows[level] for level in index.levels), VALUES)
        values = await gatherResults([store.get(keyOf(number)) for number in range(VALUES)])
        self.assertEqual(values, [valueOf(number) for number in range(VALUES)])

    async def test_valuesOfAllLevelsAreListedInOrder(self) -> None:
        """Values are listed in the order of their keys, whichever level has them."""
        store = self.open()
        await self.put(store, range(VALUES))
        listed = await store.entries(limit=VALUES)
        keys = sorted(keyOf(number) for number in range(VALUES))
        self.assertEqual([each.key for each in listed], keys)
        page = await store.entries(after=keys[99], limit=50)
        self.assertEqual([each.key for each in page], keys[100:150])

    async def test_droppedValuesLeaveNoRows(self) -> None:
        """Values that are put again, or are dropped by a full store, leave no row in a level."""
        store = self.open(values=VALUES // 2)
        await self.put(store, range(VALUES))
        draw = Random(1)
        for _ in range(10):
            start = draw.randrange(VALUES)
            await self.put(store, range(start, start + AT_ONCE))
        rows = self.rows()
        self.assertLessEqual(rows["entries"], VALUES // 2)
        for index in INDEXES:
            self.assertEqual(sum(rows[level] for level in index.levels), rows["entries"])

    async def test_oldestOfAllLevelsIsDropped(self) -> None:
        """The value that a full store drops is the oldest of its publisher in all levels."""
        store = self.open(values=100)
        for number in range(150):
            await store.put(keyOf(number), valueOf(number), publisher="192.0.2.1")
        values = await gatherResults([store.get(keyOf(number)) for number in range(150)])
        self.assertEqual([value is None for value in values], [True] * 50 + [False] * 100)

    async def test_keysThatBeginAlikeAreToldApart(self) -> None:
        """Keys that have the same first bytes have values of their own, and are listed in order."""
        store = self.open()
        keys = [bytes(8) + keyOf(number)[8:] for number in range(1, 21)]
        for number, key in enumerate(keys):
            await store.put(key, valueOf(number))
        self.assertEqual(
            await gatherResults([store.get(key) for key in keys]),
            [valueOf(number) for number in range(20)],
        )
        self.assertIsNone(await store.get(bytes(32)))
        listed = await store.entries(limit=50)
        self.assertEqual([each.key for each in listed], sorted(keys))
        page = await store.entries(after=sorted(keys)[4], limit=3)
        self.assertEqual([each.key for each in page], sorted(keys)[5:8])

    async def test_changedTriggerIsDamage(self) -> None:
        """A file whose trigger has changed is recovered with its values when it is opened."""
        store = self.open()
        await self.put(store, range(VALUES))
        await store.close()
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute("DROP TRIGGER added")
        with capturedLogs() as events:
            store = self.open()
            await store.put(keyOf(0), b"new")
            values = await gatherResults([store.get(keyOf(number)) for number in range(VALUES)])
        self.assertEqual(values, [b"new", *(valueOf(number) for number in range(1, VALUES))])
        self.assertEqual([event.get("kept") for event in events], [VALUES])
        self.assertTrue(Path(f"{self.path}.damaged-1").exists())
