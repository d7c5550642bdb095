"""
The commands keygen, publish and resolve of ``dwdht``, on a network in memory.
"""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

from dwdht_twisted import values
from tests.cli.sessions import KEY, CommandLineTestCase, CommandTestCase
from tests.helpers.networks.values import BOOTSTRAP


class KeygenTests(CommandTestCase):
    """
    The command ``dwdht keygen``.
    """

    size = 0

    def test_keygenWritesAKey(self) -> None:
        """A keygen writes a file that only its owner may read, and prints the public key."""
        path = Path(self.mktemp())
        result = self.result("keygen", str(path))
        key = values.publicKeyOf(values.loadKey(path))
        self.assertEqual((result.output, result.errors), (f"{key.hex()}\n".encode(), ""))
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)

    def test_keygenOverwritesNothing(self) -> None:
        """A keygen fails in one line if the file exists, or can't be made."""
        path = Path(self.mktemp())
        path.write_text("mine")
        self.assertFails(
            f"dwdht keygen: cannot make the key file '{path}': File exists", "keygen", str(path)
        )
        self.assertEqual(path.read_text(), "mine")
        self.assertFails(
            f"dwdht keygen: cannot make the key file '{path}/x': Not a directory",
            *("keygen", f"{path}/x"),
        )


class RecordTests(CommandTestCase):
    """
    The commands ``dwdht publish`` and ``dwdht resolve``.
    """

    def setUp(self) -> None:
        super().setUp()
        self.path = self.mktemp()
        self.key = self.result("keygen", self.path).output.decode().strip()

    def publish(self, *arguments: str, stdin: BytesIO | None = None) -> str:
        """Publish a value. Return the text on standard error."""
        options = ("--bootstrap", BOOTSTRAP, "--key", self.path)
        result = self.result("publish", *options, *arguments, stdin=stdin)
        self.assertEqual(result.lines, [self.key])
        return result.errors

    def resolve(self, *arguments: str) -> bytes:
        """Resolve the key. Return the output."""
        return self.result("resolve", "--bootstrap", BOOTSTRAP, *arguments, self.key).output

    def test_resolveFindsTheNewestRecord(self) -> None:
        """
        A publish prints the public key. A resolve of this key prints the value that was published
        last.
        """
        for number, value in enumerate(["first", "second", "third"], start=1):
            self.assertEqual(self.publish(value), f"published with sequence number {number}\n")
            self.assertEqual(self.resolve(), value.encode())

    def test_publishTakesASequenceNumber(self) -> None:
        """A publish has the given number. It fails in one line if the number is too low."""
        self.assertEqual(self.publish("--sequence", "7", "x"), "published with sequence number 7\n")
        self.assertFails(
            "dwdht publish: a newer record is kept: its sequence number is 7, not 6",
            *("publish", "--bootstrap", BOOTSTRAP, "--key", self.path, "--sequence", "6", "y"),
        )
        self.assertFails(
            "dwdht publish: the newest record has the sequence number 7, not 5",
            *("publish", "--bootstrap", BOOTSTRAP, "--key", self.path, "--expect", "5", "y"),
        )
        self.publish("--expect", "7", "y")
        self.assertEqual(self.resolve(), b"y")

    def test_publishTakesEachSequenceNumber(self) -> None:
        """A publish takes a time in nanoseconds as a number and as ``--expect``, and 2^64 - 1."""
        number = 1796075890201731522
        self.publish("--sequence", str(number), "x")
        self.assertEqual(
            self.publish("--expect", str(number), "y"),
            f"published with sequence number {number + 1}\n",
        )
        self.publish("--sequence", str(2**64 - 1), "z")
        self.assertFails(
            f"dwdht publish: no sequence number is above {2**64 - 1}",
            *("publish", "--bootstrap", BOOTSTRAP, "--key", self.path),
            *("--expect", str(2**64 - 1), "late"),
        )

    def test_saltTellsRecordsApart(self) -> None:
        """Records with different salts are independent."""
        self.publish("--salt", "a", "of a")
        self.publish("--salt", "b", "of b")
        self.assertEqual(self.resolve("--salt", "a"), b"of a")
        self.assertEqual(self.resolve("--salt", "b"), b"of b")
        self.assertFails(
            f"dwdht resolve: no node holds a valid record of the key {self.key}",
            *("resolve", "--bootstrap", BOOTSTRAP, self.key),
        )

    def test_publishReadsStandardInput(self) -> None:
        """A publish without a value reads it from standard input."""
        self.publish(stdin=BytesIO(b"\x00\xff\n"))
        self.assertEqual(self.resolve(), b"\x00\xff\n")

    def test_resolveEscapesOnATerminal(self) -> None:
        """On a terminal, a resolve shows a value as a get does, and with ``--raw`` as it is."""
        self.publish("\x1b[2J")
        arguments = ("resolve", "--bootstrap", BOOTSTRAP, self.key)
        self.assertEqual(self.result(*arguments, isTerminal=True).output, b"\\x1b[2J\n")
        self.assertEqual(self.result(*arguments, "--raw", isTerminal=True).output, b"\x1b[2J")

    def test_commandsPrintJSON(self) -> None:
        """With ``--json``, a publish and a resolve print one object each."""
        options = ("--json", "--bootstrap", BOOTSTRAP)
        [line] = self.result("publish", *options, "--key", self.path, "x").lines
        target = values.targetOf(bytes.fromhex(self.key)).hex()
        self.assertEqual(json.loads(line), {"key": self.key, "sequence": 1, "target": target})
        [line] = self.result("resolve", *options, self.key).lines
        self.assertEqual(json.loads(line), {"key": self.key, "sequence": 1, "value": "x"})

    def test_keyThatOthersMayReadIsRefused(self) -> None:
        """A publish fails in one line, before it opens a port, if others may read the key file."""
        sent = self.network.network.sent
        Path(self.path).chmod(0o644)
        self.assertFails(
            f"dwdht publish: the key file '{self.path}' may be read or written by others "
            "(mode 0644); make it private: chmod 600",
            *("publish", "--bootstrap", BOOTSTRAP, "--key", self.path, "x"),
        )
        self.assertFails(
            "dwdht publish: cannot read the key file 'nosuch': No such file or directory",
            *("publish", "--bootstrap", BOOTSTRAP, "--key", "nosuch", "x"),
        )
        self.assertEqual(self.network.network.sent, sent)


class RecordCommandLineTests(CommandLineTestCase):
    """
    How the command lines of keygen, publish and resolve are read.
    """

    def test_mistakesAreRefused(self) -> None:
        """Wrong arguments and options are refused in one line."""
        start = ("publish", "--bootstrap", BOOTSTRAP)
        self.assertRefused("the arguments must be: FILE", "keygen")
        self.assertRefused("give --key FILE", *start, "x")
        keyed = (*start, "--key", "file")
        self.assertRefused("--sequence must be a number", *keyed, "--sequence", "-1", "x")
        self.assertRefused("--expect must be a number", *keyed, "--expect", "x", "x")
        for name in ("--sequence", "--expect"):
            for number in (str(2**64), "1" * 5000):
                self.assertRefused(
                    f"{name} must be a number from 0 to 18446744073709551615",
                    *(*keyed, name, number, "x"),
                )
        self.assertRefused("--salt may have up to 64 bytes", *keyed, "--salt", "x" * 65, "x")
        self.assertRefused("up to 1000 bytes", *keyed, "x" * 1001)
        self.assertRefused("give --bootstrap", "resolve", KEY)
        resolve = ("resolve", "--bootstrap", BOOTSTRAP)
        self.assertRefused("the public key must be 32 bytes", *resolve, KEY[2:])
        self.assertRefused("give --raw or --json, not both", *resolve, "--raw", "--json", KEY)
