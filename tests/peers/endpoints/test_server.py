"""
`DHTServerEndpoint`, on networks in memory and in simulated time.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocolFactory,
    IStreamServerEndpoint,
)
from zope.interface import implementer
from zope.interface.verify import verifyObject

from dwdht_twisted import (
    Address,
    CannotListen,
    DHTClientEndpoint,
    DHTServerEndpoint,
    DHTService,
    NodeDestroyed,
)
from tests.helpers.networks.announcements import TOPIC
from tests.helpers.networks.endpoints import PORT, EndpointTestCase, NamedFactory

HOST = "10.1.0.1"


@implementer(IListeningPort)
class UnixPort:
    """
    A port without a number.

    :ivar isListening: whether it listens
    """

    isListening = True

    def startListening(self) -> None:
        """Listen."""
        self.isListening = True

    def stopListening(self) -> None:
        """Listen no more."""
        self.isListening = False

    def getHost(self) -> UNIXAddress:
        """The path of the socket."""
        return UNIXAddress("/run/site.sock")


@implementer(IStreamServerEndpoint)
class UnixEndpoint:
    """
    An endpoint like that of a UNIX socket.

    :ivar port: its port
    """

    def __init__(self) -> None:
        self.port = UnixPort()

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Listen."""
        port: IListeningPort = self.port
        return succeed(port)


class ServerTests(EndpointTestCase):
    """
    A server that is announced while it listens.
    """

    def test_endpointProvidesInterfaces(self) -> None:
        """Endpoint and port provide ``IStreamServerEndpoint`` and ``IListeningPort``."""
        endpoint = self.serverEndpoint(self.network.reactor(HOST))
        self.assertTrue(verifyObject(IStreamServerEndpoint, endpoint))
        self.serve(HOST)
        self.assertTrue(verifyObject(IListeningPort, self.ports[HOST]))
        self.assertEqual(self.ports[HOST].getHost().port, PORT)

    def test_listeningPortIsFound(self) -> None:
        """The port of a server is found under its topic, and still an hour later."""
        self.serve(HOST)
        self.assertEqual(self.found(), {Address(HOST, PORT)})
        self.clock.runFor(3600)
        self.assertEqual(self.found(), {Address(HOST, PORT)})

    def test_stoppedPortIsNotFound(self) -> None:
        """After ``stopListening``, no node names the port, and nothing of the node is left."""
        self.serve(HOST)
        self.clock.runUntil(self.ports[HOST].stopListening())
        self.assertEqual([port for host, port in self.network.ports if host == HOST], [])
        self.assertEqual(self.found(), set())

    def test_portCanListenAgain(self) -> None:
        """A port that listens again is announced again."""
        self.serve(HOST)
        self.clock.runUntil(self.ports[HOST].stopListening())
        self.ports[HOST].startListening()
        self.clock.runFor(3)
        self.assertEqual(self.found(), {Address(HOST, PORT)})

    def test_stopIsBounded(self) -> None:
        """``stopListening`` ends within 6 seconds when no node can be reached."""
        self.serve(HOST)
        self.network.partition([HOST])
        self.clock.runUntil(self.ports[HOST].stopListening(), limit=6)
        self.network.heal()

    def test_shutdownTakesTheAnnouncementBack(self) -> None:
        """The shutdown of a host takes back the announcement of a server that still listens."""
        self.serve(HOST)
        self._opened.clear()
        self.clock.runUntil(self.network.reactor(HOST).shutDown())
        self.assertEqual(self.found(), set())

    def test_lateServerIsClosed(self) -> None:
        """A server that begins to listen during the shutdown fails, and its port is closed."""
        self.serve(HOST)
        self._opened.clear()
        reactor = self.network.reactor(HOST)
        failed: list[Deferred[Any]] = []

        def listen() -> None:
            failed.append(self.serverEndpoint(reactor, PORT + 1).listen(NamedFactory(HOST)))

        reactor.addSystemEventTrigger("before", "shutdown", listen)
        self.clock.runUntil(reactor.shutDown())
        self.failureResultOf(failed[0], NodeDestroyed)

    def test_serverListensWithoutANetwork(self) -> None:
        """A server listens although no node answers, and is announced soon after one does."""
        self.network.partition([HOST])
        self.serve(HOST)
        self.clock.runFor(60)
        self.network.heal()
        self.clock.runFor(40)
        self.assertEqual(self.found(), {Address(HOST, PORT)})

    def test_serverUsesAService(self) -> None:
        """A server on a ``DHTService`` is announced by it, and taken back when that stops."""
        reactor = self.network.reactor(HOST)
        service = DHTService(reactor, bootstrap=[self.bootstrap], ephemeral=True)
        service.startService()
        inner = self.serverEndpoint(reactor)._inner
        endpoint = DHTServerEndpoint(service, TOPIC, inner)
        port = self.clock.runUntil(endpoint.listen(NamedFactory(HOST)))
        self.clock.runFor(3)
        self.assertEqual(self.found(), {Address(HOST, PORT)})
        self.clock.runUntil(service.stopService())
        self.assertEqual(self.found(), set())
        self._opened.append(port)

    def test_serverHasSeveralTopics(self) -> None:
        """A server endpoint on another one announces the port under both topics."""
        reactor = self.network.reactor(HOST)
        options: dict[str, Any] = {"bootstrap": str(self.bootstrap)}
        endpoint = DHTServerEndpoint(reactor, "other", self.serverEndpoint(reactor), **options)
        port: Any = self.clock.runUntil(endpoint.listen(NamedFactory(HOST)))
        self._opened.append(port)
        self.clock.runFor(3)
        self.assertEqual(self.found(), {Address(HOST, PORT)})
        for topic in ("other", TOPIC):
            client = DHTClientEndpoint(self.network.reactor("10.2.0.1"), topic, **options)
            self.assertEqual(self.fetch(client), HOST)
        self.clock.runUntil(port.stopListening())
        self.assertEqual(self.found(), set())

    def test_portWithoutNumberIsRefused(self) -> None:
        """An inner endpoint without a port number fails with ``CannotListen``, and is closed."""
        inner = UnixEndpoint()
        endpoint = DHTServerEndpoint(
            self.network.reactor(HOST), TOPIC, inner, bootstrap=str(self.bootstrap)
        )
        error = self.failure(endpoint.listen(NamedFactory(HOST)), CannotListen)
        self.assertIn("/run/site.sock", str(error))
        self.assertFalse(inner.port.isListening)

    def test_takenPortFails(self) -> None:
        """The failure of the inner endpoint is that of ``listen``, and nothing is announced."""
        self.serve(HOST)
        endpoint = self.serverEndpoint(self.network.reactor(HOST))
        self.failure(endpoint.listen(NamedFactory(HOST)), CannotListenError)
