"""
What an `SQLiteStore` promises of a value that it has acknowledged, and what the promise costs.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from dwdht_twisted.errors import StoreFailed
from dwdht_twisted.testing.stores import keyOf, valueOf
from dwdht_twisted.values import SQLiteStore
from dwdht_twisted.values.stores import schema
from dwdht_twisted.values.stores.database import WRITES_PER_TRANSACTION
from dwdht_twisted.values.stores.table import Writer


class DurabilityTestCase(TestCase):
    """
    A base for tests with a store in a folder of its own.

    :ivar store: the store
    :ivar path: its file
    :ivar groups: the number of puts of each transaction
    """

    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.path = folder / "values"
        self.groups: list[int] = []
        run = Writer.run

        def counting(writer: Writer, calls: Sequence[Callable[[Writer], Any]]) -> list[Any]:
            self.groups.append(len(calls))
            return run(writer, calls)

        self.patch(Writer, "run", counting)
        self.store = self.open(self.path)

    def open(self, path: Path) -> SQLiteStore:
        """Open a file as a store. It is closed at the end of the test."""
        store = SQLiteStore(reactor, path)
        self.addCleanup(store.close)
        return store

    def putAll(self, numbers: range) -> Deferred[list[None]]:
        """Put the values with these numbers at once."""
        return gatherResults([self.store.put(keyOf(each), valueOf(each)) for each in numbers])

    def lock(self) -> sqlite3.Connection:
        """Take the write lock of the file, as another process would."""
        other = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        return other


class GroupTests(DurabilityTestCase):
    """
    Puts that come while others are written.
    """

    async def test_putsGoTogether(self) -> None:
        """Of 600 puts at once, the first goes alone, and all others in three transactions."""
        await self.putAll(range(600))
        self.assertEqual(self.groups, [1, WRITES_PER_TRANSACTION, WRITES_PER_TRANSACTION, 87])

    async def test_lonePutDoesNotWait(self) -> None:
        """A put that comes alone is a transaction of its own."""
        for number in range(3):
            await self.putAll(range(number, number + 1))
        self.assertEqual(self.groups, [1, 1, 1])

    async def test_putWaitsForTheDisk(self) -> None:
        """Each transaction of a store waits for the disk."""
        await self.putAll(range(1))
        connection = schema.connect(str(self.path), 1, 1)
        self.addCleanup(connection.close)
        self.assertEqual(connection.execute("PRAGMA synchronous").fetchone(), (2,))
        self.assertEqual(connection.execute("PRAGMA journal_mode").fetchone(), ("wal",))

    async def test_groupFailsTogether(self) -> None:
        """Puts of a transaction that fails all fail, and the next ones work."""
        self.patch(schema, "LOCK_TIMEOUT", 0.05)
        await self.putAll(range(1))
        other = self.lock()
        puts = [self.store.put(keyOf(number), valueOf(number)) for number in range(1, 20)]
        for put in puts:
            await self.assertFailure(put, StoreFailed)
        other.close()
        await self.putAll(range(20, 40))
        found = await gatherResults([self.store.get(keyOf(number)) for number in range(40)])
        expected = [valueOf(n) if n == 0 or n >= 20 else None for n in range(40)]
        self.assertEqual(found, expected)

    async def test_readDoesNotWaitForPuts(self) -> None:
        """A value is read while 1,000 puts wait for their turn."""
        await self.putAll(range(1))
        other = self.lock()
        waiting = self.putAll(range(1, 1001))
        self.assertEqual(await self.store.get(keyOf(0)), valueOf(0))
        self.assertEqual(len(await self.store.entries()), 1)
        self.assertFalse(waiting.called)
        other.close()
        await waiting


class PowerLossTests(DurabilityTestCase):
    """
    A loss of power, after which the write-ahead log ends anywhere.

    The loss is simulated: the file and its log are copied, and the copy of the log is cut. SQLite
    waits for the disk before a put is acknowledged, so the log that a put needs is as long as the
    log was when its Deferred fired. A cut beyond this length must keep the value.
    """

    async def test_cutLogKeepsAcknowledgedValues(self) -> None:
        """
        The log of a store is cut at 50 random lengths. Each time, the store opens, has each value
        that was acknowledged when the log was not longer, and takes another one.
        """
        draw = Random(17)
        log = Path(f"{self.path}-wal")
        lengths: dict[int, int] = {}

        def acknowledged(_: None, number: int) -> None:
            lengths[number] = log.stat().st_size

        number = 0
        while number < 200:
            group = range(number, number + draw.randint(1, 12))
            puts = [self.store.put(keyOf(each), valueOf(each)) for each in group]
            for each, put in zip(group, puts, strict=True):
                put.addCallback(acknowledged, each)
            await puts[draw.randrange(len(puts))]
            number = group.stop
        await gatherResults(puts)
        total = log.stat().st_size
        # No page was moved from the log to the file.
        self.assertEqual(max(lengths.values()), total)
        lost = 0
        for count in range(50):
            copy = self.path.parent / f"copy-{count}"
            shutil.copy(self.path, copy)
            content = log.read_bytes()[: draw.randrange(total + 1)]
            Path(f"{copy}-wal").write_bytes(content)
            store = self.open(copy)
            found = await gatherResults([store.get(keyOf(each)) for each in range(number)])
            for each, value in enumerate(found):
                self.assertIn(value, (None, valueOf(each)))
                if lengths[each] <= len(content):
                    self.assertEqual(value, valueOf(each), (count, each))
            lost += found.count(None)
            await store.put(keyOf(number), b"new")
            self.assertEqual(await store.get(keyOf(number)), b"new")
            await store.close()
            self.assertEqual([each.name for each in copy.parent.glob(f"{copy.name}*")], [copy.name])
        # The cuts did lose values, or this test would show nothing.
        self.assertGreater(lost, 50)
