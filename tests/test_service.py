"""
Tests for `DHTService`, and for what it logs about its node.
"""

from __future__ import annotations

from inspect import signature

from twisted.application.service import IService, MultiService
from twisted.internet.defer import Deferred
from twisted.logger import LogLevel
from zope.interface.verify import verifyObject

from dwdht_twisted import DHTNode, values
from dwdht_twisted._monitor import WATCH_INTERVAL
from dwdht_twisted.errors import CannotListen, InvalidTarget, NodeDestroyed
from dwdht_twisted.service import DHTService
from dwdht_twisted.values import MemoryStore
from tests.helpers.networks.services import ServiceTestCase


class ServiceTests(ServiceTestCase):
    """
    Tests for `DHTService` on a network with one other node.
    """

    def test_serviceProvidesIService(self) -> None:
        """A service provides `IService`."""
        verifyObject(IService, self.service())

    def test_startedServiceJoins(self) -> None:
        """The node of a started service listens on its port and joins the network."""
        service = self.start(port=7000)
        self.clock.runUntil(service.node.ready())
        self.assertEqual([c.id for c in service.node.contacts()], [bytes(32)])
        self.assertEqual(service.node.address().port, 7000)

    def test_portIsOpenedWithPrivileges(self) -> None:
        """The port is opened by privilegedStartService, and not again by startService."""
        service = self.service(port=100)
        service.privilegedStartService()
        self.assertEqual(service.node.address().port, 100)
        service.startService()
        self.assertTrue(service.running)

    def test_childStartsAndStopsWithParent(self) -> None:
        """A service that is added to a running one starts, and stops with it."""
        parent = MultiService()
        parent.startService()
        service = self.service()
        service.setServiceParent(parent)
        self.clock.runUntil(service.node.ready())
        self.clock.runUntil(parent.stopService())
        with self.assertRaises(NodeDestroyed):
            service.node.address()

    def test_takenPortRaises(self) -> None:
        """A port that is taken raises CannotListen with the port when the service starts."""
        DHTNode(self.host).listen(7000)
        with self.assertRaisesRegex(CannotListen, "7000"):
            self.service(port=7000).startService()

    def test_badOptionRaises(self) -> None:
        """An option that is wrong for a node raises when the service is made."""
        with self.assertRaises(InvalidTarget):
            self.service(id=b"short")

    def test_everyOptionOfTheNodeIsSpelledOut(self) -> None:
        """A service takes each option of a node by its name and type, with the same default."""
        ofService = signature(DHTService).parameters
        for name, parameter in signature(DHTNode).parameters.items():
            self.assertEqual(str(ofService[name]), str(parameter))

    def test_unknownOptionRaises(self) -> None:
        """An option that neither the service nor its node has raises TypeError with its name."""
        with self.assertRaisesRegex(TypeError, "DHTService.*'rateLimits'"):
            self.service(rateLimits=5)

    def test_stopReleasesEverything(self) -> None:
        """A stopped service leaves no port, no timer and no request behind."""
        before = self.clock.getDelayedCalls()
        service = self.start(store=MemoryStore(self.clock))
        unfinished = service.node.query("anything", bytes(32)).collect()
        self.clock.runUntil(service.stopService())
        self.failureResultOf(unfinished, NodeDestroyed)
        self.clock.runFor(0)
        self.assertEqual(
            {call for call in self.clock.getDelayedCalls() if call not in before}, set()
        )
        self.assertEqual(list(self.network.ports), [("10.0.0.1", 6620)])

    def test_stopWorksWithoutStart(self) -> None:
        """A service that was never started can be stopped."""
        self.clock.runUntil(self.service().stopService())

    def test_storeKeepsValuesUntilStop(self) -> None:
        """
        A service keeps the values of others in the store that it makes, and closes that at the end.
        """
        store = MemoryStore(self.clock)
        service = self.start(store=lambda: store)
        self.clock.runUntil(service.node.ready())
        key = self.clock.runUntil(values.put(self.bootstrap, b"value"))
        self.assertEqual(store.get(key), b"value")
        self.clock.runUntil(service.stopService())
        self.assertEqual(len(store), 0)

    def test_storeIsMadeAtStart(self) -> None:
        """A store that is given as a callable is made by startService, not before."""
        made: list[MemoryStore] = []

        def make() -> MemoryStore:
            made.append(MemoryStore(self.clock))
            return made[-1]

        service = self.service(store=make)
        service.privilegedStartService()
        self.assertEqual(made, [])
        service.startService()
        self.assertEqual(len(made), 1)

    def test_stopWaitsForStore(self) -> None:
        """A service has stopped only when its store is closed."""
        closed: Deferred[None] = Deferred()

        class SlowStore(MemoryStore):
            def close(self) -> Deferred[None]:  # type: ignore[override]
                return closed

        stopping = self.start(store=lambda: SlowStore(self.clock)).stopService()
        self.clock.runFor(10)
        self.assertNoResult(stopping)
        closed.callback(None)
        self.clock.runUntil(stopping)

    def test_startLogsAddressAndBootstrap(self) -> None:
        """The log has the address of the node, its id, and its bootstrap nodes."""
        self.start(port=7000, id=b"\xab" * 32)
        self.assertEqual(
            self.logged(),
            [f"listening on 0.0.0.0:7000 as node {'ab' * 32}; bootstrap nodes: 10.0.0.1:6620"],
        )

    def test_startLogsEphemeralNode(self) -> None:
        """The log says that a node is ephemeral, and that it has no bootstrap nodes."""
        self.start(ephemeral=True, bootstrap=())
        (line,) = self.logged()
        self.assertIn("as ephemeral node", line)
        self.assertIn("bootstrap nodes: none", line)

    def test_stopLogsCounters(self) -> None:
        """At the end the log has the running time, and the counters that are not 0."""
        service = self.start()
        self.clock.runUntil(service.node.ready())
        self.clock.runFor(1234)
        self.logged()
        self.clock.runUntil(service.stopService())
        (line,) = self.logged()
        self.assertRegex(line, r"^stopped after 1234 s, with 1 contacts; .*responsesReceived \d+")
        self.assertNotIn(" 0", line)

    def test_stopLogsThatCountersAre0(self) -> None:
        """At the end the log says that all counters are 0, if they are."""
        service = self.start(bootstrap=())
        self.logged()
        self.clock.runUntil(service.stopService())
        self.assertEqual(self.logged(), ["stopped after 0 s, with 0 contacts; all counters are 0"])

    def test_isolationIsLoggedOnce(self) -> None:
        """
        A node that loses all its contacts for an hour is logged once, and once more when it has
        recovered.
        """
        service = self.start()
        self.clock.runUntil(service.node.ready())
        self.logged()
        self.network.partition(["10.0.0.2"])
        self.clock.runFor(3600)
        self.assertEqual(self.logged(LogLevel.warn), ["isolated: no other node answers"])
        self.network.heal()
        self.clock.runFor(600)
        self.assertEqual(self.logged(), ["recovered: isolated: no other node answers"])

    def test_silentBootstrapIsIsolation(self) -> None:
        """A node whose bootstrap nodes are silent is isolated."""
        self.network.partition(["10.0.0.2"])
        self.start()
        self.clock.runFor(600)
        self.assertEqual(self.logged(LogLevel.warn), ["isolated: no other node answers"])

    def test_answeringBootstrapIsCompany(self) -> None:
        """A first member whose bootstrap server answers isn't isolated."""
        server = DHTNode(self.network.reactor("10.0.0.3"), ephemeral=True)
        server.listen(6620)
        self.start(bootstrap="10.0.0.3:6620")
        self.clock.runFor(3600)
        self.assertEqual(self.logged(LogLevel.warn), [])

    def test_firstNodeLosesItsCompany(self) -> None:
        """The first node of a network is isolated when all other nodes are gone."""
        first = self.start(bootstrap=(), port=6620)
        other = DHTNode(self.network.reactor("10.0.0.3"), bootstrap=["10.0.0.2:6620"])
        self.clock.runUntil(other.ready())
        self.clock.runUntil(lambda: first.node.contacts())
        self.clock.runFor(WATCH_INTERVAL)
        self.logged()
        self.clock.runUntil(other.destroy())
        self.clock.runFor(3600)
        self.assertEqual(self.logged(), ["isolated: no other node answers"])

    def test_firstNodeIsNotIsolated(self) -> None:
        """The first node of a network isn't isolated before another node has joined."""
        self.start(bootstrap=())
        self.logged()
        self.clock.runFor(600)
        self.assertEqual(self.logged(), [])

    def test_rateLimitWarningNamesTheOption(self) -> None:
        """The warning about the rate limit names the options that raise it."""
        service = self.start()
        self.logged()
        service.node.counters.rateLimited += 1
        self.clock.runFor(WATCH_INTERVAL)
        (warning,) = self.logged(LogLevel.warn)
        self.assertIn("--rate-limit", warning)
        self.assertIn("rateLimit", warning.replace("--rate-limit", ""))

    def test_problemIsLoggedOnce(self) -> None:
        """A counter that rises five times in a row is logged once, and once more when it rests."""
        service = self.start()
        self.clock.runUntil(service.node.ready())
        self.logged()
        counters = service.node.counters
        for name, expected in {
            "rateLimited": "rate limit",
            "handlersRefused": "too many handlers",
            "claimsRefused": "more newcomers",
            "sendFailures": "refuses to send",
        }.items():
            for _ in range(5):
                setattr(counters, name, getattr(counters, name) + 10)
                self.clock.runFor(WATCH_INTERVAL)
            (warning,) = self.logged(LogLevel.warn)
            self.assertIn(expected, warning)
            self.clock.runFor(WATCH_INTERVAL)
            self.assertEqual(self.logged(), [f"recovered: {warning}"])
