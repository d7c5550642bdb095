"""
``dht:`` endpoint strings in programs of Twisted, run as processes on loopback.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from twisted.application.internet import ClientService
from twisted.internet.endpoints import clientFromString
from twisted.internet.protocol import Factory
from twisted.web.client import Agent, HTTPConnectionPool, readBody

from dwdht_twisted import DHTNode, peers
from tests.helpers.networks.endpoints import Client, EndpointOfTopic
from tests.helpers.processes.programs import SCRIPTS, Program, ProgramTestCase


class ProcessTests(ProgramTestCase):
    """
    Servers in processes, and clients in the process of the test.
    """

    async def network(self) -> None:
        """Start three members that keep announcements, of which the first is the bootstrap node."""
        self.members: list[DHTNode] = []
        self.ports: dict[int, Program] = {}
        for _ in range(3):
            node = DHTNode(self.reactor, bootstrap=self.bootstrap() if self.members else ())
            node.register(peers.COMMAND, peers.PeerHandler(self.reactor))
            node.listen(interface="127.0.0.1")
            self.members.append(node)
            self.addCleanup(node.destroy)
            await node.ready()

    def bootstrap(self) -> str:
        """Return the address of the bootstrap node."""
        return str(self.members[0].address())

    def option(self) -> str:
        """Return the bootstrap node as an option of an endpoint string."""
        return "bootstrap=" + self.bootstrap().replace(":", "\\:")

    async def serve(self, name: str) -> Program:
        """Start ``twist web`` with a page of this name, and wait until it is announced."""
        folder = self.folder / name
        folder.mkdir()
        (folder / "index.html").write_text(name)
        known = {peer.address for peer in await self.announced()}
        inner = "tcp\\:0\\:interface\\=127.0.0.1"
        program = self.start(
            *(str(SCRIPTS / "twist"), "web", "--path", str(folder)),
            *("--listen", f"dht:my-site:{inner}:{self.option()}"),
        )
        for _ in range(100):
            new = {peer.address for peer in await self.announced()} - known
            if new:
                self.ports[new.pop().port] = program
                return program
            self.assertFalse(program.ended, program.errorText)
            await self.pause(0.1)
        self.fail(f"{name} was not announced: {program.text}{program.errorText}")
        return program

    async def announced(self) -> list[peers.Peer]:
        """Return what the members name."""
        return await peers.lookUp(self.members[1], "my-site").collect()

    def agent(self) -> Any:
        """Return a web client of the topic."""
        endpoint = clientFromString(self.reactor, f"dht:my-site:{self.option()}")
        pool = HTTPConnectionPool(self.reactor, persistent=False)
        return Agent.usingEndpointFactory(self.reactor, EndpointOfTopic(endpoint), pool=pool)

    async def fetch(self, agent: Any) -> str:
        """Fetch a page, and return the name of its server."""
        response = await agent.request(b"GET", b"http://my-site/")
        return bytes(await readBody(response)).decode()

    async def test_twistWebIsReached(self) -> None:
        """
        Three ``twist web`` are reached by their topic. When one is killed, no request fails or
        takes 2 seconds. When another is stopped, no node names it any more.
        """
        await self.network()
        programs = {name: await self.serve(name) for name in ("one", "two", "three")}
        agent = self.agent()
        shares = Counter([await self.fetch(agent) for _ in range(60)])
        self.assertEqual(set(shares), set(programs))
        self.assertGreaterEqual(min(shares.values()), 8)

        programs["one"].send("KILL")
        await programs["one"].end(10)
        for _ in range(20):
            began = self.reactor.seconds()
            self.assertIn(await self.fetch(agent), ("two", "three"))
            self.assertLess(self.reactor.seconds() - began, 2)

        programs["two"].send("TERM")
        await programs["two"].end(10)
        self.assertEqual(len(await self.announced()), 2)
        self.assertEqual({await self.fetch(agent) for _ in range(10)}, {"three"})

    async def test_clientServiceGoesOn(self) -> None:
        """A ``ClientService`` on a string goes on to the other server when its own is killed."""
        await self.network()
        for name in ("one", "two"):
            await self.serve(name)
        endpoint = clientFromString(self.reactor, f"dht:my-site:{self.option()}")
        service = ClientService(endpoint, Factory.forProtocol(Client), clock=self.reactor)
        service.startService()
        client: Any = await service.whenConnected()
        first = client.transport.getPeer().port
        self.ports[first].send("KILL")
        await client.lost
        # The service notices the end after its protocol.
        await self.pause(0)
        client = await service.whenConnected()
        second = client.transport.getPeer().port
        self.assertEqual({first, second}, set(self.ports))
        await self.pause(0)
        await service.stopService()
