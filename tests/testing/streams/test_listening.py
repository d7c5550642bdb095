"""
TCP ports of simulated hosts, and connecting to them.
"""

from __future__ import annotations

from typing import NoReturn

from twisted.internet.endpoints import HostnameEndpoint, clientFromString, serverFromString
from twisted.internet.error import (
    CannotListenError,
    ConnectionRefusedError,
    DNSLookupError,
    TCPTimedOutError,
    TimeoutError,
    UserError,
)
from twisted.internet.interfaces import IConnector, IListeningPort
from twisted.web.client import Agent, readBody
from twisted.web.resource import Resource
from twisted.web.server import Site
from zope.interface.verify import verifyObject

from tests.helpers.networks.connections import PORT, ConnectionTestCase, Recorders
from tests.helpers.networks.three_hosts import A, B, C


class PortTests(ConnectionTestCase):
    """
    A listening port.
    """

    def test_portProvidesIListeningPort(self) -> None:
        """A port provides ``IListeningPort``, and tells its address as a real one does."""
        port = self.listen()
        self.assertTrue(verifyObject(IListeningPort, port))
        self.assertEqual((port.getHost().host, port.getHost().port), ("0.0.0.0", PORT))

    def test_freePortIsFound(self) -> None:
        """Port 0 stands for a free port, another one at each call."""
        ports = [self.host(B).listenTCP(0, self.servers) for _ in range(3)]
        numbers = {port.getHost().port for port in ports}
        self.assertEqual(len(numbers), 3)
        self.assertGreater(min(numbers), 49151)

    def test_takenPortRaises(self) -> None:
        """A port that is open already raises ``CannotListenError``; a UDP port doesn't matter."""
        self.listen()
        with self.assertRaises(CannotListenError):
            self.listen()

    def test_closedPortRefuses(self) -> None:
        """After ``stopListening``, connections are refused and open ones go on."""
        port = self.listen()
        client, server = self.pair()
        self.clock.runUntil(port.stopListening())
        self.connect()
        self.clock.runFor(1)
        assert self.clients.failure is not None
        self.assertTrue(self.clients.failure.check(ConnectionRefusedError))
        client.transport.write(b"still here")
        self.clock.runFor(1)
        self.assertEqual(server.received, b"still here")

    def test_loopbackPortRefusesOthers(self) -> None:
        """A port on the loopback interface accepts only connections of its own host."""
        self.listen(interface="127.0.0.1")
        self.connect()
        self.host(B).connectTCP("127.0.0.1", PORT, local := Recorders(self.clock))
        self.clock.runFor(1)
        assert self.clients.failure is not None
        self.assertTrue(self.clients.failure.check(ConnectionRefusedError))
        self.assertEqual(local.made[0].transport.getPeer().host, "127.0.0.1")

    def test_portMovesWithItsHost(self) -> None:
        """When a host changes its address, its port is at the new one, and its connections end."""
        port = self.listen()
        _, server = self.pair()
        self.network.changeAddress(B, "10.0.0.9")
        self.clock.runFor(1)
        self.assertIsNotNone(server.reason)
        self.connect()
        self.connect("10.0.0.9")
        self.clock.runFor(1)
        self.assertEqual(len(self.servers.made), 2)
        self.clock.runUntil(port.stopListening())
        self.assertEqual(self.network.streams.ports, {})

    def test_factoryMayRefuse(self) -> None:
        """A factory that builds no protocol, or raises an exception, closes the connection."""
        self.listen()
        for build in (lambda addr: None, lambda addr: 1 / 0):
            self.servers.buildProtocol = build  # type: ignore[method-assign,assignment]
            self.connect()
            self.clock.runFor(1)
            self.assertIsNotNone(self.clients.made[-1].reason)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class ConnectorTests(ConnectionTestCase):
    """
    Connecting to a port.
    """

    def test_connectingTakesARoundTrip(self) -> None:
        """A client is connected after a round trip; its connector provides ``IConnector``."""
        self.listen()
        connector = self.connect()
        self.assertTrue(verifyObject(IConnector, connector))
        self.clock.runUntil(lambda: self.clients.made)
        self.assertAlmostEqual(self.clock.seconds(), 0.08)

    def test_refusalTakesARoundTrip(self) -> None:
        """A closed port refuses a connection after a round trip."""
        self.host(B)
        self.connect()
        self.clock.runUntil(lambda: self.clients.failure)
        self.assertAlmostEqual(self.clock.seconds(), 0.08)
        assert self.clients.failure is not None
        self.assertTrue(self.clients.failure.check(ConnectionRefusedError))

    def test_silenceEndsByTimeout(self) -> None:
        """A host behind a partition, or one that doesn't exist, fails after the time-out."""
        self.listen()
        self.network.partition([A])
        for host in (B, "10.9.9.9"):
            began = self.clock.seconds()
            self.connect(host, timeout=5)
            self.clock.runUntil(lambda: self.clients.failure)
            assert self.clients.failure is not None
            self.assertTrue(self.clients.failure.check(TimeoutError))
            self.assertAlmostEqual(self.clock.seconds() - began, 5)
            self.clients.failure = None

    def test_lostRequestIsRepeated(self) -> None:
        """A client connects within 4 seconds of the end of a partition of 2 seconds."""
        self.listen()
        self.network.partition([A])
        self.connect()
        self.clock.runFor(2)
        self.network.heal()
        self.clock.runUntil(lambda: self.clients.made, limit=4)

    def test_lostAnswerEndsTheAttempt(self) -> None:
        """An attempt without a time-out fails when the answer to it is lost for 63 seconds."""
        self.listen()
        self.connect(timeout=None)
        self.clock.runFor(0.02)
        self.network.partition([A])
        self.clock.runUntil(lambda: self.clients.failure, limit=70)
        assert self.clients.failure is not None
        self.assertTrue(self.clients.failure.check(TCPTimedOutError))

    def test_movedHostGetsNoAnswer(self) -> None:
        """An attempt of a host that changes its address meanwhile fails after the time-out."""
        self.listen()
        self.connect(timeout=5)
        self.clock.runFor(0.06)
        self.network.changeAddress(A, C)
        self.clock.runFor(6)
        assert self.clients.failure is not None
        self.assertTrue(self.clients.failure.check(TimeoutError))
        self.assertEqual((self.clients.made, self.servers.made), ([], []))

    def test_clientFactoryMayRaise(self) -> None:
        """A client whose factory raises an exception closes the connection for both ends."""

        def build(addr: object) -> NoReturn:
            raise ZeroDivisionError

        self.listen()
        self.clients.buildProtocol = build  # type: ignore[method-assign]
        self.connect()
        self.clock.runFor(1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.network.streams.connections, set())

    def test_connectingCanBeStopped(self) -> None:
        """A stopped connector fails with ``UserError``, and no server sees a connection."""
        self.listen()
        self.connect().stopConnecting()
        assert self.clients.failure is not None
        self.assertTrue(self.clients.failure.check(UserError))
        self.clock.runFor(5)
        self.assertEqual(self.servers.made, [])

    def test_nameIsResolved(self) -> None:
        """A name is resolved by the network, and an unknown name fails."""
        self.listen()
        self.network.addName("server.example", B)
        self.connect("server.example")
        self.clock.runUntil(lambda: self.servers.made)
        self.connect("unknown.example")
        self.clock.runUntil(lambda: self.clients.failure)
        assert self.clients.failure is not None
        self.assertTrue(self.clients.failure.check(DNSLookupError))

    def test_endedHostConnectsNoMore(self) -> None:
        """A connection that a host was making when it ended is never made."""
        self.listen()
        self.connect()
        self.host(A).crash()
        self.clock.runFor(60)
        self.assertEqual((self.clients.made, self.servers.made), ([], []))


class ProgramTests(ConnectionTestCase):
    """
    Programs of Twisted on simulated TCP.
    """

    def test_endpointStringsWork(self) -> None:
        """``tcp:`` endpoint strings and ``HostnameEndpoint`` work on a simulated host."""
        self.clock.runUntil(serverFromString(self.host(B), f"tcp:{PORT}").listen(self.servers))
        self.network.addName("server.example", B)
        for endpoint in (
            clientFromString(self.host(A), f"tcp:{B}:{PORT}"),
            HostnameEndpoint(self.host(A), "server.example", PORT),
        ):
            self.clock.runUntil(endpoint.connect(self.clients))
        self.clock.runFor(1)
        self.assertEqual(len(self.servers.made), 2)

    def test_webServerAnswers(self) -> None:
        """``twisted.web`` serves a page of a megabyte to its own client."""

        class Page(Resource):
            isLeaf = True

            def render_GET(self, request: object) -> bytes:
                return bytes(1_000_000)

        self.network.loss = 0.02
        self.host(B).listenTCP(80, Site(Page(), reactor=self.host(B)))

        async def fetch(host: str) -> int:
            agent = Agent(self.host(host))
            response = await agent.request(b"GET", f"http://{B}/".encode())
            return len(await readBody(response))

        for host in (A, C):
            self.assertEqual(self.clock.runUntil(fetch(host)), 1_000_000)
