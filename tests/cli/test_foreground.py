"""
The command ``dwdht node``, which runs a node without ``twistd``.
"""

from __future__ import annotations

from io import BytesIO

from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._cli.commands.node import logTo
from dwdht_twisted._cli.console import Console
from tests.helpers.processes.programs import (
    DWDHT,
    Program,
    ProgramTestCase,
    freePort,
    takenPort,
)


class LogTests(SynchronousTestCase):
    """
    The log observer that `logTo` returns.
    """

    def setUp(self) -> None:
        self.errors = BytesIO()
        self.log = Logger(observer=logTo(Console(BytesIO(), self.errors)))

    def test_eventHasATimestamp(self) -> None:
        """An event is logged as one line with its time and level."""
        self.log.info("listening on {port}", port=1)
        self.assertRegex(
            self.errors.getvalue().decode(),
            r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} \[\S+#info\] listening on 1\n$",
        )

    def test_controlCharactersAreEscaped(self) -> None:
        """
        A control character in an event is escaped. Each further line of the event is indented.
        """
        self.log.warn("a{text}", text="\x1b[2J\nb\r")
        self.assertTrue(
            self.errors.getvalue().endswith(b"#warn] a\\x1b[2J\n\tb\\r\n"), self.errors.getvalue()
        )

    def test_debugEventsAreLeftOut(self) -> None:
        """
        An event of the debug level is not logged, because hostile nodes could flood the log with
        such events.
        """
        self.log.debug("malformed datagram")
        self.assertEqual(self.errors.getvalue(), b"")


class NodeTests(ProgramTestCase):
    """
    The program ``dwdht node`` as a process.
    """

    async def startForeground(self, *options: str, **environment: str) -> tuple[Program, str]:
        """
        Start ``dwdht node`` on loopback, and wait until its node answers a ping.

        :return: the program, and the address of its node
        """
        port = freePort()
        address = f"127.0.0.1:{port}"
        command = (*DWDHT, "node", "--interface", "127.0.0.1", "--port", str(port), *options)
        program = self.start(*command, environment=environment)
        await self.untilItAnswers(address, program)
        return program, address

    async def test_nodeKeepsValuesUntilItIsTerminated(self) -> None:
        """
        A bootstrap server and a node form a network that stores a value. Both log to standard
        error, and end with status 0 after SIGTERM or SIGINT.
        """
        bootstrap, address = await self.startForeground("--ephemeral")
        node, _ = await self.startForeground("--bootstrap", address)
        put = await self.finish(*DWDHT, "put", "--bootstrap", address, "hello")
        self.assertEqual((put.exitCode, put.errorText), (0, "stored on 1 node\n"))
        for program, signal in ((node, "TERM"), (bootstrap, "INT")):
            program.send(signal)
            await program.end(20)
            self.assertEqual((program.exitCode, program.text), (0, ""), program.errorText)
            self.assertNotIn("Traceback", program.errorText)
            for line in program.errorText.splitlines():
                self.assertRegex(line, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} \[")
            self.assertIn("] listening on 127.0.0.1:", program.errorText)
            self.assertIn("] stopped after ", program.errorText)
        self.assertIn("updatesServed 1", node.errorText)

    async def test_variableNamesTheBootstrapNodes(self) -> None:
        """Without ``--bootstrap``, a node joins through the addresses in DWDHT_BOOTSTRAP."""
        _, address = await self.startNode()
        node, _ = await self.startForeground(DWDHT_BOOTSTRAP=address)
        node.send("TERM")
        await node.end(20)
        self.assertIn(f"; bootstrap nodes: {address}\n", node.errorText)
        self.assertEqual(node.exitCode, 0)

    async def test_valuesOutliveARestart(self) -> None:
        """A node with an SQLite store still has its values after a restart."""
        first, address = await self.startForeground("--store", "sqlite:values")
        put = await self.finish(*DWDHT, "put", "--bootstrap", address, "hello")
        self.assertEqual(put.exitCode, 0, put.errorText)
        first.send("INT")
        await first.end(20)
        _, address = await self.startForeground("--store", "sqlite:values")
        got = await self.finish(*DWDHT, "get", "--bootstrap", address, put.text.strip())
        self.assertEqual((got.exitCode, got.text), (0, "hello"))

    async def test_mistakeEndsWithStatus2(self) -> None:
        """A wrong command line ends the program with one line and exit status 2."""
        for arguments, line in {
            ("--port", "65536"): "--port must be a number from 0 to 65535, not '65536'",
            ("--store", "disk"): "--store must be memory, none, or sqlite:PATH, not 'disk'",
            ("--frob",): "option --frob not recognized",
            ("localhost:10001",): "unexpected argument: localhost:10001",
        }.items():
            program = await self.finish(*DWDHT, "node", *arguments)
            self.assertRefused(program, 2, f"dwdht node: {line}")

    async def test_failedStartEndsWithStatus1(self) -> None:
        """
        If the port is in use or the store can't be opened, the program ends with one line and exit
        status 1.
        """
        port = takenPort(self)
        command = (*DWDHT, "node", "--interface", "127.0.0.1")
        program = await self.finish(*command, "--port", str(port))
        self.assertEqual(program.exitCode, 1)
        self.assertRegex(
            program.errorText,
            rf"^dwdht node: Couldn't listen on 127\.0\.0\.1:{port}: .*Address already in use\.\n$",
        )
        program = await self.finish(*command, "--store", "sqlite:/nonexistent/values")
        self.assertEqual(program.exitCode, 1)
        self.assertRegex(
            program.errorText, r"^dwdht node: cannot keep values in '/nonexistent/values': .*\n$"
        )
