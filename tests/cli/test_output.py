"""
The places to which ``dwdht get --output`` writes, on a network in memory.
"""

from __future__ import annotations

import json
import os
import socket
import stat
from io import BytesIO
from pathlib import Path
from random import Random

from twisted.trial.unittest import SkipTest

from dwdht_twisted._cli.console import Console
from dwdht_twisted.values import treeOf
from tests.cli.sessions import KEY, CommandLineTestCase, CommandTestCase
from tests.helpers.networks.values import BOOTSTRAP


class OutputTestCase(CommandTestCase):
    """
    A base for tests with a value in the network and a folder.
    """

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(os.umask, os.umask(0o022))
        self.key = self.put(b"value")
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.path = self.folder / "got"

    def command(self, path: Path | str) -> tuple[str, ...]:
        """Return a get with this ``--output``."""
        return ("get", "--bootstrap", BOOTSTRAP, "--output", str(path), self.key)

    def get(self, path: Path | str) -> None:
        """Get the value, with nothing on standard output or standard error."""
        result = self.result(*self.command(path))
        self.assertEqual((result.output, result.errors), (b"", ""))

    def names(self) -> list[str]:
        """Return the names in the folder."""
        return sorted(os.listdir(self.folder))


class FileTests(OutputTestCase):
    """
    Regular files.
    """

    def assertMode(self, mode: int) -> None:
        """Require a mode of the file."""
        self.assertEqual(f"{self.path.stat().st_mode & 0o7777:o}", f"{mode:o}")

    def test_newFileHasTheUsualMode(self) -> None:
        """A new file may be read and written as the umask allows, and is not executable."""
        self.get(self.path)
        self.assertMode(0o644)
        self.path.unlink()
        os.umask(0o077)
        self.get(self.path)
        self.assertMode(0o600)

    def test_replacedFileKeepsItsMode(self) -> None:
        """A file that is replaced keeps its mode, whatever the umask is."""
        for mode in (0o600, 0o664, 0o755, 0o444):
            self.path.write_bytes(b"former")
            self.path.chmod(mode)
            self.get(self.path)
            self.assertEqual(self.path.read_bytes(), b"value")
            self.assertMode(mode)
            self.path.unlink()

    def test_secretStaysSecret(self) -> None:
        """Until the value is whole, nobody may read it who may not read the file it replaces."""
        value = Random(17).randbytes(60_000)
        self.put(value)
        self.key = str(treeOf(value).key)
        self.path.write_bytes(b"former")
        self.path.chmod(0o440)
        working = self.start(*self.command(self.path), console=Console(BytesIO()))
        part = self.folder / "got.part"
        while not part.exists():
            self.network.clock.runFor(0.01)
        self.assertEqual(part.stat().st_mode & 0o777, 0o640)
        self.assertEqual(self.network.clock.runUntil(working), 0)
        self.assertMode(0o440)

    def test_linkIsKept(self) -> None:
        """The target of a symbolic link is replaced, or made, and the link stays."""
        (self.folder / "below").mkdir()
        target = self.folder / "below" / "target"
        self.path.symlink_to("below/target")
        for _ in range(2):
            self.get(self.path)
            self.assertEqual(os.readlink(self.path), "below/target")
            self.assertEqual(target.read_bytes(), b"value")
            self.assertFalse(target.is_symlink())
            target.write_bytes(b"former")
        self.assertEqual(self.names(), ["below", "got"])
        self.assertEqual(os.listdir(self.folder / "below"), ["target"])

    def test_folderIsRefused(self) -> None:
        """A folder is refused in one line, and nothing is made beside it."""
        self.path.mkdir()
        for path in (str(self.path), f"{self.path}/"):
            self.assertFails(
                f"dwdht get: cannot write {path!r}: Is a directory", *self.command(path)
            )
        self.assertEqual(self.names(), ["got"])


class PartTests(OutputTestCase):
    """
    A ``PATH.part`` that was there before.
    """

    def setUp(self) -> None:
        super().setUp()
        self.part = self.folder / "got.part"

    def assertRefused(self, reason: str) -> None:
        """Require that a get fails with this reason, and writes no file."""
        self.assertFails(
            f"dwdht get: cannot write '{self.part}': {reason}", *self.command(self.path)
        )
        self.assertFalse(self.path.exists())

    def test_linkIsNotFollowed(self) -> None:
        """A symbolic link is refused, and its target is neither written nor made."""
        mine = self.folder / "mine"
        self.part.symlink_to("mine")
        self.assertRefused("it is a symbolic link")
        self.assertFalse(mine.exists())
        mine.write_bytes(b"of the victim")
        self.assertRefused("it is a symbolic link")
        self.assertEqual(mine.read_bytes(), b"of the victim")

    def test_otherNameIsNotWritten(self) -> None:
        """A file that has another name, too, is refused and left as it was."""
        mine = self.folder / "mine"
        mine.write_bytes(b"of the victim")
        os.link(mine, self.part)
        self.assertRefused("it has another name, too")
        self.assertEqual(mine.read_bytes(), b"of the victim")

    def test_pipeIsRefused(self) -> None:
        """A pipe is refused, and not waited for."""
        os.mkfifo(self.part)
        self.assertRefused("it is not a regular file")

    def test_fileOfAnotherUserIsRefused(self) -> None:
        """A file of another user is refused, because that user could change it meanwhile."""
        self.part.write_bytes(b"va")
        self.patch(os, "geteuid", lambda: self.part.stat().st_uid + 1)
        self.assertRefused("it belongs to another user")
        self.assertEqual(self.part.read_bytes(), b"va")


class ThroughTests(OutputTestCase):
    """
    Pipes and devices, to which a value is written as it comes.
    """

    def reader(self, path: Path | str) -> int:
        """Open a pipe for reading."""
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        return reader

    def test_pipeIsWritten(self) -> None:
        """A value is written to a pipe, which stays a pipe, also behind a symbolic link."""
        os.mkfifo(self.path)
        link = self.folder / "link"
        link.symlink_to("got")
        reader = self.reader(self.path)
        for path in (self.path, link):
            self.get(path)
            self.assertEqual(os.read(reader, 100), b"value")
        self.assertTrue(self.path.is_fifo())
        self.assertEqual(self.names(), ["got", "link"])

    def test_pipeWaitsForItsReader(self) -> None:
        """A get to a pipe that nobody reads waits for a reader."""
        os.mkfifo(self.path)
        errors = BytesIO()
        working = self.start(*self.command(self.path), console=Console(BytesIO(), errors))
        self.network.clock.runFor(30)
        self.assertFalse(working.called)
        reader = self.reader(self.path)
        self.assertEqual(self.network.clock.runUntil(working), 0, errors.getvalue())
        self.assertEqual(os.read(reader, 100), b"value")

    def test_waitForAReaderEnds(self) -> None:
        """An interrupt ends the wait for a reader, and ``--timeout`` does."""
        os.mkfifo(self.path)
        errors = BytesIO()
        working = self.start(*self.command(self.path), console=Console(BytesIO(), errors))
        self.network.clock.runFor(1)
        working.cancel()
        self.assertEqual(self.network.clock.runUntil(working), 1)
        self.assertEqual(errors.getvalue(), b"dwdht get: interrupted\n")
        self.assertFails(
            "dwdht get: gave up after 5 seconds", *self.command(self.path), "--timeout", "5"
        )

    def test_deviceIsWritten(self) -> None:
        """A value is written to a terminal that is named."""
        master, slave = os.openpty()
        self.addCleanup(os.close, master)
        self.addCleanup(os.close, slave)
        self.get(os.ttyname(slave))
        self.assertEqual(os.read(master, 100), b"value")

    def test_descriptorIsWritten(self) -> None:
        """A descriptor of the process is written where it stands, even that of a file."""
        if not os.path.exists("/dev/fd"):
            raise SkipTest("this system has no /dev/fd")
        with self.path.open("wb") as file:
            file.write(b"before ")
            file.flush()
            self.get(f"/dev/fd/{file.fileno()}")
            self.get(f"/proc/self/fd/{file.fileno()}")
            file.seek(0, os.SEEK_END)
            file.write(b" after")
        self.assertEqual(self.path.read_bytes(), b"before valuevalue after")
        self.assertFails(
            "dwdht get: cannot write '/dev/fd/987654': Bad file descriptor",
            *self.command("/dev/fd/987654"),
        )

    def test_readerThatLeavesFailsTheCommand(self) -> None:
        """A pipe whose reader leaves before the end fails the command in one line."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, writer)
        os.close(reader)
        path = f"/dev/fd/{writer}"
        self.assertFails(f"dwdht get: cannot write {path!r}: Broken pipe", *self.command(path))

    def test_socketIsRefused(self) -> None:
        """A socket is refused in one line, and stays there."""
        with socket.socket(socket.AF_UNIX) as listening:
            # The name of a socket has few bytes.
            listening.bind(os.path.relpath(self.path))
        self.assertFails(
            f"dwdht get: cannot write '{self.path}': it is neither a file nor a pipe",
            *self.command(self.path),
        )
        self.assertEqual(self.names(), ["got"])

    def test_fileInPlaceOfThePipeIsNotWritten(self) -> None:
        """A file that takes the place of a pipe, just before it is opened, is left as it was."""
        self.path.write_bytes(b"of the victim")
        self.patch(stat, "S_IFMT", lambda mode: stat.S_IFIFO)
        self.assertFails(
            f"dwdht get: cannot write '{self.path}': it was replaced just now",
            *self.command(self.path),
        )
        self.assertEqual(self.path.read_bytes(), b"of the victim")

    def test_dashIsStandardOutput(self) -> None:
        """The name ``-`` is standard output, to which the value goes unchanged."""
        self.key = self.put(b"\x1b[2J")
        result = self.result(*self.command("-"), isTerminal=True)
        self.assertEqual((result.output, result.errors), (b"\x1b[2J", ""))
        self.assertFalse(os.path.exists("-") or os.path.exists("-.part"))

    def test_recordNamesThePipe(self) -> None:
        """With ``--json``, a get to a pipe prints one object, as a get to a file does."""
        os.mkfifo(self.path)
        self.reader(self.path)
        [line] = self.result(*self.command(self.path), "--json").lines
        self.assertEqual(json.loads(line), {"key": self.key, "bytes": 5, "output": str(self.path)})


class OutputUsageTests(CommandLineTestCase):
    """
    How the command line of ``--output`` is read.
    """

    def test_mistakesAreRefused(self) -> None:
        """An empty name is refused, and standard output together with ``--json``."""
        start = ("get", "--bootstrap", BOOTSTRAP, KEY)
        self.assertRefused("--output must be a file, not ''", *start, "--output", "")
        self.assertRefused("give --json or --output -, not both", *start, "--json", "--output=-")
