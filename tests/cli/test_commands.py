"""
Tests for the commands of ``dwdht``: their command lines, and their work on a network in memory.
"""

from __future__ import annotations

from io import BytesIO

from twisted.internet.defer import Deferred
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from dwdht_twisted import ICommandHandler, Request, values
from dwdht_twisted._cli import main
from tests.helpers.networks.values import BOOTSTRAP, ValueNetwork

KEY = "ab" * 32


def parse(*arguments: str) -> main.Options:
    """Read a command line."""
    options = main.Options()
    options.parseOptions(list(arguments))
    return options


class OptionsTests(SynchronousTestCase):
    """Tests for the reading of command lines."""

    def assertRefused(self, expected: str, *arguments: str) -> None:
        """Require a usage error of one line that contains this text."""
        with self.assertRaises(UsageError) as raised:
            parse(*arguments)
        message = str(raised.exception)
        self.assertIn(expected, message)
        self.assertNotIn("\n", message)

    def test_optionsStandAnywhere(self) -> None:
        """Options may stand before, between and after the arguments."""
        expected = parse("query", "--bootstrap", BOOTSTRAP, "--value", "x", "echo", KEY).subOptions
        for arguments in (
            ("echo", "--bootstrap", BOOTSTRAP, KEY, "--value", "x"),
            ("echo", KEY, "--value=x", "--bootstrap", BOOTSTRAP),
        ):
            self.assertEqual(parse("query", *arguments).subOptions, expected)

    def test_dashesEndTheOptions(self) -> None:
        """A value that looks like an option is taken as a value after two dashes."""
        options = parse("put", "--bootstrap", BOOTSTRAP, "--", "--bootstrap")
        self.assertEqual(options.subOptions["value"], b"--bootstrap")

    def test_missingCommandIsRefused(self) -> None:
        """A command line without a command is refused with a list of the five commands."""
        self.assertRefused("give a command: put, get, ping, query or demo")

    def test_unknownNameIsRefused(self) -> None:
        """An unknown command or option is refused by its name."""
        self.assertRefused("Unknown command: fetch", "fetch")
        self.assertRefused("option --frob not recognized", "put", "--frob", "x")

    def test_missingBootstrapIsRefused(self) -> None:
        """The commands put, get and query are refused without a bootstrap node."""
        for arguments in (("put", "x"), ("get", KEY), ("query", "echo", KEY)):
            self.assertRefused("give --bootstrap HOST:PORT", *arguments)

    def test_badBootstrapIsRefused(self) -> None:
        """A bootstrap node that isn't HOST:PORT is refused."""
        self.assertRefused("--bootstrap: 'x:0' has no valid port", "get", "--bootstrap", "x:0", KEY)

    def test_wrongNumberOfArgumentsIsRefused(self) -> None:
        """Too few or too many arguments are refused with a list of the arguments."""
        self.assertRefused("the arguments must be: --bootstrap HOST:PORT VALUE", "put")
        self.assertRefused("the arguments must be: --bootstrap HOST:PORT VALUE", "put", "x", "y")
        self.assertRefused("the arguments must be: HOST:PORT", "ping")
        self.assertRefused("the arguments must be: [--nodes 100]", "demo", "7")

    def test_badKeyIsRefused(self) -> None:
        """
        A key or target of 31 bytes, or with characters other than hexadecimal digits, is refused.
        """
        self.assertRefused("the key must be 32 bytes", "get", "--bootstrap", BOOTSTRAP, KEY[2:])
        self.assertRefused(
            "the target must be 32 bytes", "query", "--bootstrap", BOOTSTRAP, "echo", KEY[2:]
        )
        self.assertRefused(
            "the key must be 64 hexadecimal digits, not 'hello'",
            *("get", "--bootstrap", BOOTSTRAP, "hello"),
        )

    def test_tooLargeValueIsRefused(self) -> None:
        """A value over 1,000 bytes is refused, counted in bytes and not in characters."""
        self.assertRefused("this one has 1002", "put", "--bootstrap", BOOTSTRAP, "\u00e9" * 501)

    def test_badNodeCountIsRefused(self) -> None:
        """A number of nodes that isn't a number from 1 to 900 is refused."""
        for count in ("0", "901", "many", "-3"):
            self.assertRefused("--nodes must be a number from 1 to 900", "demo", f"--nodes={count}")


@implementer(ICommandHandler)
class Shout:
    """A command that answers with its payload in capitals."""

    def queryReceived(self, request: Request) -> bytes | None:
        """Answer with the payload in capitals."""
        return request.value and request.value.upper()

    def updateReceived(self, request: Request) -> None:
        """Do nothing."""


class CommandTests(SynchronousTestCase):
    """The commands, on a network of 25 nodes in memory."""

    def setUp(self) -> None:
        self.network = ValueNetwork(25)

    def run_(self, *arguments: str) -> bytes:
        """
        Run a command line.

        :return: its output
        """
        output = BytesIO()
        work = main.run(self.network.reactor(), parse(*arguments), output)
        self.network.clock.runUntil(Deferred.fromCoroutine(work))
        return output.getvalue()

    def assertFails(self, line: str, *arguments: str) -> None:
        """Require that the process would end with this line."""
        with self.assertRaises(SystemExit) as raised:
            self.run_(*arguments)
        self.assertEqual(raised.exception.code, line)

    def test_getPrintsWhatPutStored(self) -> None:
        """A value that put stores on the 20 closest nodes is printed by get, to the byte."""
        key = self.run_("put", "--bootstrap", BOOTSTRAP, "caf\u00e9\n")
        self.assertEqual(key, values.keyOf("caf\u00e9\n".encode()).hex().encode() + b"\n")
        self.assertEqual(len(self.network.holders(bytes.fromhex(key.decode()))), 20)
        got = self.run_("get", "--bootstrap", BOOTSTRAP, key.decode().strip())
        self.assertEqual(got, "caf\u00e9\n".encode())

    def test_deadBootstrapNodeIsHarmless(self) -> None:
        """A bootstrap node that is down does no harm when there is a second one."""
        key = self.run_("put", "--bootstrap", "10.0.9.9:1", "--bootstrap", BOOTSTRAP, "x")
        self.assertEqual(len(key), 65)

    def test_nodeOfACommandLeaves(self) -> None:
        """The node of a command has closed its port at the end, and no other node lists it."""
        ports = len(self.network.network.ports)
        self.run_("put", "--bootstrap", BOOTSTRAP, "x")
        self.assertEqual(len(self.network.network.ports), ports)
        known = {contact.id for node in self.network.members for contact in node.contacts()}
        self.assertEqual(known, {node.id for node in self.network.members})

    def test_unknownKeyFails(self) -> None:
        """A get of a key that no node holds fails with the key."""
        self.assertFails(
            f"dwdht get: no node holds a valid value under {KEY}",
            *("get", "--bootstrap", BOOTSTRAP, KEY),
        )

    def test_silentNetworkFails(self) -> None:
        """
        A command that no node answers fails with the addresses that were asked, and with the names
        that have no address.
        """
        self.network.network.addName("down.example", "10.0.9.9")
        self.assertFails(
            "dwdht get: no node answered; asked 10.0.9.8:1, down.example:2 (10.0.9.9), "
            "nosuch.invalid:3 (nosuch.invalid has no IPv4 address)",
            *("get", KEY, "--bootstrap", "10.0.9.8:1", "--bootstrap", "down.example:2"),
            *("--bootstrap", "nosuch.invalid:3"),
        )

    def test_pingPrintsTheAnswer(self) -> None:
        """
        A ping prints the id and address of the node that answers, and the address that it sees.
        """
        node = self.network.members[0]
        host = node._clock.host
        answer = self.run_("ping", f"{host}:{node.address().port}").decode()
        self.assertRegex(
            answer,
            rf"^{node.id.hex()} at {host}:{node.address().port} sees us at 10\.0\.0\.\d+:\d+\n$",
        )
        self.assertRegex(self.run_("ping", BOOTSTRAP).decode(), "^an ephemeral node at 10.0.0.1")

    def test_unansweredPingFails(self) -> None:
        """A ping that is not answered fails with the address, or with the name that has none."""
        self.assertFails("dwdht ping: no answer from 10.0.9.9:1", "ping", "10.0.9.9:1")
        self.assertFails(
            "dwdht ping: nosuch.invalid has no IPv4 address", "ping", "nosuch.invalid:1"
        )

    def test_queryPrintsEachAnswer(self) -> None:
        """A query prints a line for each answer, with the value if there is one."""
        closest = self.network.closest(bytes.fromhex(KEY))[0]
        for node in self.network.members:
            if node.id == closest:
                node.register("shout", Shout())
        arguments = ("query", "--bootstrap", BOOTSTRAP, "--value", "hi", "shout", KEY)
        lines = self.run_(*arguments).decode().splitlines()
        self.assertGreaterEqual(len(lines), 20)
        (valued,) = [line for line in lines if line.endswith("b'HI'")]
        self.assertTrue(valued.startswith(closest.hex()))
        for line in lines:
            self.assertRegex(line, r"^[0-9a-f]{64} 10\.0\.0\.\d+:\d+( b'HI')?$")

    def test_reservedCommandFails(self) -> None:
        """A query for a command of the protocol itself fails."""
        self.assertFails(
            "dwdht query: _ping is a command of the protocol itself",
            *("query", "--bootstrap", BOOTSTRAP, "_ping", KEY),
        )
