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

#: A value of eight pieces. With the root of its tree, nine plain values are kept.
LARGE = "".join(f"{number:08}" for number in range(1000))


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

    def test_fromIsRefused(self) -> None:
        """``--keep`` is refused together with ``--from``, because it puts all pieces."""
        network = ("--bootstrap", BOOTSTRAP)
        expected = "give --keep or --from, not both"
        self.assertRefused(expected, "put", *network, "--keep", "--from", "1000", "x")


class KeepTests(CommandTestCase):
    """
    The run of the command.
    """

    def setUp(self) -> None:
        super().setUp()
        self.output, self.errors = BytesIO(), BytesIO()

    def keep(self, *arguments: str, value: str = "x", showsProgress: bool = False) -> Deferred[int]:
        """Start to keep a value."""
        console = Console(self.output, self.errors, isTerminal=False, showsProgress=showsProgress)
        return self.start("put", "--keep", *arguments, value, console=console)

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

    def test_largeValueIsKeptByItsPieces(self) -> None:
        """
        The key of a larger value is printed once, when all its pieces are stored. All pieces are
        put again, and expire after the interruption.
        """
        work = self.keep("--bootstrap", BOOTSTRAP, value=LARGE)
        tree = values.treeOf(LARGE.encode())
        keys = set(map(values.keyOf, tree.values))
        self.network.clock.runFor(1)
        self.assertEqual(self.output.getvalue(), b"")
        self.network.clock.runFor(5)
        printed = f"{tree.key}\n"
        self.assertEqual(self.output.getvalue().decode(), printed)
        self.assertEqual({len(self.network.holders(key)) for key in keys}, {20})
        found: set[bytes] = set()
        for _ in range(2 * 60):
            self.network.clock.runFor(60)
            found |= {key for key in keys if self.network.holders(key)}
        self.assertEqual(found, keys)
        self.assertEqual(self.interrupt(work), 0)
        self.assertEqual(self.output.getvalue().decode(), printed)
        reported = "each piece is stored on 20 nodes or more\n"
        self.assertEqual(self.errors.getvalue().decode(), reported)
        self.network.clock.runFor(MAXIMUM_AGE)
        self.assertEqual({len(self.network.holders(key)) for key in keys}, {0})

    def test_largeValueIsNotStoredBeforeAllPieces(self) -> None:
        """
        An interruption before all pieces of a larger value are stored is a failure. The line on the
        terminal tells how many pieces are.
        """
        work = self.keep("--bootstrap", BOOTSTRAP, value=LARGE, showsProgress=True)
        self.network.clock.runFor(2)
        self.assertEqual(self.interrupt(work), 1)
        self.assertRegex(self.errors.getvalue().decode(), "s: [1-7] of 9 pieces")
        self.assertEqual(self.output.getvalue(), b"")

    def test_largeValuePrintsJSON(self) -> None:
        """With ``--json``, each put of a piece is one object with the keys of both."""
        work = self.keep("--bootstrap", BOOTSTRAP, "--json", value=LARGE)
        self.network.clock.runFor(6)
        self.assertEqual(self.interrupt(work), 0)
        tree = values.treeOf(LARGE.encode())
        records = [json.loads(line) for line in self.output.getvalue().splitlines()]
        self.assertEqual({record["key"] for record in records}, {str(tree.key)})
        pieces = {values.keyOf(value).hex() for value in tree.values}
        self.assertEqual({record["piece"] for record in records}, pieces)
