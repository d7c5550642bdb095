"""
Servers and clients on ``dht:`` endpoints, over a network of nodes in memory.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from dwdht_twisted import DHTClientEndpoint, DHTServerEndpoint
from dwdht_twisted.testing import HostReactor
from tests.helpers.networks.announcements import TOPIC, PeerNetworkTestCase

#: The TCP port of the servers.
PORT = 8080

#: How the addresses of the nodes of the network begin, unlike those of servers and clients.
NODES = "10.0.0."


@implementer(IAgentEndpointFactory)
class EndpointOfTopic:
    """
    Has an agent connect to the servers of a topic, whatever the address of its request.

    :param endpoint: the endpoint of the topic
    """

    def __init__(self, endpoint: Any) -> None:
        self._endpoint = endpoint

    def endpointForURI(self, uri: object) -> Any:
        """Return the endpoint of the topic."""
        return self._endpoint


class Client(Protocol):
    """
    A protocol that waits for a line from the server.

    :ivar line: fires with the first bytes
    :ivar lost: fires at the end of the connection
    """

    transport: Any

    def __init__(self) -> None:
        self.line: Deferred[bytes] = Deferred()
        self.lost: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        if not self.line.called:
            self.line.callback(data)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.lost.callback(None)


class Named(Protocol):
    """A protocol that sends the name of its server."""

    factory: NamedFactory

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.factory.served += 1
        self.transport.write(self.factory.name.encode())


class NamedFactory(Factory):
    """
    Makes the protocols of a server.

    :ivar name: the host of the server
    :ivar served: the number of connections so far
    """

    noisy = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.served = 0

    def buildProtocol(self, addr: IAddress | None) -> Any:
        protocol = Named()
        protocol.factory = self
        return protocol


class EndpointTestCase(PeerNetworkTestCase):
    """
    A base for tests of endpoints, on a network of eight members that keep announcements.

    :ivar ports: the listening port of each server, by its host
    """

    size = 8

    def setUp(self) -> None:
        super().setUp()
        self.ports: dict[str, Any] = {}
        self._opened: list[Any] = []

    def destroyAll(self) -> None:
        """Close what is open, and require that no timer, port or connection is left."""
        for port in self._opened:
            self.clock.runUntil(port.stopListening())
        self.clock.runFor(1)
        self.assertEqual([host for host, _ in self.network.ports if not host.startswith(NODES)], [])
        self.assertEqual(self.network.streams.ports, {})
        self.assertEqual(self.network.streams.connections, set())
        for node in self._nodes:
            self.clock.runUntil(node.destroy())
        # The delayed calls of a killed host stay listed until their time.
        self.clock.runFor(600)
        super().destroyAll()

    def serverEndpoint(self, reactor: Any, port: int = PORT, **options: Any) -> DHTServerEndpoint:
        """Return the endpoint of a server."""
        options.setdefault("bootstrap", str(self.bootstrap))
        return DHTServerEndpoint(
            reactor, TOPIC, TCP4ServerEndpoint(self.hostOf(reactor), port), **options
        )

    def hostOf(self, reactor: Any) -> HostReactor:
        """Return the reactor of the host."""
        assert isinstance(reactor, HostReactor)
        return reactor

    def serve(self, host: str, announced: bool = True, **options: Any) -> NamedFactory:
        """Start a server on a host, and wait until it is announced."""
        factory = NamedFactory(host)
        endpoint = self.serverEndpoint(self.network.reactor(host), **options)
        port = self.clock.runUntil(endpoint.listen(factory))
        self.ports[host] = port
        self._opened.append(port)
        if announced:
            self.clock.runFor(3)
        return factory

    def kill(self, host: str) -> None:
        """Kill the process of a server."""
        self._opened.remove(self.ports.pop(host))
        self.network.reactor(host).crash()

    def client(self, host: str = "10.2.0.1", **options: Any) -> DHTClientEndpoint:
        """Return the endpoint of a client."""
        options.setdefault("bootstrap", str(self.bootstrap))
        options.setdefault("random", Random(1))
        return DHTClientEndpoint(self.network.reactor(host), TOPIC, **options)

    def begin(self, endpoint: DHTClientEndpoint) -> Deferred[Any]:
        """Begin to connect."""
        return endpoint.connect(Factory.forProtocol(Client))

    def fetch(self, endpoint: DHTClientEndpoint) -> str:
        """Connect, close the connection, and return the name of the server."""

        async def fetch() -> str:
            client = await self.begin(endpoint)
            line = await client.line
            client.transport.loseConnection()
            await client.lost
            return bytes(line).decode()

        return self.clock.runUntil(fetch())

    def shares(self, endpoint: DHTClientEndpoint, count: int) -> Counter[str]:
        """Connect a number of times, and return the number for each server."""
        return Counter(self.fetch(endpoint) for _ in range(count))

    def failure(self, deferred: Deferred[Any], kind: type[Exception]) -> Any:
        """Wait for a failure, and return the exception."""
        with self.assertRaises(kind) as raised:
            self.clock.runUntil(deferred)
        return raised.exception
