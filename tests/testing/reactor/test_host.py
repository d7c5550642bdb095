"""
`dwdht_twisted.testing.reactor.host`: the reactor of a simulated host.
"""

from __future__ import annotations

from twisted.internet.interfaces import (
    IReactorCore,
    IReactorPluggableNameResolver,
    IReactorTCP,
    IReactorThreads,
    IReactorTime,
    IReactorUDP,
)
from zope.interface import providedBy
from zope.interface.verify import verifyObject

from dwdht_twisted.testing import HostReactor, MemoryNetwork
from tests.helpers.networks.three_hosts import A, B, C, NetworkTestCase


class ReactorTests(NetworkTestCase):
    """
    A `HostReactor`, the reactor of one host.
    """

    def reactor(self) -> HostReactor:
        """Return the reactor of host A."""
        return self.network.reactor(A)

    def test_reactorProvidesInterfaces(self) -> None:
        """
        The reactor of a host provides exactly six interfaces: ``IReactorCore``, ``IReactorTime``,
        ``IReactorThreads``, ``IReactorUDP``, ``IReactorTCP`` and ``IReactorPluggableNameResolver``.
        """
        interfaces = {
            IReactorCore,
            IReactorPluggableNameResolver,
            IReactorTCP,
            IReactorThreads,
            IReactorTime,
            IReactorUDP,
        }
        self.assertEqual(set(providedBy(self.reactor())), interfaces)
        for interface in interfaces:
            self.assertTrue(verifyObject(interface, self.reactor()))

    def test_hostHasOneReactor(self) -> None:
        """
        A running host has one reactor, which is always the same object. Another host has another
        reactor.
        """
        self.assertIs(self.network.reactor(A), self.network.reactor(A))
        self.assertIsNot(self.network.reactor(A), self.network.reactor(B))

    def test_reactorStandsForItsAddress(self) -> None:
        """The network takes the reactor of a host wherever it takes the address of one."""
        host = self.reactor()
        self.assertIs(self.network.reactor(host), host)
        for groups in ((host,), ([host],), ([B, C], host), ([B, C], [host]), ([A, host],)):
            self.network.partition(*groups)
            self.send(A, B, b"lost")
            self.clock.runFor(1)
            self.network.heal()
        self.assertEqual(self.recorders[B].payloads, [])
        self.network.addName("one.example", host, B)
        self.assertEqual(self.network.resolver.names["one.example"], (A, B))
        self.network.changeAddress(host, "10.0.0.9")
        self.assertEqual(host.host, "10.0.0.9")
        self.assertIs(self.network.reactor("10.0.0.9"), host)

    def test_endedReactorStandsForItsAddress(self) -> None:
        """The reactor of a host that has crashed gives the new one, and doesn't move it."""
        old = self.reactor()
        old.crash()
        new = self.network.reactor(old)
        self.assertIsNot(new, old)
        self.assertEqual(new.host, A)
        with self.assertRaisesRegex(ValueError, "no host runs at <HostReactor 10.0.0.1, ended>"):
            self.network.changeAddress(old, "10.0.0.9")
        self.assertEqual(new.host, A)

    def test_hostKeepsItsPortsAtANewAddress(self) -> None:
        """
        A host that gets another address keeps its reactor and its port. It sends from the new
        address and receives there. A datagram to the old one is lost, even one in flight.
        """
        self.build(latency=0.1)
        reactor = self.reactor()
        self.send(B, A, b"in flight")
        self.network.changeAddress(A, "10.9.9.9")
        self.assertEqual(reactor.host, "10.9.9.9")
        self.assertIs(self.network.reactor("10.9.9.9"), reactor)
        self.send(B, A, b"too late")
        self.ports[A].write(b"from there", (B, 1000))
        self.ports[B].write(b"to there", ("10.9.9.9", 1000))
        self.clock.runFor(1)
        self.assertEqual(self.recorders[B].received, [(b"from there", ("10.9.9.9", 1000))])
        self.assertEqual(self.recorders[A].payloads, [b"to there"])
        self.assertIsNot(self.reactor(), reactor)

    def test_hostTakesOnlyAFreeAddress(self) -> None:
        """
        ``changeAddress`` raises ValueError for a new address that is taken, loopback or no address,
        and for an old one where no host runs.
        """
        self.reactor()
        self.network.reactor(B)
        for host, to in ((A, B), (A, "127.0.0.1"), (A, "name"), ("10.8.8.8", "10.9.9.9")):
            self.assertRaises(ValueError, self.network.changeAddress, host, to)
        self.assertEqual(self.reactor().host, A)

    def test_hostWithoutAddressIsNew(self) -> None:
        """
        Each of 1,000 calls of ``reactor`` without an address makes a new host with a new address.
        """
        hosts = [self.network.reactor().host for _ in range(1000)]
        self.assertEqual(len(set(hosts) | {A, B, C}), 1003)

    def test_unreachableAddressIsRefused(self) -> None:
        """
        The address of a host can't be a name, an IPv6 address, 127.0.0.1, 0.0.0.0 or an empty text.
        """
        for host in ("example", "::1", "127.0.0.1", "0.0.0.0", ""):
            self.assertRaises(ValueError, self.network.reactor, host)

    def test_callsRunOnNetworkClock(self) -> None:
        """A delayed call of 3 seconds is listed. It runs after 3 seconds of the network's clock."""
        ran: list[float] = []
        call = self.reactor().callLater(3, lambda: ran.append(self.reactor().seconds()))
        self.assertEqual(list(self.reactor().getDelayedCalls()), [call])
        self.clock.runFor(5)
        self.assertEqual(ran, [3])

    def test_datagramIsNoDelayedCall(self) -> None:
        """
        A datagram in flight isn't listed as a delayed call. So a test can check that an application
        has left no call.
        """
        self.send(A, B, b"hello")
        self.assertEqual(list(self.reactor().getDelayedCalls()), [])

    def test_installedResolverIsOfOneHost(self) -> None:
        """A resolver installed on one host doesn't change the resolver of another host."""
        other = MemoryNetwork()
        previous = self.reactor().installNameResolver(other.resolver)
        self.assertIs(self.reactor().nameResolver, other.resolver)
        self.assertIs(self.network.reactor(B).nameResolver, previous)
