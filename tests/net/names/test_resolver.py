"""
The resolution of host names to IPv4 addresses.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IResolutionReceiver,
)
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from dwdht_twisted import Address, UnresolvableHost
from dwdht_twisted._core.limits.bounds import ADDRESSES_PER_NAME
from dwdht_twisted._net.names import RESOLUTION_TIMEOUT, Resolver
from dwdht_twisted.testing import MemoryNetwork
from tests.helpers.networks.doubles import SilentResolver


@implementer(IHostnameResolver)
class BothFamilies:
    """
    A name resolver that returns an IPv6 address first, even if only IPv4 was requested.
    """

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
    A `Resolver`, which resolves host names for a node.
    """

    def setUp(self) -> None:
        self.network = MemoryNetwork(nameLatency=0.5)
        self.network.addName("dht.example", "192.0.2.7", "192.0.2.8")
        self.reactor = self.network.reactor()
        self.resolver = Resolver(self.reactor, self.reactor)

    def test_numericAddressIsReturnedAtOnce(self) -> None:
        """
        A numeric IPv4 address is returned at once.
        """
        address = Address("192.0.2.1", 1)
        self.assertEqual(self.successResultOf(self.resolver.resolve(address)), address)

    def test_nameBecomesItsFirstAddress(self) -> None:
        """A name with two addresses is resolved to the first one."""
        found = self.resolver.resolve(Address("dht.example", 7))
        self.assertNoResult(found)
        self.network.clock.advance(0.5)
        self.assertEqual(self.successResultOf(found), Address("192.0.2.7", 7))

    def test_eachAddressOfANameIsReported(self) -> None:
        """
        Each address of a name is reported once, and of a name with many addresses the first 8.
        """
        hosts = [f"192.0.2.{number}" for number in range(1, 20)]
        self.network.addName("many.example", hosts[0], *hosts)
        for name, expected in (
            ("dht.example", ["192.0.2.7", "192.0.2.8"]),
            ("many.example", hosts),
        ):
            found: list[Address] = []
            all = self.resolver.resolveEach([Address(name, 7)], found.append, self.fail)
            self.network.clock.advance(0.5)
            self.assertIsNone(self.successResultOf(all))
            self.assertEqual(found, [Address(host, 7) for host in expected[:ADDRESSES_PER_NAME]])

    def test_nameWithoutAnAddressFails(self) -> None:
        """A name without an address fails with an `UnresolvableHost` that contains the name."""
        found = self.resolver.resolve(Address("nowhere", 7))
        self.network.clock.advance(0.5)
        self.assertIn("nowhere", str(self.failureResultOf(found, UnresolvableHost).value))

    def test_impossibleNameFailsAtOnce(self) -> None:
        """A text that can't be a host name fails at once with `UnresolvableHost`."""
        for host in ("a..b", "a" * 64 + ".example", "." * 3):
            self.failureResultOf(self.resolver.resolve(Address(host, 7)), UnresolvableHost)

    def test_ipv6AddressesAreIgnored(self) -> None:
        """An IPv6 address is ignored. A name with only an IPv6 address fails."""
        self.reactor.installNameResolver(BothFamilies())
        both = self.resolver.resolve(Address("both", 7))
        self.assertEqual(self.successResultOf(both), Address("192.0.2.1", 7))
        six = self.resolver.resolve(Address("six", 7))
        self.failureResultOf(six, UnresolvableHost)

    def test_slowNameFailsInTime(self) -> None:
        """
        A name that isn't resolved within `RESOLUTION_TIMEOUT` fails with an `UnresolvableHost` that
        contains the name. A later answer is ignored.
        """
        silent = SilentResolver()
        self.reactor.installNameResolver(silent)
        found = self.resolver.resolve(Address("dht.example", 7))
        self.network.clock.advance(RESOLUTION_TIMEOUT - 0.01)
        self.assertNoResult(found)
        self.network.clock.advance(0.01)
        self.assertIn("dht.example", str(self.failureResultOf(found, UnresolvableHost).value))
        silent.answer("dht.example", "192.0.2.7")

    def test_sharedNameIsAskedForOnce(self) -> None:
        """
        Two simultaneous resolutions of one name cause a single request. A later resolution causes a
        new one.
        """
        silent = SilentResolver()
        self.reactor.installNameResolver(silent)
        one, two, other = (
            self.resolver.resolve(Address(*each))
            for each in (("dht.example", 1), ("dht.example", 2), ("other.example", 3))
        )
        self.assertEqual(silent.asked, ["dht.example", "other.example"])
        one.cancel()
        self.failureResultOf(one, CancelledError)
        silent.answer("dht.example", "192.0.2.7")
        self.assertEqual(self.successResultOf(two), Address("192.0.2.7", 2))
        silent.answer("other.example", "192.0.2.8")
        self.assertEqual(self.successResultOf(other), Address("192.0.2.8", 3))
        again = self.resolver.resolve(Address("dht.example", 4))
        self.assertEqual(len(silent.asked), 3)
        silent.answer("dht.example")
        self.failureResultOf(again, UnresolvableHost)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_stopCancelsAllResolutions(self) -> None:
        """
        ``stop`` cancels a resolution, and ends a resolution of several names without a report. No
        timer is left.
        """
        self.reactor.installNameResolver(SilentResolver())
        found = self.resolver.resolve(Address("dht.example", 1))
        given = [Address("dht.example", 2), Address("other.example", 3)]
        told: list[object] = []
        all = self.resolver.resolveEach(given, told.append, told.append)
        self.resolver.stop()
        self.failureResultOf(found, CancelledError)
        self.assertEqual(told, [])
        self.assertIsNone(self.successResultOf(all))
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_eachAddressIsReportedWhenFound(self) -> None:
        """
        Each of several addresses is reported as soon as it is resolved. Each failure is reported as
        soon as it happens.
        """
        silent = SilentResolver()
        self.reactor.installNameResolver(silent)
        found: list[Address] = []
        unresolved: list[str] = []
        given = [Address("dht.example", 1), Address("a..b", 2), Address("192.0.2.1", 3)]
        all = self.resolver.resolveEach(given, found.append, unresolved.append)
        self.assertEqual(found, [Address("192.0.2.1", 3)])
        self.assertEqual(len(unresolved), 1)
        self.assertNoResult(all)
        silent.answer("dht.example", "192.0.2.7")
        self.assertEqual(found, [Address("192.0.2.1", 3), Address("192.0.2.7", 1)])
        self.assertIsNone(self.successResultOf(all))

    def test_failureNamesItsHost(self) -> None:
        """The report of a name without an address contains the name."""
        unresolved: list[str] = []
        all = self.resolver.resolveEach([Address("nowhere", 1)], self.fail, unresolved.append)
        self.network.clock.advance(0.5)
        self.assertIsNone(self.successResultOf(all))
        self.assertEqual(unresolved, ["nowhere has no IPv4 address"])

    def test_noAddressesEndAtOnce(self) -> None:
        """A resolution of an empty list ends at once."""
        self.assertIsNone(self.successResultOf(self.resolver.resolveEach([], self.fail, self.fail)))
