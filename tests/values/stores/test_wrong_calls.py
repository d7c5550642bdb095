"""
Wrong arguments of the methods of `MemoryStore` and `SQLiteStore`.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from dwdht_twisted import MemoryStore, SQLiteStore, StoreUsage
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock

KEY = b"k" * 32

#: The wrong values of each argument of ``put``.
WRONG: dict[str, tuple[object, ...]] = {
    "key": ("22" * 32, "2" * 32, b"short", bytes(33), None, 5, bytearray(32), (1,) * 32),
    "value": ("text", None, 5, bytearray(5), [1]),
    "publisher": (5, b"10.0.0.1", "", "localhost", "10.0.0.1 10.0.0.2", "::1", True),
    "lifetime": (0, -1, float("nan"), "1d", True),
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
        Each wrong argument of ``put``, ``get`` and ``remaining`` raises ValueError or TypeError.
        The store is as it was.
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
            await self.assertUnchanged(store, before)
            await self.wait(store.close())
