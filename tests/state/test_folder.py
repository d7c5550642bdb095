"""
The folder in which a node keeps its state: its lock, its files, and files that were damaged.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from pathlib import Path
from random import Random
from resource import RLIMIT_FSIZE, getrlimit, setrlimit
from subprocess import PIPE, Popen

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._state import StateFolder
from dwdht_twisted.errors import CannotOpenState, StateFailed

#: A program that holds the folder of its argument until it is killed.
HOLDER = """
import sys, time
from dwdht_twisted._state import StateFolder
folder = StateFolder(sys.argv[1])
print("held", flush=True)
time.sleep(60)
"""


class FolderTestCase(SynchronousTestCase):
    """
    A test of a folder that doesn't exist yet.
    """

    def setUp(self) -> None:
        self.path = Path(self.mktemp())

    def open(self, path: Path | None = None) -> StateFolder:
        """Open a folder, and close it at the end of the test."""
        folder = StateFolder(path or self.path)
        self.addCleanup(folder.close)
        return folder


class OpeningTests(FolderTestCase):
    """
    Opening a folder.
    """

    def assertRefused(self, path: Path) -> None:
        """Require that a folder is refused in one line that names it."""
        error = self.assertRaises(CannotOpenState, StateFolder, path)
        self.assertIn(repr(str(path)), str(error))
        self.assertNotIn("\n", str(error))

    def test_missingFolderIsMade(self) -> None:
        """A missing folder is made, and only its owner may enter it."""
        self.open()
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o700)

    def test_missingParentIsRefused(self) -> None:
        """A folder whose parent is missing is refused by the parent's name; none is made."""
        error = self.assertRaises(CannotOpenState, StateFolder, self.path / "below")
        self.assertEqual(
            str(error),
            f"the state folder '{self.path}/below' can't be made, because "
            f"'{self.path.absolute()}' is not there",
        )
        self.assertFalse(self.path.exists())

    def test_fileIsRefused(self) -> None:
        """A file in the place of the folder is refused, and is left as it was."""
        self.path.write_text("mine")
        self.assertRefused(self.path)
        self.assertEqual(self.path.read_text(), "mine")

    def test_unusableLockIsNamed(self) -> None:
        """A lock that can't be opened in a folder that is there is named."""
        (self.path / "folder.lock").mkdir(parents=True)
        error = self.assertRaises(CannotOpenState, StateFolder, self.path)
        self.assertEqual(
            str(error),
            f"the state folder '{self.path}' can't be used, because 'folder.lock' in it can't be "
            "opened: Is a directory",
        )

    def test_folderInUseIsRefused(self) -> None:
        """A folder that another node uses is refused, until that node closes it."""
        holder = StateFolder(self.path)
        self.assertRefused(self.path)
        holder.close()
        self.open()

    def test_closingTwiceIsHarmless(self) -> None:
        """A folder that is closed twice does not unlock the folder of its successor."""
        first = StateFolder(self.path)
        first.close()
        self.open()
        first.close()
        self.assertRefused(self.path)

    def test_killedProcessLeavesNoLock(self) -> None:
        """A folder is refused while another process uses it, and not after that was killed."""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", HOLDER, str(self.path)]
        with Popen(command, stdout=PIPE, env=environment) as process:
            assert process.stdout is not None
            self.assertEqual(process.stdout.readline(), b"held\n")
            self.assertRefused(self.path)
            process.send_signal(signal.SIGKILL)
        self.open()


class FileTests(FolderTestCase):
    """
    Reading and writing files.
    """

    def asides(self, name: str) -> list[bytes]:
        """Return what was set aside under the name of a file."""
        return [each.read_bytes() for each in sorted(self.path.glob(f"{name}.damaged-*"))]

    def test_unwrittenFileIsNone(self) -> None:
        """A file that was never written is read as None."""
        self.assertIsNone(self.open().read("list"))

    def test_fileOutlivesFolder(self) -> None:
        """What was written last is read after the folder was closed and opened again."""
        draw = Random(17)
        first = StateFolder(self.path)
        for size in (0, 1, 10, 100_000):
            data = draw.randbytes(size)
            first.write("list", data)
            self.assertEqual(first.read("list"), data)
        first.close()
        self.assertEqual(self.open().read("list"), data)
        self.assertEqual((self.path / "list").stat().st_mode & 0o777, 0o600)

    def test_textStaysReadable(self) -> None:
        """The lines of a text stand in the file as they were written, after the first line."""
        self.open().write("list", b"one\ntwo\n")
        lines = (self.path / "list").read_text().splitlines()
        self.assertTrue(lines[0].startswith("dwdht_twisted state, version 1, sha256 "), lines[0])
        self.assertEqual(lines[1:], ["one", "two"])

    def test_damagedFileIsSetAside(self) -> None:
        """
        A file that was cut at any place, or has one flipped bit at any place, is set aside as it
        is, said in one line of the log, and read as None.
        """
        draw = Random(17)
        folder = self.open()
        file = self.path / "list"
        damaged: list[bytes] = []
        folder.write("list", b"what was kept" * 20)
        whole = file.read_bytes()
        cuts = [whole[: draw.randrange(len(whole))] for _ in range(40)]
        flips = []
        for _ in range(80):
            flipped = bytearray(whole)
            flipped[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
            flips.append(bytes(flipped))
        for content in [b"", whole[:-1], *cuts, *flips, whole + b"\n", whole + whole]:
            file.write_bytes(content)
            with capturedLogs() as events:
                self.assertIsNone(folder.read("list"), content)
            damaged.append(content)
            self.assertEqual(len(events), 1)
            self.assertFalse(file.exists())
        self.assertEqual(sorted(self.asides("list")), sorted(damaged))
        folder.write("list", b"new")
        self.assertEqual(folder.read("list"), b"new")

    def test_unusableContentIsSetAside(self) -> None:
        """A file whose content its reader can't use is set aside with the reason in the log."""
        folder = self.open()
        folder.write("list", b"odd")
        with capturedLogs() as events:
            folder.setAside("list", "it holds no list")
        self.assertEqual([each["reason"] for each in events], ["it holds no list"])
        self.assertIsNone(folder.read("list"))
        self.assertEqual(len(self.asides("list")), 1)

    def test_failedWriteKeepsFile(self) -> None:
        """A file that can't be written keeps what it had, and the failure names the file."""
        folder = self.open()
        folder.write("list", b"old")
        # A folder in the place of the temporary file can't be written.
        (self.path / "list.new").mkdir()
        error = self.assertRaises(StateFailed, folder.write, "list", b"new")
        self.assertIn(str(self.path / "list"), str(error))
        self.assertEqual(folder.read("list"), b"old")

    def test_fullDiskKeepsFile(self) -> None:
        """A write for which there is no room leaves the file as it was, and no rest of its own."""
        folder = self.open()
        folder.write("list", b"old")
        limits = getrlimit(RLIMIT_FSIZE)
        # No file may grow beyond this number of bytes, as on a disk that is nearly full.
        setrlimit(RLIMIT_FSIZE, (4096, limits[1]))
        try:
            self.assertRaises(StateFailed, folder.write, "list", bytes(100_000))
        finally:
            setrlimit(RLIMIT_FSIZE, limits)
        self.assertEqual(folder.read("list"), b"old")
        self.assertEqual(sorted(each.name for each in self.path.iterdir()), ["folder.lock", "list"])

    def test_unreadableFileFails(self) -> None:
        """A file that can't be read is left alone, and the failure names it."""
        folder = self.open()
        (self.path / "list").mkdir()
        error = self.assertRaises(StateFailed, folder.read, "list")
        self.assertIn(str(self.path / "list"), str(error))

    def test_pipeIsRefused(self) -> None:
        """A pipe in the place of a file is refused, and one of its temporary file is replaced."""
        folder = self.open()
        os.mkfifo(self.path / "list")
        with self.assertRaisesRegex(StateFailed, "list can't be read: it is not a regular file$"):
            folder.read("list")
        os.mkfifo(self.path / "third.new")
        folder.write("third", b"new")
        self.assertEqual(folder.read("third"), b"new")

    def test_unsyncedWriteSaysWhatIsSo(self) -> None:
        """A write whose folder can't be synced fails with a line that says that it was made."""
        folder = self.open()
        folder.write("list", b"old")

        def fails() -> None:
            raise OSError(errno.EIO, "Input/output error")

        syncing = self.patch(folder, "_syncFolder", fails)
        with self.assertRaisesRegex(
            StateFailed, "list was written, but may be lost with the power: Input/output error$"
        ):
            folder.write("list", b"new")
        syncing.restore()
        self.assertEqual(folder.read("list"), b"new")
        self.assertEqual(sorted(each.name for each in self.path.iterdir()), ["folder.lock", "list"])

    def test_interruptedWriteKeepsFile(self) -> None:
        """The rest of a write that was interrupted is not taken for the file."""
        folder = self.open()
        folder.write("list", b"old")
        (self.path / "list.new").write_bytes(b"half")
        self.assertEqual(folder.read("list"), b"old")
        folder.write("list", b"new")
        self.assertEqual(folder.read("list"), b"new")

    def test_linkIsNotFollowed(self) -> None:
        """A link in the place of the temporary file is replaced, and its target stays as it was."""
        folder = self.open()
        mine = Path(self.mktemp())
        mine.write_text("mine")
        (self.path / "list.new").symlink_to(mine.absolute())
        folder.write("list", b"new")
        self.assertEqual(mine.read_text(), "mine")
        self.assertEqual(folder.read("list"), b"new")
        self.assertFalse((self.path / "list").is_symlink())

    def test_closedFolderFails(self) -> None:
        """A folder that was closed is neither read nor written, because another may use it."""
        folder = self.open()
        folder.close()
        self.assertRaises(StateFailed, folder.write, "list", b"")
        self.assertRaises(StateFailed, folder.read, "list")

    def test_nameIsPlain(self) -> None:
        """A name with other characters than small letters, digits and dashes is an error."""
        folder = self.open()
        for name in ("", "../list", "list.new", "List", "-list", "a/b", "list\n"):
            self.assertRaises(ValueError, folder.write, name, b"")
            self.assertRaises(ValueError, folder.read, name)
