"""
The stores `MemoryStore` and `SQLiteStore`.
"""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorCore
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from dwdht_twisted.errors import ValueTooLarge
from dwdht_twisted.interfaces import ISharedStore, IValueStore
from dwdht_twisted.values import CannotOpenStore, MemoryStore, SQLiteStore
from dwdht_twisted.values.stores.bounds import ENTRY_OVERHEAD_BYTES

T = TypeVar("T")

MAXIMUM_AGE = 100.0

#: The number of values of 68 bytes that fit in the stores of these tests.
CAPACITY = 3
ENTRY_BYTES = 32 + 68 + ENTRY_OVERHEAD_BYTES
MAXIMUM_BYTES = CAPACITY * ENTRY_BYTES + ENTRY_BYTES // 2


def key(number: int) -> bytes:
    """Return the key with this number."""
    return number.to_bytes(32, "big")


def value(number: int) -> bytes:
    """Return the value with this number, of 68 bytes."""
    return number.to_bytes(68, "big")


async def settle(result: Awaitable[T] | T) -> T:
    """Return the result of a store's method, which may be awaitable."""
    return await result if isinstance(result, Awaitable) else result


if TYPE_CHECKING:
    _TestCase = TestCase
else:
    _TestCase = object


class StoreTests(_TestCase):
    """
    The behaviour that all stores have in common.
    """

    clock: Clock
    store: Any

    async def put(self, *numbers: int) -> None:
        """Put the values with these numbers, one second apart."""
        for number in numbers:
            await settle(self.store.put(key(number), value(number)))
            self.clock.advance(1)

    async def present(self, *numbers: int) -> list[int]:
        """Return which of the values with these numbers the store holds."""
        found = [await settle(self.store.get(key(number))) for number in numbers]
        for number, got in zip(numbers, found, strict=True):
            self.assertIn(got, (None, value(number)))
        return [number for number, got in zip(numbers, found, strict=True) if got is not None]

    def test_storeProvidesIValueStore(self) -> None:
        """A store provides `IValueStore` and `ISharedStore`."""
        verifyObject(IValueStore, self.store)
        verifyObject(ISharedStore, self.store)

    async def test_lifetimeIsThatOfThePut(self) -> None:
        """A value that is put for 10 seconds expires after 10, and one for 1,000 at the age."""
        for number, lifetime in ((1, 10.0), (2, 10 * MAXIMUM_AGE), (3, None)):
            await settle(self.store.put(key(number), value(number), lifetime=lifetime))
        left = [await settle(self.store.remaining(key(number))) for number in (1, 2, 3, 4)]
        self.assertEqual(left, [10, MAXIMUM_AGE, MAXIMUM_AGE, None])
        self.clock.advance(10)
        self.assertEqual(await self.present(1, 2, 3), [2, 3])
        self.assertIsNone(await settle(self.store.remaining(key(1))))
        with self.assertRaisesRegex(ValueError, "lifetime must be above 0 seconds, not 0"):
            await settle(self.store.put(key(1), value(1), lifetime=0))

    async def test_entriesAreListedByKey(self) -> None:
        """Entries are listed in the order of their keys, in pages, without expired ones."""
        for number, lifetime in ((3, None), (1, 5), (2, 50)):
            await settle(
                self.store.put(key(number), value(number), publisher="9.8.7.6", lifetime=lifetime)
            )
        self.clock.advance(5)
        (first,) = await settle(self.store.entries(limit=1))
        self.assertEqual(first, (key(2), value(2), 45, "9.8.7.6"))
        second = await settle(self.store.entries(first.key))
        self.assertEqual(second, [(key(3), value(3), MAXIMUM_AGE - 5, "9.8.7.6")])
        self.assertEqual(await settle(self.store.entries(key(3))), [])

    async def test_valueIsFoundUnderItsKey(self) -> None:
        """A value is found under its own key and not under another key."""
        await self.put(1)
        self.assertEqual(await settle(self.store.get(key(1))), value(1))
        self.assertIsNone(await settle(self.store.get(key(2))))

    async def test_emptyValueIsKept(self) -> None:
        """An empty value is stored."""
        await settle(self.store.put(key(1), b""))
        self.assertEqual(await settle(self.store.get(key(1))), b"")

    async def test_valueExpiresAtMaximumAge(self) -> None:
        """A value is found before it reaches the maximum age of 100 seconds, and not afterwards."""
        await settle(self.store.put(key(1), value(1)))
        self.clock.advance(MAXIMUM_AGE - 0.5)
        self.assertEqual(await self.present(1), [1])
        self.clock.advance(0.5)
        self.assertEqual(await self.present(1), [])

    async def test_putAgainRenewsAge(self) -> None:
        """A second put of a value renews its age."""
        await settle(self.store.put(key(1), value(1)))
        self.clock.advance(MAXIMUM_AGE - 1)
        await settle(self.store.put(key(1), value(1)))
        self.clock.advance(MAXIMUM_AGE - 1)
        self.assertEqual(await self.present(1), [1])

    async def test_oldestValueIsDroppedFirst(self) -> None:
        """Three values fit in the store. A fourth one replaces the oldest."""
        await self.put(1, 2, 3, 4)
        self.assertEqual(await self.present(1, 2, 3, 4), [2, 3, 4])

    async def test_renewedValueOutlivesOthers(self) -> None:
        """A value that was put again is kept longer than values put in between."""
        await self.put(1, 2, 3, 1, 4)
        self.assertEqual(await self.present(1, 2, 3, 4), [1, 3, 4])

    async def test_putAgainCountsOnce(self) -> None:
        """A value put 20 times takes the space of one value."""
        await self.put(1, 2, *[3] * 20)
        self.assertEqual(await self.present(1, 2, 3), [1, 2, 3])

    async def test_largeValueReplacesSeveral(self) -> None:
        """A value of double size replaces the two oldest values."""
        await self.put(1, 2, 3)
        large = b"x" * (68 + ENTRY_BYTES)
        await settle(self.store.put(key(4), large))
        self.assertEqual(await self.present(1, 2, 3), [3])
        self.assertEqual(await settle(self.store.get(key(4))), large)

    async def test_tooLargeValueIsRefused(self) -> None:
        """A value that doesn't fit in the empty store is refused. No other value is dropped."""
        await self.put(1)
        with self.assertRaisesRegex(ValueTooLarge, "doesn't fit a store of"):
            await settle(self.store.put(key(2), b"x" * MAXIMUM_BYTES))
        self.assertEqual(await self.present(1), [1])

    async def test_emptyValuesAreBounded(self) -> None:
        """The number of empty values is limited, because each counts as 256 bytes plus its key."""
        for number in range(20):
            await settle(self.store.put(key(number), b""))
            self.clock.advance(1)
        found = [await settle(self.store.get(key(number))) for number in range(20)]
        self.assertEqual(found.count(b""), MAXIMUM_BYTES // (32 + ENTRY_OVERHEAD_BYTES))

    async def test_expiredValuesTakeNoSpace(self) -> None:
        """Expired values don't count towards the size of the store."""
        await self.put(1, 2, 3)
        self.clock.advance(MAXIMUM_AGE)
        await self.put(4, 5, 6)
        self.assertEqual(await self.present(1, 2, 3, 4, 5, 6), [4, 5, 6])


class MemoryStoreTests(StoreTests, TestCase):
    """
    `MemoryStore`, with the common tests and its own.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock, maximumBytes=MAXIMUM_BYTES, maximumAge=MAXIMUM_AGE)

    def test_lengthCountsValues(self) -> None:
        """The length of a store is its number of values. A value that is put twice counts once."""
        store = MemoryStore(self.clock)
        store.put(key(1), value(1))
        store.put(key(2), value(2))
        store.put(key(1), value(1))
        self.assertEqual(len(store), 2)

    def test_closedStoreIsEmpty(self) -> None:
        """A closed store holds no value."""
        store = MemoryStore(self.clock)
        store.put(key(1), value(1))
        store.close()
        self.assertIsNone(store.get(key(1)))


class SQLiteStoreTests(StoreTests, TestCase):
    """
    `SQLiteStore`, with the common tests and its own.
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
        """Values are found after the file has been closed and opened again."""
        await self.put(1, 2)
        await self.reopen()
        self.assertEqual(await self.present(1, 2), [1, 2])

    async def test_limitOutlivesClose(self) -> None:
        """After the file was opened again, its values still count towards the maximum size."""
        await self.put(1, 2)
        await self.reopen()
        await self.put(3, 4)
        self.assertEqual(await self.present(1, 2, 3, 4), [2, 3, 4])

    async def test_closeWaitsForPuts(self) -> None:
        """Closing a store first writes the values of all earlier puts."""
        puts = [cast("Deferred[None]", self.store.put(key(n), value(n))) for n in (1, 2, 3)]
        await self.reopen()
        await gatherResults(puts)
        self.assertEqual(await self.present(1, 2, 3), [1, 2, 3])


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
        with self.assertRaisesRegex(ValueError, "maximumBytes must be above 0"):
            SQLiteStore(cast(IReactorCore, reactor), self.mktemp(), maximumBytes=-5)
