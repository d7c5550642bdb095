"""
The output of commands: to a terminal, to a pipe whose reader has exited, and to a full disk.
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

#: The bytes that move the cursor to the start of the line and erase the line.
ERASE = b"\r\x1b[K"


class Broken(BytesIO):
    """
    An output that accepts some writes and then fails.

    :param takes: the number of writes that succeed
    """

    def __init__(self, error: OSError, takes: int = 0) -> None:
        super().__init__()
        self._error = error
        self._takes = takes

    def write(self, data: object) -> int:
        """Accept the data, or raise the error."""
        if not self._takes:
            raise self._error
        self._takes -= 1
        return super().write(data)  # type: ignore[arg-type]


class Dripping(BytesIO):
    """
    An output that accepts at most three bytes in a write, as an unbuffered output may.
    """

    def write(self, data: memoryview) -> int:  # type: ignore[override]
        """Accept up to three bytes."""
        return super().write(data[:3])


def closedPipe() -> OSError:
    """Return the error of a write to a pipe whose reader has exited."""
    return BrokenPipeError(32, "Broken pipe")


def fullDisk() -> OSError:
    """Return the error of a write to a full disk."""
    return OSError(ENOSPC, strerror(ENOSPC))


class ConsoleTests(SynchronousTestCase):
    """
    A `Console`, which writes results and errors.
    """

    def test_allIsWritten(self) -> None:
        """All 10 bytes reach an output that accepts 3 bytes in a write."""
        output = Dripping()
        Console(output).write(b"0123456789")
        self.assertEqual(output.getvalue(), b"0123456789")

    def test_linesAreEscaped(self) -> None:
        """
        A result or an error is written as one line. Its control characters and line ends are
        escaped.
        """
        output, errors = BytesIO(), BytesIO()
        console = Console(output, errors)
        console.line("a\x1b[2J\nb\u202e\u00e9")
        console.report("a\x1b[2J\nb\u202e\u00e9")
        expected = "a\\x1b[2J\\nb\\u202e\u00e9\n".encode()
        self.assertEqual((output.getvalue(), errors.getvalue()), (expected, expected))

    def test_encodingIsThatOfTheTerminal(self) -> None:
        """
        Characters are written in the encoding of the terminal. A character that the encoding lacks
        is escaped.
        """
        output = BytesIO()
        Console(output, encoding="latin-1").line("\u00e9 \u011b")
        self.assertEqual(output.getvalue(), b"\xe9 \\u011b\n")

    def test_unwritableOutputRaises(self) -> None:
        """
        A write raises `OutputFailed` with the reason if the output is closed or its disk is full.
        """
        with self.assertRaises(OutputFailed) as raised:
            Console(None).write(b"x")
        self.assertEqual(str(raised.exception), "cannot write to standard output: it is closed")
        with self.assertRaises(OutputFailed) as raised:
            Console(Broken(fullDisk())).write(b"x")
        self.assertEqual(
            str(raised.exception), "cannot write to standard output: No space left on device"
        )

    def test_lostErrorsAreIgnored(self) -> None:
        """A report raises no exception if standard error is closed or its disk is full."""
        Console(BytesIO(), None).report("x")
        Console(BytesIO(), Broken(fullDisk())).report("x")


class EscapingTests(SynchronousTestCase):
    """
    The functions `escaped` and `shown`, which make text safe for a terminal.
    """

    def test_plainTextIsUnchanged(self) -> None:
        """Text of letters, line ends, tabs and backslashes is shown unchanged."""
        for text in ("", "caf\u00e9 \u2603", "a\\x1b\n\tb\n"):
            self.assertEqual(shown(text.encode()), (text, False))

    def test_escapesCanBeToldApart(self) -> None:
        """
        A backslash is doubled if other bytes of its value are escaped. Otherwise it is left alone.
        """
        self.assertEqual(shown(rb"\x1b" + b"\x1b"), (r"\\x1b\x1b", True))
        self.assertEqual(shown(rb"\x1b"), (r"\x1b", False))

    def test_bytesAreEscaped(self) -> None:
        """A byte that isn't UTF-8 is escaped."""
        self.assertEqual(shown(b"\xff\xc3\xa9"), ("\\xff\u00e9", True))

    def test_everyControlCharacterIsEscaped(self) -> None:
        """Each of the 65 control characters of Unicode is escaped."""
        for code in (*range(0x20), *range(0x7F, 0xA0)):
            self.assertTrue(escaped(f"a{chr(code)}b").isprintable(), hex(code))


class FailingOutputTests(CommandTestCase):
    """
    Commands whose standard output fails.
    """

    def runInto(self, output: BytesIO, *arguments: str) -> tuple[int, str]:
        """
        Run a command line whose standard output is ``output``.

        :return: its exit status, and the text on standard error
        """
        errors = BytesIO()
        ports = len(self.network.network.ports)
        work = self.start(*arguments, "--bootstrap", BOOTSTRAP, console=Console(output, errors))
        status = self.network.clock.runUntil(work)
        self.assertEqual(len(self.network.network.ports), ports)
        return status, errors.getvalue().decode()

    def failAll(self, error: Callable[[], OSError]) -> list[tuple[int, str]]:
        """Run put, get and query with an output that raises this error."""
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
        """
        A command ends with status 1 and without an error line if the reader of its output has
        exited.
        """
        self.assertEqual(self.failAll(closedPipe), [(1, "")] * 3)

    def test_fullDiskEndsInOneLine(self) -> None:
        """A command ends with status 1 and one error line if the disk of its output is full."""
        reason = "cannot write to standard output: No space left on device"
        self.assertEqual(
            self.failAll(fullDisk),
            [(1, f"dwdht {name}: {reason}\n") for name in ("put", "get", "query")],
        )


class ProgressTests(SynchronousTestCase):
    """
    `Progress`, which shows how far a command is.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.errors = BytesIO()

    def start(self, *, showsProgress: bool = True) -> tuple[Console, Progress]:
        """Start to show the progress "7 answers so far"."""
        console = Console(BytesIO(), self.errors, showsProgress=showsProgress)
        return console, Progress(self.clock, console, lambda: "7 answers so far")

    def test_progressIsShownAfterASecond(self) -> None:
        """Progress is first shown after one second, and is updated every half a second."""
        self.start()
        self.clock.advance(0.9)
        self.assertEqual(self.errors.getvalue(), b"")
        self.clock.pump([0.1, 0.5, 0.5])
        self.assertEqual(
            self.errors.getvalue(),
            b"".join(ERASE + b"%d s: 7 answers so far" % seconds for seconds in (1, 2, 2)),
        )

    def test_resultReplacesProgress(self) -> None:
        """The progress line is erased before a result or a report is written."""
        console, _ = self.start()
        for write in (console.line, console.report):
            self.clock.advance(1.0)
            self.errors.seek(0)
            self.errors.truncate()
            write("x")
            self.assertTrue(self.errors.getvalue().startswith(ERASE))

    def test_endErasesProgress(self) -> None:
        """At the end of the work, the progress line is erased and no timer is left."""
        _, progress = self.start()
        self.clock.advance(1.0)
        progress.stop()
        self.assertTrue(self.errors.getvalue().endswith(ERASE))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_progressNeedsATerminal(self) -> None:
        """If standard error is not a terminal, no progress is shown and no timer is started."""
        _, progress = self.start(showsProgress=False)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(5.0)
        progress.stop()
        self.assertEqual(self.errors.getvalue(), b"")


class CommandProgressTests(CommandTestCase):
    """
    The progress that commands show.
    """

    def test_slowCommandShowsProgress(self) -> None:
        """
        A command that waits for 2 seconds shows its progress on a terminal, and shows none
        elsewhere.
        """
        arguments = ("get", KEY, "--bootstrap", "10.0.9.8:1", "--timeout", "2")
        last = "dwdht get: gave up after 2 seconds\n"
        shownTo = self.attempt(*arguments, showsProgress=True).errors
        self.assertIn("1 s: 0 answers so far", shownTo)
        self.assertTrue(shownTo.endswith(f"\r\x1b[K{last}"), shownTo)
        self.assertEqual(self.attempt(*arguments).errors, last)
