"""
Programs run as processes, which end with their test.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import FailTest, TestCase

from dwdht_twisted import DHTNode
from tests.helpers.peer.install import ChildProcess

#: The folder with the programs of the Python environment that runs the tests.
SCRIPTS = Path(sys.executable).parent

#: The command ``dwdht`` of this environment, even if the path leads to another one.
DWDHT = (sys.executable, "-m", "dwdht_twisted")

#: The command ``twistd`` in the foreground, without a pid file.
TWISTD = (str(SCRIPTS / "twistd"), "--nodaemon", "--pidfile=")

#: The folder of the project.
ROOT = Path(__file__).parents[3]


class Program(ChildProcess):
    """
    A running program.

    :ivar signal: the number of the signal that ended the program, or None
    """

    def __init__(self, reactor: Any) -> None:
        super().__init__(reactor)
        self.signal: int | None = None
        self._expected: tuple[str, Deferred[None]] | None = None

    @property
    def text(self) -> str:
        """The text that the program has written to standard output."""
        return self.output.decode(errors="replace")

    @property
    def errorText(self) -> str:
        """The text that the program has written to standard error."""
        return self.errors.decode(errors="replace")

    def outReceived(self, data: bytes) -> None:
        super().outReceived(data)
        self._look()

    def _look(self) -> None:
        if self._expected is not None and self._expected[0] in self.text:
            found, self._expected = self._expected[1], None
            found.callback(None)

    async def says(self, text: str, seconds: float = 20.0) -> None:
        """
        Wait until the program's standard output contains a text.

        :raises FailTest: if the text doesn't come within ``seconds``, or the program ends before
        """
        found: Deferred[None] = Deferred()
        self._expected = (text, found)
        found.addTimeout(seconds, self._reactor)
        self._look()
        try:
            await found
        except Exception:
            raise FailTest(f"{text!r} never came:\n{self.text}\n{self.errorText}") from None

    def send(self, name: str) -> None:
        """Send a signal to the program, for example ``"TERM"``."""
        assert self.transport is not None
        self.transport.signalProcess(name)

    def processEnded(self, reason: Failure) -> None:
        self.signal = getattr(reason.value, "signal", None)
        if self._expected is not None:
            expected, self._expected = self._expected[1], None
            expected.errback(reason)
        super().processEnded(reason)


class ProgramTestCase(TestCase):
    """
    A base for tests that run programs in a folder of their own.

    :ivar folder: this folder
    """

    timeout = 90

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()

    def start(self, *command: str, environment: dict[str, str] | None = None) -> Program:
        """Start a program. It is killed at the end of the test if it still runs."""
        program = Program(self.reactor)
        path = os.pathsep.join([str(SCRIPTS), os.environ.get("PATH", "")])
        program.spawn(command, self.folder, {"PATH": path, **(environment or {})})

        async def end() -> None:
            program.kill()
            await program.end(10)

        self.addCleanup(lambda: Deferred.fromCoroutine(end()))
        return program

    async def finish(
        self, *command: str, environment: dict[str, str] | None = None, seconds: float = 60.0
    ) -> Program:
        """Run a program to its end and return it."""
        program = self.start(*command, environment=environment)
        await program.end(seconds)
        return program

    async def startNode(self, *options: str) -> tuple[Program, str]:
        """
        Start ``twistd dwdht`` on loopback, and wait until it answers a ping.

        :return: the program, and the address of its node
        """
        program = self.start(*TWISTD, "dwdht", "--interface", "127.0.0.1", *options)
        await program.says("; bootstrap nodes: ")
        address = program.text.partition("listening on ")[2].split()[0]
        # The program prints its address before its reactor runs. A signal at that time would end
        # the program without a regular shutdown, so wait for an answer to a ping.
        asker = DHTNode(self.reactor, ephemeral=True)
        await asker.ping(address)
        await asker.destroy()
        return program, address

    async def untilItAnswers(self, address: str, program: Program) -> None:
        """Wait until the node of a program answers a ping. The program may have just started."""
        asker = DHTNode(self.reactor, ephemeral=True)
        # Each ping fails after 4 seconds, and the program may take longer to start.
        for _ in range(5):
            try:
                await asker.ping(address)
                break
            except Exception:
                self.assertFalse(program.ended, program.errorText)
        await asker.destroy()

    async def pause(self, seconds: float = 0.1) -> None:
        """Let some real time pass."""
        await deferLater(self.reactor, seconds, lambda: None)

    async def terminate(self, program: Program) -> None:
        """
        End a program with SIGTERM, as an operator does. Require a regular shutdown without a
        traceback.
        """
        program.send("TERM")
        await program.end(20)
        self.assertIn(program.signal, (None, signal.SIGTERM), program.text)
        self.assertIn("Server Shut Down.", program.text)
        self.assertNotIn("Traceback", program.text + program.errorText)

    def assertRefused(self, program: Program, status: int, line: str) -> None:
        """Require this exit status, and exactly this line on standard error."""
        self.assertEqual((program.exitCode, program.errorText), (status, f"{line}\n"))


def takenPort(test: TestCase) -> int:
    """Return a UDP port on loopback that a socket holds until the end of the test."""
    taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    test.addCleanup(taken.close)
    taken.bind(("127.0.0.1", 0))
    port: int = taken.getsockname()[1]
    return port


def freePort() -> int:
    """Return a UDP port on loopback that was free a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
