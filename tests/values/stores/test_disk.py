"""
Stores on a disk that is full, and in a folder that is read-only.

The disk is a small file system in memory, which the test mounts.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Awaitable
from pathlib import Path

from twisted.internet import reactor
from twisted.logger import capturedLogs
from twisted.trial.unittest import FailTest, SkipTest, TestCase

from dwdht_twisted import Contact, Request, SQLiteStore, ValueHandler, values
from dwdht_twisted.errors import CannotOpenStore, UpdateRefused
from tests.helpers.processes.netns import REQUIRE_NETNS

#: The size of the disk, in KiB.
DISK_KIBIBYTES = 8192

PUBLISHER = Contact(None, "192.0.2.1", 4000)


def mount(folder: Path, *arguments: str) -> None:
    """
    Mount a small disk at a folder.

    :raises SkipTest: if nothing can be mounted on this machine
    :raises FailTest: if nothing can be mounted and `REQUIRE_NETNS` is 1
    """
    command = ["mount", "-t", "tmpfs", *arguments, "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=5)
    except (OSError, subprocess.SubprocessError) as error:
        reason = f"no file system can be mounted here: {error}"
        if os.environ.get(REQUIRE_NETNS) == "1":
            raise FailTest(reason) from None
        raise SkipTest(reason) from None


class DiskTests(TestCase):
    """
    A `ValueHandler` with a store on a small disk.
    """

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        mount(self.folder, "-o", f"size={DISK_KIBIBYTES}k")
        self.addCleanup(lambda: subprocess.run(["umount", "-l", str(self.folder)], timeout=5))
        self.path = self.folder / "values"

    def open(self) -> SQLiteStore:
        """Open the store of this test. It is closed at the end of the test."""
        store = SQLiteStore(reactor, self.path)
        self.addCleanup(store.close)
        return store

    async def put(self, handler: ValueHandler, number: int) -> bool:
        """Let the handler store the value of a number. Return whether it took it."""
        value = b"%d" % number * 200
        request = Request(values.COMMAND, values.keyOf(value), value, PUBLISHER)
        try:
            written = handler.updateReceived(request)
            if written is not None:
                await written
        except UpdateRefused as error:
            self.assertIn("the value can't be stored: the store", str(error))
            return False
        return True

    async def assertServed(self, handler: ValueHandler, numbers: list[int]) -> None:
        """Require that the handler returns the values of these numbers."""
        for number in numbers:
            value = b"%d" % number * 200
            request = Request(values.COMMAND, values.keyOf(value), None, PUBLISHER)
            found = handler.queryReceived(request)
            assert isinstance(found, Awaitable)
            self.assertEqual(await found, value)

    async def test_fullDiskRefusesPuts(self) -> None:
        """
        On a full disk, puts are refused and values are served. When there is room, puts are taken
        again. Both is said in one line.
        """
        handler = ValueHandler(self.open())
        with capturedLogs() as events:
            taken = [number for number in range(1000, 1200) if await self.put(handler, number)]
            self.assertEqual(len(taken), 200)
            ballast = self.folder / "ballast"
            room = os.statvfs(self.folder)
            ballast.write_bytes(bytes(room.f_bavail * room.f_bsize))
            refused = 0
            for number in range(2000, 3000):
                if await self.put(handler, number):
                    taken.append(number)
                else:
                    refused += 1
            self.assertGreater(refused, 200)
            await self.assertServed(handler, taken)
            ballast.unlink()
            for number in range(3000, 3050):
                self.assertTrue(await self.put(handler, number))
                taken.append(number)
        await self.assertServed(handler, taken)
        lines = [event["log_format"].partition(":")[0] for event in events]
        self.assertEqual(lines, ["values can't be written; updates are refused", "recovered"])

    async def test_fullDiskServesAfterARestart(self) -> None:
        """A store on a full disk serves its values after a restart."""
        store = self.open()
        handler = ValueHandler(store)
        for number in range(1000, 1050):
            self.assertTrue(await self.put(handler, number))
        await store.close()
        room = os.statvfs(self.folder)
        ballast = self.folder / "ballast"
        ballast.write_bytes(bytes(room.f_bavail * room.f_bsize))
        handler = ValueHandler(self.open())
        await self.assertServed(handler, list(range(1000, 1050)))
        self.assertFalse(await self.put(handler, 2000))
        ballast.unlink()
        self.assertTrue(await self.put(handler, 2000))
        await self.assertServed(handler, [1000, 2000])

    async def test_readOnlyDiskIsRefused(self) -> None:
        """A store on a read-only disk is refused in one line, and is left as it was."""
        store = self.open()
        await store.put(bytes(32), b"value")
        await store.close()
        before = self.path.read_bytes()
        subprocess.run(["mount", "-o", "remount,ro", str(self.folder)], check=True, timeout=5)
        with self.assertRaisesRegex(
            CannotOpenStore, "^cannot keep values in .* may not be written"
        ):
            self.open()
        self.assertEqual(self.path.read_bytes(), before)
