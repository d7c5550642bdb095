"""
`dwdht_twisted.testing.reactor.host`: the reactor of a simulated host.
"""

from __future__ import annotations

from twisted.internet.interfaces import (
    IReactorCore,
    IReactorPluggableNameResolver,
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
        The reactor of a host provides exactly five interfaces: ``IReactorCore``, ``IReactorTime``,
        ``IReactorThreads``, ``IReactorUDP`` and ``IReactorPluggableNameResolver``.
        """
        interfaces = {
            IReactorCore,
            IReactorPluggableNameResolver,
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
