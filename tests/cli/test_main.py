"""
Tests for ``dwdht``.
"""

from __future__ import annotations

from io import BytesIO

from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from dwdht_twisted import ICommandHandler, Request, values
from dwdht_twisted._cli import main
from tests.helpers.networks.values import BOOTSTRAP, ValueNetwork
from tests.helpers.processes.programs import DWDHT, ProgramTestCase, freePort

KEY = "ab" * 32


def parse(*arguments: str) -> main.Options:
    """Read a command line."""
    options = main.Options()
    options.parseOptions(list(arguments))
    return options


class OptionsTests(SynchronousTestCase):
    """
    Mistakes on the command line.
    """

    def assertRefused(self, expected: str, *arguments: str) -> None:
        """Require an error of one line that says this."""
        with self.assertRaises(UsageError) as raised:
            parse(*arguments)
        message = str(raised.exception)
        self.assertIn(expected, message)
        self.assertNotIn("\n", message)

    def test_order(self) -> None:
        """Options may stand before, between and after the arguments."""
        expected = parse("query", "--bootstrap", BOOTSTRAP, "--value", "x", "echo", KEY).subOptions
        for arguments in (
            ("echo", "--bootstrap", BOOTSTRAP, KEY, "--value", "x"),
            ("echo", KEY, "--value=x", "--bootstrap", BOOTSTRAP),
        ):
            self.assertEqual(parse("query", *arguments).subOptions, expected)

    def test_dashes(self) -> None:
        """A value that looks like an option can be given after two dashes."""
        options = parse("put", "--bootstrap", BOOTSTRAP, "--", "--bootstrap")
        self.assertEqual(options.subOptions["value"], b"--bootstrap")

    def test_noCommand(self) -> None:
        """Without a command, it says which there are."""
        self.assertRefused("give a command: put, get, ping, query or demo")

    def test_unknown(self) -> None:
        """An unknown command or option is refused by its name."""
        self.assertRefused("Unknown command: fetch", "fetch")
        self.assertRefused("option --frob not recognized", "put", "--frob", "x")

    def test_noBootstrap(self) -> None:
        """The commands that need a network require a bootstrap node."""
        for arguments in (("put", "x"), ("get", KEY), ("query", "echo", KEY)):
            self.assertRefused("give --bootstrap HOST:PORT", *arguments)

    def test_badBootstrap(self) -> None:
        """A bootstrap node that isn't HOST:PORT is refused."""
        self.assertRefused("--bootstrap: 'x:0' has no valid port", "get", "--bootstrap", "x:0", KEY)

    def test_wrongNumber(self) -> None:
        """With too few or too many arguments, it says what they must be."""
        self.assertRefused("the arguments must be: --bootstrap HOST:PORT VALUE", "put")
        self.assertRefused("the arguments must be: --bootstrap HOST:PORT VALUE", "put", "x", "y")
        self.assertRefused("the arguments must be: HOST:PORT", "ping")
        self.assertRefused("the arguments must be: [--nodes 100]", "demo", "7")

    def test_badKey(self) -> None:
        """A key or target of 31 bytes, or with other characters than digits, is refused."""
        self.assertRefused("the key must be 32 bytes", "get", "--bootstrap", BOOTSTRAP, KEY[2:])
        self.assertRefused(
            "the target must be 32 bytes", "query", "--bootstrap", BOOTSTRAP, "echo", KEY[2:]
        )
        self.assertRefused(
            "the key must be 64 hexadecimal digits, not 'hello'",
            *("get", "--bootstrap", BOOTSTRAP, "hello"),
        )

    def test_tooLarge(self) -> None:
        """A value over 1,000 bytes is refused, counted in bytes and not in characters."""
        self.assertRefused("this one has 1002", "put", "--bootstrap", BOOTSTRAP, "\u00e9" * 501)

    def test_badCount(self) -> None:
        """A number of nodes that isn't one is refused."""
        for count in ("0", "901", "many", "-3"):
            self.assertRefused("--nodes must be a number from 1 to 900", "demo", f"--nodes={count}")


@implementer(ICommandHandler)
class Shout:
    """A command that gives its payload back in capitals."""

    def queryReceived(self, request: Request) -> bytes | None:
        """Give it back."""
        return request.value and request.value.upper()

    def updateReceived(self, request: Request) -> None:
        """Do nothing."""


class CommandTests(SynchronousTestCase):
    """
    The commands, on a network of 25 nodes in memory.
    """

    def setUp(self) -> None:
        self.network = ValueNetwork(25)

    def run_(self, *arguments: str) -> bytes:
        """Run a command line, and give its output."""
        output = BytesIO()
        work = main.run(self.network.reactor(), parse(*arguments), output)
        self.network.clock.runUntil(Deferred.fromCoroutine(work))
        return output.getvalue()

    def assertFails(self, line: str, *arguments: str) -> None:
        """Require that the process would end with this line."""
        with self.assertRaises(SystemExit) as raised:
            self.run_(*arguments)
        self.assertEqual(raised.exception.code, line)

    def test_putAndGet(self) -> None:
        """What is put under a key is got with the key, to the byte."""
        key = self.run_("put", "--bootstrap", BOOTSTRAP, "caf\u00e9\n")
        self.assertEqual(key, values.keyOf("caf\u00e9\n".encode()).hex().encode() + b"\n")
        self.assertEqual(len(self.network.holders(bytes.fromhex(key.decode()))), 20)
        got = self.run_("get", "--bootstrap", BOOTSTRAP, key.decode().strip())
        self.assertEqual(got, "caf\u00e9\n".encode())

    def test_secondBootstrapNode(self) -> None:
        """A bootstrap node that is down does no harm when there is another."""
        key = self.run_("put", "--bootstrap", "10.0.9.9:1", "--bootstrap", BOOTSTRAP, "x")
        self.assertEqual(len(key), 65)

    def test_leaves(self) -> None:
        """When a command is done its node is gone, and no other lists it."""
        ports = len(self.network.network.ports)
        self.run_("put", "--bootstrap", BOOTSTRAP, "x")
        self.assertEqual(len(self.network.network.ports), ports)
        known = {contact.id for node in self.network.members for contact in node.contacts()}
        self.assertEqual(known, {node.id for node in self.network.members})

    def test_notFound(self) -> None:
        """A key that nobody has is told as that."""
        self.assertFails(
            f"dwdht get: no node holds a valid value under {KEY}",
            *("get", "--bootstrap", BOOTSTRAP, KEY),
        )

    def test_nobodyAnswers(self) -> None:
        """When nobody answers, it says who was asked, and which names have no address."""
        self.network.network.addName("down.example", "10.0.9.9")
        self.assertFails(
            "dwdht get: no node answered; asked 10.0.9.8:1, down.example:2 (10.0.9.9), "
            "nosuch.invalid:3 (nosuch.invalid has no IPv4 address)",
            *("get", KEY, "--bootstrap", "10.0.9.8:1", "--bootstrap", "down.example:2"),
            *("--bootstrap", "nosuch.invalid:3"),
        )

    def test_ping(self) -> None:
        """A ping tells who answers, and how it sees us."""
        node = self.network.members[0]
        host = node._reactor.host
        answer = self.run_("ping", f"{host}:{node.address().port}").decode()
        self.assertRegex(
            answer,
            rf"^{node.id.hex()} at {host}:{node.address().port} sees us at 10\.0\.0\.\d+:\d+\n$",
        )
        self.assertRegex(self.run_("ping", BOOTSTRAP).decode(), "^an ephemeral node at 10.0.0.1")

    def test_pingFails(self) -> None:
        """A ping that isn't answered fails with the address, or with the name that has none."""
        self.assertFails("dwdht ping: no answer from 10.0.9.9:1", "ping", "10.0.9.9:1")
        self.assertFails(
            "dwdht ping: nosuch.invalid has no IPv4 address", "ping", "nosuch.invalid:1"
        )

    def test_query(self) -> None:
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

    def test_reservedCommand(self) -> None:
        """A command of the protocol itself is refused."""
        self.assertFails(
            "dwdht query: _ping is a command of the protocol itself",
            *("query", "--bootstrap", BOOTSTRAP, "_ping", KEY),
        )


class Silent(DatagramProtocol):
    """
    A node that answers nobody.

    :ivar asked: fires when it is asked
    """

    def __init__(self) -> None:
        self.asked: Deferred[None] = Deferred()

    def datagramReceived(self, datagram: bytes, addr: object) -> None:
        """Note the first request."""
        if not self.asked.called:
            self.asked.callback(None)


class ProcessTests(ProgramTestCase):
    """
    The program itself.
    """

    async def test_badUsage(self) -> None:
        """A mistake on the command line is told in one line, with exit status 2."""
        bootstrap = ("--bootstrap", "127.0.0.1:1")
        for arguments, line in {
            (): ("dwdht: give a command: put, get, ping, query or demo; `dwdht --help` tells more"),
            ("get", KEY): "dwdht get: give --bootstrap HOST:PORT, a node of the network",
            ("ping", "127.0.0.1:0"): (
                "dwdht ping: the address: '127.0.0.1:0' has no valid port; a port is 1 to 65535"
            ),
            ("get", *bootstrap, KEY[2:]): (
                "dwdht get: the key must be 32 bytes, as 64 hexadecimal digits, "
                "and this is 31 bytes"
            ),
            ("put", *bootstrap, "x" * 1001): (
                "dwdht put: a value may have up to 1000 bytes, and this one has 1001"
            ),
        }.items():
            program = await self.finish(*DWDHT, *arguments)
            self.assertRefused(program, 2, line)
            self.assertEqual(program.text, "")

    async def test_failure(self) -> None:
        """What fails is told in one line, with exit status 1."""
        program = await self.finish(*DWDHT, "ping", "nosuch.invalid:10001")
        self.assertRefused(program, 1, "dwdht ping: nosuch.invalid has no IPv4 address")
        address = f"127.0.0.1:{freePort()}"
        program = await self.finish(*DWDHT, "put", "x", "--bootstrap", address)
        self.assertRefused(program, 1, f"dwdht put: no node answered; asked {address}")

    async def test_interrupted(self) -> None:
        """A command that is interrupted fails with one line, and at once, even if it just began."""
        silent = Silent()
        port = self.reactor.listenUDP(0, silent, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        address = f"127.0.0.1:{port.getHost().port}"
        program = self.start(*DWDHT, "query", "echo", KEY, "--bootstrap", address)
        await silent.asked.addTimeout(30, self.reactor)
        program.send("INT")
        await program.end(10)
        self.assertRefused(program, 1, "dwdht query: interrupted")

    async def test_help(self) -> None:
        """Help and version are printed, and nothing else happens."""
        program = await self.finish(*DWDHT, "--help")
        self.assertEqual(program.exitCode, 0)
        for command in ("put", "get", "ping", "query", "demo"):
            self.assertIn(f"\n    {command} ", program.text)
        program = await self.finish(*DWDHT, "--version")
        self.assertEqual(program.exitCode, 0)
        self.assertRegex(program.text, r"^dwdht \d+\.\d+\.\d+\n$")
        program = await self.finish(*DWDHT, "get", "--help")
        self.assertEqual(program.exitCode, 0)
        self.assertIn("dwdht get --bootstrap HOST:PORT KEYHEX", program.text)

    async def test_demo(self) -> None:
        """The demo ends with the value found, and shows who took it and who was asked."""
        program = await self.finish(*DWDHT, "demo", "--nodes", "30")
        self.assertEqual((program.exitCode, program.errorText), (0, ""))
        for expected in (
            "30 nodes joined in ",
            "\n20 nodes took the value within ",
            ", the closest to the key:\n",
            "  the value\n",
        ):
            self.assertIn(expected, program.text)
        self.assertRegex(
            program.text,
            r"\nFound within \d+ ms: \"hello from a distributed hash table\"\n$",
        )

    async def test_smallDemo(self) -> None:
        """A demo of one node works, too."""
        program = await self.finish(*DWDHT, "demo", "--nodes", "1")
        self.assertEqual((program.exitCode, program.errorText), (0, ""))
        self.assertIn("1 node took the value within ", program.text)
