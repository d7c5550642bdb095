"""
Tests for `MemoryStore` and `SQLiteStore`.
"""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorCore
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from dwdht_twisted.errors import ValueTooLarge
from dwdht_twisted.interfaces import IValueStore
from dwdht_twisted.values import CannotOpenStore, MemoryStore, SQLiteStore
from dwdht_twisted.values.bounds import ENTRY_OVERHEAD_BYTES

T = TypeVar("T")

MAXIMUM_AGE = 100.0

#: The number of values of 68 bytes that fit the stores of these tests.
CAPACITY = 3
ENTRY_BYTES = 32 + 68 + ENTRY_OVERHEAD_BYTES
MAXIMUM_BYTES = CAPACITY * ENTRY_BYTES + ENTRY_BYTES // 2


def key(number: int) -> bytes:
    """The key with this number."""
    return number.to_bytes(32, "big")


def value(number: int) -> bytes:
    """The value with this number, 68 bytes."""
    return number.to_bytes(68, "big")


async def settle(result: Awaitable[T] | T) -> T:
    """The result of a method of a store, which may be awaitable."""
    return await result if isinstance(result, Awaitable) else result


if TYPE_CHECKING:
    _TestCase = TestCase
else:
    _TestCase = object


class StoreTests(_TestCase):
    """
    Tests for the behaviour that all stores share.
    """

    clock: Clock
    store: IValueStore

    async def put(self, *numbers: int) -> None:
        """Put values, one second apart."""
        for number in numbers:
            await settle(self.store.put(key(number), value(number)))
            self.clock.advance(1)

    async def present(self, *numbers: int) -> list[int]:
        """The numbers of those values that the store holds."""
        found = [await settle(self.store.get(key(number))) for number in numbers]
        for number, got in zip(numbers, found, strict=True):
            self.assertIn(got, (None, value(number)))
        return [number for number, got in zip(numbers, found, strict=True) if got is not None]

    def test_storeProvidesIValueStore(self) -> None:
        """A store provides `IValueStore`."""
        verifyObject(IValueStore, self.store)

    async def test_valueIsFoundUnderItsKey(self) -> None:
        """A value that was put is found under its key, and nothing under another key."""
        await self.put(1)
        self.assertEqual(await settle(self.store.get(key(1))), value(1))
        self.assertIsNone(await settle(self.store.get(key(2))))

    async def test_emptyValueIsKept(self) -> None:
        """A value of 0 bytes is kept."""
        await settle(self.store.put(key(1), b""))
        self.assertEqual(await settle(self.store.get(key(1))), b"")

    async def test_valueExpiresAtMaximumAge(self) -> None:
        """
        A value is found until it reaches the maximum age of 100 seconds, and not from then on.
        """
        await settle(self.store.put(key(1), value(1)))
        self.clock.advance(MAXIMUM_AGE - 0.5)
        self.assertEqual(await self.present(1), [1])
        self.clock.advance(0.5)
        self.assertEqual(await self.present(1), [])

    async def test_putAgainRenewsAge(self) -> None:
        """The age of a value that is put again counts from its last put."""
        await settle(self.store.put(key(1), value(1)))
        self.clock.advance(MAXIMUM_AGE - 1)
        await settle(self.store.put(key(1), value(1)))
        self.clock.advance(MAXIMUM_AGE - 1)
        self.assertEqual(await self.present(1), [1])

    async def test_oldestValueIsDroppedFirst(self) -> None:
        """The oldest of four values is dropped when only three fit."""
        await self.put(1, 2, 3, 4)
        self.assertEqual(await self.present(1, 2, 3, 4), [2, 3, 4])

    async def test_renewedValueOutlivesOthers(self) -> None:
        """A value that was put again outlives a value that was put in between."""
        await self.put(1, 2, 3, 1, 4)
        self.assertEqual(await self.present(1, 2, 3, 4), [1, 3, 4])

    async def test_putAgainCountsOnce(self) -> None:
        """A value that is put 20 times takes no more space than one that is put once."""
        await self.put(1, 2, *[3] * 20)
        self.assertEqual(await self.present(1, 2, 3), [1, 2, 3])

    async def test_largeValueReplacesSeveral(self) -> None:
        """A value as large as two others replaces the two oldest."""
        await self.put(1, 2, 3)
        large = b"x" * (68 + ENTRY_BYTES)
        await settle(self.store.put(key(4), large))
        self.assertEqual(await self.present(1, 2, 3), [3])
        self.assertEqual(await settle(self.store.get(key(4))), large)

    async def test_tooLargeValueIsRefused(self) -> None:
        """A value that doesn't fit the empty store is refused, and no other value is dropped."""
        await self.put(1)
        with self.assertRaisesRegex(ValueTooLarge, "doesn't fit a store of"):
            await settle(self.store.put(key(2), b"x" * MAXIMUM_BYTES))
        self.assertEqual(await self.present(1), [1])

    async def test_emptyValuesAreBounded(self) -> None:
        """Values of 0 bytes are limited in number, because each counts 256 bytes beside its key."""
        for number in range(20):
            await settle(self.store.put(key(number), b""))
            self.clock.advance(1)
        found = [await settle(self.store.get(key(number))) for number in range(20)]
        self.assertEqual(found.count(b""), MAXIMUM_BYTES // (32 + ENTRY_OVERHEAD_BYTES))

    async def test_expiredValuesTakeNoSpace(self) -> None:
        """Values that have reached the maximum age take no space from new ones."""
        await self.put(1, 2, 3)
        self.clock.advance(MAXIMUM_AGE)
        await self.put(4, 5, 6)
        self.assertEqual(await self.present(1, 2, 3, 4, 5, 6), [4, 5, 6])


class MemoryStoreTests(StoreTests, TestCase):
    """
    Tests for `MemoryStore`.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock, maximumBytes=MAXIMUM_BYTES, maximumAge=MAXIMUM_AGE)

    def test_lengthCountsValues(self) -> None:
        """
        The length of a store is the number of its values; a value that is put again counts once.
        """
        store = MemoryStore(self.clock)
        store.put(key(1), value(1))
        store.put(key(2), value(2))
        store.put(key(1), value(1))
        self.assertEqual(len(store), 2)

    def test_closedStoreIsEmpty(self) -> None:
        """A closed store holds nothing."""
        store = MemoryStore(self.clock)
        store.put(key(1), value(1))
        store.close()
        self.assertIsNone(store.get(key(1)))


class SQLiteStoreTests(StoreTests, TestCase):
    """
    Tests for `SQLiteStore`.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.path = self.mktemp()
        self.store = self.open()
        self.addCleanup(lambda: self.store.close())

    def open(self) -> SQLiteStore:
        """Open the file of this test as a store."""
        return SQLiteStore(
            cast(IReactorCore, reactor),
            self.path,
            seconds=self.clock.seconds,
            maximumBytes=MAXIMUM_BYTES,
            maximumAge=MAXIMUM_AGE,
        )

    async def reopen(self) -> None:
        """Close the store and open its file again."""
        await settle(self.store.close())
        self.store = self.open()

    async def test_valuesOutliveClose(self) -> None:
        """Values are found when the file is opened again."""
        await self.put(1, 2)
        await self.reopen()
        self.assertEqual(await self.present(1, 2), [1, 2])

    async def test_limitOutlivesClose(self) -> None:
        """Values in the file count towards the limit when it is opened again."""
        await self.put(1, 2)
        await self.reopen()
        await self.put(3, 4)
        self.assertEqual(await self.present(1, 2, 3, 4), [2, 3, 4])

    async def test_closeWaitsForPuts(self) -> None:
        """Values that were put before the store was closed are in the file."""
        puts = [cast("Deferred[None]", self.store.put(key(n), value(n))) for n in (1, 2, 3)]
        await self.reopen()
        await gatherResults(puts)
        self.assertEqual(await self.present(1, 2, 3), [1, 2, 3])


class BadStoreTests(SynchronousTestCase):
    """
    Tests for files and limits that a store refuses at once.
    """

    def open(self, path: str | Path) -> SQLiteStore:
        """Try to open a file as a store."""
        return SQLiteStore(cast(IReactorCore, reactor), path)

    def test_missingFolderIsRefused(self) -> None:
        """A path in a missing folder is refused with the path and the reason."""
        path = Path(self.mktemp()) / "values"
        with self.assertRaisesRegex(CannotOpenStore, f"'{path}'.*unable to open"):
            self.open(path)

    def test_otherFileIsRefused(self) -> None:
        """A file that isn't a database is refused, and not changed."""
        path = Path(self.mktemp())
        path.write_bytes(b"my holiday photos" * 100)
        with self.assertRaisesRegex(CannotOpenStore, "not a database"):
            self.open(path)
        self.assertEqual(path.read_bytes(), b"my holiday photos" * 100)

    def test_limitOfZeroIsRefused(self) -> None:
        """A limit that is 0 or negative is refused with the name of the argument."""
        clock = Clock()
        with self.assertRaisesRegex(ValueError, "maximumBytes must be above 0"):
            MemoryStore(clock, maximumBytes=0)
        with self.assertRaisesRegex(ValueError, "maximumAge must be above 0"):
            MemoryStore(clock, maximumAge=-1)
        with self.assertRaisesRegex(ValueError, "maximumBytes must be above 0"):
            SQLiteStore(cast(IReactorCore, reactor), self.mktemp(), maximumBytes=-5)
