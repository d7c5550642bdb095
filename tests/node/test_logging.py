"""
Log events that other nodes cause, and their number.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, cast

from twisted.logger import (
    LogEvent,
    Logger,
    globalLogPublisher,
    textFileLogObserver,
)
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import Request
from dwdht_twisted._core import wire
from dwdht_twisted._core.limits.bounds import REPORT_AGAIN_AFTER, REPORTED_KINDS, REPORTED_TEXT
from dwdht_twisted._net.reporting import Reports, printable
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nodes import COMMAND, NodeTestCase


class LogTests(NodeTestCase):
    """A node that strangers cause to log events, as often as they can."""

    def setUp(self) -> None:
        super().setUp()
        self.server = self.node(rateLimit=None)
        self.there = self.addressOf(self.server)
        self.asker = self.peer(id=None)
        self.written = io.StringIO()
        observer = textFileLogObserver(self.written)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def lines(self, part: str) -> list[str]:
        """Return the lines of the log that contain a text."""
        return [line for line in self.written.getvalue().splitlines() if part in line]

    def test_malformedDatagramsWriteOneLineInTenMinutes(self) -> None:
        """
        Of 10,000 malformed datagrams, the first writes one line. The first after 10 minutes writes
        a second line with the number of the other 9,999.
        """
        for number in range(10_000):
            datagram = b"\x80\x01\x0a\x05" + number.to_bytes(2, "big")
            self.server.datagramReceived(datagram, ("10.9.9.9", 1 + number))
        self.assertEqual(self.server.counters.malformed, 10_000)
        self.assertEqual(len(self.lines("malformed datagram")), 1)
        self.clock.runFor(REPORT_AGAIN_AFTER)
        self.server.datagramReceived(b"\x80\x01\x0a\x05", ("10.9.9.9", 9))
        [_, last] = self.lines("malformed datagram")
        self.assertIn("and 9999 more", last)
        self.assertLess(len(self.written.getvalue()), 1000)

    def test_failingHandlersWriteOneTraceback(self) -> None:
        """
        Of 1,000 requests whose handler raises, the first writes one traceback. All are counted.
        """

        def raises(_: Request) -> bytes:
            raise ZeroDivisionError

        self.server.register(COMMAND, Handler(raises))
        for _ in range(1000):
            self.asker.ask(self.there, COMMAND, self.target())
        self.clock.runFor(1)
        self.assertEqual(self.server.counters.handlerFailures, 1000)
        self.assertEqual(len(self.lines("Traceback")), 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertLess(len(self.written.getvalue()), 5000)

    def test_anotherExceptionIsLoggedToo(self) -> None:
        """
        Two handlers raise different exceptions, ten times each. Each exception is logged once.
        """

        def raises(kind: type[Exception]) -> Handler:
            def handle(_: Request) -> bytes:
                raise kind

            return Handler(handle)

        self.server.register("one", raises(ZeroDivisionError))
        self.server.register("two", raises(KeyError))
        for _ in range(10):
            for command in ("one", "two"):
                self.asker.ask(self.there, command, self.target())
        self.clock.runFor(1)
        for kind in (ZeroDivisionError, KeyError):
            self.assertEqual(len(self.flushLoggedErrors(kind)), 1)

    def test_invalidTokensWriteOneLine(self) -> None:
        """Of 1,000 requests with an invalid token, the first writes one line."""
        for _ in range(1000):
            self.asker.ask(self.there, COMMAND, self.target(), roundtripToken=bytes(32))
        self.clock.runFor(1)
        self.assertEqual(self.server.counters.badTokens, 1000)
        self.assertEqual(len(self.lines("invalid round-trip token")), 1)

    def test_refusedSendsWriteOneLine(self) -> None:
        """Of 1,000 answers that the operating system refuses to send, the first writes one line."""
        node = self.node(listens=False, rateLimit=None)
        node.listen(0, "127.0.0.1")
        for _ in range(1000):
            ping = wire.frameRequest(1, wire.requestBody(wire.PING))
            node.datagramReceived(ping, ("10.9.9.9", 9))
        self.assertEqual(node.counters.sendFailures, 1000)
        self.assertEqual(len(self.lines("sending to")), 1)

    def test_oversizedValuesWriteOneLine(self) -> None:
        """Of 1,000 values that don't fit a datagram, the first writes one line."""
        value = bytes(wire.MAX_DATAGRAM_BYTES)
        self.server.register(COMMAND, Handler(lambda _: value))
        for _ in range(1000):
            self.asker.ask(self.there, COMMAND, self.target())
        self.clock.runFor(1)
        self.assertEqual(self.server.counters.handlerFailures, 1000)
        self.assertEqual(len(self.lines("more than fit a datagram")), 1)

    def test_commandIsCutAndEscaped(self) -> None:
        """
        A command of 60,000 characters with line ends and escape sequences is logged on one line, in
        printable characters, and cut.
        """
        command = "\x1b[2J\nforged line\r\u2028" + "x" * 60_000
        self.asker.ask(self.there, command, self.target(), roundtripToken=bytes(32))
        self.clock.runFor(1)
        [line] = self.lines("forged line")
        self.assertIn(r"\x1b[2J\nforged line\r\u2028xxx", line)
        self.assertIn("x... is served as a query", line)
        self.assertTrue(line.isprintable())
        self.assertLess(len(line), 300)


class ReportsTests(SynchronousTestCase):
    """
    Reports of events, and the number of lines that they log.
    """

    def setUp(self) -> None:
        self.now = 0.0
        self.events: list[LogEvent] = []
        log = Logger(observer=cast(Any, self.events.append))
        self.reports = Reports(log, lambda: self.now)

    def test_sumIsLoggedAtMostOncePerPeriod(self) -> None:
        """
        An event occurs once a second for an hour, and 7 of these events are logged. Each of the
        last six lines contains the number of unlogged events since the previous line, 599.
        """
        for second in range(3601):
            self.now = float(second)
            self.reports.note("an event of {second}", second=second)
        seconds = [event["second"] for event in self.events]
        self.assertEqual(seconds, [0, 600, 1200, 1800, 2400, 3000, 3600])
        self.assertEqual([event["unlogged"] for event in self.events], [0] + [599] * 6)

    def test_kindsAreLoggedApart(self) -> None:
        """Events with different formats are logged once each."""
        for _ in range(3):
            self.reports.note("one")
            self.reports.note("two")
        self.assertEqual([event["log_format"] for event in self.events], ["one", "two"])

    def test_placesAreLoggedApart(self) -> None:
        """Exceptions of one class that two functions raise are logged once each."""

        def fail(function: Callable[[], object]) -> Failure:
            try:
                function()
            except ZeroDivisionError:
                return Failure()
            raise AssertionError("it didn't fail")

        def one() -> float:
            return 1 / 0

        def two() -> float:
            return 2 / 0

        for _ in range(3):
            for function in (one, two):
                self.reports.failed("a handler failed", fail(function))
        self.assertEqual(len(self.events), 2)

    def test_numberOfKindsIsLimited(self) -> None:
        """
        Of 1,000 different exception classes, the first 64 are logged, and one line stands for the
        others.
        """
        for number in range(1000):
            kind = type(f"Kind{number}", (Exception,), {})
            self.reports.failed("a handler failed", Failure(kind()))
        self.assertEqual(len(self.events), REPORTED_KINDS + 1)

    def test_printableText(self) -> None:
        """
        A text of 64 printable characters is shown whole. A longer text is cut after 64 characters.
        This also holds for a text that becomes longer because its characters are escaped.
        """
        self.assertEqual(printable("a" * REPORTED_TEXT), "a" * 64)
        self.assertEqual(printable("a" * 65), "a" * 64 + "...")
        self.assertEqual(printable("\n" * 40), r"\n" * 32 + "...")
        self.assertEqual(printable("it's"), "it's")
