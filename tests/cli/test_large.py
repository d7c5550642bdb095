"""
The commands put and get of ``dwdht`` with values of up to 1 MiB, on a network in memory.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from random import Random

from dwdht_twisted import values
from dwdht_twisted._cli.console import Console
from dwdht_twisted.values import treeOf
from tests.cli.sessions import CommandTestCase
from tests.helpers.networks.values import BOOTSTRAP

NETWORK = ("--bootstrap", BOOTSTRAP)


class LargeTestCase(CommandTestCase):
    """
    A base for tests with a file whose value is larger than 1,000 bytes.
    """

    def setUp(self) -> None:
        super().setUp()
        self.value = Random(17).randbytes(60_000)
        self.key = str(treeOf(self.value).key)
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.path = self.folder / "value"
        self.path.write_bytes(self.value)

    def store(self) -> None:
        """Put the value of the file."""
        self.result("put", *NETWORK, "--file", str(self.path))

    def interrupt(self, isTime: Callable[[], bool], *arguments: str) -> str:
        """
        Run a command until a condition is met, and end it as an interrupt does.

        :return: the text on standard error
        """
        errors = BytesIO()
        working = self.start(*arguments, console=Console(BytesIO(), errors))
        while not isTime():
            self.network.clock.runFor(0.01)
        self.assertFalse(working.called)
        working.cancel()
        self.assertEqual(self.network.clock.runUntil(working), 1)
        return errors.getvalue().decode()

    def valuesStored(self) -> int:
        """Return the number of values that the 25 nodes keep."""
        return sum(map(len, self.network.stores.values()))


class LargePutTests(LargeTestCase):
    """
    The command ``dwdht put`` with a large value.
    """

    def test_putPrintsAMarkedKey(self) -> None:
        """
        A put of more than 1,000 bytes prints a key that begins with ``tree:``. On standard error,
        it prints the number of nodes that took the piece that the fewest nodes took.
        """
        result = self.result("put", *NETWORK, "--file", str(self.path))
        self.assertEqual(result.output.decode(), f"{self.key}\n")
        self.assertEqual(result.errors, "each piece is stored on 20 nodes or more\n")

    def test_limitOfAPlainValue(self) -> None:
        """A value of 1,000 bytes is put as a plain value, and one of 1,001 bytes as a tree."""
        self.assertEqual(self.put(bytes(1000)), values.keyOf(bytes(1000)).hex())
        self.assertEqual(self.put(bytes(1001)), str(treeOf(bytes(1001)).key))

    def test_putPrintsJSON(self) -> None:
        """A put with ``--json`` prints one object: the key, the size, and the number of nodes."""
        result = self.result("put", *NETWORK, "--json", "--file", str(self.path))
        self.assertEqual(json.loads(result.output), {"key": self.key, "bytes": 60_000, "nodes": 20})
        self.assertEqual(result.errors, "")

    def test_interruptedPutGoesOn(self) -> None:
        """
        A put that is interrupted says how many bytes are stored. With this number as ``--from``,
        another put sends the rest, and the value is found.
        """
        text = self.interrupt(
            lambda: self.valuesStored() > 40 * 20, "put", *NETWORK, "--file", str(self.path)
        )
        self.assertRegex(
            text,
            r"^(\d+) bytes are stored; --from \1 goes on from there\ndwdht put: interrupted$",
        )
        done = text.split()[0]
        result = self.result("put", *NETWORK, "--file", str(self.path), "--from", done)
        self.assertEqual(result.output.decode(), f"{self.key}\n")
        self.assertEqual(self.result("get", *NETWORK, self.key).output, self.value)

    def test_progressIsShown(self) -> None:
        """A put on a terminal shows the bytes that are stored, of all."""
        self.network.network.latency = 0.2
        result = self.attempt("put", *NETWORK, "--file", str(self.path), showsProgress=True)
        self.assertRegex(result.errors, r"\d s: [1-9]\d*,000 of 60,000 bytes")


class LargeGetTests(LargeTestCase):
    """
    The command ``dwdht get`` with the key of a large value.
    """

    def test_getPrintsTheBytes(self) -> None:
        """A get prints exactly the bytes of the value."""
        self.store()
        self.assertEqual(self.result("get", *NETWORK, self.key).output, self.value)

    def test_getEscapesOnATerminal(self) -> None:
        """On a terminal, a get shows a large value as it shows a small one."""
        text = "caf\u00e9 \x1b\n" * 500
        key = self.put(text.encode())
        result = self.result("get", *NETWORK, key, isTerminal=True)
        self.assertEqual(result.output.decode(), "caf\u00e9 \\x1b\n" * 500)
        self.assertIn("shown with escapes", result.errors)

    def test_getPrintsJSON(self) -> None:
        """A get with ``--json`` prints one object with the key and the value."""
        key = self.put(b"text " * 1000)
        result = self.result("get", *NETWORK, "--json", key)
        self.assertEqual(json.loads(result.output), {"key": key, "value": "text " * 1000})

    def test_getWritesAFile(self) -> None:
        """
        A get with ``--output`` replaces the file by the value, large or small, and leaves no other
        file. It prints nothing, or one object with ``--json``.
        """
        self.store()
        small = self.put(b"small")
        path = self.folder / "got"
        for key, value in ((self.key, self.value), (small, b"small")):
            result = self.result("get", *NETWORK, "--output", str(path), key)
            self.assertEqual((result.output, result.errors), (b"", ""))
            self.assertEqual(path.read_bytes(), value)
        self.assertEqual(sorted(os.listdir(self.folder)), ["got", "value"])
        result = self.result("get", *NETWORK, "--json", "--output", str(path), small)
        record = {"key": small, "bytes": 5, "output": str(path)}
        self.assertEqual(json.loads(result.output), record)

    def test_interruptedGetGoesOn(self) -> None:
        """
        A get that is interrupted keeps what it has written in ``PATH.part``. The next get fetches
        none of these pieces, except one that was damaged meanwhile. The value is whole in the end.
        """
        self.store()
        path = self.folder / "got"
        part = self.folder / "got.part"
        text = self.interrupt(
            lambda: part.exists() and part.stat().st_size > 10_000,
            *("get", *NETWORK, "--output", str(path), self.key),
        )
        self.assertRegex(text, r"got.part' keeps \d+ bytes; the same command goes on with it\n")
        self.assertFalse(path.exists())
        kept = bytearray(part.read_bytes())
        self.assertEqual(bytes(kept), self.value[: len(kept)])
        kept[10] ^= 1
        part.write_bytes(kept)
        for piece in treeOf(self.value).values[1 : len(kept) // 1000]:
            for store in self.network.stores.values():
                store._drop(values.keyOf(piece))
        self.result("get", *NETWORK, "--output", str(path), self.key)
        self.assertEqual(path.read_bytes(), self.value)
        self.assertFalse(part.exists())

    def test_partOfALongerValueIsCut(self) -> None:
        """A get overwrites a ``PATH.part`` of another, longer value, and cuts it off."""
        self.store()
        path = self.folder / "got"
        (self.folder / "got.part").write_bytes(bytes(100_000))
        self.result("get", *NETWORK, "--output", str(path), self.key)
        self.assertEqual(path.read_bytes(), self.value)

    def test_unwritableFileFails(self) -> None:
        """A get whose file can't be opened, or can't take its name, fails in one line."""
        self.store()
        path = self.folder / "nosuch" / "got"
        self.assertFails(
            f"dwdht get: cannot write '{path}.part': No such file or directory",
            *("get", *NETWORK, "--output", str(path), self.key),
        )
        path.mkdir(parents=True)
        result = self.attempt("get", *NETWORK, "--output", str(path), self.key)
        self.assertEqual(result.status, 1)
        self.assertIn("dwdht get: cannot write ", result.errors)

    def test_missingValueLeavesNoFile(self) -> None:
        """A get with ``--output`` of an unknown key fails, and leaves no file."""
        result = self.attempt("get", *NETWORK, "--output", str(self.folder / "got"), self.key)
        self.assertIn("dwdht get: the root of tree:", result.errors)
        self.assertEqual(os.listdir(self.folder), ["value"])

    def test_plainKeyOfARootFindsTheRoot(self) -> None:
        """
        The key of a root without its mark finds the root as a plain value. The key of a plain value
        with the mark fails, because it is no tree.
        """
        self.store()
        root = treeOf(self.value).values[-1]
        key = self.key.removeprefix("tree:")
        self.assertEqual(self.result("get", *NETWORK, key).output, root)
        self.assertFails(
            "dwdht get: the value under the key is not the root of a tree",
            *("get", *NETWORK, f"tree:{self.put(b'plain')}"),
        )
