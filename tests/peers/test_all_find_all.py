"""
Servers that are members of one network, announce themselves under one topic, and find each other.
"""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.trial.unittest import TestCase

from dwdht_twisted import DHTNode, peers
from tests.helpers.networks.nodes import NodeTestCase

TOPIC = "servers of one kind"

#: The port of the first server. The others have the ports after it.
PORT = 8000


def withPeers(node: DHTNode) -> DHTNode:
    """Return a node that keeps announcements for others."""
    node.register(peers.COMMAND, peers.PeerHandler(node.clock))
    return node


def portsOf(found: Iterable[peers.Peer]) -> set[int]:
    """Return the ports of the peers that a server found."""
    return {peer.address.port for peer in found}


class SimulatedTests(NodeTestCase):
    """
    Servers on a network in memory.
    """

    def check(self, count: int) -> None:
        """Require that each of this many servers finds all of them."""
        servers = [withPeers(node) for node in self.swarm(count)]
        ports = set(range(PORT, PORT + count))
        for port, server in zip(sorted(ports), servers, strict=True):
            self.clock.runUntil(peers.announce(server, TOPIC, port))
        for server in servers:
            found = self.clock.runUntil(peers.lookUp(server, TOPIC).collect())
            self.assertEqual(portsOf(found), ports)

    def test_one(self) -> None:
        """A single server finds itself."""
        self.check(1)

    def test_two(self) -> None:
        """Each of two servers finds both."""
        self.check(2)

    def test_eleven(self) -> None:
        """Each of eleven servers finds all."""
        self.check(11)


class LoopbackTests(TestCase):
    """
    Servers on the ports of this machine.
    """

    def node(self, **options: object) -> DHTNode:
        """Return a node that listens on the loopback address."""
        node = DHTNode(reactor, **options)  # type: ignore[arg-type]
        self.addCleanup(node.destroy)
        node.listen(0, "127.0.0.1")
        return node

    async def check(self, count: int) -> None:
        """Require that each of this many servers finds all of them."""
        bootstrap = self.node(ephemeral=True).address()
        servers = [withPeers(self.node(bootstrap=[bootstrap])) for _ in range(count)]
        for server in servers:
            await server.ready()
        ports = set(range(PORT, PORT + count))
        for port, server in zip(sorted(ports), servers, strict=True):
            await peers.announce(server, TOPIC, port)
        found = await gatherResults([peers.lookUp(each, TOPIC).collect() for each in servers])
        self.assertEqual([portsOf(each) for each in found], [ports] * count)

    async def test_one(self) -> None:
        """A single server finds itself."""
        await self.check(1)

    async def test_two(self) -> None:
        """Each of two servers finds both."""
        await self.check(2)

    async def test_eleven(self) -> None:
        """Each of eleven servers finds all."""
        await self.check(11)
