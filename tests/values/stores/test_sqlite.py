"""
The file of an `SQLiteStore`: its owner, its locks, and what remains after the store was closed.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from dwdht_twisted.errors import CannotOpenStore, StoreFailed
from dwdht_twisted.values import SQLiteStore
from dwdht_twisted.values.stores import schema
from dwdht_twisted.values.stores.schema import APPLICATION_ID, VERSION

KEY = bytes(32)

#: The most seconds that a call may take if it doesn't wait for a lock. SQLite itself would wait 5
#: seconds for a lock.
AT_ONCE = 0.5


def marks(path: Path) -> tuple[int, int]:
    """Return the application id and the version in the header of a database."""
    with closing(sqlite3.connect(path)) as connection:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        return application, version


class FileTestCase(TestCase):
    """
    A base for tests with a folder for the files of stores.

    :ivar path: a path in this folder
    """

    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.path = folder / "values"

    def open(self) -> SQLiteStore:
        """Open the path as a store. It is closed at the end of the test."""
        store = SQLiteStore(reactor, self.path)
        self.addCleanup(store.close)
        return store

    async def failureOf(self, work: Deferred[Any]) -> StoreFailed:
        """Return the StoreFailed with which a put or a get fails."""
        with self.assertRaises(StoreFailed) as caught:
            await work
        error: StoreFailed = caught.exception
        return error

    def lock(self) -> sqlite3.Connection:
        """Lock the file as another process would, until the returned connection is closed."""
        connection = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(connection.close)
        connection.execute("BEGIN EXCLUSIVE")
        return connection

    def state(self) -> dict[str, tuple[bytes, int]]:
        """Return the content and the modification time of each file in the folder."""
        return {
            each.name: (each.read_bytes(), each.stat().st_mtime_ns)
            for each in self.path.parent.iterdir()
        }


class MarkTests(FileTestCase):
    """
    The two numbers in a file's header by which a store recognises its file.
    """

    def makeOther(self, mode: str = "DELETE", **pragmas: int) -> sqlite3.Connection:
        """Make the database of another program, with this journal mode and these pragmas."""
        connection = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(connection.close)
        connection.execute(f"PRAGMA journal_mode = {mode}")
        for name, value in pragmas.items():
            connection.execute(f"PRAGMA {name} = {value}")
        connection.execute("CREATE TABLE photos (photo BLOB)")
        return connection

    def assertRefusedUntouched(self, reason: str) -> None:
        """
        Require that the file is refused for this reason, and that nothing in the folder changes.
        """
        before = self.state()
        with self.assertRaisesRegex(CannotOpenStore, f"'{self.path}'.*{reason}"):
            self.open()
        self.assertEqual(self.state(), before)

    def test_newFileIsMarked(self) -> None:
        """The file of a new store has the application id 0x64776468 and version 2."""
        self.open()
        self.assertEqual(marks(self.path), (0x64776468, 3))
        self.assertEqual((APPLICATION_ID, VERSION), (0x64776468, 3))

    def test_otherDatabaseIsRefused(self) -> None:
        """The database of another program is refused. Nothing in its folder changes."""
        self.makeOther().close()
        self.assertRefusedUntouched("belongs to another program")

    def test_otherWriteAheadLogIsRefused(self) -> None:
        """
        Another program's database with a write-ahead log is refused. No log file is created beside
        it.
        """
        self.makeOther("WAL").close()
        self.assertRefusedUntouched("belongs to another program")

    def test_databaseInUseIsRefused(self) -> None:
        """A database that another program has opened and locked is refused. Its log is kept."""
        other = self.makeOther("WAL")
        other.execute("BEGIN EXCLUSIVE")
        self.assertRefusedUntouched("belongs to another program")
        other.execute("INSERT INTO photos VALUES (x'00')")
        other.execute("COMMIT")

    def test_emptyDatabaseOfOthersIsRefused(self) -> None:
        """An empty database with the application id of another program is refused."""
        other = sqlite3.connect(self.path)
        other.execute("PRAGMA application_id = 7")
        other.close()
        self.assertRefusedUntouched("belongs to another program")

    def test_laterVersionIsRefused(self) -> None:
        """
        The file of a later version of this package is refused. The error contains both versions.
        """
        self.makeOther(application_id=APPLICATION_ID, user_version=VERSION + 1).close()
        self.assertRefusedUntouched("version 4; this package reads version 3")

    def test_emptyFileBecomesAStore(self) -> None:
        """An empty file becomes a store."""
        self.path.touch()
        self.open()
        self.assertEqual(marks(self.path), (APPLICATION_ID, VERSION))

    async def test_unfinishedCheckpointIsRepaired(self) -> None:
        """
        A store was killed while SQLite moved pages from the log to the file. The file can be
        opened, and the value is found.
        """
        writer = self.open()
        await writer.put(KEY, b"x" * 10_000)
        killed = self.path.parent / "killed"
        for suffix in ("", "-wal"):
            shutil.copy(f"{self.path}{suffix}", f"{killed}{suffix}")
        # SQLite writes the first page of the file first. It holds the number of pages, some of
        # which are not in the file yet.
        with killed.open("r+b") as file:
            header = file.read(32)
            pages = int.from_bytes(header[28:32], "big") + 100
            file.seek(28)
            file.write(pages.to_bytes(4, "big"))
        self.path = killed
        self.assertEqual(await self.open().get(KEY), b"x" * 10_000)


class PathTests(SynchronousTestCase):
    """
    Paths that are refused for a store, and unusual ones that are accepted.
    """

    def assertRefused(self, path: str | Path, reason: str) -> None:
        """Require that a path is refused. The error must contain the path and this reason."""
        with self.assertRaisesRegex(CannotOpenStore, reason) as caught:
            SQLiteStore(reactor, path)
        self.assertIn(repr(str(path)), str(caught.exception))

    def test_memoryIsRefused(self) -> None:
        """
        The path ``:memory:`` and an empty path are refused. The error names `MemoryStore` instead.
        """
        for path in (":memory:", ""):
            self.assertRefused(path, "is not a file; use MemoryStore")
        self.assertFalse(Path(":memory:").exists())

    def test_folderIsRefused(self) -> None:
        """A folder is refused."""
        path = Path(self.mktemp())
        path.mkdir()
        self.assertRefused(path, "not a regular file")

    def test_pipeIsRefused(self) -> None:
        """A named pipe is refused, because opening it would block."""
        path = Path(self.mktemp())
        os.mkfifo(path)
        self.assertRefused(path, "not a regular file")

    def test_readOnlyFileIsRefused(self) -> None:
        """A store is refused if its file or its folder is read-only."""
        path = Path(self.mktemp()).absolute()
        SQLiteStore(reactor, path)
        for unwritable in (path, path.parent):
            self.patch(schema, "access", lambda each, mode, no=unwritable: Path(each) != no)
            self.assertRefused(path, "may not be written")

    def test_strangePathIsRefused(self) -> None:
        """A path with a null character is refused."""
        self.assertRefused("a\0b", "null")

    def test_strangeNamesWork(self) -> None:
        """A file name with the special characters of a URI can be opened, and opened again."""
        folder = Path(self.mktemp())
        folder.mkdir()
        path = folder / "va lu%41es?mode=memory#\u00e9"
        for _ in range(2):
            SQLiteStore(reactor, path)
        self.assertEqual([each.name for each in folder.iterdir()], [path.name])


class LockTests(FileTestCase):
    """
    Files that another process has locked.
    """

    def openAtOnce(self) -> SQLiteStore:
        """Open the store, and require that this takes at most `AT_ONCE`."""
        started = monotonic()
        store = self.open()
        self.assertLess(monotonic() - started, AT_ONCE)
        return store

    async def assertWaitsForLock(self, lock: sqlite3.Connection) -> None:
        """Require that the store opens at once. A put must wait until the lock is released."""
        putting = self.openAtOnce().put(KEY, b"value")
        await deferLater(reactor, 0.1)
        self.assertFalse(putting.called)
        lock.close()
        await putting

    async def test_lockedStoreOpensAtOnce(self) -> None:
        """
        A store with a locked file opens at once. A put waits for the lock in a thread, without
        blocking the reactor.
        """
        await self.open().close()
        await self.assertWaitsForLock(self.lock())

    async def test_lockedEmptyFileOpensAtOnce(self) -> None:
        """A store with a locked empty file opens at once. The first put makes the tables."""
        self.path.touch()
        await self.assertWaitsForLock(self.lock())
        self.assertEqual(marks(self.path), (APPLICATION_ID, VERSION))

    async def test_longLockFailsThePut(self) -> None:
        """
        A put fails with StoreFailed if the file stays locked. After the lock was released, the next
        put works.
        """
        self.patch(schema, "LOCK_TIMEOUT", 0.05)
        await self.open().close()
        lock = self.lock()
        store = self.openAtOnce()
        error = await self.failureOf(store.put(KEY, b"value"))
        self.assertIn(repr(os.path.abspath(self.path)), str(error))
        self.assertIn("locked", str(error))
        lock.close()
        await store.put(KEY, b"value")
        self.assertEqual(await store.get(KEY), b"value")

    async def test_cancelledPutIsNotMade(self) -> None:
        """
        One put waits for a lock, and a second put waits behind it. After the second put was
        cancelled, its value isn't written.
        """
        await self.open().close()
        lock = self.lock()
        store = self.open()
        first, second = store.put(KEY, b"first"), store.put(KEY, b"second")
        second.cancel()
        await self.assertFailure(second, CancelledError)
        lock.close()
        await first
        self.assertEqual(await store.get(KEY), b"first")

    async def test_cancelledPutKeepsOrder(self) -> None:
        """A running put that is cancelled still finishes before the next put begins."""
        await self.open().close()
        lock = self.lock()
        store = self.open()
        first, second = store.put(KEY, b"first"), store.put(KEY, b"second")
        first.cancel()
        await self.assertFailure(first, CancelledError)
        lock.close()
        await second
        self.assertEqual(await store.get(KEY), b"second")


class FailureTests(FileTestCase):
    """
    Failures of SQLite, seen by the user of a store.
    """

    async def test_failureIsStoreFailed(self) -> None:
        """
        An exception of ``sqlite3`` becomes a StoreFailed with the path. Its cause is the original
        exception.
        """
        store = self.open()
        shutil.rmtree(self.path.parent)
        calls: list[Callable[[], Deferred[Any]]] = [
            lambda: store.put(KEY, b"value"),
            lambda: store.get(KEY),
        ]
        for failing in calls:
            error = await self.failureOf(failing())
            self.assertIn(repr(os.path.abspath(self.path)), str(error))
            self.assertIsInstance(error.__cause__, sqlite3.Error)

    async def test_replacedFileIsStoreFailed(self) -> None:
        """A put fails if another program has replaced the store's file."""
        store = self.open()
        self.path.unlink()
        with closing(sqlite3.connect(self.path)) as other:
            other.execute("CREATE TABLE photos (photo BLOB)")
        error = await self.failureOf(store.put(KEY, b"value"))
        self.assertIn("belongs to another program", str(error))


class EndTests(FileTestCase):
    """
    A closed store.
    """

    async def test_closingTwiceDoesNothing(self) -> None:
        """A store can be closed a second time, both during the first close and afterwards."""
        store = self.open()
        await store.put(KEY, b"value")
        first, second = store.close(), store.close()
        await first
        await second
        await store.close()

    async def test_closedStoreFails(self) -> None:
        """Puts and gets on a closed store fail with StoreFailed."""
        store = self.open()
        ending = store.close()
        for call in (store.put(KEY, b"value"), store.get(KEY)):
            error = await self.failureOf(call)
            self.assertRegex(str(error), f"'{os.path.abspath(self.path)}' is closed")
        await ending
        await self.failureOf(store.get(KEY))

    async def test_closedFileIsReleased(self) -> None:
        """A closed store leaves only its file, and no log beside it."""
        store = self.open()
        await store.put(KEY, b"value")
        await store.close()
        self.assertEqual(list(self.state()), ["values"])

    async def test_closeWaitsForPutsAfterAFailure(self) -> None:
        """
        Closing a store first ends all earlier puts, also those that were made when others had just
        failed, and then releases the file.
        """
        self.patch(schema, "LOCK_TIMEOUT", 0.05)
        await self.open().close()
        lock, store = self.lock(), self.open()
        keys = [bytes([number]) * 32 for number in range(10)]
        closed: Deferred[list[bool]] = Deferred()

        def tryAgain(_: object) -> None:
            lock.close()
            later = [store.put(key, b"value") for key in keys]
            store.close().addCallback(lambda _: closed.callback([each.called for each in later]))

        failing = [store.put(key, b"value") for key in keys]
        # The first put has a transaction of its own.  All others fail together.
        failing.pop(1).addErrback(tryAgain)
        for each in failing:
            await self.failureOf(each)
        self.assertEqual(await closed, [True] * len(keys))
        self.assertEqual(list(self.state()), ["values"])

    def test_unusedStoreClosesAtOnce(self) -> None:
        """An unused store closes at once, even before the reactor runs."""
        self.successResultOf(SQLiteStore(reactor, self.path).close())
