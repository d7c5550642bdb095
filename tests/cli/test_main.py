"""
The program ``dwdht`` as a process: its output, its errors and its exit status.
"""

from __future__ import annotations

import json
import shlex

from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import deferLater

from tests.helpers.processes.programs import (
    DWDHT,
    TWISTD,
    Program,
    ProgramTestCase,
    freePort,
)

KEY = "ab" * 32

#: The command ``dwdht``, quoted for a shell.
SHELL_DWDHT = shlex.join(DWDHT)

#: A bootstrap node for command lines that are refused, so that it is never asked.
BOOTSTRAP = ("--bootstrap", "127.0.0.1:1")


class Silent(DatagramProtocol):
    """
    A UDP port that never answers.

    :ivar asked: fires at the first datagram
    """

    def __init__(self) -> None:
        self.asked: Deferred[None] = Deferred()

    def datagramReceived(self, datagram: bytes, addr: object) -> None:
        """Fire ``asked`` at the first datagram."""
        if not self.asked.called:
            self.asked.callback(None)


class CommandLineTests(ProgramTestCase):
    """
    Command lines of ``dwdht`` that need no node.
    """

    async def test_mistakeEndsWithStatus2(self) -> None:
        """A wrong command line is reported in one line, with exit status 2."""
        for arguments, line in {
            (): (
                "dwdht: give a command: put, get, keygen, publish, resolve, announce, lookup, "
                "ping, query, update, trace, status, node, network or demo; see `dwdht --help`"
            ),
            ("get", KEY): (
                "dwdht get: give --bootstrap HOST:PORT, a node of the network, "
                "or set DWDHT_BOOTSTRAP"
            ),
            ("ping", "127.0.0.1:0"): (
                "dwdht ping: the address: '127.0.0.1:0' has no valid port; a port is 1 to 65535"
            ),
            ("get", *BOOTSTRAP, KEY[2:]): (
                "dwdht get: the key must be 32 bytes, as 64 hexadecimal digits, "
                "and this is 31 bytes"
            ),
            ("put", *BOOTSTRAP, "--file", "/dev/zero"): (
                "dwdht put: a value may have up to 1048576 bytes, and this one has more"
            ),
            ("query", *BOOTSTRAP, "_ping", KEY): (
                "dwdht query: _ping is a command of the protocol itself"
            ),
            ("a\nb",): "dwdht: Unknown command: a\\nb",
        }.items():
            program = await self.finish(*DWDHT, *arguments, environment={"DWDHT_BOOTSTRAP": ""})
            self.assertRefused(program, 2, line)
            self.assertEqual(program.text, "")

    async def test_badVariableEndsWithStatus2(self) -> None:
        """
        A wrong address in DWDHT_BOOTSTRAP is reported with the name of the variable, and with exit
        status 2.
        """
        environment = {"DWDHT_BOOTSTRAP": "x:0"}
        program = await self.finish(*DWDHT, "get", KEY, environment=environment)
        self.assertRefused(
            program,
            2,
            "dwdht get: DWDHT_BOOTSTRAP: 'x:0' has no valid port; a port is 1 to 65535",
        )

    async def test_helpAndVersionArePrinted(self) -> None:
        """``--help``, ``-h`` and ``--version`` print their text with exit status 0."""
        for option in ("--help", "-h"):
            program = await self.finish(*DWDHT, option)
            self.assertEqual((program.exitCode, program.errorText), (0, ""))
            for command in ("put", "get", "ping", "query", "update", "node", "demo"):
                self.assertIn(f"\n    {command} ", program.text)
            for command, usage in {
                "get": "[options] KEY",
                "update": "[options] COMMAND TARGETHEX [VALUE]",
                "node": "[options]",
            }.items():
                program = await self.finish(*DWDHT, command, option)
                self.assertEqual((program.exitCode, program.errorText), (0, ""))
                self.assertTrue(program.text.startswith(f"Usage: dwdht {command} {usage}\n"))
        program = await self.finish(*DWDHT, "--version")
        self.assertEqual(program.exitCode, 0)
        self.assertRegex(program.text, r"^dwdht \d+\.\d+\.\d+\n$")

    async def test_helpFitsAnyTerminal(self) -> None:
        """Help is printed on a terminal of 5 columns, and if COLUMNS is not a number."""
        for columns in ("5", "wide"):
            program = await self.finish(*DWDHT, "get", "-h", environment={"COLUMNS": columns})
            self.assertEqual((program.exitCode, program.errorText), (0, ""))

    async def test_twistdPrintsItsHelp(self) -> None:
        """``twistd dwdht -h`` prints the help."""
        program = await self.finish(*TWISTD, "dwdht", "-h")
        self.assertEqual(program.exitCode, 0)
        self.assertIn("--ephemeral", program.text)

    async def test_interruptedInputEndsInOneLine(self) -> None:
        """A put that is interrupted while it waits for standard input ends with one error line."""
        program = self.start(*DWDHT, "put", *BOOTSTRAP)
        await deferLater(self.reactor, 1.5)
        program.send("INT")
        await program.end(10)
        # On a slow machine, the interrupt arrives while the program is still loading.
        self.assertRegex(program.errorText, r"^dwdht( put)?: interrupted\n$")
        self.assertEqual(program.exitCode, 1)


class FailureTests(ProgramTestCase):
    """
    Failures of ``dwdht`` at run time.
    """

    async def test_failureEndsWithStatus1(self) -> None:
        """A failed command is reported in one line, with exit status 1."""
        program = await self.finish(*DWDHT, "ping", "nosuch.invalid:10001")
        self.assertRefused(program, 1, "dwdht ping: nosuch.invalid has no IPv4 address")
        address = f"127.0.0.1:{freePort()}"
        program = await self.finish(*DWDHT, "put", "x", "--bootstrap", address)
        self.assertRefused(program, 1, f"dwdht put: no node answered; asked {address}")

    async def test_interruptedCommandEndsInOneLine(self) -> None:
        """
        A query interrupted right after its first request ends within 10 seconds, with one error
        line and exit status 1.
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

    async def shell(self, script: str, **variables: str) -> Program:
        """
        Run a script with bash, in which ``$DWDHT`` is the program. The exit status is that of the
        script.
        """
        environment = {"DWDHT": SHELL_DWDHT, **variables}
        return await self.finish("bash", "-c", script, environment=environment)

    async def test_unwritableOutputEndsInOneLine(self) -> None:
        """
        If standard output is closed or on a full disk, a command ends with one error line and exit
        status 1. This also holds for ``--help``, ``-h`` and ``--version``.
        """
        _, address = await self.startNode()
        for redirection, reason in {
            ">/dev/full": "No space left on device",
            ">&-": "it is closed",
        }.items():
            for arguments, name in {
                "ping $ADDRESS": "dwdht ping",
                "--help": "dwdht",
                "get -h": "dwdht get",
                "--version": "dwdht",
                "node --version": "dwdht node",
                "demo --nodes 1": "dwdht demo",
            }.items():
                program = await self.shell(f"$DWDHT {arguments} {redirection}", ADDRESS=address)
                self.assertRefused(program, 1, f"{name}: cannot write to standard output: {reason}")

    async def test_closedPipeEndsQuietly(self) -> None:
        """
        If the reader of its output has exited, a command ends with exit status 1 and no error line.
        """
        _, address = await self.startNode()
        for arguments in ("ping --count 2 $ADDRESS", "demo --nodes 1", "--help", "--version"):
            # The reader ":" exits without reading.
            script = f"( sleep 0.1; $DWDHT {arguments} ) | :; exit ${{PIPESTATUS[0]}}"
            program = await self.shell(script, ADDRESS=address)
            self.assertEqual((program.exitCode, program.errorText), (1, ""), arguments)

    async def test_fullErrorOutputKeepsTheStatus(self) -> None:
        """A wrong command line ends with exit status 2 even if standard error can't be written."""
        for redirection in ("2>/dev/full", "2>&-"):
            program = await self.shell(f"$DWDHT get x {redirection}")
            self.assertEqual((program.exitCode, program.errorText), (2, ""))


class ResultTests(ProgramTestCase):
    """
    Results of ``dwdht`` on a network with one node.
    """

    async def test_valueGoesThroughPipes(self) -> None:
        """
        A put reads a value from a pipe, and a get prints the same bytes to a pipe. The number of
        nodes is printed on standard error.
        """
        _, address = await self.startNode()
        script = (
            "set -o pipefail; "
            r"KEY=$(printf 'a\0b\377\n' | $DWDHT put) && $DWDHT get $KEY | od -An -tx1"
        )
        environment = {"DWDHT": SHELL_DWDHT, "DWDHT_BOOTSTRAP": f"127.0.0.1:1, {address}"}
        program = await self.finish("bash", "-c", script, environment=environment)
        self.assertEqual((program.exitCode, program.errorText), (0, "stored on 1 node\n"))
        self.assertEqual(program.text, " 61 00 62 ff 0a\n")

    async def test_jsonIsOneObjectOnALine(self) -> None:
        """
        With ``--json``, put, get, ping, query and update print JSON objects, each on its own line.
        """
        _, address = await self.startNode()
        before = ("--bootstrap", address, "--json")
        put = await self.finish(*DWDHT, *before, "put", "hello")
        key = json.loads(put.text)["key"]
        self.assertEqual(json.loads(put.text), {"key": key, "nodes": 1})
        get = await self.finish(*DWDHT, *before, "get", key)
        self.assertEqual(json.loads(get.text), {"key": key, "value": "hello"})
        ping = await self.finish(*DWDHT, *before, "ping", address)
        self.assertEqual(json.loads(ping.text)["address"], address)
        query = await self.finish(*DWDHT, *before, "query", "values", key)
        self.assertEqual(json.loads(query.text)["value"], "hello")
        update = await self.finish(*DWDHT, *before, "update", "values", key, "hello")
        self.assertEqual(json.loads(update.text.splitlines()[-1]), {"nodes": 1})

    async def onTerminal(self, *arguments: str) -> Program:
        """Run ``dwdht`` with a terminal as its standard input, output and error."""
        program = Program(self.reactor)
        self.reactor.spawnProcess(
            program, DWDHT[0], [*DWDHT, *arguments], {"TERM": "xterm"}, usePTY=True
        )
        await program.end(30)
        return program

    async def test_outputSuitsATerminal(self) -> None:
        """
        On a terminal, a get escapes the value and ends its line, and a put without a value is
        refused. A ping of more than a second shows progress.
        """
        _, address = await self.startNode()
        put = await self.finish(*DWDHT, "put", "--bootstrap", address, "\x1b[2J")
        get = await self.onTerminal("get", "--bootstrap", address, put.text.strip())
        self.assertEqual(
            get.text,
            "\\x1b[2J\r\n"
            "the value isn't plain text and is shown with escapes; --raw prints it as it is\r\n",
        )
        refused = await self.onTerminal("put", "--bootstrap", address)
        self.assertEqual(refused.exitCode, 2)
        self.assertTrue(refused.text.startswith("dwdht put: give a value: "), refused.text)
        slow = await self.onTerminal("ping", "--timeout", "1.2", f"127.0.0.1:{freePort()}")
        self.assertEqual(
            slow.text,
            "\r\x1b[K1 s: 0 answers so far\r\x1b[Kdwdht ping: gave up after 1.2 seconds\r\n",
        )


class DemoTests(ProgramTestCase):
    """
    The program ``dwdht demo`` as a process.
    """

    async def test_demoFindsItsValue(self) -> None:
        """A demo of 30 nodes finds its value. It prints the 20 nodes that stored the value."""
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
