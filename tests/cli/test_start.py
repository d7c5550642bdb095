"""
The CPU time of ``dwdht`` as a process, compared with a Python process that only imports Twisted's
reactor.
"""

from __future__ import annotations

import sys
from resource import RUSAGE_CHILDREN, getrusage

from dwdht_twisted import DHTNode, MemoryStore, ValueHandler, values
from tests.helpers.processes.programs import DWDHT, ProgramTestCase

#: The most CPU time that a get may take, as a multiple of the time for importing the reactor. A get
#: takes about 0.9 times as long. With a larger limit, a superfluous import could go unnoticed.
MOST = 1.25

#: The number of runs of each program. The fastest run counts, because other processes can only slow
#: a run down.
RUNS = 5


class StartTests(ProgramTestCase):
    """
    The CPU time of a short command.
    """

    async def startNetwork(self, size: int) -> tuple[str, bytes]:
        """
        Start a bootstrap server and ``size`` nodes in this process, and store a value.

        :return: the address of the bootstrap server, and the key of the value
        """
        bootstrap = DHTNode(self.reactor, ephemeral=True)
        bootstrap.listen(0, "127.0.0.1")
        self.addCleanup(bootstrap.destroy)
        for _ in range(size):
            node = DHTNode(self.reactor, bootstrap=[bootstrap.address()])
            self.addCleanup(node.destroy)
            node.register(values.COMMAND, ValueHandler(MemoryStore(self.reactor)))
            node.listen(0, "127.0.0.1")
            await node.ready()
        key = await values.put(node, b"hello")
        return str(bootstrap.address()), key

    async def cpuSeconds(self, *command: str) -> float:
        """Run a program to its end and return its CPU time in seconds."""
        before = getrusage(RUSAGE_CHILDREN)
        # The modules are compiled, as in an installed package. Coverage is switched off because it
        # takes time.
        environment = {
            "PYTHONPYCACHEPREFIX": str(self.folder),
            "PYTHONDONTWRITEBYTECODE": "",
            "COVERAGE_PROCESS_START": "",
            "COVERAGE_PROCESS_CONFIG": "",
        }
        program = await self.finish(*command, environment=environment)
        self.assertEqual(program.exitCode, 0, program.errorText)
        after = getrusage(RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    async def test_getCostsLittleMoreThanTheReactor(self) -> None:
        """
        A get in a network of 100 nodes takes at most 1.25 times the CPU time of importing the
        reactor.
        """
        address, key = await self.startNetwork(100)
        reactor = (sys.executable, "-c", "from twisted.internet import reactor")
        get = (*DWDHT, "get", "--bootstrap", address, key.hex())
        times: dict[tuple[str, ...], list[float]] = {reactor: [], get: []}
        for command in times:
            # The first run of each command compiles the modules.
            await self.cpuSeconds(*command)
        for _ in range(RUNS):
            for command, taken in times.items():
                taken.append(await self.cpuSeconds(*command))
        self.assertLessEqual(min(times[get]) / min(times[reactor]), MOST)
