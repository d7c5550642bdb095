"""
The node of a `DHTService` that is used before the service has started.
"""

from __future__ import annotations

from typing import Any

from twisted.application.internet import ClientService, StreamServerEndpointService
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory, Protocol

from dwdht_twisted import (
    CannotListen,
    DHTClientEndpoint,
    DHTNode,
    DHTServerEndpoint,
    NodeDestroyed,
    values,
)
from dwdht_twisted.service import DHTService
from dwdht_twisted.values import MemoryStore
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.services import BOOTSTRAP, COMMAND, ServiceTestCase

PORT = 7000


class EarlyUseTests(ServiceTestCase):
    """
    Requests that wait for the start of the service, with and without a state.
    """

    def setUp(self) -> None:
        super().setUp()
        self.bootstrap.register(COMMAND, Handler(lambda _: b"there"))

    def services(self, **options: Any) -> list[DHTService]:
        """Return services that have not started: one without a state, and one with a state."""
        states = (None, self.mktemp())
        return [self.service(port=PORT, state=state, **options) for state in states]

    def begin(self, service: DHTService) -> list[Deferred[Any]]:
        """Begin a request of each kind."""
        node = service.node
        return [
            node.query(COMMAND, bytes(32)).collect(),
            node.query(COMMAND, bytes(32), nodes=[BOOTSTRAP]).collect(),
            node.update(COMMAND, bytes(32), b"value").collect(),
            node.ping(BOOTSTRAP),
            node.holepunch(BOOTSTRAP, BOOTSTRAP),
            node.ready(),
            node.bootstrap(),
            service.node.query(COMMAND, bytes(32)).__anext__(),
        ]

    def assertWaits(self, begun: list[Deferred[Any]]) -> None:
        """Require that requests wait, and that the host has no port."""
        self.clock.runFor(100)
        for each in begun:
            self.assertNoResult(each)
        self.assertEqual(list(self.network.ports), [("10.0.0.1", 6620)])

    def test_requestsWaitForTheStart(self) -> None:
        """Requests of each kind open no port before the start, and are answered after it."""
        for service in self.services():
            begun = self.begin(service)
            self.assertWaits(begun)
            service.startService()
            self.assertEqual(service.node.address().port, PORT)
            results = [self.clock.runUntil(each) for each in begun]
            for replies in results[:2]:
                self.assertEqual([reply.value for reply in replies], [b"there"])
            self.assertEqual(len(results[2]), 1)
            self.assertEqual(results[3].contact.id, self.bootstrap.id)
            self.assertEqual(results[7].value, b"there")
            self.clock.runUntil(service.stopService())

    def test_requestsWaitForTheState(self) -> None:
        """With a state, requests wait although ``privilegedStartService`` has opened the port."""
        service = self.services()[1]
        service.privilegedStartService()
        begun = self.begin(service)
        self.clock.runFor(100)
        for each in begun:
            self.assertNoResult(each)
        service.startService()
        for each in begun:
            self.clock.runUntil(each)

    def test_requestsAreThoseOfTheKeptId(self) -> None:
        """A query that was made before the start is sent under the id of the state."""
        state = self.mktemp()
        first = self.start(state=state, store=None)
        self.clock.runUntil(first.node.ready())
        id = first.node.id
        self.clock.runUntil(first.stopService())
        asked: list[bytes | None] = []
        self.bootstrap.unregister(COMMAND)
        self.bootstrap.register(COMMAND, query=lambda request: asked.append(request.node.id))
        second = self.service(state=state, store=None)
        begun = second.node.query(COMMAND, bytes(32)).collect()
        self.assertNotEqual(second.node.id, id)
        second.startService()
        self.clock.runUntil(begun)
        self.assertEqual((second.node.id, asked), (id, [id]))

    def test_stopEndsTheWait(self) -> None:
        """When a service is stopped that never started, the requests fail with NodeDestroyed."""
        for service in self.services():
            begun = self.begin(service)
            self.clock.runUntil(service.stopService())
            for each in begun:
                self.failureResultOf(each, NodeDestroyed)

    def test_failedStartEndsTheWait(self) -> None:
        """When a start fails, the requests fail with NodeDestroyed, and the next node starts."""
        for service in self.services():
            blocker = DHTNode(self.host)
            blocker.listen(PORT)
            begun = self.begin(service)
            with self.assertRaises(CannotListen):
                service.startService()
            for each in begun:
                self.failureResultOf(each, NodeDestroyed)
            self.clock.runUntil(blocker.destroy())
            for each in self.begin(service):
                self.failureResultOf(each, NodeDestroyed)
            service.startService()
            for each in self.begin(service):
                self.clock.runUntil(each)
            self.clock.runUntil(service.stopService())

    def test_waitingRequestsCanBeCancelled(self) -> None:
        """Requests that wait can be cancelled; the service starts as ever."""
        for service in self.services():
            for each in self.begin(service):
                each.addErrback(lambda _: None)
                each.cancel()
            service.startService()
            self.clock.runUntil(service.node.ready())
            self.clock.runUntil(service.stopService())

    def test_addressIsUnknownBeforeThePort(self) -> None:
        """The address of a node whose service hasn't opened its port raises CannotListen."""
        for service in self.services():
            with self.assertRaisesRegex(CannotListen, "service"):
                service.node.address()
            self.assertEqual(list(self.network.ports), [("10.0.0.1", 6620)])

    def test_valueIsPutAtTheStart(self) -> None:
        """A value that is put before the start is stored after it, and found."""
        service = self.service(store=MemoryStore(self.host))
        putting = values.put(service.node, b"value")
        self.clock.runFor(10)
        service.startService()
        key = self.clock.runUntil(putting)
        self.assertEqual(self.clock.runUntil(values.get(self.bootstrap, key)), b"value")

    def test_contactsOfTheStateAreUsed(self) -> None:
        """The node of a restarted service joins by the contacts of its state, adaptive or not."""
        for adaptive in (False, True):
            state = self.mktemp()
            first = self.start(state=state, store=None, adaptive=adaptive)
            self.clock.runUntil(first.node.ready())
            self.clock.runUntil(first.stopService())
            second = self.start(state=state, store=None, adaptive=adaptive, bootstrap=())
            self.clock.runUntil(second.node.ready())
            self.assertEqual([each.id for each in second.node.contacts()], [self.bootstrap.id])
            self.clock.runUntil(second.stopService())


class OrderTests(ServiceTestCase):
    """
    Parents that start children in order, without ``privilegedStartService``.
    """

    def test_clientsAndServersMayStandFirst(self) -> None:
        """
        A server and a client of it that stand before the service in their parent reach each other.
        """
        for state in (None, self.mktemp()):
            parent = MultiService()
            dht = self.service(port=PORT, state=state)
            accepted = Factory.forProtocol(Protocol)
            inner = serverFromString(self.host, "tcp:0")
            server = DHTServerEndpoint(dht, "lines", inner)
            StreamServerEndpointService(server, accepted).setServiceParent(parent)
            client: Any = ClientService(
                DHTClientEndpoint(dht, "lines"), Factory.forProtocol(Protocol), clock=self.host
            )
            client.setServiceParent(parent)
            dht.setServiceParent(parent)
            parent.startService()
            self.assertEqual(dht.node.address().port, PORT)
            self.clock.runUntil(client.whenConnected(), limit=60)
            self.clock.runUntil(parent.stopService())
