"""
Helpers that run command lines of ``dwdht`` on a network in memory.
"""

from __future__ import annotations

import os
from io import BytesIO
from typing import BinaryIO, NamedTuple

from twisted.internet.defer import Deferred
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._bootstrap import BOOTSTRAP_VARIABLE, KEY_FILE_VARIABLE
from dwdht_twisted._cli.console import Console
from dwdht_twisted._cli.program import Options, run
from tests.helpers.networks.values import BOOTSTRAP, ValueNetwork

KEY = "ab" * 32


class Result(NamedTuple):
    """
    The output of a command and its exit status.
    """

    status: int
    output: bytes
    errors: str

    @property
    def lines(self) -> list[str]:
        """The lines of the output."""
        return self.output.decode().splitlines()


class Terminal(BytesIO):
    """
    Standard input that is a terminal at which nothing is typed.
    """

    def isatty(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int | None = -1) -> bytes:
        """Fail the test, because a read from a real terminal would wait for a person."""
        raise AssertionError("a terminal was read")


def parse(*arguments: str) -> Options:
    """Read a command line."""
    options = Options()
    options.parseOptions(list(arguments))
    return options


def setVariable(test: SynchronousTestCase, value: str | None) -> None:
    """Set DWDHT_BOOTSTRAP, or remove it, until the end of a test.  Forget the network key."""
    unset = {BOOTSTRAP_VARIABLE, KEY_FILE_VARIABLE}
    environment = {name: text for name, text in os.environ.items() if name not in unset}
    if value is not None:
        environment[BOOTSTRAP_VARIABLE] = value
    test.patch(os, "environ", environment)


class CommandLineTestCase(SynchronousTestCase):
    """
    A base for tests of how command lines are read.
    """

    def setUp(self) -> None:
        setVariable(self, None)

    def assertRefused(self, expected: str, *arguments: str) -> None:
        """Require a usage error of one line that contains the expected text."""
        with self.assertRaises(UsageError) as raised:
            parse(*arguments)
        message = str(raised.exception)
        self.assertIn(expected, message)
        self.assertNotIn("\n", message)


class CommandTestCase(SynchronousTestCase):
    """
    A base for tests of commands on a network of nodes in memory.

    :cvar size: the number of nodes that store values
    """

    size = 25

    def setUp(self) -> None:
        setVariable(self, None)
        self.network = ValueNetwork(self.size)

    def start(
        self, *arguments: str, stdin: BinaryIO | None = None, console: Console
    ) -> Deferred[int]:
        """
        Start a command line.

        :param stdin: standard input, a terminal by default
        :return: fires with the exit status
        """
        options = parse(*arguments)
        options.command.readInput(stdin or Terminal())
        return Deferred.fromCoroutine(run(self.network.reactor(), options, console))

    def attempt(
        self,
        *arguments: str,
        stdin: BinaryIO | None = None,
        isTerminal: bool = False,
        showsProgress: bool = False,
    ) -> Result:
        """
        Run a command line to its end.

        :param isTerminal: whether standard output is a terminal
        :param showsProgress: whether standard error is a terminal
        """
        output, errors = BytesIO(), BytesIO()
        console = Console(output, errors, isTerminal=isTerminal, showsProgress=showsProgress)
        status = self.network.clock.runUntil(self.start(*arguments, stdin=stdin, console=console))
        return Result(status, output.getvalue(), errors.getvalue().decode())

    def result(
        self, *arguments: str, stdin: BinaryIO | None = None, isTerminal: bool = False
    ) -> Result:
        """Run a command line, which must succeed."""
        result = self.attempt(*arguments, stdin=stdin, isTerminal=isTerminal)
        self.assertEqual(result.status, 0, result.errors)
        return result

    def put(self, value: bytes) -> str:
        """Store a value and return its key in hexadecimal."""
        result = self.result("put", "--bootstrap", BOOTSTRAP, stdin=BytesIO(value))
        return result.output.decode().strip()

    def assertFails(self, line: str, *arguments: str) -> Result:
        """Require exit status 1 and exactly this line on standard error."""
        result = self.attempt(*arguments)
        self.assertEqual((result.status, result.errors), (1, f"{line}\n"))
        return result
