"""
A network of processes whose nodes are all killed while values are put.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, gatherResults

from dwdht_twisted import DHTError, DHTNode, values
from tests.helpers.processes.programs import TWISTD, Program, ProgramTestCase, freePort

#: The number of nodes. Each value is put on all of them.
NODES = 5

#: The number of values that are put, and the number of acknowledged ones at which all are killed.
PUTS = 1000
KILLED_AFTER = 400

#: The number of puts at the same time.
AT_ONCE = 32


class KillTests(ProgramTestCase):
    """
    Five ``twistd dwdht`` with stores in files.
    """

    timeout = 240

    def startAll(self, ports: list[int]) -> list[Program]:
        """Start all nodes, each with its own id, port and store."""
        bootstrap = [part for port in ports for part in ("--bootstrap", f"127.0.0.1:{port}")]
        return [
            self.start(
                *TWISTD,
                *("dwdht", "--interface", "127.0.0.1", "--rate-limit", "none"),
                *("--port", str(port), "--id", f"{number:02x}" * 32),
                *("--store", f"sqlite:values-{number}"),
                *bootstrap,
            )
            for number, port in enumerate(ports)
        ]

    async def member(self, ports: list[int], programs: list[Program]) -> DHTNode:
        """Return a node that has joined the network of the programs, once all of them answer."""
        for port, program in zip(ports, programs, strict=True):
            await self.untilItAnswers(f"127.0.0.1:{port}", program)
        for program in programs:
            await program.says(" the network")
        node = DHTNode(self.reactor, ephemeral=True, bootstrap=ports)
        self.addCleanup(node.destroy)
        await node.ready()
        return node

    async def test_acknowledgedValuesOutliveKills(self) -> None:
        """
        All nodes get SIGKILL amid 1,000 puts. After they were started again, each value whose put
        had succeeded is found.
        """
        ports = [freePort() for _ in range(NODES)]
        programs = self.startAll(ports)
        putter = await self.member(ports, programs)
        acknowledged: dict[bytes, bytes] = {}
        numbers = iter(range(PUTS))

        async def put(number: int) -> None:
            value = b"value %d " % number * 40
            try:
                key = await values.put(putter, value)
            except DHTError:
                return
            acknowledged[key] = value
            if len(acknowledged) == KILLED_AFTER:
                for program in programs:
                    program.send("KILL")

        async def putInTurn() -> None:
            for number in numbers:
                await put(number)

        async def end() -> None:
            for program in programs:
                await program.end(20)

        putting = gatherResults([Deferred.fromCoroutine(putInTurn()) for _ in range(AT_ONCE)])
        await end()
        await putter.destroy()
        await putting
        self.assertGreaterEqual(len(acknowledged), KILLED_AFTER)
        self.assertLess(len(acknowledged), PUTS)

        programs = self.startAll(ports)
        reader = await self.member(ports, programs)

        sought = iter(acknowledged.items())

        async def getInTurn() -> None:
            for key, value in sought:
                self.assertEqual(await values.get(reader, key), value)

        await gatherResults([Deferred.fromCoroutine(getInTurn()) for _ in range(AT_ONCE)])
