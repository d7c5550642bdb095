"""
Queries for SRV records to a real name server on loopback.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import deferLater
from twisted.names import dns, server
from twisted.names.authority import FileAuthority
from twisted.names.error import DomainError
from twisted.trial.unittest import TestCase

from dwdht_twisted._net.names.services import DNSQuery

NAME = "_dht._udp.example.org"


class Zone(FileAuthority):
    """
    The zone example.org of a name server, with one service.
    """

    def __init__(self) -> None:
        super().__init__("")

    def loadFile(self, filename: str) -> None:
        """Set the records."""
        start = dns.Record_SOA(mname="example.org", rname="root.example.org")
        self.soa: Any = (b"example.org", start)
        self.records: Any = {
            b"example.org": [start],
            NAME.encode(): [dns.Record_SRV(0, 0, 6620, "a.example.org")],
        }


class DNSQueryTests(TestCase):
    """
    A `DNSQuery`, which asks real name servers.
    """

    timeout = 30

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor

    def listen(self, protocol: DatagramProtocol) -> tuple[str, int]:
        """Open a port on loopback, and return its address."""
        port = self.reactor.listenUDP(0, protocol, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        address = port.getHost()
        return address.host, address.port

    def nameServer(self) -> tuple[str, int]:
        """Start a name server for example.org, and return its address."""
        factory = server.DNSServerFactory(authorities=[Zone()])
        factory.noisy = False
        protocol = dns.DNSDatagramProtocol(factory)
        protocol.noisy = False
        return self.listen(protocol)

    async def test_recordsAreFound(self) -> None:
        """The records of a service are found although the first name server is silent."""
        servers = [self.listen(DatagramProtocol()), self.nameServer()]
        answers, _, _ = await DNSQuery(self.reactor, servers).lookupService(NAME)
        found: list[Any] = [answer.payload for answer in answers]
        self.assertEqual(found, [dns.Record_SRV(0, 0, 6620, "a.example.org", ttl=0)])

    async def test_unknownServiceFails(self) -> None:
        """A service that has no records fails with the error of the name server."""
        query = DNSQuery(self.reactor, [self.nameServer()])
        with self.assertRaises(DomainError):
            await query.lookupService("_other._udp.example.org")

    async def test_cancelledQueryLeavesNothing(self) -> None:
        """A query that is cancelled leaves no port and no timer."""
        query = DNSQuery(self.reactor, [self.listen(DatagramProtocol())])
        found = query.lookupService(NAME)
        self.assertEqual(len(self.pending()), 2)
        found.cancel()
        await self.assertFailure(found, CancelledError)
        await deferLater(self.reactor, 0.01)
        self.assertEqual(self.pending(), [])

    def pending(self) -> list[str]:
        """Return the timers and the ports of queries."""
        present = (*self.reactor.getDelayedCalls(), *self.reactor.getReaders())
        # Twisted 24.7 names the class in which a method was written.
        names = ("DNSDatagramProtocol", "DNSMixin")
        return [each for each in map(str, present) if any(name in each for name in names)]
