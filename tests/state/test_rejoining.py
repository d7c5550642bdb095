"""
Networks whose nodes are restarted from their states while no bootstrap node answers.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

from twisted.internet.defer import Deferred
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import DHTNode, DHTService
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock
from tests.helpers.networks.doubles import SilentResolver

#: The seconds within which all nodes have to rejoin.
REJOINED_WITHIN = 10.0


class RejoiningTests(SynchronousTestCase):
    """
    A network of services, each with a folder of its own.
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.draw = Random(17)

    def begin(self, count: int, *bootstrap: str) -> list[DHTService]:
        """
        Return services that have joined through a bootstrap node.

        :param bootstrap: further bootstrap nodes
        """
        self.network = MemoryNetwork(self.clock, seed=17, latency=0.05)
        self.server = DHTNode(self.network.reactor("10.0.0.1"), ephemeral=True)
        self.server.listen(6620)
        services = []
        for number in range(count):
            service = DHTService(
                self.network.reactor(),
                port=7000,
                bootstrap=["10.0.0.1:6620", *bootstrap],
                state=Path(self.mktemp()),
                store=None,
                random=Random(number),
            )
            service.startService()
            services.append(service)
        for service in services:
            self.clock.runUntil(service.node.ready())
        self.clock.runFor(120)
        return services

    def restart(self, services: list[DHTService], spread: float) -> list[float]:
        """
        Stop all services, take the bootstrap node away, and start all services again.

        :param spread: the seconds within which the services start
        :return: the seconds from the start of each service until its node was ready
        """
        stops = [service.stopService() for service in services]
        for stop in stops:
            self.clock.runUntil(stop)
        self.clock.runUntil(self.server.destroy())
        self.clock.runFor(60)
        taken: list[float] = []
        for service in services:
            self.clock.callLater(self.draw.random() * spread, self.start, service, taken)
        self.clock.runUntil(lambda: len(taken) == len(services), limit=120)
        return taken

    def start(self, service: DHTService, taken: list[float]) -> None:
        """Start a service, and note how long it takes to join."""
        begun = self.clock.seconds()
        service.startService()
        ready: Deferred[None] = service.node.ready()
        ready.addCallback(lambda _: taken.append(self.clock.seconds() - begun))

    def end(self, services: list[DHTService]) -> None:
        """Stop all services, and require that no timer is left."""
        for service in services:
            self.clock.runUntil(service.stopService())
        self.clock.runFor(60)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def assertConnected(self, services: list[DHTService]) -> None:
        """Require that each node finds the nodes closest to its own id among all nodes."""
        ids = sorted(service.node.id for service in services)
        self.assertEqual(len(set(ids)), len(services))
        for service in services:
            known = {each.id for each in service.node.contacts()}
            self.assertGreaterEqual(len(known & set(ids)), min(20, len(services) - 1) * 0.9)

    def test_allRejoinWithoutBootstrap(self) -> None:
        """
        All nodes that are restarted within 3 seconds rejoin within 10 seconds, in networks of 2, 5
        and 40 nodes. Soon after, they know each other.
        """
        for count in (2, 5, 40):
            services = self.begin(count)
            before = [service.node.id for service in services]
            taken = self.restart(services, 3.0)
            print("TAKEN", count, max(taken), sorted(taken)[len(taken) // 2])
            self.assertLess(max(taken), REJOINED_WITHIN, count)
            self.assertEqual([service.node.id for service in services], before)
            self.clock.runFor(300)
            self.assertConnected(services)
            self.end(services)

    def test_someStayAway(self) -> None:
        """When 2 of 3 nodes stay away, the others rejoin within 10 seconds."""
        services = self.begin(30)
        back = services[::3]
        for service in services:
            if service not in back:
                self.clock.runUntil(service.stopService())
        taken = self.restart(back, 1.0)
        self.assertLess(max(taken), REJOINED_WITHIN)
        self.end(back)

    def test_nameServerIsSilentToo(self) -> None:
        """Nodes rejoin within 10 seconds while the names of bootstrap nodes are never resolved."""
        services = self.begin(10, "dht.example:6620")
        for number in range(10):
            self.network.reactor(f"10.0.0.{2 + number}").installNameResolver(SilentResolver())
        self.assertLess(max(self.restart(services, 1.0)), REJOINED_WITHIN)
        self.end(services)

    def test_deadBootstrapIsNotAwaited(self) -> None:
        """
        Nodes that are restarted at once rejoin within 1.5 seconds, although the time-out of the
        bootstrap node takes 4 seconds.
        """
        services = self.begin(10)
        self.assertLess(max(self.restart(services, 0.0)), 1.5)
        self.end(services)

    def test_loneNodeHearsLatecomers(self) -> None:
        """
        A node that was alone for half an hour joins within 50 seconds after another node that
        knows it has started.
        """
        services = self.begin(3)
        stops = [service.stopService() for service in services]
        for stop in stops:
            self.clock.runUntil(stop)
        self.clock.runUntil(self.server.destroy())
        services[0].startService()
        self.clock.runFor(1800)
        services[1].startService()
        self.clock.runUntil(services[0].node.ready(), limit=50)
        self.end(services[:2])

    def test_loneNodeWaitsForOthers(self) -> None:
        """
        A node that comes back alone joins within 70 seconds after another one of its contacts is
        back, which need not know it any more.
        """
        services = self.begin(3)
        stops = [service.stopService() for service in services]
        for stop in stops:
            self.clock.runUntil(stop)
        self.clock.runUntil(self.server.destroy())
        with capturedLogs() as events:
            services[0].startService()
            self.clock.runFor(1800)
        warned = [each for each in events if each["log_level"] == LogLevel.warn]
        self.assertGreater(len(warned), 0)
        other = DHTNode(self.network.reactor("10.0.0.3"))
        other.listen(7000)
        self.clock.runUntil(services[0].node.ready(), limit=70)
        self.clock.runUntil(other.destroy())
        self.end(services[:1])
