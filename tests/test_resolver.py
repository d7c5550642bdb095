"""
Tests for L{dwdht_twisted.resolver}: from names to IPv4 addresses.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IResolutionReceiver,
)
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from dwdht_twisted import Address, UnresolvableHost
from dwdht_twisted.resolver import resolve, resolveAll
from dwdht_twisted.testing import MemoryNetwork


@implementer(IHostnameResolver)
class BothFamilies:
    """Gives IPv6 addresses first, whatever was asked for."""

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        resolutionReceiver.resolutionBegan(None)  # type: ignore[arg-type]
        resolutionReceiver.addressResolved(IPv6Address("UDP", "2001:db8::1", portNumber))
        if hostName == "both":
            resolutionReceiver.addressResolved(IPv4Address("UDP", "192.0.2.1", portNumber))
            resolutionReceiver.addressResolved(IPv4Address("UDP", "192.0.2.2", portNumber))
        resolutionReceiver.resolutionComplete()
        return None  # type: ignore[return-value]


class ResolverTests(SynchronousTestCase):
    """
    L{resolve} and L{resolveAll}.
    """

    def setUp(self) -> None:
        self.network = MemoryNetwork(nameLatency=0.5)
        self.network.addName("dht.example", "192.0.2.7", "192.0.2.8")
        self.reactor = self.network.reactor()

    def test_address(self) -> None:
        """
        An IPv4 address is there at once.
        """
        address = Address("192.0.2.1", 1)
        self.assertEqual(self.successResultOf(resolve(self.reactor, address)), address)

    def test_name(self) -> None:
        """
        A name becomes the first of its addresses, without blocking.
        """
        found = resolve(self.reactor, Address("dht.example", 7))
        self.assertNoResult(found)
        self.network.clock.advance(0.5)
        self.assertEqual(self.successResultOf(found), Address("192.0.2.7", 7))

    def test_unknown(self) -> None:
        """
        A name without an address fails with the name.
        """
        found = resolve(self.reactor, Address("nowhere", 7))
        self.network.clock.advance(0.5)
        self.assertIn("nowhere", str(self.failureResultOf(found, UnresolvableHost).value))

    def test_noName(self) -> None:
        """
        What can't be a host name fails at once.
        """
        for host in ("a..b", "a" * 64 + ".example", "." * 3):
            self.failureResultOf(resolve(self.reactor, Address(host, 7)), UnresolvableHost)

    def test_families(self) -> None:
        """
        IPv6 addresses are passed over.
        """
        self.reactor.installNameResolver(BothFamilies())
        both = resolve(self.reactor, Address("both", 7))
        self.assertEqual(self.successResultOf(both), Address("192.0.2.1", 7))
        six = resolve(self.reactor, Address("six", 7))
        self.failureResultOf(six, UnresolvableHost)

    def test_all(self) -> None:
        """
        Of several addresses those that are found are given, and the others are told.
        """
        unresolved: list[str] = []
        given = [Address("nowhere", 1), Address("dht.example", 2), Address("192.0.2.1", 3)]
        found = resolveAll(self.reactor, given, unresolved.append)
        self.network.clock.advance(0.5)
        self.assertEqual(
            self.successResultOf(found), [Address("192.0.2.7", 2), Address("192.0.2.1", 3)]
        )
        self.assertEqual(unresolved, ["nowhere has no IPv4 address"])

    def test_none(self) -> None:
        """
        Of no addresses none is found, at once.
        """
        self.assertEqual(self.successResultOf(resolveAll(self.reactor, [], self.fail)), [])
