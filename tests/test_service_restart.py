"""
A `DHTService` that is started again after a stop.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.application.internet import UDPServer
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.logger import LogLevel
from twisted.trial.unittest import TestCase

from dwdht_twisted import DHTNode, values
from dwdht_twisted._service.monitor import WATCH_INTERVAL
from dwdht_twisted.errors import NodeDestroyed
from dwdht_twisted.service import DHTService
from dwdht_twisted.values import MemoryStore, SQLiteStore
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.services import BOOTSTRAP, COMMAND, CountingStore, ServiceTestCase


class RestartTests(ServiceTestCase):
    """
    A service that was stopped and is started again.
    """

    def restart(self, service: DHTService) -> None:
        """Stop a service, wait until it has stopped, and start it again."""
        self.clock.runUntil(service.stopService())
        service.privilegedStartService()
        service.startService()

    def ask(self, service: DHTService) -> list[bytes | None]:
        """Return the values with which the service's node answers a query of the other node."""
        address = service.node.address()
        replies = self.bootstrap.query(COMMAND, bytes(32), nodes=[("10.0.0.2", address.port)])
        return [reply.value for reply in self.clock.runUntil(replies.collect())]

    def test_eachStartHasANewNode(self) -> None:
        """
        Each of three restarts has a new node. It listens on the same port and joins the network.
        """
        service = self.start(port=7000)
        nodes = []
        for _ in range(3):
            self.clock.runUntil(service.node.ready())
            self.assertEqual(service.node.address().port, 7000)
            self.assertEqual(len(service.node.contacts()), 1)
            nodes.append(service.node)
            self.restart(service)
        self.assertEqual(len({*nodes, service.node}), 4)

    def test_optionsHoldForEachNode(self) -> None:
        """After a restart, the new node has the options of the service, such as its id."""
        contact = self.bootstrap.id, "10.0.0.1", 6620
        service = self.start(
            id=b"\xab" * 32, ephemeral=True, contacts=iter([contact]), bootstrap=iter([BOOTSTRAP])
        )
        self.restart(service)
        self.assertEqual(service.node.id, b"\xab" * 32)
        self.assertTrue(service.node.ephemeral)
        self.clock.runUntil(service.node.ready())
        self.assertEqual(len(service.node.contacts()), 1)
        self.assertIn(f"bootstrap nodes: {BOOTSTRAP}", self.logged()[-1])

    def test_handlersServeEachNode(self) -> None:
        """
        A handler that was registered before the first start answers queries after each of three
        starts.
        """
        service = self.service()
        service.node.register(COMMAND, Handler(lambda _: b"here"))
        service.startService()
        for _ in range(3):
            self.assertEqual(self.ask(service), [b"here"])
            self.restart(service)

    def test_handlersChangeWhileStopped(self) -> None:
        """
        Handlers registered or unregistered while the service is stopped apply after the next start.
        """
        service = self.start()
        service.node.register("old", Handler())
        self.clock.runUntil(service.stopService())
        service.node.unregister("old")
        service.node.register(COMMAND, Handler(lambda _: b"new"))
        service.startService()
        self.assertEqual(self.ask(service), [b"new"])
        with self.assertRaises(KeyError):
            service.node.unregister("old")

    def test_watchersWatchEachNode(self) -> None:
        """
        Functions that watch the health or the lookups are told of each of three nodes, until their
        watch is ended.
        """
        service = self.service()
        health: list[str] = []
        steps: list[int] = []
        last = 0
        ends = [
            service.node.watchHealth(lambda now: health.append(now.state)),
            service.node.watchLookups(lambda step: steps.append(step.lookup)),
        ]
        service.startService()
        for _ in range(3):
            self.clock.runUntil(service.node.ready())
            self.clock.runFor(WATCH_INTERVAL)
            self.clock.runUntil(service.stopService())
            self.assertEqual(health, ["online", "offline"])
            # The lookups of the next node have further numbers.
            self.assertGreater(min(steps), last)
            last = max(steps)
            health.clear()
            steps.clear()
            service.startService()
        for end in ends:
            end()
        steps.clear()
        self.clock.runUntil(service.node.bootstrap())
        self.clock.runUntil(service.stopService())
        self.assertEqual((health, steps), ([], []))

    def test_parentRestartsItsChild(self) -> None:
        """A service is restarted three times by its parent."""
        parent = MultiService()
        service = self.service(port=7000)
        service.setServiceParent(parent)
        for _ in range(3):
            parent.privilegedStartService()
            parent.startService()
            self.clock.runUntil(service.node.ready())
            self.clock.runUntil(parent.stopService())
            self.assertEqual(list(self.network.ports), [("10.0.0.1", 6620)])

    def test_stoppedNodeDoesNothing(self) -> None:
        """
        The node of a stopped service is destroyed. It raises NodeDestroyed if it is asked for its
        address.
        """
        service = self.start()
        self.clock.runUntil(service.stopService())
        with self.assertRaises(NodeDestroyed):
            service.node.address()

    def test_startNeedNotWaitForStop(self) -> None:
        """
        A service on a free port can be started before it has stopped. The end of the first run
        doesn't affect the second one.
        """
        made: list[CountingStore] = []

        def make() -> CountingStore:
            made.append(CountingStore(self.clock))
            return made[-1]

        service = self.start(store=make)
        first = service.node
        stopping = service.stopService()
        service.startService()
        self.clock.runUntil(stopping)
        self.assertIsNot(service.node, first)
        self.clock.runUntil(service.node.ready())
        self.assertEqual([store.closings for store in made], [1, 0])
        key = self.clock.runUntil(values.put(self.bootstrap, b"value"))
        self.assertEqual(made[1].get(key), b"value")

    def test_secondStartDoesNothing(self) -> None:
        """Starting a running service does nothing."""
        made: list[MemoryStore] = []

        def make() -> MemoryStore:
            made.append(MemoryStore(self.clock))
            return made[-1]

        service = self.start(store=make)
        node = service.node
        service.startService()
        self.assertIs(service.node, node)
        self.assertEqual(len(made), 1)

    def test_secondStopWaitsForTheFirst(self) -> None:
        """The Deferreds of two calls of ``stopService`` fire only after the store has closed."""
        closed: Deferred[None] = Deferred()

        class SlowStore(MemoryStore):
            def close(self) -> Deferred[None]:  # type: ignore[override]
                return closed

        service = self.start(store=lambda: SlowStore(self.clock))
        stops = [service.stopService(), service.stopService()]
        self.clock.runFor(10)
        for stopping in stops:
            self.assertNoResult(stopping)
        closed.callback(None)
        for stopping in [*stops, service.stopService()]:
            self.clock.runUntil(stopping)

    def test_givenStoreStaysOpen(self) -> None:
        """
        A store given as an instance isn't closed by a stop. Its values are found after the next
        start.
        """
        store = CountingStore(self.clock)
        service = self.start(store=store)
        self.clock.runUntil(service.node.ready())
        key = self.clock.runUntil(values.put(self.bootstrap, b"value"))
        self.restart(service)
        self.assertEqual(store.closings, 0)
        self.clock.runUntil(service.node.ready())
        self.assertEqual(self.clock.runUntil(values.get(self.bootstrap, key)), b"value")

    def test_recordsAreKeptWithValues(self) -> None:
        """
        A service keeps records in the store of the values, from start to stop of each run. A
        service without a store keeps none.
        """
        key = Ed25519PrivateKey.from_private_bytes(bytes(32))
        service = self.start(store=CountingStore(self.clock))
        self.clock.runUntil(service.node.ready())
        record = self.clock.runUntil(values.publish(self.bootstrap, key, b"value"))
        self.restart(service)
        self.clock.runUntil(service.node.ready())
        reader = DHTNode(self.network.reactor("10.0.0.3"), bootstrap=[BOOTSTRAP])
        found = self.clock.runUntil(values.resolve(reader, record.publicKey))
        self.assertEqual(found, record)
        self.clock.runUntil(service.stopService())
        with self.assertRaises(KeyError):
            service.node.unregister(values.RECORDS)
        with self.assertRaises(KeyError):
            self.service().node.unregister(values.RECORDS)

    def test_signaturesNeedNoLaterImport(self) -> None:
        """
        A service with a store imports all that a signature check needs, because a program may
        change its root folder later.
        """
        code = (
            "import sys; from dwdht_twisted import DHTService, MemoryStore, values; "
            "from dwdht_twisted.testing import MemoryNetwork, SimulatedClock; "
            "host = MemoryNetwork(SimulatedClock()).reactor(); "
            "DHTService(host, store=MemoryStore(host)); "
            "from dwdht_twisted.values.signed.signing import isSigned; sys.meta_path.clear(); "
            "print(isSigned(values.Record(bytes(32), b'', 1, b'', bytes(64))))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        self.assertEqual((done.stdout, done.stderr), ("False\n", ""))

    def test_storeIsMadeForEachStart(self) -> None:
        """
        A callable makes a new store at each of two starts. Each store is closed once, at its stop.
        """
        made: list[CountingStore] = []

        def make() -> CountingStore:
            made.append(CountingStore(self.clock))
            return made[-1]

        service = self.start(store=make)
        self.restart(service)
        self.assertEqual([store.closings for store in made], [1, 0])
        self.clock.runUntil(service.stopService())
        self.assertEqual([store.closings for store in made], [1, 1])

    def test_eachRunIsWatched(self) -> None:
        """After a restart, the silence of all others is logged as in the first run."""
        service = self.start()
        self.restart(service)
        self.clock.runUntil(service.node.ready())
        self.logged()
        self.network.partition(["10.0.0.2"])
        self.clock.runFor(3600)
        [logged] = self.logged(LogLevel.warn)
        self.assertRegex(logged, r"^offline: no node has answered for 1\d seconds$")

    def test_eachRunIsCounted(self) -> None:
        """
        The stop after a restart is logged with the running time and the counters of the second run
        only.
        """
        service = self.start(bootstrap=())
        self.clock.runFor(1000)
        self.restart(service)
        self.clock.runFor(10)
        self.logged()
        self.clock.runUntil(service.stopService())
        (line,) = self.logged()
        self.assertEqual(line, "stopped after 10 s, with 0 contacts; all counters are 0")


class LoopbackTests(TestCase):
    """
    Restarts on real ports of the operating system.
    """

    async def assertRestarts(self, **options: Any) -> None:
        """
        Require that a service with an SQLite store starts, stores a value and stops, three times.
        """
        from twisted.internet import reactor

        path = self.mktemp()
        service = DHTService(reactor, store=lambda: SQLiteStore(reactor, path), **options)
        for number in range(3):
            service.privilegedStartService()
            service.startService()
            try:
                asker = DHTNode(reactor, bootstrap=[service.node.address()], ephemeral=True)
                key = await values.put(asker, b"value" if number == 0 else b"another")
                first = await values.get(asker, values.keyOf(b"value"))
                self.assertEqual(first, b"value")
                self.assertEqual(len(key), 32)
                await asker.destroy()
            finally:
                await service.stopService()

    async def test_fixedPortIsReleased(self) -> None:
        """A service opens the same real port three times."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        await self.assertRestarts(port=port, interface="127.0.0.1")

    async def test_givenSocketIsUsedAgain(self) -> None:
        """A service uses a given socket in three runs and leaves it open."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as given:
            given.bind(("127.0.0.1", 0))
            await self.assertRestarts(socket=given)
            self.assertNotEqual(given.fileno(), -1)


class UDPServerTests(ServiceTestCase):
    """
    A node as the protocol of an `internet.UDPServer`.
    """

    def test_secondStartIsRefused(self) -> None:
        """
        The first stop of the server destroys the node. A second start raises NodeDestroyed and
        leaves no open port.
        """
        node = DHTNode(self.host, bootstrap=[BOOTSTRAP])
        server = UDPServer(7000, node, reactor=self.host)
        server.startService()
        self.clock.runUntil(node.ready())
        self.clock.runUntil(server.stopService())
        with self.assertRaisesRegex(NodeDestroyed, "make another"):
            server.startService()
        self.assertEqual(list(self.network.ports), [("10.0.0.1", 6620)])
