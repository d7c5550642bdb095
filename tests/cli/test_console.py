"""
Tests for what commands write: to a terminal, to a pipe whose reader has ended, and to a full disk.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import ENOSPC
from io import BytesIO
from os import strerror

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._cli.console import Console, OutputFailed, escaped, shown
from dwdht_twisted._cli.progress import Progress
from tests.cli.sessions import KEY, CommandTestCase
from tests.helpers.networks.values import BOOTSTRAP

#: Returns to the start of the line and erases it.
ERASE = b"\r\x1b[K"


class Broken(BytesIO):
    """
    An output that takes some writes and then fails.

    :param takes: the number of writes that it takes
    """

    def __init__(self, error: OSError, takes: int = 0) -> None:
        super().__init__()
        self._error = error
        self._takes = takes

    def write(self, data: object) -> int:
        """Take the data, or fail."""
        if not self._takes:
            raise self._error
        self._takes -= 1
        return super().write(data)  # type: ignore[arg-type]


class Dripping(BytesIO):
    """An output that takes three bytes at a time, as one without a buffer may."""

    def write(self, data: memoryview) -> int:  # type: ignore[override]
        """Take up to three bytes."""
        return super().write(data[:3])


def closedPipe() -> OSError:
    """The error of a pipe whose reader has ended."""
    return BrokenPipeError(32, "Broken pipe")


def fullDisk() -> OSError:
    """The error of a full disk."""
    return OSError(ENOSPC, strerror(ENOSPC))


class ConsoleTests(SynchronousTestCase):
    """Tests for `Console`."""

    def test_allIsWritten(self) -> None:
        """An output that takes 3 bytes at a time gets all 10 of them."""
        output = Dripping()
        Console(output).write(b"0123456789")
        self.assertEqual(output.getvalue(), b"0123456789")

    def test_linesAreEscaped(self) -> None:
        """A line of the result or of an error stays one line without control characters."""
        output, errors = BytesIO(), BytesIO()
        console = Console(output, errors)
        console.line("a\x1b[2J\nb\u202e\u00e9")
        console.report("a\x1b[2J\nb\u202e\u00e9")
        expected = "a\\x1b[2J\\nb\\u202e\u00e9\n".encode()
        self.assertEqual((output.getvalue(), errors.getvalue()), (expected, expected))

    def test_encodingIsThatOfTheTerminal(self) -> None:
        """
        Characters are written in the encoding of the terminal, and as escapes when it lacks them.
        """
        output = BytesIO()
        Console(output, encoding="latin-1").line("\u00e9 \u011b")
        self.assertEqual(output.getvalue(), b"\xe9 \\u011b\n")

    def test_closedOutputIsTold(self) -> None:
        """A console without an output, or whose disk is full, says that it can't write."""
        with self.assertRaises(OutputFailed) as raised:
            Console(None).write(b"x")
        self.assertEqual(str(raised.exception), "cannot write to standard output: it is closed")
        with self.assertRaises(OutputFailed) as raised:
            Console(Broken(fullDisk())).write(b"x")
        self.assertEqual(
            str(raised.exception), "cannot write to standard output: No space left on device"
        )

    def test_lostErrorsAreIgnored(self) -> None:
        """A report to a standard error that is closed or full is lost without an error."""
        Console(BytesIO(), None).report("x")
        Console(BytesIO(), Broken(fullDisk())).report("x")


class EscapingTests(SynchronousTestCase):
    """Tests for `escaped` and `shown`."""

    def test_plainTextIsUnchanged(self) -> None:
        """Text with letters, line ends, tabs and backslashes is shown as it is."""
        for text in ("", "caf\u00e9 \u2603", "a\\x1b\n\tb\n"):
            self.assertEqual(shown(text.encode()), (text, False))

    def test_escapesCanBeToldApart(self) -> None:
        """A backslash is doubled beside an escape, and not otherwise."""
        self.assertEqual(shown(rb"\x1b" + b"\x1b"), (r"\\x1b\x1b", True))
        self.assertEqual(shown(rb"\x1b"), (r"\x1b", False))

    def test_bytesAreEscaped(self) -> None:
        """A byte that isn't UTF-8 is shown as an escape."""
        self.assertEqual(shown(b"\xff\xc3\xa9"), ("\\xff\u00e9", True))

    def test_everyControlCharacterIsEscaped(self) -> None:
        """Each of the 65 control characters of Unicode is escaped."""
        for code in (*range(0x20), *range(0x7F, 0xA0)):
            self.assertTrue(escaped(f"a{chr(code)}b").isprintable(), hex(code))


class FailingOutputTests(CommandTestCase):
    """Tests for commands whose output fails."""

    def runInto(self, output: BytesIO, *arguments: str) -> tuple[int, str]:
        """
        Run a command line.

        :return: its exit status, and the text on standard error
        """
        errors = BytesIO()
        ports = len(self.network.network.ports)
        work = self.start(*arguments, "--bootstrap", BOOTSTRAP, console=Console(output, errors))
        status = self.network.clock.runUntil(work)
        self.assertEqual(len(self.network.network.ports), ports)
        return status, errors.getvalue().decode()

    def failAll(self, error: Callable[[], OSError]) -> list[tuple[int, str]]:
        """Run the commands put, get and query into an output that fails with this error."""
        key = self.put(b"x")
        return [
            self.runInto(Broken(error(), takes), *arguments)
            for takes, arguments in (
                (0, ("put", "x")),
                (0, ("get", key)),
                (1, ("query", "echo", KEY)),
            )
        ]

    def test_closedPipeEndsQuietly(self) -> None:
        """A command whose reader has ended ends with status 1, and says nothing."""
        self.assertEqual(self.failAll(closedPipe), [(1, "")] * 3)

    def test_fullDiskEndsInOneLine(self) -> None:
        """A command whose disk is full ends with status 1, and says so in one line."""
        reason = "cannot write to standard output: No space left on device"
        self.assertEqual(
            self.failAll(fullDisk),
            [(1, f"dwdht {name}: {reason}\n") for name in ("put", "get", "query")],
        )


class ProgressTests(SynchronousTestCase):
    """Tests for `Progress`."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.errors = BytesIO()

    def start(self, *, showsProgress: bool = True) -> tuple[Console, Progress]:
        """Start to show the number of answers, 7."""
        console = Console(BytesIO(), self.errors, showsProgress=showsProgress)
        return console, Progress(self.clock, console, lambda: "7 answers so far")

    def test_progressIsShownAfterASecond(self) -> None:
        """Progress is shown after one second, and again after each half."""
        self.start()
        self.clock.advance(0.9)
        self.assertEqual(self.errors.getvalue(), b"")
        self.clock.pump([0.1, 0.5, 0.5])
        self.assertEqual(
            self.errors.getvalue(),
            b"".join(ERASE + b"%d s: 7 answers so far" % seconds for seconds in (1, 2, 2)),
        )

    def test_resultReplacesProgress(self) -> None:
        """The line of progress is erased before a result or a report is written."""
        console, _ = self.start()
        for write in (console.line, console.report):
            self.clock.advance(1.0)
            self.errors.seek(0)
            self.errors.truncate()
            write("x")
            self.assertTrue(self.errors.getvalue().startswith(ERASE))

    def test_endErasesProgress(self) -> None:
        """The end of the work erases the line and leaves no timer."""
        _, progress = self.start()
        self.clock.advance(1.0)
        progress.stop()
        self.assertTrue(self.errors.getvalue().endswith(ERASE))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_progressNeedsATerminal(self) -> None:
        """Progress is neither shown nor timed when standard error is not a terminal."""
        _, progress = self.start(showsProgress=False)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(5.0)
        progress.stop()
        self.assertEqual(self.errors.getvalue(), b"")


class CommandProgressTests(CommandTestCase):
    """Tests for the progress of commands."""

    def test_slowCommandShowsProgress(self) -> None:
        """A command that waits for 2 seconds shows progress on a terminal alone."""
        arguments = ("get", KEY, "--bootstrap", "10.0.9.8:1", "--timeout", "2")
        last = "dwdht get: gave up after 2 seconds\n"
        shownTo = self.attempt(*arguments, showsProgress=True).errors
        self.assertIn("1 s: 0 answers so far", shownTo)
        self.assertTrue(shownTo.endswith(f"\r\x1b[K{last}"), shownTo)
        self.assertEqual(self.attempt(*arguments).errors, last)
