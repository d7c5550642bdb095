"""
Tests that every store passes, for the author of another one.

`ValueStoreTests` has those of an ``IValueStore``, and `SharedStoreTests` those of an
``ISharedStore`` as well.  Mix one of them into a ``twisted.trial.unittest.TestCase`` that makes the
store::

    from dwdht_twisted import MemoryStore
    from dwdht_twisted.testing.stores import SharedStoreTests
    from twisted.trial.unittest import TestCase


    class MyStoreTests(SharedStoreTests, TestCase):
        def makeStore(self, clock, *, maximumBytes, maximumAge):
            return MemoryStore(clock, maximumBytes=maximumBytes, maximumAge=maximumAge)

The methods of a store may return their results, or Deferreds or coroutines of them.  A test closes
its store at the end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from ..errors import ValueTooLarge

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase as _TestCase

    from ..interfaces import SharedStore, StoredValue, ValueStore
else:
    _TestCase = object

#: The age limit of the stores, in seconds.
MAXIMUM_AGE = 100.0

#: The size limit of the stores, in bytes.  It is the smallest that a node may be given.
MAXIMUM_BYTES = 64 * 1024

#: The size of a value, in bytes.  A store must have room for at least 40 of them.
VALUE_BYTES = 1000

#: The number of values, and of hosts, that a full store must still have room for.
FEW = 20


def keyOf(number: int) -> bytes:
    """Return the key with this number.  It is not the hash of a value."""
    return (number * 0x9E3779B97F4A7C15 % 2**256).to_bytes(32, "big")


def valueOf(number: int, size: int = VALUE_BYTES) -> bytes:
    """Return the value with this number."""
    return number.to_bytes(4, "big") * (size // 4)


class ValueStoreTests(_TestCase):
    """
    Tests of an ``IValueStore``.

    :ivar clock: the time of the store
    :ivar store: the store
    """

    clock: Clock
    store: Any

    def makeStore(
        self, clock: Clock, *, maximumBytes: int, maximumAge: float
    ) -> ValueStore | SharedStore:
        """
        Return a new, empty store.

        :param clock: the time of the store, by its method ``seconds``
        :param maximumBytes: the most bytes that the store may take up
        :param maximumAge: the time that a value is kept, in seconds
        """
        raise NotImplementedError

    def setUp(self) -> None:
        """Make the store."""
        super().setUp()
        self.clock = Clock()
        self.store = self.makeStore(self.clock, maximumBytes=MAXIMUM_BYTES, maximumAge=MAXIMUM_AGE)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.result(self.store.close())))

    async def result(self, given: Any) -> Any:
        """Return the result of a method of the store."""
        return await given if isinstance(given, Awaitable) else given

    async def results(self, given: Iterable[Any]) -> list[Any]:
        """Return the results of methods of the store. All are called before the first wait."""
        return [await self.result(each) for each in list(given)]

    async def put(self, *numbers: int, **options: Any) -> None:
        """Put the values with these numbers, without waiting for one before the next."""
        await self.results(
            self.store.put(keyOf(number), valueOf(number), **options) for number in numbers
        )

    async def found(self, numbers: range) -> list[int]:
        """Return which of the values with these numbers the store holds."""
        present = []
        got = await self.results(self.store.get(keyOf(number)) for number in numbers)
        for number, value in zip(numbers, got, strict=True):
            if value is not None:
                self.assertEqual(value, valueOf(number))
                present.append(number)
        return present

    async def test_valueIsFoundUnderItsKey(self) -> None:
        """A value is found under its own key, and not under another one."""
        await self.put(1)
        self.assertEqual(await self.found(range(3)), [1])

    async def test_emptyValueIsKept(self) -> None:
        """An empty value is kept, and is not the same as no value."""
        await self.result(self.store.put(keyOf(1), b""))
        self.assertEqual(await self.result(self.store.get(keyOf(1))), b"")
        self.assertIsNone(await self.result(self.store.get(keyOf(2))))

    async def test_secondValueReplacesTheFirst(self) -> None:
        """A second value under a key takes the place of the first."""
        for value in (b"first", b"second"):
            await self.result(self.store.put(keyOf(1), value))
        self.assertEqual(await self.result(self.store.get(keyOf(1))), b"second")

    async def test_valueExpiresAtItsAge(self) -> None:
        """A value is found for 100 seconds after it was put, and not afterwards."""
        await self.result(self.store.put(keyOf(1), valueOf(1)))
        self.clock.advance(MAXIMUM_AGE - 0.5)
        self.assertEqual(await self.found(range(3)), [1])
        self.clock.advance(0.5)
        self.assertEqual(await self.found(range(3)), [])

    async def test_putAgainRenewsTheAge(self) -> None:
        """A value that is put again lives from then on for 100 seconds."""
        await self.put(1)
        self.clock.advance(MAXIMUM_AGE - 1)
        await self.put(1)
        self.clock.advance(MAXIMUM_AGE - 1)
        self.assertEqual(await self.found(range(3)), [1])

    async def test_sizeIsBounded(self) -> None:
        """Of 200 values of 1,000 bytes, a store of 64 KiB keeps at least 40, and at most 65."""
        await self.put(*range(200))
        self.assertIn(len(await self.found(range(200))), range(40, 66))

    async def test_emptyValuesAreBounded(self) -> None:
        """Of 3,000 empty values, a store of 64 KiB keeps less than 2,048, because of their keys."""
        await self.results(self.store.put(keyOf(number), b"") for number in range(3000))
        found = await self.results(self.store.get(keyOf(number)) for number in range(3000))
        self.assertLess(found.count(b""), 2048)

    async def test_tooLargeValueIsRefused(self) -> None:
        """A value that the empty store has no room for fails with ValueTooLarge, and drops none."""
        await self.put(1)
        with self.assertRaises(ValueTooLarge):
            await self.result(self.store.put(keyOf(2), bytes(MAXIMUM_BYTES + 1)))
        self.assertEqual(await self.found(range(3)), [1])

    async def test_expiredValuesTakeNoRoom(self) -> None:
        """A store that is full of expired values has room for others."""
        await self.put(*range(200))
        self.clock.advance(MAXIMUM_AGE)
        await self.put(*range(200, 240))
        self.assertEqual(await self.found(range(240)), list(range(200, 240)))


class SharedStoreTests(ValueStoreTests):
    """
    Tests of an ``ISharedStore``.
    """

    async def entries(self) -> list[StoredValue]:
        """Return all entries of the store, read in pages of seven."""
        listed: list[StoredValue] = []
        while page := await self.result(self.store.entries(listed[-1].key if listed else b"", 7)):
            self.assertLessEqual(len(page), 7)
            listed.extend(page)
        return listed

    async def test_valueLivesForItsLifetime(self) -> None:
        """A value lives for the seconds that it was put for, and at most for the age limit."""
        for number, lifetime in (
            (1, 10.0),
            (2, 10 * MAXIMUM_AGE),
            (3, None),
            (4, float("inf")),
        ):
            await self.result(self.store.put(keyOf(number), valueOf(number), lifetime=lifetime))
        left = [await self.result(self.store.remaining(keyOf(number))) for number in range(6)]
        self.assertEqual(left, [None, 10, MAXIMUM_AGE, MAXIMUM_AGE, MAXIMUM_AGE, None])
        self.clock.advance(10)
        self.assertEqual(await self.found(range(6)), [2, 3, 4])
        self.assertIsNone(await self.result(self.store.remaining(keyOf(1))))
        self.assertEqual(len(await self.entries()), 3)

    async def test_laterPutSetsTheLifetime(self) -> None:
        """The lifetime of a value is that of its last put, even if this one is shorter."""
        await self.put(1)
        await self.result(self.store.put(keyOf(1), valueOf(1), lifetime=5))
        self.assertEqual(await self.result(self.store.remaining(keyOf(1))), 5)

    async def test_lifetimeOfZeroIsRefused(self) -> None:
        """A lifetime of 0 seconds, of less, or that is no number is refused with ValueError."""
        for lifetime in (0, -1.0, float("-inf"), float("nan")):
            with self.assertRaises(ValueError):
                await self.put(1, lifetime=lifetime)
        self.assertEqual(await self.found(range(3)), [])

    async def test_entriesAreInTheOrderOfKeys(self) -> None:
        """The pages list each value once, with its lifetime and its publisher, by their keys."""
        for number in range(FEW):
            await self.put(number, publisher=f"192.0.2.{number}" if number else None)
        await self.put(FEW, lifetime=1)
        self.clock.advance(2)
        listed = await self.entries()
        numbers = sorted(range(FEW), key=keyOf)
        self.assertEqual([each.key for each in listed], [keyOf(number) for number in numbers])
        for number, each in zip(numbers, listed, strict=True):
            self.assertEqual(each.value, valueOf(number))
            self.assertEqual(each.publisher, f"192.0.2.{number}" if number else None)
            left = await self.result(self.store.remaining(each.key))
            self.assertAlmostEqual(each.lifetime, left)

    async def test_publisherDropsItsOldestValues(self) -> None:
        """A publisher that fills a store keeps its newest values, in the order of their puts."""
        await self.put(*range(30), publisher="192.0.2.1")
        await self.put(*range(5), publisher="192.0.2.1")
        await self.put(*range(30, 200), publisher="192.0.2.1")
        found = await self.found(range(200))
        self.assertEqual(found, list(range(200 - len(found), 200)))
        self.assertGreaterEqual(len(found), 40)

    async def assertOthersKeepTheirs(self, flooders: list[str | None]) -> None:
        """Require that hosts which fill the store displace none of the values of 20 others."""
        others = range(FEW)
        await self.results(
            self.store.put(keyOf(number), valueOf(number), publisher=f"198.51.{number}.1")
            for number in others
        )
        await self.results(
            self.store.put(
                keyOf(number), valueOf(number), publisher=flooders[number % len(flooders)]
            )
            for number in range(FEW, 400)
        )
        found = await self.found(range(400))
        self.assertEqual(found[:FEW], list(others))
        self.assertGreaterEqual(len(found), 40)

    async def test_publisherDisplacesNoOthers(self) -> None:
        """A host that puts 380 values displaces none of those of 20 hosts that hold one each."""
        await self.assertOthersKeepTheirs(["192.0.2.1"])

    async def test_nodeItselfDisplacesNoOthers(self) -> None:
        """The node's own 380 values displace none of those of 20 hosts that hold one each."""
        await self.assertOthersKeepTheirs([None])

    async def test_networkDisplacesNoOthers(self) -> None:
        """The 256 hosts of a /24 network displace none of the values of 20 hosts elsewhere."""
        await self.assertOthersKeepTheirs([f"192.0.2.{octet}" for octet in range(256)])

    async def test_neighboursAreNotDisplaced(self) -> None:
        """A host that fills a store displaces none of the values of 20 hosts of one network."""
        for network in ("192.0.2", "198.51.100"):
            for number in range(FEW):
                await self.put(number, publisher=f"{network}.{number + 2}")
            await self.put(*range(FEW, 200), publisher="192.0.2.1")
            self.assertEqual((await self.found(range(200)))[:FEW], list(range(FEW)))

    async def test_newcomerFindsRoom(self) -> None:
        """A store that one host has filled takes the values of another, up to as many."""
        await self.put(*range(200), publisher="192.0.2.1")
        await self.put(*range(200, 200 + FEW), publisher="198.51.100.1")
        found = await self.found(range(200, 200 + FEW))
        self.assertEqual(found, list(range(200, 200 + FEW)))

    async def test_valuesOfOthersAreNotTakenOver(self) -> None:
        """
        A host puts the values of 20 others again, or before them, and then fills the store. None of
        them is displaced.
        """
        flooder = "192.0.2.1"
        for isFirst in (True, False):
            for number in range(FEW):
                hosts = [f"198.51.{number}.1", flooder]
                for publisher in reversed(hosts) if isFirst else hosts:
                    await self.put(number, publisher=publisher)
            await self.put(*range(FEW, 200), publisher=flooder)
            self.assertEqual((await self.found(range(200)))[:FEW], list(range(FEW)))

    async def test_newValueIsKept(self) -> None:
        """A value that was just put is there, although all others hold smaller shares."""
        await self.results(
            self.store.put(keyOf(number), valueOf(number, 100), publisher=f"10.{number}.0.1")
            for number in range(200)
        )
        await self.put(500, publisher="192.0.2.1")
        self.assertEqual(await self.found(range(500, 501)), [500])


__all__ = ["SharedStoreTests", "ValueStoreTests"]
