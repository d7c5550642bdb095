"""
Wrong arguments of the methods of `MemoryStore` and `SQLiteStore`.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from dwdht_twisted import MemoryStore, SQLiteStore, StoreUsage
from dwdht_twisted.errors import StoreFailed
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock

KEY = b"k" * 32

#: The wrong values of each argument of ``put``.
WRONG: dict[str, tuple[object, ...]] = {
    "key": ("22" * 32, "2" * 32, b"short", bytes(33), None, 5, bytearray(32), (1,) * 32),
    "value": ("text", None, 5, bytearray(5), [1]),
    "publisher": (5, b"10.0.0.1", "", "localhost", "10.0.0.1 10.0.0.2", "::1", True),
    "lifetime": (0, -1, float("nan"), "1d", True),
}

#: The wrong values of each argument of ``entries``.
WRONG_ENTRIES: dict[str, tuple[object, ...]] = {
    "after": (5, "text", None, bytearray(5)),
    "limit": (-1, 1.5, "5", None, True),
}


class WrongCallTests(TestCase):
    """
    Calls that are refused at once, and change nothing.
    """

    async def assertUnchanged(self, store: Any, before: StoreUsage) -> None:
        """Require that a store takes and has what it should after many wrong calls."""
        self.assertEqual(await self.wait(store.usage()), before)
        for number in range(9):
            await self.wait(store.put(bytes([number]) * 32, b"value", publisher="10.0.0.1"))
        self.assertEqual(len(await self.wait(store.entries())), 10)
        self.assertEqual(await self.wait(store.get(KEY)), b"value")

    async def wait(self, given: Any) -> Any:
        """Return the result of a call."""
        return self.clock.runUntil(given) if isinstance(given, Deferred) else given

    async def test_wrongCallsChangeNothing(self) -> None:
        """
        Each wrong argument of ``put``, ``get``, ``remaining`` and ``entries`` raises ValueError or
        TypeError. The store is as it was.
        """
        self.clock = SimulatedClock()
        host = MemoryNetwork(self.clock, seed=1).reactor("10.0.0.1")
        for store in (MemoryStore(host), SQLiteStore(host, self.mktemp())):
            right = {"key": KEY, "value": b"value", "publisher": "10.0.0.2", "lifetime": 60.0}
            put: Any = store.put
            await self.wait(put(**right))
            before = await self.wait(store.usage())
            for name, values in WRONG.items():
                for value in values:
                    with self.assertRaises((ValueError, TypeError), msg=f"{name}={value!r}"):
                        put(**{**right, name: value})
            read: Any
            for read in (store.get, store.remaining):
                for value in WRONG["key"]:
                    with self.assertRaisesRegex(ValueError, "a key must be 32 bytes, not "):
                        read(value)
            entries: Any = store.entries
            for name, values in WRONG_ENTRIES.items():
                for value in values:
                    with self.assertRaises((ValueError, TypeError), msg=f"{name}={value!r}"):
                        entries(**{name: value})
            await self.assertUnchanged(store, before)
            await self.wait(store.close())

    async def test_hugeLifetimeIsThatOfTheStore(self) -> None:
        """A lifetime that is larger than any float is infinite, and at most the age limit."""
        self.clock = SimulatedClock()
        host = MemoryNetwork(self.clock, seed=1).reactor("10.0.0.1")
        for age in (100.0, float("inf")):
            for store in (
                MemoryStore(host, maximumAge=age),
                SQLiteStore(host, self.mktemp(), maximumAge=age),
            ):
                await self.wait(store.put(KEY, b"value", lifetime=10**400))
                left = await self.wait(store.remaining(KEY))
                self.assertTrue(age - 1 <= left <= age, left)
                self.assertEqual(len(await self.wait(store.entries(limit=10**400))), 1)
                await self.wait(store.close())
            with self.assertRaisesRegex(ValueError, "maximumAge must be below"):
                MemoryStore(host, maximumAge=10**400)

    async def test_callThatRaisesFailsAlone(self) -> None:
        """A read or a write that raises an unexpected error fails alone, with StoreFailed."""

        def wrong(_: object) -> None:
            raise KeyError("unexpected")

        self.clock = SimulatedClock()
        host = MemoryNetwork(self.clock, seed=1).reactor("10.0.0.1")
        store = SQLiteStore(host, self.mktemp())
        await self.wait(store.put(KEY, b"value"))
        # Those after the first one of each kind are one group.
        calls = [
            *[store.get(KEY), store.get(KEY), store._database.read(wrong), store.get(KEY)],
            *[store.put(bytes([number]) * 32, b"value") for number in range(3)],
            *[store._database.write(wrong), store.put(b"4" * 32, b"value")],
        ]
        for place, call in enumerate(calls):
            if place in (2, 7):
                with self.assertRaisesRegex(StoreFailed, "unexpected"):
                    await self.wait(call)
            else:
                self.assertEqual(await self.wait(call), b"value" if place < 4 else None)
        self.assertEqual(len(await self.wait(store.entries())), 5)
        await self.wait(store.close())
