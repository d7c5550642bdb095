"""
A node that is served over HTTP on a simulated host, and a client on another or on the same host.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from twisted.internet.defer import succeed
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import Agent, readBody
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer

from dwdht_twisted import DHTNode, MemoryStore, peers, values
from dwdht_twisted.testing import HostReactor, MemoryNetwork, SimulatedClock
from dwdht_twisted.web.server import WebServer
from dwdht_twisted.web.settings import HTTPSettings

#: The host of the node that is served, and a host of a client.
SERVER, CLIENT = "10.0.0.1", "10.0.0.9"

#: The port of the server.
PORT = 8080

#: How many nodes the network has.
NODES = 8


class Answer(NamedTuple):
    """
    An answer of a server.

    :ivar status: its status
    :ivar headers: its headers
    :ivar body: its body
    """

    status: int
    headers: Headers
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        """The only header of a name, or None."""
        found = self.headers.getRawHeaders(name)
        return None if found is None else found[0]


@implementer(IBodyProducer)
class Body:
    """A body of a request, which is known before it is sent."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.length = len(body)

    def startProducing(self, consumer: Any) -> Any:
        """Write the body at once."""
        consumer.write(self._body)
        return succeed(None)

    def pauseProducing(self) -> None:
        """Do nothing: everything was written."""

    def resumeProducing(self) -> None:
        """Do nothing: everything was written."""

    def stopProducing(self) -> None:
        """Do nothing: everything was written."""


class Line(Protocol):
    """
    A connection on which bytes are sent and received as they are.

    :ivar received: all bytes so far
    :ivar reason: why the connection has ended, or None
    """

    transport: Any

    def __init__(self) -> None:
        self.received = b""
        self.reason: Failure | None = None

    def dataReceived(self, data: bytes) -> None:
        """Keep what comes."""
        self.received += data

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """Keep the reason."""
        self.reason = reason


class WebTestCase(SynchronousTestCase):
    """
    A base for tests of a node that is served over HTTP, in a network of eight nodes.

    :ivar clock: the clock
    :ivar network: the network
    :ivar nodes: the nodes; the first is served
    :ivar server: the web server
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.network = MemoryNetwork(self.clock, seed=1, latency=0.01)
        self.nodes: list[DHTNode] = []
        for number in range(NODES):
            self.join(f"10.0.0.{number + 1}")
        self.clock.runFor(1)

    def join(self, host: str) -> None:
        """Add a node that keeps values, records and peers."""
        reactor = self.host(host)
        bootstrap = [self.nodes[0].address()] if self.nodes else []
        node = DHTNode(reactor, bootstrap=bootstrap)
        store, keeper = MemoryStore(reactor), peers.PeerHandler(reactor)
        node.register(values.COMMAND, values.ValueHandler(store))
        node.register(values.RECORDS, values.RecordHandler(store, seconds=self.clock.seconds))
        node.register(peers.COMMAND, keeper)
        if not self.nodes:
            self.store, self.keeper = store, keeper
        self.nodes.append(node)
        node.listen(6620, host)
        self.addCleanup(lambda: self.clock.runUntil(node.destroy()))
        self.clock.runUntil(node.ready())

    def serve(self, endpoint: str = f"tcp:{PORT}", **settings: Any) -> WebServer:
        """Serve the first node.  By default, only its own host reaches the server."""
        self.server = WebServer(self.host(SERVER), HTTPSettings(endpoint, **settings))
        self.server.listen()
        self.server.serve(self.nodes[0], store=self.store, peers=self.keeper)
        self.addCleanup(lambda: self.clock.runUntil(self.server.stop()))
        return self.server

    def host(self, name: str) -> HostReactor:
        """Return the reactor of a host."""
        return self.network.reactor(name)

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        body: bytes | None = None,
        host: str = SERVER,
        to: str = f"127.0.0.1:{PORT}",
        **headers: str,
    ) -> Answer:
        """
        Send a request from a host, and return the answer.

        :param headers: an underscore in a name stands for a hyphen
        """
        given = Headers({name.replace("_", "-"): [value] for name, value in headers.items()})

        async def run() -> Answer:
            agent = Agent(self.host(host))
            response = await agent.request(
                method.encode(),
                f"http://{to}{path}".encode(),
                given,
                None if body is None else Body(body),
            )
            return Answer(response.code, response.headers, await readBody(response))

        return self.clock.runUntil(run(), limit=60)

    def connect(self, host: str = SERVER, to: str = "127.0.0.1") -> Line:
        """Open a connection to the server."""
        line = Line()
        endpoint = TCP4ClientEndpoint(self.host(host), to, PORT)
        self.clock.runUntil(connectProtocol(endpoint, line), limit=10)
        return line


__all__ = ["CLIENT", "PORT", "SERVER", "Answer", "Line", "WebTestCase"]
