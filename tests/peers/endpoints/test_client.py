"""
`DHTClientEndpoint`, on networks in memory and in simulated time.
"""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Any

from twisted.application.internet import ClientService
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory
from zope.interface.verify import verifyObject

from dwdht_twisted import Address, DHTClientEndpoint, DHTNode, DHTService, NoServerReached
from dwdht_twisted.errors import InvalidAddress, InvalidTarget
from tests.helpers.networks.announcements import TOPIC
from tests.helpers.networks.endpoints import PORT, Client, EndpointTestCase

ONE, TWO, THREE = "10.1.0.1", "10.1.0.2", "10.1.0.3"


class ClientTests(EndpointTestCase):
    """
    A client that connects to a topic.
    """

    def test_endpointProvidesInterface(self) -> None:
        """The endpoint provides ``IStreamClientEndpoint``."""
        self.assertTrue(verifyObject(IStreamClientEndpoint, self.client()))

    def test_wrongArgumentsAreRefused(self) -> None:
        """A wrong topic, a wrong bootstrap node, and none at all raise exceptions at once."""
        reactor = self.network.reactor(ONE)
        with self.assertRaises(InvalidTarget):
            DHTClientEndpoint(reactor, b"short", bootstrap="localhost")
        for wrong in ("host:0", "", "a:1,b:x", "a b:0"):
            with self.assertRaises(InvalidAddress):
                DHTClientEndpoint(reactor, TOPIC, bootstrap=wrong)

    def test_bootstrapNodesAreReadAsThoseOfANode(self) -> None:
        """Each form of bootstrap nodes that a node takes, or refuses, is taken or refused alike."""
        reactor = self.network.reactor(ONE)
        address = Address(ONE, PORT)
        pair = {"host": ONE, "port": PORT}
        forms = (address, (ONE, PORT), PORT, pair, [(ONE, PORT)], [pair, address], f"{ONE}:{PORT}")
        wrong = (b"10.0.0.1:6620", {ONE, PORT}, [b"10.0.0.1"], 6.5, [None], object())
        given: Any
        for given in (*forms, *wrong):
            found = []
            for make in (DHTNode, partial(DHTClientEndpoint, topic=TOPIC)):
                try:
                    make(reactor, bootstrap=given)
                    found.append("taken")
                except InvalidAddress:
                    found.append("refused")
            self.assertEqual(found, ["taken" if given in forms else "refused"] * 2, given)

    def test_clientReachesServer(self) -> None:
        """A client connects to the only server of its topic."""
        server = self.serve(ONE)
        self.assertEqual(self.fetch(self.client()), ONE)
        self.assertEqual(server.served, 1)

    def test_givenNodeIsUsed(self) -> None:
        """A client uses the node, or the service, that it is given, and leaves it as it is."""
        self.serve(ONE)
        node = self.user()
        service = DHTService(self.network.reactor(TWO), bootstrap=[self.bootstrap], ephemeral=True)
        service.startService()
        for used in (node, service):
            self.assertEqual(self.fetch(DHTClientEndpoint(used, TOPIC)), ONE)
        self.clock.runUntil(node.ping(self.bootstrap))
        self.clock.runUntil(service.stopService())

    def test_unannouncedTopicFails(self) -> None:
        """Without a server, a connection fails with ``NoServerReached``, which says so."""
        error = self.failure(self.begin(self.client()), NoServerReached)
        self.assertEqual((error.topic, error.attempts), (TOPIC, []))
        self.assertIn("none is announced", str(error))

    def test_errorNamesWhoWasTried(self) -> None:
        """The error of a failed connection names each server that was tried, and why it failed."""
        for host in (ONE, TWO):
            self.serve(host)
            self.kill(host)
        error = self.failure(self.begin(self.client()), NoServerReached)
        self.assertEqual({address for address, _ in error.attempts}, {(ONE, PORT), (TWO, PORT)})
        for _, reason in error.attempts:
            self.assertIsInstance(reason, ConnectionRefusedError)
        self.assertIn(f"{ONE}:{PORT}: Connection was refused", str(error))

    def test_reasonIsNeverEmpty(self) -> None:
        """An exception without a text, as after ``buildProtocol`` returned None, is named."""
        self.serve(ONE)

        class Refusing(Factory):
            def buildProtocol(self, addr: Any) -> None:
                return None

        connecting: Any = self.client().connect(Refusing())
        error = self.failure(connecting, NoServerReached)
        self.assertIn(f"{ONE}:{PORT}: NoProtocol", str(error))

    def test_unreachableNetworkFails(self) -> None:
        """When no node answers, the error has that of the look-up."""
        self.network.partition(["10.2.0.1"])
        error = self.failure(self.begin(self.client()), NoServerReached)
        self.assertIsNotNone(error.lookUpFailure)
        self.assertIn("the look-up failed", str(error))


class RaceTests(EndpointTestCase):
    """
    Several servers, of which some don't answer.
    """

    def elapsed(self, endpoint: DHTClientEndpoint) -> float:
        """Return the seconds that a connection and its end take."""
        began = self.clock.seconds()
        self.fetch(endpoint)
        return self.clock.seconds() - began

    def test_refusalIsFollowedAtOnce(self) -> None:
        """Past two servers that refuse, a third one is reached within 0.1 seconds."""
        client = self.client()
        for host in (ONE, TWO, THREE):
            self.serve(host)
        self.shares(client, 10)
        self.kill(ONE)
        self.kill(TWO)
        self.assertLess(max(self.elapsed(client) for _ in range(20)), 0.15)

    def test_silenceIsFollowedAfterADelay(self) -> None:
        """Past a server that is silent, another one is tried after 250 ms."""
        client = self.client()
        for host in (ONE, TWO):
            self.serve(host)
        self.shares(client, 10)
        self.network.partition([ONE])
        times = {round(self.elapsed(client), 2) for _ in range(20)}
        self.assertEqual(len(times), 2)
        self.assertAlmostEqual(max(times) - min(times), 0.25)

    def test_failedServerIsTriedLast(self) -> None:
        """A server that has refused is tried last for 30 seconds, and then as the others."""
        client = self.client()
        for host in (ONE, TWO):
            self.serve(host)
        self.shares(client, 10)
        self.kill(ONE)
        refused = [each for each in (self.elapsed(client) for _ in range(20)) if each > 0.06]
        self.assertLessEqual(len(refused), 1)
        self.serve(ONE, announced=False)
        self.assertEqual(set(self.shares(client, 20)), {TWO})
        self.clock.runFor(30)
        self.assertEqual(set(self.shares(client, 40)), {ONE, TWO})

    def test_othersAreCancelled(self) -> None:
        """When one attempt wins, no other server gets a connection later."""
        servers = [self.serve(host) for host in (ONE, TWO, THREE)]
        # A round trip takes two seconds, so several attempts are under way.
        self.network.latency = 1
        self.fetch(self.client())
        self.clock.runFor(30)
        self.assertEqual(sum(server.served for server in servers), 1)
        self.assertEqual(self.network.streams.connections, set())

    def test_cancelEndsEverything(self) -> None:
        """A cancelled connection leaves no timer, no port and no attempt, at any moment."""
        for host in (ONE, TWO, THREE):
            self.serve(host)
        self.network.partition([ONE, TWO, THREE], ["10.2.0.1"])
        for moment in range(60):
            connecting = self.begin(self.client())
            self.clock.runFor(moment / 20)
            before = set(self.network.ports)
            connecting.cancel()
            self.failureResultOf(connecting, CancelledError)
            self.clock.runFor(0)
            self.assertLessEqual(set(self.network.ports), before)
            self.assertFalse([port for host, port in self.network.ports if host == "10.2.0.1"])

    def test_attemptsAreBounded(self) -> None:
        """A connection tries at most 100 of the servers that liars have announced."""
        for _ in range(3):
            liar = self.user()
            for port in range(1000, 1050):
                self.announce(liar, port)
        error = self.failure(self.begin(self.client()), NoServerReached)
        self.assertEqual(len(error.attempts), 100)

    def test_hostWithManyPortsHidesNoServer(self) -> None:
        """20 clients reach the only server, although two hosts have announced 100 ports each."""
        self.serve(ONE)
        for _ in range(2):
            liar = self.user()
            for port in range(1000, 1100):
                self.announce(liar, port)
        for number in range(20):
            client = self.client(f"10.2.1.{number + 1}", random=Random(number))
            self.assertEqual(self.fetch(client), ONE)


class MemoryTests(EndpointTestCase):
    """
    What endpoints remember and share.
    """

    def test_manyConnectionsShareALookUp(self) -> None:
        """A thousand connections at once, or 200 in 15 seconds, cost at most three look-ups."""
        self.serve(ONE)
        self.serve(TWO)
        sent = len(self.sent)
        self.fetch(self.client("10.2.0.2"))
        once = len(self.sent) - sent
        waiting = [self.begin(self.client(random=None)) for _ in range(1000)]
        for each in waiting:
            self.clock.runUntil(each).transport.loseConnection()
        self.assertLess(len(self.sent) - sent, 4 * once + 50)
        self.clock.runFor(60)
        sent, began = len(self.sent), self.clock.seconds()
        for _ in range(200):
            self.fetch(self.client(random=None))
        self.assertLess(self.clock.seconds() - began, 15)
        self.assertLess(len(self.sent) - sent, 4 * once + 50)

    def test_lookUpIsRepeatedAfter30Seconds(self) -> None:
        """A new server gets connections within 30 seconds of its announcement."""
        client = self.client()
        self.serve(ONE)
        self.shares(client, 5)
        self.serve(TWO)
        self.clock.runFor(30)
        self.assertEqual(set(self.shares(client, 40)), {ONE, TWO})

    def test_oldServersAreTriedWithoutANetwork(self) -> None:
        """When the nodes are out of reach, the servers of an earlier look-up are tried."""
        client = self.client()
        self.serve(ONE)
        self.shares(client, 5)
        self.clock.runFor(60)
        self.network.partition([node.address().host for node in self.members], ["10.2.0.1"])
        self.assertEqual(self.fetch(client), ONE)

    def test_endpointsShareANode(self) -> None:
        """Clients of a process that name the same bootstrap nodes use one UDP port together."""
        self.serve(ONE)
        before = set(self.network.ports)
        others = str(self.addressOf(self.members[3]))
        connecting = [
            self.begin(self.client(bootstrap=bootstrap))
            for bootstrap in (str(self.bootstrap), [str(self.bootstrap)], others)
            for _ in range(5)
        ]
        self.assertEqual(len(set(self.network.ports) - before), 2)
        for each in connecting:
            self.clock.runUntil(each).transport.loseConnection()

    def test_loadIsShared(self) -> None:
        """Of 300 connections, each of ten servers gets no less than half of the mean."""
        hosts = [f"10.1.0.{number}" for number in range(1, 11)]
        for host in hosts:
            self.serve(host)
        shares = self.shares(self.client(), 300)
        self.assertGreaterEqual(min(shares[host] for host in hosts), 15)

    def test_killedServerIsForgotten(self) -> None:
        """
        Clients are past a killed server within 2 seconds, and 369 seconds after its last
        announcement look-ups don't name it any more.
        """
        for host in (ONE, TWO):
            self.serve(host)
        clients = [self.client(f"10.2.0.{number}") for number in range(1, 6)]
        for client in clients:
            self.fetch(client)
        self.kill(ONE)
        began = self.clock.seconds()
        for client in clients:
            self.assertEqual(self.fetch(client), TWO)
        self.assertLess(self.clock.seconds() - began, 2)
        self.assertEqual(self.found(), {Address(ONE, PORT), Address(TWO, PORT)})
        self.clock.runFor(369)
        self.assertEqual(self.found(), {Address(TWO, PORT)})

    def test_shutdownEndsEverything(self) -> None:
        """The shutdown of a host ends its connecting clients without an error in the log."""
        self.serve(ONE)
        self.network.partition([ONE], ["10.2.0.1"])
        self.begin(self.client()).addErrback(lambda _: None)
        self.clock.runFor(0.05)
        self.clock.runUntil(self.network.reactor("10.2.0.1").shutDown())


class ServiceTests(EndpointTestCase):
    """
    A ``ClientService`` on an endpoint.
    """

    def test_clientServiceGoesOn(self) -> None:
        """A ``ClientService`` connects to another server when its server is killed."""
        for host in (ONE, TWO):
            self.serve(host)
        reactor = self.network.reactor("10.2.0.1")
        service = ClientService(self.client(), Factory.forProtocol(Client), clock=reactor)
        service.startService()
        first = self.clock.runUntil(service.whenConnected())
        host = self.clock.runUntil(first.line).decode()  # type: ignore[attr-defined]
        self.kill(host)
        self.clock.runUntil(first.lost)  # type: ignore[attr-defined]
        second = self.clock.runUntil(service.whenConnected(), limit=3)
        other = self.clock.runUntil(second.line).decode()  # type: ignore[attr-defined]
        self.assertEqual({host, other}, {ONE, TWO})
        self.clock.runUntil(service.stopService())
