"""
Tests for the memory that a client takes by what it sends while it waits for an answer.
"""

from __future__ import annotations

# Trial takes a name `suppress` of a module for its own.
import contextlib
import socket
import tracemalloc
from typing import Any

from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from dwdht_twisted import DHTNode
from dwdht_twisted.web.server import WebServer
from dwdht_twisted.web.settings import HTTPSettings
from tests.helpers.networks.web import PORT, SERVER, Line
from tests.helpers.processes.programs import ProgramTestCase, freePort
from tests.web.connections.test_tls import Client, TLSTestCase

#: A request, and one whose answer has no end.
STATUS = b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n"
ENDLESS = b"GET /lookups HTTP/1.1\r\nHost: localhost\r\n\r\n"

#: The beginning of a request with a body, and the rest of its headers if the body comes in chunks.
PUT = b"PUT /values/00 HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"

#: What a client sends first, and then again and again.
SENT = {
    "requests whose answers are not read": (b"", STATUS * 100),
    "refused requests": (b"", b"GET / HTTP/1.1\r\nHost: evil\r\n\r\n" * 100),
    "requests behind one that takes long": (ENDLESS, STATUS * 100),
    "bytes behind one that takes long": (ENDLESS, bytes(5000)),
    "bytes behind the last request": (ENDLESS[:-2] + b"Connection: close\r\n\r\n", bytes(5000)),
    "a body behind one that takes long": (
        ENDLESS + PUT + b"Content-Length: 99999999\r\n\r\n",
        bytes(5000),
    ),
    "bytes behind a wrong chunk": (
        PUT + CHUNKED,
        b"nonsense" * 1000,
    ),
    "a line without an end": (b"GET /", b"a" * 5000),
}

#: The bytes that a client can send at most: those in its own buffer and on the way, each 64 kB and
#: a block, and those that the server holds.
TAKEN = 400_000

#: The bytes that a client can't send on a socket, because the buffers of the operating system for
#: both ends, of up to 10 MB, are full before.
LIMIT = 32_000_000


@implementer(IPushProducer)
class Flood:
    """
    Writes a block again and again, as fast as the connection takes it.

    :ivar written: the bytes so far
    """

    def __init__(self, line: Line, block: bytes) -> None:
        self._transport = line.transport
        self._block = block
        self._isPaused = False
        self.written = 0
        self._transport.registerProducer(self, True)
        self.resumeProducing()

    def resumeProducing(self) -> None:
        """Write until the connection is full."""
        self._isPaused = False
        while not self._isPaused and self.written < 4 * TAKEN:
            self.written += len(self._block)
            self._transport.write(self._block)

    def pauseProducing(self) -> None:
        """Write nothing more."""
        self._isPaused = True

    def stopProducing(self) -> None:
        """Write nothing more."""
        self._isPaused = True


class WaitingTests(TLSTestCase):
    """
    Clients that send without end, and read nothing.
    """

    def open(self, isEncrypted: bool = False) -> Line:
        """Open a connection on which the client reads nothing."""
        line = Line()
        factory: Any = Factory.forProtocol(lambda: line)
        reactor = self.host(SERVER)
        if isEncrypted:
            factory = TLSMemoryBIOFactory(Client(), True, factory, reactor)
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", PORT)
        self.clock.runUntil(endpoint.connect(factory), limit=10)
        self.clock.runFor(1)
        return line

    def assertBounded(self, begin: bytes = b"", isEncrypted: bool = False) -> None:
        """Require that of each kind only a bounded number of bytes is taken."""
        for name, (first, block) in SENT.items():
            line = self.open(isEncrypted)
            line.transport.write(begin + first)
            self.clock.runFor(1)
            line.transport.pauseProducing()
            flood = Flood(line, block)
            self.clock.runFor(10)
            self.assertLess(flood.written, TAKEN, name)
            if line.reason is None:
                line.transport.abortConnection()
            self.clock.runFor(1)
        self.assertEqual(self.server.connections, 0)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_plainConnectionTakesLittle(self) -> None:
        """Over TCP, at most 400 kB are taken from a client whose answers wait."""
        self.serve()
        self.assertBounded()

    def test_encryptedConnectionTakesLittle(self) -> None:
        """Over TLS, at most 400 kB are taken from a client whose answers wait."""
        self.serveTLS()
        self.assertBounded(isEncrypted=True)

    def test_proxiedConnectionTakesLittle(self) -> None:
        """Through a proxy, at most 400 kB are taken from a client whose answers wait."""
        self.serve(f"haproxy:tcp:{PORT}:interface=127.0.0.1")
        self.assertBounded(b"PROXY TCP4 192.0.2.1 127.0.0.1 4444 80\r\n")

    def test_whatWaitsIsServedInOrder(self) -> None:
        """Requests that come before the answer to the first are all answered, in their order."""
        self.serve()
        line = self.open()
        line.transport.pauseProducing()
        paths = [b"/peers/%d" % number for number in range(30)]
        paths.insert(15, b"/status")
        body = b"PUT /values/%d HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n%b"
        for number, path in enumerate(paths):
            line.transport.write(b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path)
            line.transport.write(body % (number, b"x" * 5000))
        self.clock.runFor(5)
        line.transport.resumeProducing()
        self.clock.runFor(60)
        statuses = [part[:3] for part in line.received.split(b"HTTP/1.1 ")[1:]]
        self.assertEqual(statuses, [b"200", b"413"] * len(paths))

    def test_requestTakesLittle(self) -> None:
        """While a request is served, its connection takes at most 100 kB, whatever it had."""
        self.serve()
        head = b"GET /lookups HTTP/1.1\r\nHost: localhost\r\n"
        fields = b"&".join(b"%d" % number for number in range(2500))
        for text in (
            head + b"".join(b"%d:\r\n" % number for number in range(480)) + b"\r\n",
            head + b"Cookie: " + b"".join(b"%d=;" % number for number in range(2500)) + b"\r\n\r\n",
            head.replace(b"/lookups", b"/lookups?" + fields) + b"\r\n",
            PUT + CHUNKED + b"0\r\n" + b"a\r\n" * 20_000,
            ENDLESS + b"x" * 80_000,
        ):
            lines = [self.open() for _ in range(8)]
            tracemalloc.start()
            before = tracemalloc.get_traced_memory()[0]
            for line in lines:
                line.transport.write(text)
            self.clock.runFor(5)
            cost = (tracemalloc.get_traced_memory()[0] - before) / len(lines)
            tracemalloc.stop()
            self.assertLess(cost, 120_000, text[:100])
            for line in lines:
                line.transport.abortConnection()
            self.clock.runFor(1)


class SocketTests(ProgramTestCase):
    """
    A client that sends without end and reads nothing, over sockets of the operating system.
    """

    async def test_socketTakesLittle(self) -> None:
        """Over TCP and UNIX sockets, the server stops reading long before 32 MB."""
        node = DHTNode(self.reactor)
        node.listen(0, "127.0.0.1")
        path, port = str(self.mktemp())[-60:].replace("/", "_"), freePort()
        for endpoint, family, address in (
            (f"tcp:{port}", socket.AF_INET, ("127.0.0.1", port)),
            (f"unix:{path}", socket.AF_UNIX, path),
        ):
            server = WebServer(self.reactor, HTTPSettings(endpoint))
            server.listen()
            server.serve(node)
            for first in (b"", ENDLESS):
                with socket.socket(family) as client:
                    client.connect(address)
                    client.setblocking(False)
                    taken = await self.flood(client, first, STATUS * 500)
                self.assertLess(taken, LIMIT, (endpoint, first))
            await server.stop()
        await node.destroy()

    async def flood(self, client: socket.socket, first: bytes, block: bytes) -> int:
        """Send for a second, or until the limit, and return the number of bytes."""
        client.sendall(first)
        taken = 0
        for _ in range(100):
            await deferLater(self.reactor, 0.01)
            with contextlib.suppress(BlockingIOError):
                while taken < LIMIT:
                    taken += client.send(block)
                    await deferLater(self.reactor, 0)
        return taken
