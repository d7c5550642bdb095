"""
Tests for ``dwdht`` as a process: its output, its errors and its exit status.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol

from tests.helpers.processes.programs import DWDHT, ProgramTestCase, freePort

KEY = "ab" * 32


class Silent(DatagramProtocol):
    """
    A port that answers no request.

    :ivar asked: fires at the first request
    """

    def __init__(self) -> None:
        self.asked: Deferred[None] = Deferred()

    def datagramReceived(self, datagram: bytes, addr: object) -> None:
        """Note the first request."""
        if not self.asked.called:
            self.asked.callback(None)


class ProcessTests(ProgramTestCase):
    """The program ``dwdht``."""

    async def test_mistakeEndsWithStatus2(self) -> None:
        """A mistake on the command line is reported in one line, with exit status 2."""
        bootstrap = ("--bootstrap", "127.0.0.1:1")
        for arguments, line in {
            (): "dwdht: give a command: put, get, ping, query or demo; see `dwdht --help`",
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

    async def test_failureEndsWithStatus1(self) -> None:
        """A failed command is reported in one line, with exit status 1."""
        program = await self.finish(*DWDHT, "ping", "nosuch.invalid:10001")
        self.assertRefused(program, 1, "dwdht ping: nosuch.invalid has no IPv4 address")
        address = f"127.0.0.1:{freePort()}"
        program = await self.finish(*DWDHT, "put", "x", "--bootstrap", address)
        self.assertRefused(program, 1, f"dwdht put: no node answered; asked {address}")

    async def test_interruptedCommandEndsInOneLine(self) -> None:
        """
        A command that is interrupted just after its start ends within 10 seconds, with one line and
        exit status 1.
        """
        silent = Silent()
        port = self.reactor.listenUDP(0, silent, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        address = f"127.0.0.1:{port.getHost().port}"
        program = self.start(*DWDHT, "query", "echo", KEY, "--bootstrap", address)
        await silent.asked.addTimeout(30, self.reactor)
        program.send("INT")
        await program.end(10)
        self.assertRefused(program, 1, "dwdht query: interrupted")

    async def test_helpAndVersionArePrinted(self) -> None:
        """Help and version are printed with exit status 0."""
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

    async def test_demoFindsItsValue(self) -> None:
        """
        The demo of 30 nodes finds its value, and prints the 20 nodes that took it and the nodes
        that were asked.
        """
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

    async def test_demoOfOneNodeWorks(self) -> None:
        """A demo of one node stores its value on that node."""
        program = await self.finish(*DWDHT, "demo", "--nodes", "1")
        self.assertEqual((program.exitCode, program.errorText), (0, ""))
        self.assertIn("1 node took the value within ", program.text)
