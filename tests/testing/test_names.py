"""
`dwdht_twisted.testing.names`: the resolver of a simulated network.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IResolutionReceiver,
)
from zope.interface import implementer
from zope.interface.verify import verifyObject

from dwdht_twisted.testing import HostReactor, MemoryNetwork
from tests.helpers.networks.three_hosts import A, B, NetworkTestCase


@implementer(IResolutionReceiver)
class Receiver:
    """
    A receiver that records everything that a resolution reports.
    """

    def __init__(self) -> None:
        self.began: IHostResolution | None = None
        self.addresses: list[IAddress] = []
        self.complete = 0

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        self.began = resolutionInProgress

    def addressResolved(self, address: IAddress) -> None:
        self.addresses.append(address)

    def resolutionComplete(self) -> None:
        self.complete += 1


class ResolverTests(NetworkTestCase):
    """
    `MemoryResolver`, which resolves the names of a network.
    """

    def reactor(self) -> HostReactor:
        """Return the reactor of host A."""
        return self.network.reactor(A)

    def resolve(self, name: str, *more: Any) -> list[IAddress]:
        """Resolve a name on host A and return its addresses."""
        receiver = Receiver()
        self.reactor().nameResolver.resolveHostName(receiver, name, *more)
        self.assertEqual((receiver.addresses, receiver.complete), ([], 0))
        self.clock.runUntil(lambda: receiver.complete)
        self.assertEqual(receiver.complete, 1)
        return receiver.addresses

    def test_resolverProvidesInterface(self) -> None:
        """
        The name resolver of a host provides ``IHostnameResolver``.
        """
        self.assertTrue(verifyObject(IHostnameResolver, self.reactor().nameResolver))

    def test_addedNameHasItsAddresses(self) -> None:
        """
        A name resolves to the addresses given to ``addName``. The case of its letters is ignored.
        """
        self.network.addName("Bootstrap.example", A, B)
        self.assertEqual(
            self.resolve("bootstrap.Example", 7, None, "UDP"),
            [IPv4Address("UDP", A, 7), IPv4Address("UDP", B, 7)],
        )

    def test_localhostAndAddressesAreKnown(self) -> None:
        """``localhost`` and IPv4 addresses resolve without a call of ``addName``."""
        self.assertEqual(self.resolve("localhost"), [IPv4Address("TCP", "127.0.0.1", 0)])
        self.assertEqual(self.resolve("192.0.2.1"), [IPv4Address("TCP", "192.0.2.1", 0)])

    def test_unknownNameHasNoAddresses(self) -> None:
        """
        A name that was never added has no addresses. A name added again without addresses has none
        either.
        """
        self.network.addName("gone.example", A)
        self.network.addName("gone.example")
        self.assertEqual(self.resolve("gone.example"), [])
        self.assertEqual(self.resolve("unknown.example"), [])

    def test_resolutionForIPv6HasNoAddress(self) -> None:
        """A resolution for only IPv6 addresses completes without an address."""
        self.assertEqual(self.resolve("localhost", 0, [IPv6Address]), [])
        self.assertEqual(len(self.resolve("localhost", 0, [IPv6Address, IPv4Address])), 1)

    def test_resolutionTakesNameLatency(self) -> None:
        """A resolution takes the network's name latency, here 2.5 seconds."""
        self.network.nameLatency = 2.5
        self.resolve("localhost")
        self.assertEqual(self.clock.seconds(), 2.5)

    def test_cancelledResolutionReportsNothing(self) -> None:
        """
        A cancelled resolution reports nothing and leaves no delayed call. A second cancel does
        nothing.
        """
        receiver = Receiver()
        resolution = self.reactor().nameResolver.resolveHostName(receiver, "localhost")
        self.assertIs(receiver.began, resolution)
        self.assertTrue(verifyObject(IHostResolution, resolution))
        self.assertEqual(resolution.name, "localhost")
        resolution.cancel()
        resolution.cancel()
        self.clock.runFor(1)
        self.assertEqual((receiver.addresses, receiver.complete), ([], 0))
        self.assertEqual(list(self.reactor().getDelayedCalls()), [])

    def test_nameForNameIsRefused(self) -> None:
        """``addName`` raises ValueError if a name is given in place of an IPv4 address."""
        self.assertRaises(ValueError, self.network.addName, "alias.example", "localhost")


class ResolveTests(NetworkTestCase):
    """
    `HostReactor.resolve`, which resolves a name to one address.
    """

    def test_nameResolvesToFirstAddress(self) -> None:
        """
        A name with two addresses resolves to the first one, after the name latency of 2.5 seconds.
        """
        self.build(nameLatency=2.5)
        self.network.addName("bootstrap.example", A, B)
        resolved = self.network.reactor(A).resolve("bootstrap.example", (1, 3))
        self.assertEqual(self.clock.runUntil(resolved), A)
        self.assertEqual(self.clock.seconds(), 2.5)

    def test_unknownNameFails(self) -> None:
        """A name without addresses fails with a DNSLookupError that contains the name."""
        resolved = self.network.reactor(A).resolve("unknown.example")
        error = self.assertRaises(DNSLookupError, self.clock.runUntil, resolved)
        self.assertIn("unknown.example", str(error))

    def test_installedResolverIsAsked(self) -> None:
        """A host resolves names by the resolver that was installed on it."""
        other = MemoryNetwork(self.clock)
        other.addName("bootstrap.example", B)
        host = self.network.reactor(A)
        host.installNameResolver(other.resolver)
        self.assertEqual(self.clock.runUntil(host.resolve("bootstrap.example")), B)
