"""
Tests for `dwdht_twisted.stores`.
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
from dwdht_twisted.values.stores import ENTRY_OVERHEAD_BYTES

T = TypeVar("T")

MAXIMUM_AGE = 100.0

#: How many values of 68 bytes fit the stores of these tests.
ROOM = 3
ENTRY_BYTES = 32 + 68 + ENTRY_OVERHEAD_BYTES
MAXIMUM_BYTES = ROOM * ENTRY_BYTES + ENTRY_BYTES // 2


def key(number: int) -> bytes:
    """A key that is told by a number."""
    return number.to_bytes(32, "big")


def value(number: int) -> bytes:
    """The value of that key, 68 bytes."""
    return number.to_bytes(68, "big")


async def settle(result: Awaitable[T] | T) -> T:
    """What a method of a store gives, now or later."""
    return await result if isinstance(result, Awaitable) else result


if TYPE_CHECKING:
    _TestCase = TestCase
else:
    _TestCase = object


class StoreTests(_TestCase):
    """
    What every store promises.
    """

    clock: Clock
    store: IValueStore

    async def put(self, *numbers: int) -> None:
        """Put values a second apart."""
        for number in numbers:
            await settle(self.store.put(key(number), value(number)))
            self.clock.advance(1)

    async def present(self, *numbers: int) -> list[int]:
        """Those of the values that the store has."""
        found = [await settle(self.store.get(key(number))) for number in numbers]
        for number, got in zip(numbers, found, strict=True):
            self.assertIn(got, (None, value(number)))
        return [number for number, got in zip(numbers, found, strict=True) if got is not None]

    def test_interface(self) -> None:
        """It provides `IValueStore`."""
        verifyObject(IValueStore, self.store)

    async def test_found(self) -> None:
        """A value that was put is found under its key, and nothing is found under another."""
        await self.put(1)
        self.assertEqual(await settle(self.store.get(key(1))), value(1))
        self.assertIsNone(await settle(self.store.get(key(2))))

    async def test_empty(self) -> None:
        """A value of no bytes is a value."""
        await settle(self.store.put(key(1), b""))
        self.assertEqual(await settle(self.store.get(key(1))), b"")

    async def test_age(self) -> None:
        """A value is there until it reaches the maximum age, and not after."""
        await settle(self.store.put(key(1), value(1)))
        self.clock.advance(MAXIMUM_AGE - 0.5)
        self.assertEqual(await self.present(1), [1])
        self.clock.advance(0.5)
        self.assertEqual(await self.present(1), [])

    async def test_putAgain(self) -> None:
        """Putting a value again makes it new."""
        await settle(self.store.put(key(1), value(1)))
        self.clock.advance(MAXIMUM_AGE - 1)
        await settle(self.store.put(key(1), value(1)))
        self.clock.advance(MAXIMUM_AGE - 1)
        self.assertEqual(await self.present(1), [1])

    async def test_oldestMakesPlace(self) -> None:
        """When the bytes run out, the oldest value goes."""
        await self.put(1, 2, 3, 4)
        self.assertEqual(await self.present(1, 2, 3, 4), [2, 3, 4])

    async def test_renewedStays(self) -> None:
        """A value that was put again outlives one that was put in between."""
        await self.put(1, 2, 3, 1, 4)
        self.assertEqual(await self.present(1, 2, 3, 4), [1, 3, 4])

    async def test_putAgainCountsOnce(self) -> None:
        """Putting a value often takes no more place than putting it once."""
        await self.put(1, 2, *[3] * 20)
        self.assertEqual(await self.present(1, 2, 3), [1, 2, 3])

    async def test_largeTakesPlaceOfSeveral(self) -> None:
        """As many values go as the new one needs."""
        await self.put(1, 2, 3)
        large = b"x" * (68 + ENTRY_BYTES)
        await settle(self.store.put(key(4), large))
        self.assertEqual(await self.present(1, 2, 3), [3])
        self.assertEqual(await settle(self.store.get(key(4))), large)

    async def test_tooLarge(self) -> None:
        """A value that wouldn't fit the empty store is refused, and costs no other its place."""
        await self.put(1)
        with self.assertRaisesRegex(ValueTooLarge, "doesn't fit a store of"):
            await settle(self.store.put(key(2), b"x" * MAXIMUM_BYTES))
        self.assertEqual(await self.present(1), [1])

    async def test_smallValues(self) -> None:
        """Values of no bytes are bounded too, for their entries cost something."""
        for number in range(20):
            await settle(self.store.put(key(number), b""))
            self.clock.advance(1)
        found = [await settle(self.store.get(key(number))) for number in range(20)]
        self.assertEqual(found.count(b""), MAXIMUM_BYTES // (32 + ENTRY_OVERHEAD_BYTES))

    async def test_expiredMakePlace(self) -> None:
        """A value that is too old takes no place."""
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
        self.store = MemoryStore(
            self.clock.seconds, maximumBytes=MAXIMUM_BYTES, maximumAge=MAXIMUM_AGE
        )

    def test_length(self) -> None:
        """Its length is the number of its values."""
        store = MemoryStore(self.clock.seconds)
        store.put(key(1), value(1))
        store.put(key(2), value(2))
        store.put(key(1), value(1))
        self.assertEqual(len(store), 2)

    def test_close(self) -> None:
        """A closed store holds nothing."""
        store = MemoryStore(self.clock.seconds)
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
        """Open the store of this test."""
        return SQLiteStore(
            cast(IReactorCore, reactor),
            self.path,
            seconds=self.clock.seconds,
            maximumBytes=MAXIMUM_BYTES,
            maximumAge=MAXIMUM_AGE,
        )

    async def reopen(self) -> None:
        """Close the store and open it again."""
        await settle(self.store.close())
        self.store = self.open()

    async def test_outlivesProcess(self) -> None:
        """Values are there when the file is opened again."""
        await self.put(1, 2)
        await self.reopen()
        self.assertEqual(await self.present(1, 2), [1, 2])

    async def test_boundsOutliveProcess(self) -> None:
        """What was in the file counts when it is opened again."""
        await self.put(1, 2)
        await self.reopen()
        await self.put(3, 4)
        self.assertEqual(await self.present(1, 2, 3, 4), [2, 3, 4])

    async def test_closeComesLast(self) -> None:
        """What was put before the store was closed is in the file."""
        puts = [cast("Deferred[None]", self.store.put(key(n), value(n))) for n in (1, 2, 3)]
        await self.reopen()
        await gatherResults(puts)
        self.assertEqual(await self.present(1, 2, 3), [1, 2, 3])


class BadStoreTests(SynchronousTestCase):
    """
    What isn't a store is refused at once.
    """

    def open(self, path: str | Path) -> SQLiteStore:
        """Try to open a file as a store."""
        return SQLiteStore(cast(IReactorCore, reactor), path)

    def test_noFolder(self) -> None:
        """A path in a folder that isn't there is refused with the path and the reason."""
        path = Path(self.mktemp()) / "values"
        with self.assertRaisesRegex(CannotOpenStore, f"'{path}'.*unable to open"):
            self.open(path)

    def test_noDatabase(self) -> None:
        """A file that isn't a database is refused, and left as it is."""
        path = Path(self.mktemp())
        path.write_bytes(b"my holiday photos" * 100)
        with self.assertRaisesRegex(CannotOpenStore, "not a database"):
            self.open(path)
        self.assertEqual(path.read_bytes(), b"my holiday photos" * 100)

    def test_bounds(self) -> None:
        """A bound of nothing is refused, with the name of the argument."""
        seconds = Clock().seconds
        with self.assertRaisesRegex(ValueError, "maximumBytes must be above 0"):
            MemoryStore(seconds, maximumBytes=0)
        with self.assertRaisesRegex(ValueError, "maximumAge must be above 0"):
            MemoryStore(seconds, maximumAge=-1)
        with self.assertRaisesRegex(ValueError, "maximumBytes must be above 0"):
            SQLiteStore(cast(IReactorCore, reactor), self.mktemp(), maximumBytes=-5)
