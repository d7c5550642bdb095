"""
``dwdht put`` and ``dwdht get`` of a value of 1 MiB as processes, on a network on loopback.
"""

from __future__ import annotations

import sys
from hashlib import sha256
from random import Random

from tests.helpers.processes.programs import DWDHT, ROOT, Program, ProgramTestCase

#: The most memory that a command may use for a value of 1 MiB, in bytes. A command that does
#: nothing takes about 40 MB.
MOST_BYTES = 100e6


class MemoryTests(ProgramTestCase):
    """
    The memory of both ends of a transfer.
    """

    async def test_bothEndsStayUnder100MB(self) -> None:
        """
        A put of 1 MiB from a file and a get of it into a file, as processes on a network of three
        nodes, keep the checksum. Each of the two processes takes less than 100 MB.
        """
        bootstrap, address = await self.startNode("--ephemeral")
        for _ in range(3):
            node, _ = await self.startNode("--bootstrap", address)
            await node.says(" the network")
        value = Random(17).randbytes(1_048_576)
        (self.folder / "value").write_bytes(value)
        network = ("--bootstrap", address)
        putting = await self.measured("put", *network, "--file", "value")
        self.assertIn("each piece is stored on 3 nodes or more\n", putting.errorText)
        getting = await self.measured("get", *network, "--output", "got", putting.text.strip())
        got = (self.folder / "got").read_bytes()
        self.assertEqual(sha256(got).digest(), sha256(value).digest())
        for program in (putting, getting):
            self.assertLess(int(program.errorText.splitlines()[-1]), MOST_BYTES)
        await self.terminate(bootstrap)

    async def measured(self, *arguments: str) -> Program:
        """Run ``dwdht``, and end its standard error with its peak memory."""
        program = await self.finish(
            *(sys.executable, str(ROOT / "tests" / "helpers" / "processes" / "peak.py")),
            *DWDHT,
            *arguments,
        )
        self.assertEqual(program.exitCode, 0, program.errorText)
        return program
