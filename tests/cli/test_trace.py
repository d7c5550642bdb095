"""
The command ``dwdht trace``, on a network in memory.
"""

from __future__ import annotations

import json
import os
import re
from errno import ENOSPC
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

from dwdht_twisted._cli.console import Console
from tests.cli.sessions import KEY, CommandLineTestCase, CommandTestCase
from tests.cli.test_console import Broken
from tests.helpers.networks.values import BOOTSTRAP

SVG = "{http://www.w3.org/2000/svg}"


class TraceUsageTests(CommandLineTestCase):
    """
    The command line of ``dwdht trace``.
    """

    def test_mistakesAreRefused(self) -> None:
        """A target that is not 32 bytes and a command of the protocol itself are refused."""
        self.assertRefused("the target must be 32 bytes", "trace", "ab", "--bootstrap", BOOTSTRAP)
        self.assertRefused("_ping", "trace", KEY, "--bootstrap", BOOTSTRAP, "--command", "_ping")

    def test_pictureGoesToAFile(self) -> None:
        """The picture is refused where the lines of the lookup go, and without a name."""
        for name in ("", "-"):
            self.assertRefused(
                f"--svg must be a file, not {name!r}",
                *("trace", KEY, "--bootstrap", BOOTSTRAP, "--svg", name),
            )


class TraceTests(CommandTestCase):
    """
    A lookup among 25 nodes.
    """

    def trace(self, *arguments: str, isTerminal: bool = False) -> list[str]:
        """Trace a lookup, and return the lines of the output."""
        return self.result(
            "trace", "--bootstrap", BOOTSTRAP, *arguments, isTerminal=isTerminal
        ).lines

    def test_eachAnswerIsALine(self) -> None:
        """
        The first line has the target. Each node that answered has a line with the time, the hop,
        the address, the bits that its id shares, and the number of nodes that it named.
        """
        lines = self.trace(KEY)
        self.assertEqual(lines[0], f"Looking for {KEY}")
        first = lines[3].split()
        self.assertEqual(first[2:6], ["1", BOOTSTRAP, "-", "-"])
        ids = {node.id.hex()[:8] for node in self.network.members}
        shown = {line.split()[4] for line in lines[4:-3]}
        self.assertLessEqual(shown, ids)
        self.assertGreaterEqual(len(shown), 20)
        for line in lines[4:-3]:
            _, _, hop, _, id, bits = line.split()[:6]
            self.assertGreater(int(hop), 1)
            shared = (int(id, 16) ^ int(KEY[:8], 16)).bit_length()
            self.assertEqual(int(bits), 32 - shared)

    def test_summaryCounts(self) -> None:
        """The end tells the number of closest nodes, the hops, and how many were asked."""
        lines = self.trace(KEY)
        self.assertRegex(lines[-2], r"^20 closest nodes found in .*s and [23] hops; 2\d asked, ")
        self.assertRegex(lines[-1], r"^They share \d+ to \d+ bits with the target\.$")

    def test_holdersOfAValueAreShown(self) -> None:
        """The nodes that have a value under the target are told, with the size of the value."""
        key = self.put(b"hello")
        lines = self.trace(key)
        self.assertEqual(sum("value of 5 bytes" in line for line in lines), 20)

    def test_deadNodesAreShown(self) -> None:
        """A node that has just gone is late, and a hole punch to it is tried."""
        gone = self.network.members.pop()
        self.network.clock.runUntil(gone.destroy())
        lines = [line for line in self.trace(gone.id.hex()) if gone.id.hex()[:8] in line]
        self.assertTrue(any("late, 1 request so far" in line for line in lines), lines)
        self.assertTrue(any("hole punch through 10." in line for line in lines), lines)

    def test_terminalHasBarsAndColours(self) -> None:
        """On a wide terminal, lines have bars and colours and fit the width."""
        self.patch(os, "environ", {"TERM": "xterm", "COLUMNS": "110", "LINES": "40"})
        lines = self.trace(KEY, isTerminal=True)
        self.assertTrue(any("\x1b[36m█" in line for line in lines))
        for line in lines:
            self.assertLessEqual(len(re.sub("\x1b\\[[0-9]*m", "", line)), 110)

    def test_narrowTerminalGetsNarrowLines(self) -> None:
        """On a terminal of 40 columns, no line is longer."""
        self.patch(os, "environ", {"TERM": "xterm", "COLUMNS": "40", "LINES": "40"})
        for line in self.trace(KEY, isTerminal=True):
            self.assertLessEqual(len(re.sub("\x1b\\[[0-9]*m", "", line)), 40)

    def test_jsonHasAnObjectForEachStep(self) -> None:
        """With --json, each step is an object, with its time since the start."""
        steps = [json.loads(line) for line in self.trace(KEY, "--json")]
        self.assertEqual(
            steps[0], {"kind": "started", "time": 0.0, "command": "values", "target": KEY}
        )
        self.assertEqual(steps[-1]["kind"], "ended")
        self.assertEqual(len(steps[-1]["found"]), 20)
        times = [step["time"] for step in steps]
        self.assertEqual(times, sorted(times))

    def test_pictureHasAMarkForEachNode(self) -> None:
        """With --svg, the file is an SVG document with a group for each node that was asked."""
        path = self.mktemp()
        lines = self.trace(KEY, "--svg", path)
        document = ElementTree.parse(path).getroot()
        self.assertEqual(document.tag, f"{SVG}svg")
        groups = document.findall(f"{SVG}g")
        self.assertIn(f" {len(groups)} asked", lines[-2])
        titles = [group.findtext(f"{SVG}title") or "" for group in groups]
        self.assertIn(f"{BOOTSTRAP}, hop 1: answered in ", titles[0])
        found = document.findall(f".//{SVG}g/{SVG}circle[@class='found']")
        self.assertEqual(len(found), 20)
        self.assertIn(KEY, document.findtext(f"{SVG}title") or "")

    def test_pictureOfASilentNetworkIsWritten(self) -> None:
        """When no node answers, the command fails, and the picture shows the silent node."""
        path = self.mktemp()
        self.assertFails(
            "dwdht trace: no node answered; asked 10.0.9.8:1",
            *("trace", KEY, "--bootstrap", "10.0.9.8:1", "--svg", path),
        )
        self.assertIn("10.0.9.8:1, hop 1: silent", Path(path).read_text())

    def test_pictureGoesToAPipe(self) -> None:
        """A picture is written to a pipe that is read, and a pipe without a reader is an error."""
        path = self.mktemp()
        os.mkfifo(path)
        self.assertFails(
            f"dwdht trace: cannot write {path!r}: No such device or address",
            *("trace", KEY, "--bootstrap", BOOTSTRAP, "--svg", path),
        )
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        self.trace(KEY, "--svg", path)
        # A picture of 26 nodes fits the buffer of a pipe, so nothing waits for this reader.
        self.assertIn(b"</svg>", os.read(reader, 65_536))

    def test_pictureThatCannotBeWrittenFails(self) -> None:
        """A picture in a folder that doesn't exist fails the command with one line."""
        path = f"{self.mktemp()}/trace.svg"
        self.assertFails(
            f"dwdht trace: cannot write {path!r}: No such file or directory",
            *("trace", KEY, "--bootstrap", BOOTSTRAP, "--svg", path),
        )

    def test_failedOutputEndsTheLookup(self) -> None:
        """When standard output fails, the lookup ends, and one line gives the reason."""
        errors = BytesIO()
        console = Console(Broken(OSError(ENOSPC, "No space left on device"), takes=4), errors)
        started = self.start("trace", "--bootstrap", BOOTSTRAP, KEY, console=console)
        self.assertEqual(self.network.clock.runUntil(started), 1)
        self.assertEqual(
            errors.getvalue().decode(),
            "dwdht trace: cannot write to standard output: No space left on device\n",
        )
