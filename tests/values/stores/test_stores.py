"""
The stores `MemoryStore` and `SQLiteStore`.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import cast

from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.internet.interfaces import IReactorCore
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from dwdht_twisted.interfaces import ISharedStore
from dwdht_twisted.testing.stores import (
    MAXIMUM_AGE,
    MAXIMUM_BYTES,
    SharedStoreTests,
    keyOf,
    valueOf,
)
from dwdht_twisted.values import CannotOpenStore, MemoryStore, SQLiteStore


def key(number: int) -> bytes:
    """Return the key with this number."""
    return number.to_bytes(32, "big")


class MemoryStoreTests(SharedStoreTests, TestCase):
    """
    `MemoryStore`, with the common tests and its own.
    """

    def makeStore(self, clock: Clock, *, maximumBytes: int, maximumAge: float) -> MemoryStore:
        """Return a new store."""
        return MemoryStore(clock, maximumBytes=maximumBytes, maximumAge=maximumAge)

    def test_storeProvidesISharedStore(self) -> None:
        """A `MemoryStore` provides `ISharedStore`."""
        verifyObject(ISharedStore, self.store)

    def test_lengthCountsValues(self) -> None:
        """The length of a store is its number of values. A value that is put twice counts once."""
        store = MemoryStore(Clock())
        for number in (1, 2, 1):
            store.put(key(number), b"value")
        self.assertEqual(len(store), 2)

    def test_closedStoreIsEmpty(self) -> None:
        """A closed store holds no value, and may be used again."""
        store = MemoryStore(Clock())
        store.put(key(1), b"value")
        store.close()
        self.assertIsNone(store.get(key(1)))
        store.put(key(2), b"value")
        self.assertEqual(len(store.entries()), 1)


class SQLiteStoreTests(SharedStoreTests, TestCase):
    """
    `SQLiteStore`, with the common tests and its own.
    """

    def setUp(self) -> None:
        self.path = self.mktemp()
        super().setUp()

    def makeStore(self, clock: Clock, *, maximumBytes: int, maximumAge: float) -> SQLiteStore:
        """Return a store of the file of this test."""
        return SQLiteStore(
            cast(IReactorCore, reactor),
            self.path,
            seconds=clock.seconds,
            maximumBytes=maximumBytes,
            maximumAge=maximumAge,
        )

    async def reopen(self, maximumAge: float = MAXIMUM_AGE) -> None:
        """Close the store and open its file again."""
        await self.store.close()
        self.store = self.makeStore(self.clock, maximumBytes=MAXIMUM_BYTES, maximumAge=maximumAge)

    def test_storeProvidesISharedStore(self) -> None:
        """An `SQLiteStore` provides `ISharedStore`."""
        verifyObject(ISharedStore, self.store)

    async def test_valuesOutliveClose(self) -> None:
        """A value is found after the file was opened again, with its lifetime and publisher."""
        await self.put(1, lifetime=50, publisher="192.0.2.1")
        await self.reopen()
        (entry,) = await self.store.entries()
        self.assertEqual(entry, (keyOf(1), valueOf(1), 50, "192.0.2.1"))

    async def test_sharesOutliveClose(self) -> None:
        """After the file was opened again, its values count for the hosts that have put them."""
        await self.put(*range(20), publisher="198.51.100.1")
        await self.put(*range(20, 40), publisher="192.0.2.1")
        await self.reopen()
        await self.put(*range(40, 100), publisher="192.0.2.1")
        self.assertEqual((await self.found(range(100)))[:20], list(range(20)))

    async def test_shorterAgeHoldsForOldValues(self) -> None:
        """When a file is opened with a shorter age limit, the next put gives it to all values."""
        await self.put(1)
        await self.reopen(maximumAge=10)
        await self.put(2)
        self.assertEqual(await self.store.remaining(keyOf(1)), 10)

    async def test_closeWaitsForPuts(self) -> None:
        """Closing a store first writes the values of all earlier puts."""
        puts = [self.store.put(keyOf(number), valueOf(number)) for number in (1, 2, 3)]
        await self.reopen()
        await gatherResults(puts)
        self.assertEqual(await self.found(range(5)), [1, 2, 3])

    async def test_otherProcessIsSeen(self) -> None:
        """Values that another process has dropped no longer count towards the size."""
        await self.put(*range(40))
        with closing(sqlite3.connect(self.path)) as other, other:
            other.execute("DELETE FROM entries")
        await self.put(*range(100, 140))
        self.assertEqual(await self.found(range(100, 140)), list(range(100, 140)))


class BadStoreTests(SynchronousTestCase):
    """
    Files and limits that a store refuses at once.
    """

    def open(self, path: str | Path) -> SQLiteStore:
        """Try to open a file as a store."""
        return SQLiteStore(cast(IReactorCore, reactor), path)

    def test_missingFolderIsRefused(self) -> None:
        """A path in a missing folder is refused. The error contains the path and the reason."""
        path = Path(self.mktemp()) / "values"
        with self.assertRaisesRegex(CannotOpenStore, f"'{path}'.*unable to open"):
            self.open(path)

    def test_otherFileIsRefused(self) -> None:
        """A file that isn't a database is refused and not changed."""
        path = Path(self.mktemp())
        path.write_bytes(b"my holiday photos" * 100)
        with self.assertRaisesRegex(CannotOpenStore, "not a database"):
            self.open(path)
        self.assertEqual(path.read_bytes(), b"my holiday photos" * 100)

    def test_limitOfZeroIsRefused(self) -> None:
        """A limit that is 0 or negative is refused. The error contains the name of the argument."""
        clock = Clock()
        with self.assertRaisesRegex(ValueError, "maximumBytes must be above 0"):
            MemoryStore(clock, maximumBytes=0)
        with self.assertRaisesRegex(ValueError, "maximumAge must be above 0"):
            MemoryStore(clock, maximumAge=-1)
        with self.assertRaisesRegex(ValueError, "maximumAge must be above 0"):
            MemoryStore(clock, maximumAge=float("nan"))
        with self.assertRaisesRegex(ValueError, "maximumBytes must be above 0"):
            SQLiteStore(cast(IReactorCore, reactor), self.mktemp(), maximumBytes=-5)
