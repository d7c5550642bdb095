"""
``dwdht put --keep``, on a network in memory.
"""

from __future__ import annotations

import json
from io import BytesIO

from twisted.internet.defer import Deferred

from dwdht_twisted import values
from dwdht_twisted._cli.console import Console
from tests.cli.sessions import CommandLineTestCase, CommandTestCase
from tests.helpers.networks.values import BOOTSTRAP, MAXIMUM_AGE


class KeepOptionTests(CommandLineTestCase):
    """
    The option ``--keep``.
    """

    def test_timeoutIsRefused(self) -> None:
        """``--keep`` is refused together with ``--timeout``, also before the command."""
        expected = "give --keep or --timeout, not both"
        network = ("--bootstrap", BOOTSTRAP)
        self.assertRefused(expected, "put", *network, "--keep", "--timeout", "5", "x")
        self.assertRefused(expected, "--timeout", "5", "put", *network, "--keep", "x")


class KeepTests(CommandTestCase):
    """
    The run of the command.
    """

    def setUp(self) -> None:
        super().setUp()
        self.output, self.errors = BytesIO(), BytesIO()

    def keep(self, *arguments: str, showsProgress: bool = False) -> Deferred[int]:
        """Start to keep the value ``x``."""
        console = Console(self.output, self.errors, isTerminal=False, showsProgress=showsProgress)
        return self.start("put", "--keep", *arguments, "x", console=console)

    def interrupt(self, work: Deferred[int]) -> int:
        """Interrupt a command, and return its exit status."""
        work.cancel()
        return self.network.clock.runUntil(work)

    def test_valueIsKeptUntilTheInterruption(self) -> None:
        """
        The key is printed once, and each put on standard error. After the interruption the command
        succeeds, and the value expires.
        """
        work = self.keep("--bootstrap", BOOTSTRAP)
        self.network.clock.runFor(5)
        key = values.keyOf(b"x")
        # The nodes of this network drop values long before a day has passed, so the value is put
        # again later than they drop it.
        self.assertEqual(len(self.network.holders(key)), 20)
        self.network.clock.runFor(2 * 3600)
        self.assertEqual(self.interrupt(work), 0)
        self.assertEqual(self.output.getvalue().decode(), f"{key.hex()}\n")
        first, *others = self.errors.getvalue().decode().splitlines()
        self.assertEqual(first, "stored on 20 nodes")
        self.assertNotEqual(others, [])
        self.assertEqual(set(others), {"stored again on 20 nodes; 0 still held it"})
        self.network.clock.runFor(MAXIMUM_AGE)
        self.assertEqual(self.network.holders(key), set())

    def test_keepPrintsJSON(self) -> None:
        """With ``--json``, each put is one object on standard output."""
        work = self.keep("--bootstrap", BOOTSTRAP, "--json")
        self.network.clock.runFor(5)
        self.assertEqual(self.interrupt(work), 0)
        expected = {"key": values.keyOf(b"x").hex(), "nodes": 20, "heldBefore": 0}
        self.assertEqual(json.loads(self.output.getvalue()), expected)
        self.assertEqual(self.errors.getvalue(), b"")

    def test_unreachedNetworkIsTriedAgain(self) -> None:
        """
        While no node takes the value, this is reported, and the value is put again. The command
        fails when it is interrupted before any node took the value.
        """
        work = self.keep("--bootstrap", "10.0.9.9:1")
        self.network.clock.runFor(300)
        self.assertEqual(self.interrupt(work), 1)
        *lines, last = self.errors.getvalue().decode().splitlines()
        self.assertGreater(len(lines), 2)
        self.assertEqual(set(lines), {"no node took the value; it is put again soon"})
        self.assertEqual(last, "dwdht put: interrupted")
        self.assertEqual(self.output.getvalue(), b"")

    def test_progressTellsTheHolders(self) -> None:
        """The line on the terminal tells how many nodes took the value the last time."""
        work = self.keep("--bootstrap", BOOTSTRAP, showsProgress=True)
        self.network.clock.runFor(10)
        self.assertIn("s: kept on 20 nodes", self.errors.getvalue().decode())
        self.assertEqual(self.interrupt(work), 0)
