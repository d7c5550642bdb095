"""
The signal SIGHUP.
"""

from __future__ import annotations

import os
import pty
import signal
from collections.abc import Sequence

from twisted.logger import LogEvent, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._cli.running.hangup import ReloadFailed, callOnHangup, handleHangup, hangUp
from tests.helpers.processes.programs import DWDHT, ProgramTestCase, freePort


class HangupTests(SynchronousTestCase):
    """
    The functions that are called at SIGHUP.
    """

    def setUp(self) -> None:
        self.called: list[str] = []

    def name(self, text: str) -> None:
        """Have a text noted at SIGHUP until the end of the test."""
        self.addCleanup(callOnHangup(lambda: self.called.append(text)))

    def test_functionsAreCalledInOrder(self) -> None:
        """The functions are called at each SIGHUP, in the order in which they were named."""
        self.name("log")
        self.name("certificates")
        hangUp()
        hangUp()
        self.assertEqual(self.called, ["log", "certificates"] * 2)

    def test_endedFunctionIsNotCalled(self) -> None:
        """A function is not called after its end, and may be ended twice."""
        end = callOnHangup(lambda: self.called.append("log"))
        end()
        end()
        hangUp()
        self.assertEqual(self.called, [])

    def hangUpWith(self, failure: Exception) -> Sequence[LogEvent]:
        """
        Have a function that fails called before another one, which has to be called all the same.

        :return: what was logged
        """

        def fail() -> None:
            raise failure

        self.addCleanup(callOnHangup(fail))
        self.name("certificates")
        with capturedLogs() as events:
            hangUp()
        self.assertEqual(self.called, ["certificates"])
        return events

    def test_failureStopsNoOther(self) -> None:
        """A function that fails is logged, and the others are called."""
        events = self.hangUpWith(OSError("no such file"))
        self.assertEqual(
            [event["log_format"] for event in events], ["reloading a file after SIGHUP failed"]
        )
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_fileThatCannotBeUsedIsOneLine(self) -> None:
        """A file that can't be used is one line, and nothing says that files were reloaded."""
        events = self.hangUpWith(ReloadFailed("no such file; the former one stays in use"))
        self.assertEqual(
            [formatEvent(event) for event in events],
            ["SIGHUP: no such file; the former one stays in use"],
        )

    def test_failureThatWasLogged(self) -> None:
        """After a function has logged its failure itself, nothing says that files were read."""
        self.addCleanup(callOnHangup(lambda: False))
        with capturedLogs() as events:
            hangUp()
        self.assertEqual(events, [])

    def test_signalCallsTheFunctionsInTheReactor(self) -> None:
        """The handler of the signal passes the work to the thread of the reactor."""
        before = signal.getsignal(signal.SIGHUP)
        self.addCleanup(signal.signal, signal.SIGHUP, before)
        self.name("log")

        class Reactor:
            def callFromThread(self, function: object) -> None:
                passed.append(function)

        passed: list[object] = []
        handleHangup(Reactor())
        os.kill(os.getpid(), signal.SIGHUP)
        self.assertEqual((passed, self.called), ([hangUp], []))


class ProcessTests(ProgramTestCase):
    """
    A node as a process that gets SIGHUP.
    """

    async def test_twistdGoesOn(self) -> None:
        """``twistd dwdht`` reloads its files at SIGHUP, and answers afterwards."""
        program, address = await self.startNode()
        program.send("HUP")
        await program.says("SIGHUP: files were reloaded")
        await self.untilItAnswers(address, program)
        await self.terminate(program)

    async def test_foregroundNodeGoesOn(self) -> None:
        """``dwdht node`` reloads its files at SIGHUP, and ends with status 0 after SIGTERM."""
        address = f"127.0.0.1:{freePort()}"
        program = self.start(
            *(*DWDHT, "node", "--interface", "127.0.0.1", "--port", address.split(":")[1])
        )
        await self.untilItAnswers(address, program)
        program.send("HUP")
        await self.untilItAnswers(address, program)
        program.send("TERM")
        await program.end(20)
        self.assertEqual(program.exitCode, 0)
        self.assertIn("SIGHUP: files were reloaded", program.errorText)

    async def test_closedTerminalEndsTheNode(self) -> None:
        """SIGHUP ends a node whose standard input is a terminal."""
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        self.addCleanup(os.close, theirs)
        address = f"127.0.0.1:{freePort()}"
        command = f"exec {' '.join(DWDHT)} node --port {address.split(':')[1]}"
        program = self.start("sh", "-c", f"{command} <{os.ttyname(theirs)}")
        await self.untilItAnswers(address, program)
        program.send("HUP")
        await program.end(20)
        self.assertEqual(program.signal, signal.SIGHUP)
