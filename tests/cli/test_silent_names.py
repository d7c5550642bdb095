"""
Programs with a bootstrap name that no name server answers for.
"""

from __future__ import annotations

import os
import signal
import sys
from time import monotonic

from twisted.internet.task import deferLater

from dwdht_twisted import DHTNode, MemoryStore, ValueHandler, values
from tests.helpers.processes.programs import ROOT, Program, ProgramTestCase, freePort

#: A bootstrap name that no name server answers for.
SILENT = ("--bootstrap", "silent.example:6620")

#: The most seconds from the start of a program, or from a signal, to its end. On a busy machine,
#: the start takes some seconds. A name that was waited for would take 60 seconds.
MOST = 20.0


class SilentNameTests(ProgramTestCase):
    """
    Programs that are run by `tests.helpers.processes.silent_names`.
    """

    def startSilent(self, *arguments: str) -> Program:
        """Start a program on a machine whose name servers are silent."""
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        command = (sys.executable, "-m", "tests.helpers.processes.silent_names", *arguments)
        return self.start(*command, environment={"PYTHONPATH": path})

    async def startValue(self) -> tuple[str, str]:
        """
        Start a node in this process that keeps a value.

        :return: the address of the node, and the key of the value
        """
        node = DHTNode(self.reactor)
        self.addCleanup(node.destroy)
        node.listen(0, "127.0.0.1")
        node.register(values.COMMAND, ValueHandler(MemoryStore(self.reactor)))
        key = await values.put(node, b"hello")
        return str(node.address()), key.hex()

    async def assertEnds(self, program: Program) -> None:
        """Require that a program ends within `MOST` seconds."""
        begun = monotonic()
        await program.end(MOST)
        self.assertLess(monotonic() - begun, MOST)
        self.assertTrue(program.ended)

    async def test_answerDoesNotWaitForTheName(self) -> None:
        """A get, a put and a query end with their answer, without waiting for the name."""
        address, key = await self.startValue()
        options = (*SILENT, "--bootstrap", address)
        for arguments in (("get", key), ("put", "hello"), ("query", "values", key)):
            program = self.startSilent("dwdht", arguments[0], *options, *arguments[1:])
            await self.assertEnds(program)
            self.assertEqual(program.exitCode, 0, program.errorText)

    async def test_timeoutDoesNotWaitForTheName(self) -> None:
        """A ping and a get end with the time of ``--timeout``, without waiting for the name."""
        for arguments in (
            ("ping", "silent.example:6620"),
            ("get", *SILENT, "ab" * 32),
        ):
            program = self.startSilent("dwdht", "--timeout", "1", *arguments)
            await self.assertEnds(program)
            self.assertEqual(program.exitCode, 1)
            self.assertIn("gave up after 1 seconds", program.errorText)

    async def test_stopDoesNotWaitForTheName(self) -> None:
        """
        ``dwdht node`` and ``twistd dwdht`` end at SIGTERM and at SIGINT, without waiting for the
        name.
        """
        for command in (("dwdht", "node"), ("twistd", "--nodaemon", "--pidfile=", "dwdht")):
            for name in ("TERM", "INT"):
                port = str(freePort())
                options = (*SILENT, "--interface", "127.0.0.1", "--port", port)
                program = self.startSilent(*command, *options)
                await self.untilItAnswers(f"127.0.0.1:{port}", program)
                # By now the program has begun to resolve its names.
                await deferLater(self.reactor, 0.5)
                program.send(name)
                await self.assertEnds(program)
                expected = (None, signal.SIGTERM, signal.SIGINT)
                self.assertIn(program.signal, expected, program.errorText)
                self.assertNotIn("Traceback", program.text + program.errorText)
