"""
The commands put, get, query and update of ``dwdht``, on a network in memory.
"""

from __future__ import annotations

import json
from io import BytesIO

from zope.interface import implementer

from dwdht_twisted import ICommandHandler, Request, values
from tests.cli.sessions import KEY, CommandTestCase
from tests.helpers.networks.values import BOOTSTRAP


@implementer(ICommandHandler)
class Shout:
    """
    A handler that answers with the value of the request in capitals.

    :ivar updates: the values of all updates received
    """

    def __init__(self) -> None:
        self.updates: list[bytes | None] = []

    def queryReceived(self, request: Request) -> bytes | None:
        """Answer with the value in capitals."""
        return request.value and request.value.upper()

    def updateReceived(self, request: Request) -> bytes | None:
        """Record the value and answer with it in capitals."""
        self.updates.append(request.value)
        return request.value and request.value.upper()


class NodeTests(CommandTestCase):
    """
    The node that a command makes for its own run.
    """

    def test_deadBootstrapNodeIsHarmless(self) -> None:
        """A put succeeds if one of its two bootstrap nodes doesn't answer."""
        result = self.result("put", "--bootstrap", "10.0.9.9:1", "--bootstrap", BOOTSTRAP, "x")
        self.assertEqual(len(result.output), 65)

    def test_nodeOfACommandLeaves(self) -> None:
        """
        At the end of a command, its node has closed its port. No other node lists it as a contact.
        """
        ports = len(self.network.network.ports)
        self.result("put", "--bootstrap", BOOTSTRAP, "x")
        self.assertEqual(len(self.network.network.ports), ports)
        known = {contact.id for node in self.network.members for contact in node.contacts()}
        self.assertEqual(known, {node.id for node in self.network.members})

    def test_silentNetworkFails(self) -> None:
        """
        A command without any answer fails. The error lists the addresses asked and the names
        without an address.
        """
        self.network.network.addName("down.example", "10.0.9.9")
        self.assertFails(
            "dwdht get: no node answered; asked 10.0.9.8:1, down.example:2 (10.0.9.9), "
            "nosuch.invalid:3 (nosuch.invalid has no IPv4 address)",
            *("get", KEY, "--bootstrap", "10.0.9.8:1", "--bootstrap", "down.example:2"),
            *("--bootstrap", "nosuch.invalid:3"),
        )

    def test_timeoutEndsACommand(self) -> None:
        """
        With a time-out of 0.75 seconds and no answer, put, get, query and update fail after exactly
        this time. They leave no port open.
        """
        ports = len(self.network.network.ports)
        for command in (("put", "x"), ("get", KEY), ("query", "echo", KEY), ("update", "a", KEY)):
            started = self.network.clock.seconds()
            self.assertFails(
                f"dwdht {command[0]}: gave up after 0.75 seconds",
                *command,
                *("--bootstrap", "10.0.9.8:1", "--timeout", "0.75"),
            )
            self.assertAlmostEqual(self.network.clock.seconds() - started, 0.75)
        self.assertEqual(len(self.network.network.ports), ports)

    def test_timeoutSparesAQuickCommand(self) -> None:
        """A command that finishes before its time-out succeeds."""
        self.result("put", "--bootstrap", BOOTSTRAP, "--timeout", "5", "x")


class PutTests(CommandTestCase):
    """
    The command ``dwdht put``.
    """

    def test_putPrintsTheKey(self) -> None:
        """
        A put prints the key on standard output. On standard error, it prints that 20 nodes store
        the value.
        """
        result = self.result("put", "--bootstrap", BOOTSTRAP, "caf\u00e9\n")
        key = values.keyOf("caf\u00e9\n".encode())
        self.assertEqual(result.output.decode(), f"{key.hex()}\n")
        self.assertEqual(result.errors, "stored on 20 nodes\n")
        self.assertEqual(len(self.network.holders(key)), 20)

    def test_putReadsAFile(self) -> None:
        """A put with ``--file`` stores the bytes of the file."""
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(b"\x00\xff\n")
        result = self.result("put", "--bootstrap", BOOTSTRAP, "--file", path)
        self.assertEqual(result.output.decode().strip(), values.keyOf(b"\x00\xff\n").hex())

    def test_putReadsStandardInput(self) -> None:
        """
        A put reads standard input in three cases: the argument is ``-``, the file is ``-``, or no
        value is given and standard input is not a terminal.
        """
        for arguments in (("-",), ("--file", "-"), ()):
            result = self.result(
                "put", "--bootstrap", BOOTSTRAP, *arguments, stdin=BytesIO(b"\x00\xff\n")
            )
            self.assertEqual(result.output.decode().strip(), values.keyOf(b"\x00\xff\n").hex())

    def test_putOfAnArgumentLeavesStandardInput(self) -> None:
        """A put with the value as an argument doesn't read standard input."""
        stdin = BytesIO(b"other")
        self.result("put", "--bootstrap", BOOTSTRAP, "x", stdin=stdin)
        self.assertEqual(stdin.read(), b"other")

    def test_putPrintsJSON(self) -> None:
        """A put with ``--json`` prints one object with the key and the number of nodes."""
        result = self.result("put", "--bootstrap", BOOTSTRAP, "--json", "x")
        (line,) = result.lines
        self.assertEqual(json.loads(line), {"key": values.keyOf(b"x").hex(), "nodes": 20})
        self.assertEqual(result.errors, "")


class GetTests(CommandTestCase):
    """
    The command ``dwdht get``.
    """

    def get(self, value: bytes, *options: str, isTerminal: bool = False) -> tuple[bytes, str]:
        """
        Store a value and get it by the command.

        :return: the output, and the text on standard error
        """
        arguments = ("get", "--bootstrap", BOOTSTRAP, *options, self.put(value))
        result = self.result(*arguments, isTerminal=isTerminal)
        return result.output, result.errors

    def test_getPrintsTheBytes(self) -> None:
        """A get prints exactly the bytes of the value if standard output is not a terminal."""
        for value in ("caf\u00e9\n".encode(), b"\x1b[2J\x00\xff\\", b"x"):
            self.assertEqual(self.get(value), (value, ""))

    def test_getEndsTheLineOnATerminal(self) -> None:
        """
        On a terminal, a get ends its output with a line end. It adds none to a value that already
        ends with one.
        """
        for value, expected in {b"x": b"x\n", b"x\n": b"x\n", b"a\n\tb": b"a\n\tb\n"}.items():
            self.assertEqual(self.get(value, isTerminal=True), (expected, ""))

    def test_getEscapesOnATerminal(self) -> None:
        """
        On a terminal, a get escapes control characters, characters that reverse the text, and bytes
        that aren't UTF-8. A note on standard error says so.
        """
        note = "the value isn't plain text and is shown with escapes; --raw prints it as it is\n"
        for value, expected in {
            b"\x1b]0;title\x07": rb"\x1b]0;title\x07",
            b"C:\\x1b\r\n": rb"C:\\x1b\r" + b"\n",
            "caf\u00e9 \u202e \x9b".encode(): "caf\u00e9 \\u202e \\x9b".encode(),
            b"\xff\xfe": rb"\xff\xfe",
        }.items():
            expected = expected if expected.endswith(b"\n") else expected + b"\n"
            self.assertEqual(self.get(value, isTerminal=True), (expected, note))

    def test_rawGetPrintsTheBytes(self) -> None:
        """A get with ``--raw`` prints exactly the bytes of the value, also on a terminal."""
        self.assertEqual(self.get(b"\x1b[2J", "--raw", isTerminal=True), (b"\x1b[2J", ""))

    def test_getPrintsJSON(self) -> None:
        """
        A get with ``--json`` prints one object. Its value is text, or base64 if the bytes aren't
        UTF-8.
        """
        for value, field in {
            "\u00e9\x1b\n".encode(): {"value": "\u00e9\x1b\n"},
            b"\xff\x00": {"valueBase64": "/wA="},
        }.items():
            output, _ = self.get(value, "--json", isTerminal=True)
            self.assertEqual(output.count(b"\n"), 1)
            self.assertTrue(output.rstrip().isascii())
            self.assertNotIn(b"\x1b", output)
            self.assertEqual(json.loads(output), {"key": values.keyOf(value).hex(), **field})

    def test_unknownKeyFails(self) -> None:
        """A get of a key without a stored value fails with an error that contains the key."""
        self.assertFails(
            f"dwdht get: no node holds a valid value under {KEY}",
            *("get", "--bootstrap", BOOTSTRAP, KEY),
        )


class TargetTests(CommandTestCase):
    """
    The commands ``dwdht query`` and ``dwdht update``.
    """

    def shouters(self, count: int) -> list[Shout]:
        """
        Register the command ``shout`` at the ``count`` nodes closest to the target. Return the
        handlers.
        """
        closest = self.network.closest(bytes.fromhex(KEY))[:count]
        handlers = []
        for node in self.network.members:
            if node.id in closest:
                handlers.append(Shout())
                node.register("shout", handlers[-1])
        return handlers

    def test_queryPrintsEachAnswer(self) -> None:
        """
        A query prints one line for each answer: the id, the address, and the value if there is one.
        """
        closest = self.network.closest(bytes.fromhex(KEY))[0]
        self.shouters(1)
        arguments = ("query", "--bootstrap", BOOTSTRAP, "--value", "hi", "shout", KEY)
        lines = self.result(*arguments).lines
        self.assertGreaterEqual(len(lines), 20)
        (valued,) = [line for line in lines if line.endswith("b'HI'")]
        self.assertTrue(valued.startswith(closest.hex()))
        for line in lines:
            self.assertRegex(line, r"^[0-9a-f]{64} 10\.0\.0\.\d+:\d+( b'HI')?$")

    def test_queryPrintsJSON(self) -> None:
        """A query with ``--json`` prints one object for each answer."""
        self.shouters(1)
        arguments = ("query", "--bootstrap", BOOTSTRAP, "--json", "--value", "hi", "shout", KEY)
        records = [json.loads(line) for line in self.result(*arguments).lines]
        self.assertGreaterEqual(len(records), 20)
        self.assertEqual([each["value"] for each in records if each["value"] is not None], ["HI"])
        for record in records:
            self.assertEqual(set(record), {"node", "address", "value"})
            self.assertRegex(record["node"], "^[0-9a-f]{64}$")
            self.assertRegex(record["address"], r"^10\.0\.0\.\d+:\d+$")

    def test_updatePrintsEachAnswer(self) -> None:
        """
        An update accepted by 3 nodes prints a line for each of them. On standard error, it prints
        their number.
        """
        handlers = self.shouters(3)
        arguments = ("update", "--bootstrap", BOOTSTRAP, "shout", KEY, "hi")
        result = self.result(*arguments)
        self.assertEqual(result.errors, "taken by 3 nodes\n")
        self.assertEqual([handler.updates for handler in handlers], [[b"hi"]] * 3)
        self.assertEqual(len(result.lines), 3)
        for line in result.lines:
            self.assertRegex(line, r"^[0-9a-f]{64} 10\.0\.0\.\d+:\d+ b'HI'$")

    def test_updatePrintsJSON(self) -> None:
        """
        An update with ``--json`` prints one object for each answer and one with the number of
        nodes.
        """
        self.shouters(1)
        result = self.result("update", "--bootstrap", BOOTSTRAP, "--json", "shout", KEY, "hi")
        answer, summary = map(json.loads, result.lines)
        self.assertEqual((answer["value"], summary), ("HI", {"nodes": 1}))
        self.assertEqual(result.errors, "")

    def test_updateReadsItsValue(self) -> None:
        """
        An update takes its value from the argument, from a file or from standard input. It has no
        value if neither an argument nor a file is given and standard input is closed or empty.
        """
        (handler,) = self.shouters(1)
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(b"in a file")
        for arguments, stdin, expected in (
            (("",), None, b""),
            (("--file", path), None, b"in a file"),
            (("-",), BytesIO(b"piped"), b"piped"),
            (("-",), BytesIO(), b""),
            ((), BytesIO(b"piped"), b"piped"),
            ((), BytesIO(), None),
            ((), None, None),
        ):
            self.result("update", "--bootstrap", BOOTSTRAP, "shout", KEY, *arguments, stdin=stdin)
            self.assertEqual(handler.updates.pop(), expected)

    def test_updateThatNoNodeTakesFails(self) -> None:
        """An update fails if no node accepts it."""
        self.assertFails(
            "dwdht update: no node took the update",
            *("update", "--bootstrap", BOOTSTRAP, "nosuch", KEY, "x"),
        )

    def test_tooLargeRequestIsAMistake(self) -> None:
        """
        A query or update whose value doesn't fit in a datagram fails with status 2, as wrong usage
        does. No datagram is sent.
        """
        sent = self.network.network.sent
        for arguments in (
            ("query", "--value", "x" * 65500, "echo", KEY),
            ("update", "echo", KEY, "x" * 65500),
        ):
            result = self.attempt(*arguments, "--bootstrap", BOOTSTRAP)
            self.assertEqual(result.status, 2)
            self.assertRegex(result.errors, r"^dwdht \w+: the request would have 65\d\d\d bytes")
        self.assertEqual(self.network.network.sent, sent)


class LoneNetworkTests(CommandTestCase):
    """
    Commands on a network that consists of its bootstrap node.
    """

    size = 0

    def test_queryWithoutAnswerFails(self) -> None:
        """
        A query fails if the bootstrap node is the only node of the network, because an ephemeral
        node gives no reply.
        """
        result = self.assertFails(
            "dwdht query: no member of the network answered",
            *("query", "--bootstrap", BOOTSTRAP, "echo", KEY),
        )
        self.assertEqual(result.output, b"")
