"""
A `DHTService` that fails to start and is started again.
"""

from __future__ import annotations

from typing import Any

from twisted.application.service import MultiService

from dwdht_twisted import DHTNode, values
from dwdht_twisted.errors import CannotListen, CannotOpenStore, NodeDestroyed, StoreFailed
from dwdht_twisted.service import DHTService
from dwdht_twisted.values import MemoryStore
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.services import COMMAND, CountingStore, ServiceTestCase


class FailedStartTests(ServiceTestCase):
    """
    A service whose start failed.
    """

    def setUp(self) -> None:
        super().setUp()
        self.made: list[CountingStore] = []
        self.canOpen = True

    def make(self) -> CountingStore:
        """Return a new store, or raise if the test says that it can't be opened."""
        if not self.canOpen:
            raise CannotOpenStore("the disk is gone")
        self.made.append(CountingStore(self.clock))
        return self.made[-1]

    def assertReleased(self, timers: list[Any]) -> None:
        """Require that the service has no open port, no new timer and no open store."""
        self.clock.runFor(0)
        self.assertEqual({*self.clock.getDelayedCalls()} - {*timers}, set())
        self.assertNotIn("10.0.0.2", [host for host, _ in self.network.ports])
        self.assertEqual([store.closings for store in self.made], [1] * len(self.made))

    def assertStarts(self, service: DHTService) -> None:
        """Require that a service starts, answers requests, stores values and stops."""
        service.startService()
        self.clock.runUntil(service.node.ready())
        address = "10.0.0.2", service.node.address().port
        asked = self.bootstrap.query(COMMAND, bytes(32), nodes=[address]).collect()
        self.assertEqual([reply.value for reply in self.clock.runUntil(asked)], [b"here"])
        key = self.clock.runUntil(values.put(self.bootstrap, b"value"))
        self.assertEqual(self.made[-1].get(key), b"value")
        self.clock.runUntil(service.stopService())

    def service(self, **options: Any) -> DHTService:
        """Return a service with a handler and a store."""
        service = super().service(store=self.make, port=7000, **options)
        service.node.register(COMMAND, Handler(lambda _: b"here"))
        return service

    def test_takenPortCanBeTriedAgain(self) -> None:
        """
        A start that fails because the port is in use closes the store. The next start works when
        the port is free.
        """
        other = DHTNode(self.host)
        other.listen(7000)
        service = self.service()
        timers = [*self.clock.getDelayedCalls()]
        for _ in range(3):
            with self.assertRaises(CannotListen):
                service.startService()
            self.assertFalse(service.running)
        self.clock.runUntil(other.destroy())
        self.assertReleased(timers)
        self.assertStarts(service)

    def test_takenPortCanBeTriedAgainWithPrivileges(self) -> None:
        """
        ``privilegedStartService`` can be called again after it failed because the port was in use.
        """
        other = DHTNode(self.host)
        other.listen(7000)
        service = self.service()
        for _ in range(2):
            with self.assertRaises(CannotListen):
                service.privilegedStartService()
        self.clock.runUntil(other.destroy())
        service.privilegedStartService()
        self.assertStarts(service)

    def test_destroyedNodeIsReplaced(self) -> None:
        """A start fails if a user has destroyed the node. The next start works with a new node."""
        service = self.service()
        self.clock.runUntil(service.node.destroy())
        with self.assertRaises(NodeDestroyed):
            service.privilegedStartService()
        service.privilegedStartService()
        self.assertStarts(service)

    def test_failingCloseFailsTheStop(self) -> None:
        """
        A store fails to close after a failed start. The next call of ``stopService`` fails, and a
        second call works.
        """

        class BrokenStore(MemoryStore):
            def close(self) -> None:
                raise StoreFailed("the disk is gone")

        other = DHTNode(self.host)
        other.listen(7000)
        service = DHTService(self.host, port=7000, store=lambda: BrokenStore(self.clock))
        with self.assertRaises(CannotListen):
            service.startService()
        with self.assertRaises(StoreFailed):
            self.clock.runUntil(service.stopService())
        self.clock.runUntil(service.stopService())

    def test_badStoreReleasesThePort(self) -> None:
        """
        A start that fails because the store can't be opened closes the port. The next start works
        when the store can be opened.
        """
        timers = [*self.clock.getDelayedCalls()]
        self.canOpen = False
        service = self.service()
        service.privilegedStartService()
        with self.assertRaises(CannotOpenStore):
            service.startService()
        self.assertFalse(service.running)
        self.assertReleased(timers)
        self.canOpen = True
        self.assertStarts(service)

    def test_badStoreTakesNoPort(self) -> None:
        """If the store fails before a port is opened, the start can be repeated at once."""
        self.canOpen = False
        service = self.service()
        with self.assertRaises(CannotOpenStore):
            service.startService()
        self.canOpen = True
        self.assertStarts(service)

    def test_stopWaitsForAFailedStart(self) -> None:
        """After a failed start, ``stopService`` releases the port. The next start works."""
        self.canOpen = False
        service = self.service()
        service.privilegedStartService()
        with self.assertRaises(CannotOpenStore):
            service.startService()
        self.clock.runUntil(service.stopService())
        self.canOpen = True
        service.privilegedStartService()
        self.assertStarts(service)

    def test_parentCanBeTriedAgain(self) -> None:
        """A parent whose child failed to start can be stopped and started again."""
        self.canOpen = False
        parent = MultiService()
        service = self.service()
        service.setServiceParent(parent)
        parent.privilegedStartService()
        with self.assertRaises(CannotOpenStore):
            parent.startService()
        self.clock.runUntil(parent.stopService())
        self.canOpen = True
        parent.privilegedStartService()
        parent.startService()
        self.clock.runUntil(parent.stopService())
        self.assertStarts(service)
