"""
Queries for SRV records to a real name server on loopback.
"""

from __future__ import annotations

import socket as sockets
from typing import Any, cast

from twisted.internet.defer import CancelledError
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import deferLater
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogPublisher
from twisted.names import dns, server
from twisted.names.authority import FileAuthority
from twisted.names.error import DomainError
from twisted.trial.unittest import TestCase

from dwdht_twisted._net.names import services
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


class RudeServer(DatagramProtocol):
    """
    A name server that sends many things before it answers that its answer is truncated.

    :param stranger: a socket from which some of them are sent
    """

    noisy = False
    transport: Any

    def __init__(self, stranger: sockets.socket) -> None:
        self._stranger = stranger

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Answer."""
        question = dns.Message()
        question.fromStr(datagram)
        answer = dns.Message(question.id, answer=1, trunc=1)
        wrong = dns.Message(question.id ^ 1, answer=1)
        wrong.queries = question.queries
        for each in (b"", b"abc", b"\xc0\x0c" * 100, wrong.toStr(), datagram, bytes(600)):
            self.transport.write(each, addr)
        for each in (b"", b"abc", dns.Message(question.id, answer=1, rCode=3).toStr()):
            self._stranger.sendto(each, addr)
        self.transport.write(answer.toStr(), addr)


class FailingServer(DatagramProtocol):
    """A name server that fails at every query."""

    noisy = False
    transport: Any

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Answer that the server has failed."""
        number = int.from_bytes(datagram[:2], "big")
        self.transport.write(dns.Message(number, answer=1, rCode=dns.ESERVER).toStr(), addr)


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

    async def test_truncatedAnswerIsAskedOverTCP(self) -> None:
        """
        Only the answer of the name server counts; nothing else that is sent to the port is logged.
        The records of an answer that is truncated are fetched over TCP.
        """
        events: list[LogEvent] = []
        observe = cast(ILogObserver, events.append)
        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        factory = server.DNSServerFactory(authorities=[Zone()])
        factory.noisy = False
        port = self.reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        rude = self.reactor.listenUDP(
            port.getHost().port, RudeServer(self.socket()), interface="127.0.0.1"
        )
        self.addCleanup(rude.stopListening)
        servers = [("127.0.0.1", port.getHost().port)]
        events.clear()
        answers, _, _ = await DNSQuery(self.reactor, servers).lookupService(NAME)
        self.assertEqual(len(answers), 1)
        await deferLater(self.reactor, 0.01)
        self.assertEqual(self.pending(), [])
        texts = [formatEvent(each) for each in events]
        self.assertEqual([each for each in texts if "packet" in each or "message" in each], [])
        self.assertEqual([each for each in events if each["log_level"] >= LogLevel.warn], [])

    async def test_connectionIsNotMadeAfterTheEnd(self) -> None:
        """
        A connection to a name server that is made slowly is given up with the query that needs it.
        """
        listener = sockets.socket()
        self.addCleanup(listener.close)
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        # These fill the queue, so that no further connection is made.
        for _ in range(2):
            other = sockets.socket()
            self.addCleanup(other.close)
            other.setblocking(False)
            other.connect_ex(listener.getsockname())
        port = listener.getsockname()[1]
        rude = self.reactor.listenUDP(port, RudeServer(self.socket()), interface="127.0.0.1")
        self.addCleanup(rude.stopListening)
        found = DNSQuery(self.reactor, [("127.0.0.1", port)]).lookupService(NAME)
        while not any("Client" in each for each in self.pending()):
            await deferLater(self.reactor, 0.01)
        found.cancel()
        await self.assertFailure(found, CancelledError)
        await deferLater(self.reactor, 0.01)
        self.assertEqual(self.pending(), [])

    async def test_emptyDatagramsDoNotStopTimers(self) -> None:
        """A query ends in time while empty datagrams arrive at its port without a pause."""
        count = 0
        sender = self.socket()

        def receive(_: object, datagram: bytes, addr: Any) -> None:
            nonlocal count
            count += 1
            if count < 100_000:
                sender.send(b"")

        self.patch(services._Datagrams, "datagramReceived", receive)
        silent = self.listen(DatagramProtocol())
        found = DNSQuery(self.reactor, [silent]).lookupService(NAME)
        port = next(each for each in self.reactor.getReaders() if "_Datagrams" in str(each))
        sender.connect(("127.0.0.1", port.getHost().port))
        sender.send(b"")
        await deferLater(self.reactor, 0.01)
        self.assertLess(count, 100_000)
        self.assertGreater(count, 0)
        found.cancel()
        await self.assertFailure(found, CancelledError)

    async def test_nextServerIsAskedAtOnce(self) -> None:
        """A name server to which there is no way, and one that fails, delay nothing."""
        self.patch(services, "RETRIES", (20,))
        servers = [("255.255.255.255", 53), self.listen(FailingServer()), self.nameServer()]
        answers, _, _ = await DNSQuery(self.reactor, servers).lookupService(NAME)
        self.assertEqual(len(answers), 1)

    def socket(self) -> sockets.socket:
        """Make a socket."""
        made = sockets.socket(sockets.AF_INET, sockets.SOCK_DGRAM)
        self.addCleanup(made.close)
        return made

    def pending(self) -> list[str]:
        """Return the timers, the ports and the connections of queries."""
        selectables = (*self.reactor.getReaders(), *self.reactor.getWriters())
        present = (*self.reactor.getDelayedCalls(), *selectables)
        names = ("_Datagrams", "timeItOut", "Client")
        return [each for each in map(str, present) if any(name in each for name in names)]
