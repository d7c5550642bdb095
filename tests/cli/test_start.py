"""
The cost of ``dwdht`` as a process, beside that of a Python that only imports Twisted's reactor.
"""

from __future__ import annotations

import sys
from resource import RUSAGE_CHILDREN, getrusage

from dwdht_twisted import DHTNode, MemoryStore, ValueHandler, values
from tests.helpers.processes.programs import DWDHT, ProgramTestCase

#: The most CPU time that a get may take, in times of that of an import of the reactor.  It is about
#: 0.9.  Larger: what isn't needed could be loaded again unnoticed.
MOST = 1.25

#: The number of runs of each program.  The fastest of them is counted, because other processes can
#: only slow a run down.
RUNS = 5


class StartTests(ProgramTestCase):
    """Tests for the time that a short command takes."""

    async def startNetwork(self, size: int) -> tuple[str, bytes]:
        """
        Start a network of a bootstrap server and other nodes in this process, and store a value.

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
        """Run a program to its end, and return the CPU time that it took, in seconds."""
        before = getrusage(RUSAGE_CHILDREN)
        # Compiled, as the files of an installed package are, and not measured for coverage.
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
        A get of a value on a network of 100 nodes takes, as a process, up to 1.25 times the CPU
        time of a Python that imports the reactor and ends.
        """
        address, key = await self.startNetwork(100)
        reactor = (sys.executable, "-c", "from twisted.internet import reactor")
        get = (*DWDHT, "get", "--bootstrap", address, key.hex())
        times: dict[tuple[str, ...], list[float]] = {reactor: [], get: []}
        for command in times:
            # The first run compiles its modules.
            await self.cpuSeconds(*command)
        for _ in range(RUNS):
            for command, taken in times.items():
                taken.append(await self.cpuSeconds(*command))
        self.assertLessEqual(min(times[get]) / min(times[reactor]), MOST)
