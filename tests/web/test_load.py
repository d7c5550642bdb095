"""
A node on loopback whose HTTP server is held by a thousand slow clients.
"""

from __future__ import annotations

import sys
from pathlib import Path
from random import randbytes
from time import process_time

from twisted.internet.defer import gatherResults

from dwdht_twisted import DHTNode
from dwdht_twisted.web.bounds import MAXIMUM_CONNECTIONS
from dwdht_twisted.web.server import WebServer
from dwdht_twisted.web.settings import HTTPSettings
from tests.helpers.processes.programs import ROOT, ProgramTestCase, freePort

#: The program of the slow clients.
CLIENTS = ROOT / "tests" / "helpers" / "processes" / "slow_clients.py"

#: The nodes of the network.
NODES = 25

#: The lookups of one measurement.
LOOKUPS = 150

#: The memory that slow clients may take, in bytes. Each of 128 connections has at most some 200 kB
#: of answers that wait.
MEMORY = 64_000_000


def residentBytes() -> int:
    """Return the memory of this process."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * 4096


class LoadTests(ProgramTestCase):
    """
    500 slow readers and 500 half-open connections.
    """

    if not Path("/proc/self/statm").exists():
        skip = "the memory of a process is read from /proc"

    async def test_lookupsGoOnAmongSlowClients(self) -> None:
        """
        With 500 slow readers and 500 half-open connections, a lookup takes at most twice the time
        of the processor, and the memory stays within 64 MB.
        """
        nodes: list[DHTNode] = []
        for _ in range(NODES):
            node = DHTNode(self.reactor, bootstrap=[nodes[0].address()] if nodes else [])
            node.register("values", query=lambda request: None)
            node.listen(0, "127.0.0.1")
            nodes.append(node)
            await node.ready()
        port = freePort()
        server = WebServer(self.reactor, HTTPSettings(f"tcp:{port}"))
        server.listen()
        server.serve(nodes[0])
        try:
            alone = await self.measure(nodes[0])
            memory = residentBytes()
            clients = self.start(sys.executable, str(CLIENTS), str(port))
            await clients.says("held", 40)
            among = sorted([await self.measure(nodes[0]) for _ in range(5)])[2]
            self.assertGreater(server.connections, MAXIMUM_CONNECTIONS // 2)
            self.assertLessEqual(server.connections, MAXIMUM_CONNECTIONS)
            self.assertLess(among, 2 * alone)
            self.assertLess(residentBytes() - memory, MEMORY)
        finally:
            await server.stop()
            await gatherResults([node.destroy() for node in nodes])

    async def measure(self, node: DHTNode) -> float:
        """Return the time of the processor that a lookup takes, in seconds."""
        started = process_time()
        for _ in range(LOOKUPS):
            await node.query("values", randbytes(32)).collect()
        return (process_time() - started) / LOOKUPS
