"""
Files of an `SQLiteStore` that are damaged, cut, or of an earlier version.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from struct import pack
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import TestCase

from dwdht_twisted.errors import CannotOpenStore
from dwdht_twisted.testing.stores import keyOf, valueOf
from dwdht_twisted.values import SQLiteStore
from dwdht_twisted.values.stores.schema import APPLICATION_ID, VERSION
from tests.values.stores.files import VALUES, StoreFileTestCase

#: The size of the values, in bytes.
SIZE = 600

PAGE_BYTES = 4096

Damage = Callable[[bytearray, Random], None]


def flipBytes(content: bytearray, draw: Random) -> None:
    """Change 1 to 20 bytes anywhere."""
    for _ in range(draw.randint(1, 20)):
        content[draw.randrange(len(content))] = draw.randrange(256)


def flipPages(content: bytearray, draw: Random) -> None:
    """Fill one to five pages, but not the first, with random bytes."""
    for _ in range(draw.randint(1, 5)):
        start = draw.randrange(1, len(content) // PAGE_BYTES) * PAGE_BYTES
        content[start : start + PAGE_BYTES] = draw.randbytes(PAGE_BYTES)


def flipHeader(content: bytearray, draw: Random) -> None:
    """Change 1 to 5 bytes of the header, but not the marks of the store."""
    for _ in range(draw.randint(1, 5)):
        place = draw.choice([*range(16, 60), *range(72, 120)])
        content[place] = draw.randrange(256)


def flipMagic(content: bytearray, draw: Random) -> None:
    """Change one byte of the mark of an SQLite file."""
    content[draw.randrange(16)] ^= 1 << draw.randrange(8)


def cut(content: bytearray, draw: Random) -> None:
    """Cut off the end of the file."""
    del content[draw.randrange(PAGE_BYTES, len(content)) :]


class DamageTests(StoreFileTestCase):
    """
    A damaged store.
    """

    size = SIZE

    async def kept(self, store: SQLiteStore) -> int:
        """Return how many of the values a store has. Each must be the one that was put."""
        values = await gatherResults([store.get(keyOf(number)) for number in range(VALUES)])
        for number, value in enumerate(values):
            self.assertIn(value, (None, valueOf(number, SIZE)))
        return VALUES - values.count(None)

    async def assertRecovers(self, damage: Damage, seed: int) -> int:
        """
        Damage the file, and require that the store works. A damaged file that was set aside is as
        it was. Return the number of values that are kept.
        """
        for each in self.folder.iterdir():
            each.unlink()
        content = bytearray(self.intact)
        damage(content, Random(seed))
        self.path.write_bytes(content)
        with capturedLogs() as events:
            store = self.open()
            kept = await self.kept(store)
            # The first put computes the shares, and so reads an index.
            await store.put(keyOf(VALUES), b"new")
            self.assertEqual(await store.get(keyOf(VALUES)), b"new")
            kept = min(kept, await self.kept(store))
            await store.close()
        asides = sorted(each.name for each in self.folder.iterdir())
        self.assertEqual(asides.pop(0), "values")
        lines = [event for event in events if event["log_level"] >= LogLevel.error]
        for event in lines:
            self.assertIn("was damaged", event["log_format"])
        if asides:
            self.assertEqual(asides[0], "values.damaged-1")
            self.assertEqual((self.folder / asides[0]).read_bytes(), content)
        self.assertLessEqual(len(asides), 2, seed)
        self.assertEqual(len(lines), len(asides))
        return kept

    async def test_flippedBytesAreRecovered(self) -> None:
        """With 1 to 20 random bytes anywhere, nearly all values are kept, and the store works."""
        kept = [await self.assertRecovers(flipBytes, seed) for seed in range(20)]
        self.assertGreater(min(kept), VALUES * 0.7)
        self.assertGreater(sum(kept), 20 * VALUES * 0.9)

    async def test_lostPagesAreRecovered(self) -> None:
        """With 1 to 5 random pages, most values are kept, and the store works."""
        kept = [await self.assertRecovers(flipPages, seed) for seed in range(20)]
        self.assertGreater(sum(kept), 20 * VALUES * 0.85)

    async def test_flippedHeaderIsRecovered(self) -> None:
        """With 1 to 5 random bytes in the header, all values are kept, and the store works."""
        for seed in range(20):
            self.assertEqual(await self.assertRecovers(flipHeader, seed), VALUES, seed)

    async def test_flippedMagicIsRecovered(self) -> None:
        """A store that isn't an SQLite file any more keeps all values."""
        for seed in range(5):
            self.assertEqual(await self.assertRecovers(flipMagic, seed), VALUES)

    async def test_cutFileIsRecovered(self) -> None:
        """A file whose end is missing keeps the values of its beginning."""
        for seed in range(10):
            await self.assertRecovers(cut, seed)

    async def test_lifetimesAndPublishersAreKept(self) -> None:
        """A recovered value keeps its lifetime and its publisher."""
        await self.assertRecovers(flipMagic, 1)
        store = self.open()
        for entry in await store.entries(limit=10):
            self.assertGreater(entry.lifetime, 24 * 3600 - 600)
            self.assertRegex(str(entry.publisher), r"^192\.0\.2\.\d+$")

    async def test_damagedClockLosesNothing(self) -> None:
        """Whichever bit of the time in a file changes, values are kept, and live no longer."""
        path, age, now = self.folder / "clock", 100.0, 1.79e9 + 0.5
        for number, lifetime in ((1, 40.0), (2, age)):
            store = SQLiteStore(reactor, path, seconds=lambda: now, maximumAge=age)
            await store.put(keyOf(number), valueOf(number), lifetime=lifetime)
            await store.close()
        content = path.read_bytes()
        place = content.index(pack(">d", now))
        for bit in range(64):
            damaged = bytearray(content)
            damaged[place + bit // 8] ^= 1 << bit % 8
            path.write_bytes(damaged)
            store = SQLiteStore(reactor, path, seconds=lambda: now + 10, maximumAge=age)
            left = [await store.remaining(keyOf(number)) or 0.0 for number in (1, 2)]
            self.assertTrue(30 <= left[0] <= 40 and 90 <= left[1] <= age, (bit, left))
            await store.put(keyOf(3), valueOf(3))
            self.assertEqual(await store.get(keyOf(3)), valueOf(3))
            await store.close()

    async def test_damagedValueIsMissing(self) -> None:
        """A value with one flipped bit is missing, all others are kept, and it may be put again."""

        def flip(content: bytearray, draw: Random) -> None:
            content[content.index(valueOf(7, SIZE))] ^= 1

        self.assertEqual(await self.assertRecovers(flip, 0), VALUES - 1)
        store = self.open()
        await store.put(keyOf(7), valueOf(7, SIZE))
        self.assertEqual(await self.kept(store), VALUES)

    async def test_damageWhileOpenIsRecovered(self) -> None:
        """A file that is damaged while the store is open is recovered by a read and by a write."""
        calls: list[Callable[[SQLiteStore], Any]] = [
            lambda store: store.get(keyOf(5)),
            lambda store: store.put(keyOf(5), valueOf(5, SIZE)),
        ]
        for call in calls:
            for each in self.folder.iterdir():
                each.unlink()
            self.path.write_bytes(self.intact)
            store = self.open()
            await store.entries(limit=1)
            content = bytearray(self.intact)
            flipHeader(content, Random(1))
            for page in range(1, len(content) // PAGE_BYTES, 2):
                content[page * PAGE_BYTES : page * PAGE_BYTES + 8] = bytes(8)
            with self.path.open("r+b") as file:
                file.write(content)
            await call(store)
            await store.put(keyOf(1), b"again")
            self.assertEqual(await store.get(keyOf(1)), b"again")
            self.assertTrue((self.folder / "values.damaged-1").exists())
            await store.close()


class VersionTests(TestCase):
    """
    Files of other versions of the package.
    """

    def makeVersion1(self, path: str, stored: float) -> None:
        """Make a file of version 1 with two values."""
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(
                f"""
                PRAGMA application_id = {APPLICATION_ID};
                PRAGMA user_version = 1;
                PRAGMA journal_mode = WAL;
                CREATE TABLE entries (
                    key BLOB PRIMARY KEY, value BLOB NOT NULL, stored REAL NOT NULL
                );
                CREATE INDEX entries_by_age ON entries (stored);
                CREATE TABLE total (one INTEGER PRIMARY KEY CHECK (one = 1), bytes INTEGER);
                INSERT INTO total VALUES (1, 0);
                CREATE TRIGGER entry_added AFTER INSERT ON entries BEGIN
                    UPDATE total SET bytes = bytes + LENGTH(new.key) + LENGTH(new.value) + 256;
                END;
                CREATE TRIGGER entry_dropped AFTER DELETE ON entries BEGIN
                    UPDATE total SET bytes = bytes - LENGTH(old.key) - LENGTH(old.value) - 256;
                END;
                """
            )
            for number in (1, 2):
                row = (keyOf(number), valueOf(number), stored)
                connection.execute("INSERT INTO entries VALUES (?, ?, ?)", row)
            connection.commit()

    async def test_version1IsTakenOver(self) -> None:
        """A file of version 1 becomes one of the present version. Its values keep their ages."""
        path = self.mktemp()
        self.makeVersion1(path, stored=1000.0)
        for _ in range(2):
            store = SQLiteStore(reactor, path, seconds=lambda: 1040.0, maximumAge=100.0)
            entries = await store.entries(limit=2)
            self.assertEqual([each.value for each in entries], [valueOf(1), valueOf(2)])
            self.assertEqual([each.lifetime for each in entries], [60.0, 60.0])
            await store.put(b"\xff" * 32, b"new")
            await store.close()

    async def test_version2IsTakenOver(self) -> None:
        """A file of version 2 becomes one of the present version. Its values are unchanged."""
        path = self.mktemp()
        store = SQLiteStore(reactor, path, seconds=lambda: 1000.0, maximumAge=100.0)
        for number in range(20):
            await store.put(keyOf(number), valueOf(number), publisher="192.0.2.1", lifetime=50.0)
        await store.close()
        with closing(sqlite3.connect(path)) as connection:
            columns = "position, key, value, checksum, expires, cost, publisher, others"
            connection.executescript(
                f"""
                CREATE TABLE earlier AS SELECT * FROM entries;
                DROP VIEW keys; DROP VIEW publishers; DROP TABLE entries;
                DROP TABLE keys_0; DROP TABLE keys_1; DROP TABLE keys_2;
                DROP TABLE publishers_0; DROP TABLE publishers_1; DROP TABLE publishers_2;
                CREATE TABLE entries (
                    position INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, value BLOB NOT NULL,
                    checksum INTEGER NOT NULL, expires REAL NOT NULL, cost INTEGER NOT NULL,
                    publisher TEXT NOT NULL, others TEXT NOT NULL
                );
                CREATE INDEX entries_by_expiry ON entries (expires);
                CREATE INDEX entries_by_publisher ON entries (publisher, position, cost);
                INSERT INTO entries SELECT {columns} FROM earlier;
                DROP TABLE earlier;
                PRAGMA user_version = 2;
                """
            )
        for _ in range(2):
            store = SQLiteStore(reactor, path, seconds=lambda: 1040.0, maximumAge=100.0)
            entries = await store.entries(limit=30)
            self.assertEqual({each.value for each in entries}, set(map(valueOf, range(20))))
            self.assertEqual({each.lifetime for each in entries}, {10.0})
            self.assertEqual({each.publisher for each in entries}, {"192.0.2.1"})
            await store.put(keyOf(1), valueOf(1), publisher="192.0.2.1", lifetime=10.0)
            await store.close()

    async def test_version1IsTakenOverWithoutAgeLimit(self) -> None:
        """A file of version 1 keeps its values when it is opened with any age limit."""
        for age in (float("inf"), 1e300, 100, 1e-3):
            path = self.mktemp()
            self.makeVersion1(path, stored=1000.0)
            store = SQLiteStore(reactor, path, seconds=lambda: 1000.0, maximumAge=age)
            self.assertEqual(await store.get(keyOf(1)), valueOf(1))
            await store.close()
            self.assertFalse(Path(f"{path}.damaged-1").exists())

    def test_laterVersionIsRefused(self) -> None:
        """A file of a later version is refused, and is left as it was."""
        path = Path(self.mktemp())
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION + 1}")
        before = path.read_bytes()
        with self.assertRaisesRegex(CannotOpenStore, "reads version 3"):
            SQLiteStore(reactor, path)
        self.assertEqual(path.read_bytes(), before)
