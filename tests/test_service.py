"""
`DHTService`, and its log messages about the node.
"""

from __future__ import annotations

from inspect import signature

from twisted.application.service import IService, MultiService
from twisted.internet.defer import Deferred
from twisted.logger import LogLevel
from zope.interface.verify import verifyObject

from dwdht_twisted import DHTNode, values
from dwdht_twisted._service.monitor import WATCH_INTERVAL
from dwdht_twisted.errors import CannotListen, InvalidTarget, NodeDestroyed
from dwdht_twisted.private import KeyedNetwork, newNetworkKey
from dwdht_twisted.service import DHTService
from dwdht_twisted.testing import CertifiedMembers
from dwdht_twisted.values import MemoryStore
from tests.helpers.networks.services import ServiceTestCase


class Unknown:
    """
    A security that an application has made, and that doesn't describe itself.

    :param security: makes the layers
    """

    id, overhead, maximumBytes = KeyedNetwork.id, KeyedNetwork.overhead, KeyedNetwork.maximumBytes

    def __init__(self, security: KeyedNetwork) -> None:
        self.layer = security.layer


class ServiceTests(ServiceTestCase):
    """
    A `DHTService` in a network with one other node.
    """

    def test_serviceProvidesIService(self) -> None:
        """A service provides `IService`."""
        verifyObject(IService, self.service())

    def test_startedServiceJoins(self) -> None:
        """The node of a started service listens on the given port and joins the network."""
        service = self.start(port=7000)
        self.clock.runUntil(service.node.ready())
        self.assertEqual([c.id for c in service.node.contacts()], [bytes(32)])
        self.assertEqual(service.node.address().port, 7000)

    def test_portIsOpenedWithPrivileges(self) -> None:
        """``privilegedStartService`` opens the port. ``startService`` doesn't open it again."""
        service = self.service(port=100)
        service.privilegedStartService()
        self.assertEqual(service.node.address().port, 100)
        service.startService()
        self.assertTrue(service.running)

    def test_childStartsAndStopsWithParent(self) -> None:
        """A service starts when it is added to a running parent. It stops with this parent."""
        parent = MultiService()
        parent.startService()
        service = self.service()
        service.setServiceParent(parent)
        self.clock.runUntil(service.node.ready())
        self.clock.runUntil(parent.stopService())
        with self.assertRaises(NodeDestroyed):
            service.node.address()

    def test_takenPortRaises(self) -> None:
        """If the port is in use, the start raises CannotListen with the port."""
        DHTNode(self.host).listen(7000)
        with self.assertRaisesRegex(CannotListen, "7000"):
            self.service(port=7000).startService()

    def test_badOptionRaises(self) -> None:
        """A bad option of the node raises an exception when the service is made."""
        with self.assertRaises(InvalidTarget):
            self.service(id=b"short")

    def test_everyOptionOfTheNodeIsSpelledOut(self) -> None:
        """
        The service has every option of the node as a parameter, with the same type and default.
        """
        ofService = signature(DHTService).parameters
        for name, parameter in signature(DHTNode).parameters.items():
            self.assertEqual(str(ofService[name]), str(parameter))

    def test_unknownOptionRaises(self) -> None:
        """
        An unknown option raises TypeError with its name. Neither the service nor the node has it.
        """
        with self.assertRaisesRegex(TypeError, "DHTService.*'rateLimits'"):
            self.service(rateLimits=5)

    def test_stopReleasesEverything(self) -> None:
        """A stopped service leaves no open port, no timer and no unfinished request."""
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
        A service stores the values of other nodes in the store that it made. It closes the store
        when it stops.
        """
        store = MemoryStore(self.clock)
        service = self.start(store=lambda: store)
        self.clock.runUntil(service.node.ready())
        key = self.clock.runUntil(values.put(self.bootstrap, b"value"))
        self.assertEqual(store.get(key), b"value")
        self.clock.runUntil(service.stopService())
        self.assertEqual(len(store), 0)

    def test_storeIsMadeAtStart(self) -> None:
        """
        If the option ``store`` is a callable, ``startService`` calls it to make the store. It isn't
        called before.
        """
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
        """The Deferred of ``stopService`` fires only after the store was closed."""
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
        """The start is logged with the node's address, its id and its bootstrap nodes."""
        self.start(port=7000, id=b"\xab" * 32)
        self.assertEqual(
            self.logged(),
            [
                f"listening on 0.0.0.0:7000 as node {'ab' * 32} on an open network; "
                "bootstrap nodes: 10.0.0.1:6620"
            ],
        )

    def test_startLogsTheKindOfNetwork(self) -> None:
        """The start is logged with the kind of network, and with the fingerprints of its keys."""
        old, new = newNetworkKey(), newNetworkKey()
        keyed = KeyedNetwork(old)
        (first,), (second,) = keyed.fingerprints, KeyedNetwork(new).fingerprints
        for security, network in (
            (keyed, f"network by key, with the fingerprint {first}"),
            (KeyedNetwork(new, old), f"network by key, with the fingerprints {second} and {first}"),
            (CertifiedMembers("garden").make(), "network by certificate"),
            (Unknown(KeyedNetwork(old)), "private network"),
        ):
            service = self.service(bootstrap=(), security=security)
            service.startService()
            self.assertIn(f" on a {network}; bootstrap nodes: none", self.logged()[-1])
            self.clock.runUntil(service.stopService())
        keyed.replaceKeys(new)
        self.start(bootstrap=(), security=keyed)
        self.assertIn(f"by key, with the fingerprint {second};", self.logged()[-1])

    def test_startLogsEphemeralNode(self) -> None:
        """The start of an ephemeral node without bootstrap nodes is logged with both facts."""
        self.start(ephemeral=True, bootstrap=())
        (line,) = self.logged()
        self.assertIn("as ephemeral node", line)
        self.assertIn("bootstrap nodes: none", line)

    def test_stopLogsCounters(self) -> None:
        """The stop is logged with the running time and all counters that are not 0."""
        service = self.start()
        self.clock.runUntil(service.node.ready())
        self.clock.runFor(1234)
        self.logged()
        self.clock.runUntil(service.stopService())
        (line,) = self.logged()
        self.assertRegex(line, r"^stopped after 1234 s, with 1 contacts; .*responsesReceived \d+")
        self.assertNotIn(" 0", line)

    def test_stopLogsThatCountersAre0(self) -> None:
        """If all counters are 0, the stop is logged with this fact."""
        service = self.start(bootstrap=())
        self.logged()
        self.clock.runUntil(service.stopService())
        self.assertEqual(self.logged(), ["stopped after 0 s, with 0 contacts; all counters are 0"])

    def test_isolationIsLoggedOnce(self) -> None:
        """
        A node that nobody answers for an hour is logged as offline once. Its recovery is logged
        once.
        """
        service = self.start()
        self.clock.runUntil(service.node.ready())
        self.logged()
        self.network.partition(["10.0.0.2"])
        self.clock.runFor(3600)
        [logged] = self.logged(LogLevel.warn)
        self.assertRegex(logged, r"^offline: no node has answered for 1\d seconds$")
        self.network.heal()
        self.clock.runFor(600)
        self.assertEqual(self.logged(), ["online: 1 contacts"])

    def test_silentBootstrapIsIsolation(self) -> None:
        """A node with a silent bootstrap node is logged as offline once."""
        self.network.partition(["10.0.0.2"])
        self.start()
        self.clock.runFor(600)
        reason = "offline: no bootstrap node and no contact has answered yet"
        self.assertEqual(self.logged(LogLevel.warn), [reason])

    def test_answeringBootstrapIsNoIsolation(self) -> None:
        """The first member of a network isn't offline if its bootstrap server answers."""
        server = DHTNode(self.network.reactor("10.0.0.3"), ephemeral=True)
        server.listen(6620)
        self.start(bootstrap="10.0.0.3:6620")
        self.clock.runFor(3600)
        self.assertEqual(self.logged(LogLevel.warn), [])

    def test_firstNodeIsIsolatedWhenOthersLeave(self) -> None:
        """The first node of a network is logged as offline when all other nodes have left."""
        first = self.start(bootstrap=(), port=6620)
        other = DHTNode(self.network.reactor("10.0.0.3"), bootstrap=["10.0.0.2:6620"])
        self.clock.runUntil(other.ready())
        self.clock.runUntil(lambda: first.node.contacts())
        self.clock.runFor(WATCH_INTERVAL)
        self.logged()
        self.clock.runUntil(other.destroy())
        self.clock.runFor(3600)
        [logged] = self.logged()
        self.assertRegex(logged, r"^offline: no node has answered for 1\d seconds$")

    def test_firstNodeIsOnline(self) -> None:
        """The first node of a network is online before a second node has joined."""
        self.start(bootstrap=())
        self.logged()
        self.clock.runFor(600)
        reason = "online: the first node of its network; no other has joined yet"
        self.assertEqual(self.logged(), [reason])

    def test_rateLimitWarningNamesTheOption(self) -> None:
        """
        The warning about the rate limit names the options ``--rate-limit`` and ``rateLimit``, by
        which a user raises the limit.
        """
        service = self.start()
        self.logged()
        service.node.counters.rateLimited += 1
        self.clock.runFor(WATCH_INTERVAL)
        (warning,) = self.logged(LogLevel.warn)
        self.assertIn("--rate-limit", warning)
        self.assertIn("rateLimit", warning.replace("--rate-limit", ""))

    def test_refusedContactsWarningNamesTheOption(self) -> None:
        """The warning about nodes on one address contains the options that list more of them."""
        service = self.start()
        self.logged()
        service.node.counters.contactsRefused += 1
        self.clock.runFor(WATCH_INTERVAL)
        (warning,) = self.logged(LogLevel.warn)
        self.assertIn("--contacts-per-host", warning)
        self.assertIn("contactsPerHost", warning)

    def test_problemIsLoggedOnce(self) -> None:
        """
        A counter that rises in five intervals is logged once. When it stops rising, the recovery is
        logged once.
        """
        service = self.start()
        self.clock.runUntil(service.node.ready())
        self.logged()
        counters = service.node.counters
        for name, expected in {
            "rateLimited": "rate limit",
            "handlersRefused": "too many handlers",
            "claimsRefused": "more newcomers",
            "contactsRefused": "more nodes share",
        }.items():
            for _ in range(5):
                setattr(counters, name, getattr(counters, name) + 10)
                self.clock.runFor(WATCH_INTERVAL)
            (warning,) = self.logged(LogLevel.warn)
            self.assertIn(expected, warning)
            self.clock.runFor(WATCH_INTERVAL)
            self.assertEqual(self.logged(), [f"recovered: {warning}"])
