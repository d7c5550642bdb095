"""
Recoveries of a damaged `SQLiteStore`: what they keep, and what they leave when they are cut short.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from subprocess import DEVNULL, Popen
from time import monotonic, sleep

from twisted.logger import capturedLogs, formatEvent

from dwdht_twisted.errors import StoreFailed
from dwdht_twisted.testing.stores import keyOf, valueOf
from dwdht_twisted.values import SQLiteStore
from dwdht_twisted.values.stores import recovery, salvage, schema
from dwdht_twisted.values.stores.table import checksum
from tests.values.stores.files import VALUES, StoreFileTestCase

#: The size of the values, in bytes.
SIZE = 120

#: The number of files that are damaged, each from its own seed.
SEEDS = 30

PAGE_BYTES = 4096

#: A program that recovers the file of its argument.
RECOVER = """
import sys
from dwdht_twisted.values.stores.salvage import recover
recover(sys.argv[1], 86400.0)
"""


def damaged(content: bytes, draw: Random) -> bytes:
    """Change one to eight bits or bytes of pages other than the first, most often at their ends."""
    changed = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 8))):
        page = draw.randrange(1, len(content) // PAGE_BYTES) * PAGE_BYTES
        # The head of a page has the places of its cells, and the first cells are at its end.
        place = page + draw.choice(
            (draw.randrange(60), draw.randrange(PAGE_BYTES), PAGE_BYTES - 1 - draw.randrange(400))
        )
        if draw.random() < 0.6:
            changed[place] ^= 1 << draw.randrange(8)
        else:
            changed[place] = draw.randrange(256)
    return bytes(changed)


def readable(path: Path) -> set[bytes]:
    """Return the keys of the intact values that SQLite itself can read from a file, row by row."""
    keys = set()
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = bytes
        for position in range(1, VALUES + 1):
            try:
                row = connection.execute(
                    "SELECT key, value, checksum FROM entries WHERE position = ? AND "
                    "(typeof(expires) != 'real' OR expires > 1e9)",
                    (position,),
                ).fetchone()
            except (sqlite3.Error, UnicodeDecodeError):
                continue
            isWhole = row is not None and tuple(map(type, row)) == (bytes, bytes, int)
            if isWhole and row[2] == checksum(row[0], row[1]):
                keys.add(row[0])
    return keys


class SalvageTestCase(StoreFileTestCase):
    """
    A base for tests of recoveries.
    """

    size = SIZE

    def publisherOf(self, number: int) -> str | None:
        """Return None for every third value, and for those from 256 on."""
        return f"192.0.2.{number}" if number % 3 and number < 256 else None

    def write(self, content: bytes) -> None:
        """Let the folder have a file with this content alone."""
        for each in self.folder.iterdir():
            each.unlink()
        self.path.write_bytes(content)

    async def kept(self, store: SQLiteStore) -> set[bytes]:
        """Return the keys of the values that a store has. Each must be the one that was put."""
        keys = set()
        for number in range(VALUES):
            try:
                value = await store.get(keyOf(number))
            except StoreFailed:
                continue
            self.assertIn(value, (None, valueOf(number, SIZE)))
            if value is not None:
                keys.add(keyOf(number))
        return keys

    def names(self) -> list[str]:
        """Return the names of the files in the folder, without those of a log."""
        return sorted(
            each.name for each in self.folder.iterdir() if not each.name.endswith(("-wal", "-shm"))
        )


class SalvageTests(SalvageTestCase):
    """
    What a recovery keeps.
    """

    async def assertKeepsAll(self, content: bytes, note: object) -> int:
        """
        Require that a store with a damaged file fails with StoreFailed only, works at last, keeps
        what SQLite can read, and logs each recovery. Return the number of recoveries.
        """
        self.write(content)
        expected = readable(self.path)
        self.write(content)
        with capturedLogs() as events:
            store = self.open()
            for _ in range(2):
                await self.kept(store)
                await store.entries(limit=1000)
                await store.usage()
                await store.put(keyOf(VALUES), b"new")
            kept = await self.kept(store)
            await store.close()
        asides = [name for name in self.names() if "damaged" in name]
        lines = [formatEvent(event) for event in events]
        self.assertEqual(len(lines), len(asides), (note, lines))
        for line, aside in zip(lines, asides, strict=True):
            self.assertRegex(line, f"was damaged: .*{aside}'$")
        self.assertEqual(expected - kept, set(), note)
        return len(asides)

    async def test_readableValuesAreKept(self) -> None:
        """Of 30 files with damage anywhere, each keeps all values that SQLite can read."""
        recoveries = [
            await self.assertKeepsAll(damaged(self.intact, Random(seed)), seed)
            for seed in range(SEEDS)
        ]
        self.assertGreater(sum(map(bool, recoveries)), SEEDS / 4)

    async def test_cellOfAnyTypeLosesNothing(self) -> None:
        """Whatever the type of any cell of an index or of the clock is, all values are kept."""
        cells = ("NULL", "1.5", "'text'", "x'00ff'", "-1", "9223372036854775807", "1e300")
        places = [
            *[("keys_0", column) for column in ("prefix", "position")],
            *[("publishers_0", column) for column in ("publisher", "position", "cost")],
            *[("clock", column) for column in ("offset", "latest", "checksum")],
            *[("entries", column) for column in ("expires", "cost", "publisher", "others")],
        ]
        draw = Random(1)
        for table, column in places:
            self.write(self.intact)
            with closing(sqlite3.connect(self.path)) as connection:
                # With this setting, a table takes what its constraints forbid.
                connection.execute("PRAGMA ignore_check_constraints = ON")
                for cell in draw.sample(cells, 3):
                    where = "" if table == "clock" else "WHERE position = 5"
                    try:
                        connection.execute(
                            f"UPDATE OR IGNORE {table} SET {column} = {cell} {where}"
                        )
                    except sqlite3.Error:
                        continue
                    connection.commit()
            salvage.recover(str(self.path), 86400.0)
            self.assertEqual(len(await self.kept(self.open())), VALUES, (table, column))

    async def test_rowsBetweenDamagedPagesAreKept(self) -> None:
        """Rows between two damaged pages are kept, even if no index has them."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("DROP TRIGGER removed")
            connection.execute("DROP TRIGGER changed")
            for index in ("keys", "publishers"):
                for level in range(3):
                    connection.execute(f"DELETE FROM {index}_{level}")
            connection.execute("DROP INDEX entries_by_expiry")
            connection.commit()
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
        content = bytearray(self.path.read_bytes())
        starts = range(PAGE_BYTES, pages * PAGE_BYTES, PAGE_BYTES)
        # A leaf of a table begins with 13. These are the ones with at least ten values.
        leaves = [
            start
            for start in starts
            if content[start] == 13
            and sum(
                valueOf(number, SIZE) in content[start : start + PAGE_BYTES]
                for number in range(VALUES)
            )
            >= 10
        ]
        for start in (leaves[2], leaves[-3]):
            content[start : start + 8] = bytes(8)
        self.write(bytes(content))
        expected = readable(self.path)
        self.assertGreater(len(expected), VALUES / 2)
        salvage.recover(str(self.path), 86400.0)
        self.assertEqual(await self.kept(self.open()), expected)

    async def test_contradictingIndexIsDamage(self) -> None:
        """An index with a row of a value that isn't there is damage, and the put succeeds."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("INSERT INTO publishers_0 VALUES ('192.0.2.1', 301, 300)")
            connection.commit()
        store = self.open()
        await store.put(keyOf(VALUES), b"new", publisher="192.0.2.1")
        self.assertEqual(await store.get(keyOf(VALUES)), b"new")
        self.assertEqual(len(await self.kept(store)), VALUES)

    async def test_lostClockLetsNothingExpire(self) -> None:
        """A recovery that can't read the time of the store takes it from the values."""
        self.write(self.intact)
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("UPDATE entries SET expires = 2000.0")
            connection.execute("UPDATE clock SET offset = 'text'")
            connection.commit()
        salvage.recover(str(self.path), 86400.0)
        self.assertEqual(len(await self.kept(self.open())), VALUES)


class CutRecoveryTests(SalvageTestCase):
    """
    Recoveries that don't end.
    """

    async def fill(self) -> None:
        """Make the file, and damage an index."""
        await super().fill()
        content = bytearray(self.intact)
        with closing(sqlite3.connect(self.path)) as connection:
            (root,) = connection.execute(
                "SELECT rootpage FROM sqlite_master WHERE name = 'keys_0'"
            ).fetchone()
        content[(root - 1) * PAGE_BYTES : (root - 1) * PAGE_BYTES + 8] = b"\xff" * 8
        self.damaged = bytes(content)
        self.write(self.damaged)

    async def assertAllAreKept(self, note: object) -> None:
        """
        Require that the next start has all values, and one damaged file as it was. If it finishes
        a recovery, the log names this file.
        """
        isCut = "values.recovered" in self.names()
        with capturedLogs() as events:
            store = self.open()
            await store.put(keyOf(VALUES), b"new")
        lines = [line for line in map(formatEvent, events) if "is finished only now" in line]
        self.assertEqual([line.endswith("values.damaged-1'") for line in lines], [True] * isCut)
        self.assertEqual(len(await self.kept(store)), VALUES, note)
        await store.close()
        self.assertEqual(self.names(), ["values", "values.damaged-1"], note)
        self.assertEqual((self.folder / "values.damaged-1").read_bytes(), self.damaged, note)

    @contextmanager
    def failing(self, name: str, call: int, error: Exception) -> Iterator[list[int]]:
        """Let one call of a function of ``os`` raise an exception. Give the number of calls."""
        calls = [0]
        real = getattr(os, name)

        def fails(*arguments: object) -> object:
            calls[0] += 1
            if calls[0] == call:
                raise error
            return real(*arguments)

        setattr(os, name, fails)
        try:
            yield calls
        finally:
            setattr(os, name, real)

    async def test_eachStepMayFail(self) -> None:
        """A recovery of which any call of the system fails loses nothing, with or without end."""
        for name in ("rename", "fsync", "remove"):
            call, hasFailed = 0, True
            while hasFailed:
                call += 1
                self.write(self.damaged)
                error = OSError(errno.ENOSPC, "No space left on device")
                with self.failing(name, call, error) as calls:
                    try:
                        salvage.recover(str(self.path), 86400.0)
                    except OSError as caught:
                        self.assertIn("No space left on device", str(caught))
                        if not self.path.exists():
                            self.assertIn("values.damaged-1", str(caught))
                    hasFailed = calls[0] >= call
                await self.assertAllAreKept((name, call))
            self.assertGreater(call, 2, name)

    async def test_fullDiskServesAndRecoversLater(self) -> None:
        """
        A recovery that fails for a full disk is logged once. Values are served meanwhile. When
        there is room, the next put recovers the file.
        """
        self.patch(recovery, "LEAST_WAIT", 0.2)
        real = schema.connect

        def full(path: str, *arguments: float) -> sqlite3.Connection:
            connection = real(path, *arguments)
            if path.endswith(".recovering"):
                connection.execute("PRAGMA max_page_count = 20")
            return connection

        with capturedLogs() as events:
            store = self.open()
            self.patch(schema, "connect", full)
            for _ in range(3):
                with self.assertRaisesRegex(StoreFailed, "recovering it failed: .* is full"):
                    await store.put(keyOf(VALUES), b"new")
            served = await self.kept(store)
            self.assertEqual(self.names(), ["values"])
            self.patch(schema, "connect", real)
            started = monotonic()
            while "values.damaged-1" not in self.names():
                self.assertLess(monotonic() - started, 20)
                sleep(0.05)
                try:
                    await store.put(keyOf(VALUES), b"new")
                except StoreFailed:
                    continue
            await store.close()
        lines = [formatEvent(event) for event in events]
        self.assertEqual(len(lines), 2, lines)
        self.assertIn("can't be recovered: it is damaged, and recovering it failed", lines[0])
        self.assertIn("300 values could be read", lines[1])
        self.assertLessEqual(served, {keyOf(number) for number in range(VALUES)})
        await self.assertAllAreKept("full")

    async def test_unexpectedErrorLosesNothing(self) -> None:
        """A recovery that any exception ends fails with StoreFailed, and leaves the file."""

        def fails(*arguments: object) -> object:
            raise TypeError("unexpected")

        store = self.open()
        with capturedLogs() as events:
            patched = self.patch(salvage, "_positions", fails)
            with self.assertRaisesRegex(StoreFailed, "recovering it failed: unexpected"):
                await store.put(keyOf(VALUES), b"new")
            await store.close()
            patched.restore()
        self.assertEqual(len(events), 1)
        self.assertEqual(self.path.read_bytes(), self.damaged)
        await self.assertAllAreKept("unexpected")

    async def test_killedRecoveryLosesNothing(self) -> None:
        """After SIGKILL at each of six moments of a recovery, the next start has all values."""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", RECOVER, str(self.path)]
        draw = Random(2)
        for _ in range(6):
            self.write(self.damaged)
            with Popen(command, env=environment, stderr=DEVNULL) as process:
                while process.poll() is None and not self.names()[1:]:
                    sleep(0.001)
                sleep(draw.random() * 0.08)
                process.kill()
            await self.assertAllAreKept("killed")
