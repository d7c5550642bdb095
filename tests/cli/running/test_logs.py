"""
Where a process writes its log.
"""

from __future__ import annotations

import json
import os
import resource
from pathlib import Path

from twisted.logger import ILogObserver, Logger, LogLevel
from twisted.python.usage import UsageError
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from dwdht_twisted import Address
from dwdht_twisted._cli.running.hangup import hangUp
from dwdht_twisted._cli.running.logs import LogFile, makeObserver, openLog
from dwdht_twisted._cli.tap import Options
from tests.helpers.processes.programs import DWDHT, TWISTD, Program, ProgramTestCase, freePort


class ObserverTests(SynchronousTestCase):
    """
    The lines that an observer writes.
    """

    def setUp(self) -> None:
        self.lines: list[str] = []

    def log(self, format: str | None, lowest: LogLevel = LogLevel.info) -> Logger:
        """Return a logger whose events become lines."""
        observer: ILogObserver = makeObserver(self.lines.append, format, lowest)
        return Logger(namespace="node", observer=observer)

    def test_jsonHasTheMessageAndItsFields(self) -> None:
        """
        An event becomes an object with its time, level, logger, message and fields. A field that is
        not a number, a truth value, text or None becomes text.
        """
        log = self.log("json")
        log.warn("{count} of {address}", count=3, address=Address("a.example", 1), isLate=True)
        [line] = [json.loads(each) for each in self.lines]
        self.assertRegex(line.pop("time"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(
            line,
            {
                "level": "warn",
                "logger": "node",
                "message": "3 of a.example:1",
                "fields": {"count": 3, "address": "a.example:1", "isLate": True},
            },
        )

    def test_jsonIsOneLineOfASCII(self) -> None:
        """Control characters and line ends of a stranger are escaped in JSON."""
        self.log("json").info("{text}", text="a\n\x1b[2J\u2028\udcff")
        [line] = self.lines
        self.assertTrue(line.isascii() and line.isprintable(), line)
        self.assertEqual(json.loads(line)["message"], "a\n\x1b[2J\u2028\udcff")

    def test_failureHasItsTraceback(self) -> None:
        """A failure becomes an object with its traceback."""
        log = self.log("json")
        try:
            raise ValueError("wrong")
        except ValueError:
            log.failure("a handler failed")
        line = json.loads(self.lines[0])
        self.assertEqual((line["message"], line["level"]), ("a handler failed", "critical"))
        self.assertIn("ValueError: wrong", line["traceback"])

    def test_textEscapesControlCharacters(self) -> None:
        """A control character of an event is escaped in text."""
        self.log("text").info("{text}", text="\x1b[2J")
        self.assertRegex(self.lines[0], r"^\S+ \[node#info\] \\x1b\[2J$")

    def test_debugEventsAreLeftOut(self) -> None:
        """Events of the level debug are left out, unless they are asked for."""
        for format in ("text", "json"):
            self.log(format).debug("malformed datagram")
        self.assertEqual(self.lines, [])
        self.log(None, LogLevel.debug).debug("malformed datagram")
        self.assertEqual(len(self.lines), 1)


class FileTests(SynchronousTestCase):
    """
    A file of log lines.
    """

    def setUp(self) -> None:
        self.path = Path(self.mktemp())

    def test_renamedFileIsReopenedAtHangup(self) -> None:
        """After SIGHUP, lines go to a new file if another program has renamed the old one."""
        file = openLog(str(self.path))
        self.addCleanup(file.close)
        file.write("before")
        old = self.path.with_suffix(".1")
        self.path.rename(old)
        file.write("still before")
        hangUp()
        file.write("after")
        self.assertEqual(old.read_text(), "before\nstill before\n")
        self.assertEqual(self.path.read_text(), "after\n")

    def test_lineIsAddedAtTheEnd(self) -> None:
        """A file that exists is continued."""
        self.path.write_text("old\n")
        file = LogFile(str(self.path))
        file.write("new\udcff")
        file.close()
        self.assertEqual(self.path.read_text(), "old\nnew\\udcff\n")

    def test_folderMayChange(self) -> None:
        """A file is reopened in its folder after the process has changed to another one."""
        self.addCleanup(os.chdir, os.getcwd())
        file = LogFile(str(self.path))
        os.chdir("/")
        file.reopen()
        file.close()

    def test_fileThatCannotBeReopenedIsKept(self) -> None:
        """If the file can't be reopened, lines still go to the old one."""
        self.path.mkdir()
        file = LogFile(str(self.path / "log"))
        (self.path / "log").rename(self.path / "old")
        (self.path / "log").mkdir()
        self.assertRaises(OSError, file.reopen)
        file.write("kept")
        file.close()
        self.assertEqual((self.path / "old").read_text(), "kept\n")

    def test_pipeIsNotWaitedFor(self) -> None:
        """A pipe that nobody has opened is refused. Lines that its reader leaves there are lost."""
        if not hasattr(os, "mkfifo"):
            raise SkipTest("this system has no named pipes")
        path = self.mktemp()
        os.mkfifo(path)
        with self.assertRaises(OSError):
            LogFile(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        file = LogFile(path)
        self.addCleanup(file.close)
        for _ in range(1000):
            file.write("x" * 1000)
        self.assertEqual(os.read(reader, 1001), b"x" * 1000 + b"\n")

    def test_fullDiskLosesLinesOnly(self) -> None:
        """A line that can't be written is lost, and nothing is raised."""
        file = LogFile("/dev/full")
        self.addCleanup(file.close)
        file.write("lost")

    def test_lineAfterACutOneIsWhole(self) -> None:
        """After a line of which the disk took only a part, the next line is one by itself."""
        file = LogFile(self.mktemp())
        self.addCleanup(file.close)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (12, hard))
        try:
            for line in ("whole", "is cut off", "is lost"):
                file.write(line)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        file.write("whole, too")
        file.write("and this")
        self.assertEqual(Path(file.path).read_text(), "whole\nis cut\nwhole, too\nand this\n")


class OptionTests(SynchronousTestCase):
    """
    The options of the log.
    """

    def test_badFormatIsRefused(self) -> None:
        """``--log-format`` is text or json, and ``--log-file`` is neither empty nor a dash."""
        for arguments, expected in {
            ("--log-format", "xml"): "--log-format must be text or json, not 'xml'",
            ("--log-file", ""): "--log-file must be a file, not ''",
            ("--log-file", "-"): "--log-file must be a file, not '-'",
        }.items():
            error = self.assertRaises(UsageError, Options().parseOptions, list(arguments))
            self.assertEqual(str(error), expected)


class ProcessTests(ProgramTestCase):
    """
    The logs of programs.
    """

    def lines(self, name: str) -> list[dict[str, object]]:
        """Return the objects in a log."""
        return [json.loads(line) for line in (self.folder / name).read_text().splitlines()]

    async def startWith(self, *command: str) -> Program:
        """Start a node on loopback, and wait until it answers."""
        port = freePort()
        program = self.start(*command, "--interface", "127.0.0.1", "--port", str(port))
        await self.untilItAnswers(f"127.0.0.1:{port}", program)
        return program

    async def test_logIsRotated(self) -> None:
        """
        Both programs log to their file, and to a new one after it was renamed and SIGHUP was sent.
        """
        for command in ((*TWISTD, "dwdht"), (*DWDHT, "node")):
            program = await self.startWith(*command, "--log-file", "log", "--log-format", "json")
            (self.folder / "log").rename(self.folder / "log.1")
            program.send("HUP")
            while not (self.folder / "log").exists() or not self.lines("log"):
                await self.pause()
            program.send("TERM")
            await program.end(20)
            self.assertEqual((program.exitCode, program.text), (0, ""), program.errorText)
            before = " ".join(str(line["message"]) for line in self.lines("log.1"))
            after = " ".join(str(line["message"]) for line in self.lines("log"))
            self.assertIn("listening on 127.0.0.1:", before)
            self.assertIn("SIGHUP: files were reloaded", after)
            self.assertIn("stopped after ", after)
            (self.folder / "log").unlink()

    async def test_twistdLogsJSONToStandardOutput(self) -> None:
        """Without a file, ``twistd -n`` writes JSON to standard output, and nothing else."""
        program = await self.startWith(*TWISTD, "dwdht", "--log-format", "json")
        program.send("TERM")
        await program.end(20)
        messages = [json.loads(line)["message"] for line in program.text.splitlines()]
        self.assertEqual(messages[-1], "Server Shut Down.")

    async def test_fileThatCannotBeOpenedEndsTheProgram(self) -> None:
        """A log that can't be opened ends the program with one line and status 1."""
        line = "cannot open the log '/nowhere/log': No such file or directory"
        program = await self.finish(*TWISTD, "dwdht", "--log-file", "/nowhere/log")
        self.assertRefused(program, 1, f"twistd dwdht: {line}")
        program = await self.finish(*DWDHT, "node", "--log-file", "/nowhere/log")
        self.assertRefused(program, 1, f"dwdht node: {line}")

    async def test_twoLogsAreRefused(self) -> None:
        """An option of the log is refused together with another log of twistd, and under twist."""
        for twistd, expected in {
            (*TWISTD, "--logger", "x.y"): "give --log-file or --logger of twistd, not both",
            (*TWISTD, "--syslog"): "give --log-file or --syslog of twistd, not both",
            ("twist",): "--log-file is for twistd; twist has its own, before the word dwdht",
        }.items():
            program = await self.finish("env", *twistd, "dwdht", "--log-file", "log")
            self.assertRefused(program, 1, f"twistd dwdht: {expected}")
