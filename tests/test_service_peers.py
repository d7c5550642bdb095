"""
The announcements that the node of a `DHTService` keeps for others.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from dwdht_twisted import DHTNode, peers
from dwdht_twisted.errors import NoCloseNodes
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.services import BOOTSTRAP, ServiceTestCase


class ServicePeersTests(ServiceTestCase):
    """
    A `DHTService` in a network whose other node keeps no announcements.
    """

    def announce(self) -> int:
        """Announce a port, and return the number of nodes that keep the announcement."""
        user = DHTNode(self.network.reactor(), ephemeral=True, bootstrap=[BOOTSTRAP])
        self.addCleanup(user.destroy)
        announced = self.clock.runUntil(peers.announce(user, "a topic", 80))
        return len(announced.nodes)

    def count(self) -> int:
        """Look the topic up, and return the number of peers."""
        user = DHTNode(self.network.reactor(), ephemeral=True, bootstrap=[BOOTSTRAP])
        self.addCleanup(user.destroy)
        return len(self.clock.runUntil(peers.lookUp(user, "a topic").collect()))

    def test_announcementsAreKept(self) -> None:
        """By default, the node keeps announcements."""
        service = self.start()
        self.clock.runUntil(service.node.ready())
        self.assertEqual(self.announce(), 1)
        self.assertEqual(self.count(), 1)

    def test_announcementsOutliveTheNode(self) -> None:
        """A service that is stopped and started again still names the peers."""
        service = self.start(port=7000)
        self.clock.runUntil(service.node.ready())
        self.announce()
        self.clock.runUntil(service.stopService())
        service.startService()
        self.clock.runUntil(service.node.ready())
        self.clock.runFor(10)
        self.assertEqual(self.count(), 1)

    def test_announcementsMayBeRefused(self) -> None:
        """With ``peers=False``, the node keeps no announcements."""
        service = self.start(peers=False)
        self.clock.runUntil(service.node.ready())
        with self.assertRaises(NoCloseNodes):
            self.announce()

    def test_handlerOfTheApplicationStays(self) -> None:
        """A handler that the application has registered serves the command instead."""
        service = self.service()
        handler = Handler()
        service.node.register(peers.COMMAND, handler)
        service.startService()
        self.clock.runUntil(service.node.ready())
        self.assertEqual(self.announce(), 1)
        self.assertEqual(len(handler.updates), 1)
        self.clock.runUntil(service.stopService())
        service.startService()
        service.node.unregister(peers.COMMAND)

    def test_stopUnregistersTheHandler(self) -> None:
        """After a stop, the application may register a handler of its own."""
        service = self.start()
        self.clock.runUntil(service.stopService())
        service.node.register(peers.COMMAND, Handler())

    def test_stopWaitsForFunctions(self) -> None:
        """
        A stop calls each function of ``callBeforeStop`` once, waits for it, and then destroys the
        node. A function that fails is logged and holds nothing up. The next run has none.
        """
        service = self.start()
        waiting: Deferred[None] = Deferred()
        calls: list[str] = []

        def wait() -> Deferred[None]:
            calls.append(str(service.node.address()))
            return waiting

        def fail() -> Deferred[None]:
            calls.append("fail")
            raise ValueError("a part that fails")

        for function in (fail, wait, wait):
            service.callBeforeStop(function)
        stopped = service.stopService()
        self.clock.runFor(1)
        self.assertNoResult(stopped)
        self.assertEqual(len(calls), 2)
        service.node.address()
        waiting.callback(None)
        self.clock.runUntil(stopped)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        service.callBeforeStop(wait)
        service.startService()
        self.clock.runUntil(service.stopService())
        self.assertEqual(len(calls), 2)
