"""
The resolution of service names, which have SRV records.
"""

from __future__ import annotations

from random import Random

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import Address, UnresolvableHost
from dwdht_twisted._core.limits.bounds import ADDRESSES_PER_NAME
from dwdht_twisted._net.names import RESOLUTION_TIMEOUT, Resolver
from dwdht_twisted.testing import MemoryNetwork, ServiceRecord
from tests.helpers.networks.doubles import SilentResolver

#: The name of the service. Its port is not used.
SERVICE = Address("_dht._udp.example.org", 6620)


class ServiceTests(SynchronousTestCase):
    """
    A `Resolver` that is given the name of a service.
    """

    def setUp(self) -> None:
        self.network = MemoryNetwork(nameLatency=0.5)
        self.clock = self.network.clock
        self.network.addName("a.example", "192.0.2.1", "192.0.2.2")
        self.network.addName("b.example", "192.0.2.3")
        self.reactor = self.network.reactor()
        self.resolver = Resolver(self.reactor, self.reactor)
        self.found: list[Address] = []
        self.unresolved: list[str] = []

    def resolve(self, seconds: float = 1.0) -> None:
        """Resolve the service, and require that this ends after these seconds."""
        all = self.resolver.resolveEach([SERVICE], self.found.append, self.unresolved.append)
        self.clock.pump([seconds / 2 - 0.001, 0.001] * 2)
        self.assertIsNone(self.successResultOf(all))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def addService(self, *records: ServiceRecord) -> None:
        """Give the service these records."""
        self.network.addService("_DHT._udp.example.org", *records)

    def test_recordsGiveHostsAndPorts(self) -> None:
        """A service has all addresses of its hosts, at the ports of its records."""
        self.addService(ServiceRecord("a.example", 1), ServiceRecord("b.example", 2))
        self.resolve()
        expected = [("192.0.2.1", 1), ("192.0.2.2", 1), ("192.0.2.3", 2)]
        self.assertEqual(self.found, expected)
        self.assertEqual(self.unresolved, [])

    def test_firstAddressOfAService(self) -> None:
        """A service that is resolved to one address has the first one."""
        self.addService(ServiceRecord("b.example", 2))
        found = self.resolver.resolve(SERVICE)
        self.clock.pump([0.5, 0.5])
        self.assertEqual(self.successResultOf(found), Address("192.0.2.3", 2))

    def test_addressesAreBounded(self) -> None:
        """
        Of a service with many hosts, each with several addresses, those with the lowest numbers of
        priority are used, and 8 addresses at most.
        """
        random = Random(9)
        records = [ServiceRecord(f"h{n}.example", 1000 + n, priority=n) for n in range(20)]
        for n in range(20):
            hosts = [f"192.0.{n}.{m}" for m in range(1, random.randint(2, 12))]
            self.network.addName(f"h{n}.example", *hosts)
        random.shuffle(records)
        self.addService(*records)
        self.resolve()
        self.assertEqual(len(self.found), ADDRESSES_PER_NAME)
        self.assertEqual(self.found[0], Address("192.0.0.1", 1000))
        self.assertEqual(self.found, sorted(self.found, key=lambda address: address.port))

    def test_absentServiceIsReported(self) -> None:
        """
        A service that is unknown, has no records, says that it isn't there, names other services,
        or names hosts without addresses is reported once, with its name.
        """
        for records in (
            None,
            (),
            (ServiceRecord(".", 0),),
            (ServiceRecord("_dht._udp.example.org", 1), ServiceRecord("_other._udp.example", 1)),
            (ServiceRecord("nowhere.example", 1), ServiceRecord("a b.example", 2)),
        ):
            if records is not None:
                self.addService(*records)
            self.unresolved = []
            self.resolve()
            [reason] = self.unresolved
            self.assertIn("_dht._udp.example.org", reason)
        self.assertEqual(self.found, [])

    def test_silentHostDelaysNoOther(self) -> None:
        """
        The address of a host is reported at once although another host of the service is never
        resolved. The resolution ends in time, without an error.
        """
        silent = SilentResolver()
        self.reactor.installNameResolver(silent)
        self.addService(ServiceRecord("silent.example", 1), ServiceRecord("b.example", 2))
        all = self.resolver.resolveEach([SERVICE], self.found.append, self.unresolved.append)
        self.clock.advance(0.5)
        silent.answer("b.example", "192.0.2.3")
        self.assertEqual(self.found, [Address("192.0.2.3", 2)])
        self.clock.advance(RESOLUTION_TIMEOUT - 0.51)
        self.assertNoResult(all)
        self.clock.advance(0.02)
        self.assertIsNone(self.successResultOf(all))
        self.assertEqual(self.unresolved, [])
        self.clock.advance(1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_slowServiceFailsInTime(self) -> None:
        """A service whose records don't come fails with `UnresolvableHost` in time."""
        self.network.nameLatency = 60
        found = self.resolver.resolve(SERVICE)
        self.clock.advance(RESOLUTION_TIMEOUT + 0.01)
        self.failureResultOf(found, UnresolvableHost)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopCancelsAtEachPoint(self) -> None:
        """``stop`` ends the resolution of a service at each point, and leaves no timer."""
        self.addService(ServiceRecord("a.example", 1))
        self.reactor.installNameResolver(SilentResolver())
        for seconds in (0.1, 0.6):
            one = self.resolver.resolve(SERVICE)
            other = self.resolver.resolveEach([SERVICE], self.fail, self.fail)
            self.clock.advance(seconds)
            self.resolver.stop()
            self.failureResultOf(one, CancelledError)
            self.assertIsNone(self.successResultOf(other))
            self.assertEqual(self.clock.getDelayedCalls(), [])
