"""
Tests for what a connection may cost: slow readers, half-open connections and large bodies.
"""

from __future__ import annotations

from dwdht_twisted import LookupStep, values
from dwdht_twisted.web.bounds import (
    MAXIMUM_CONNECTIONS,
    MAXIMUM_DISCARDED_BYTES,
    REQUEST_TIMEOUT,
    STALL_TIMEOUT,
)
from tests.helpers.networks.web import Line, WebTestCase

#: A request whose answer is long.
LONG = b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n"


class SiteTestCase(WebTestCase):
    """
    A base for tests of connections from the host of the node.
    """

    def setUp(self) -> None:
        super().setUp()
        self.serve()

    @property
    def connections(self) -> int:
        """The number of open connections of the server."""
        return self.server.connections

    def stalled(self, request: bytes) -> Line:
        """Open a connection that asks and reads nothing."""
        line = self.connect()
        line.transport.pauseProducing()
        line.transport.write(request)
        return line


class RequestTests(SiteTestCase):
    """
    Requests that browsers don't make.
    """

    def answers(self, *requests: bytes) -> bytes:
        """Send requests on one connection, one after the other, and return what comes back."""
        line = self.connect()
        for request in requests:
            line.transport.write(request)
            self.clock.runFor(1)
        return line.received

    def test_headEnds(self) -> None:
        """After HEAD for a stream that has no end, the connection answers the next request."""
        host = b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
        received = self.answers(b"HEAD /lookups" + host, b"GET /healthz" + host)
        self.assertEqual(received.count(b"HTTP/1.1 200 OK"), 2)
        self.assertIn(b"text/event-stream", received)

    def test_hostMayBeMissing(self) -> None:
        """A request of HTTP/1.0 needs no Host header, unless it comes from a page."""
        for origin, status in ((b"", b"200"), (b"Origin: null\r\n", b"403")):
            received = self.answers(b"GET /healthz HTTP/1.0\r\n%b\r\n" % origin)
            self.assertIn(b" %b " % status, received.splitlines()[0])
        self.assertIn(b" 400 ", self.answers(b"GET /healthz HTTP/1.1\r\n\r\n").splitlines()[0])


class HalfOpenTests(SiteTestCase):
    """
    Connections that send no request.
    """

    def test_silentConnectionIsClosed(self) -> None:
        """A connection without a request, or with half of one, is closed after 20 seconds."""
        for part in (b"", b"GET / HTTP/1.1\r\nHost: local"):
            line = self.connect()
            line.transport.write(part)
            self.clock.runFor(REQUEST_TIMEOUT - 1)
            self.assertIsNone(line.reason)
            self.clock.runFor(2)
            self.assertIsNotNone(line.reason)

    def test_dripDoesNotProlong(self) -> None:
        """A request that comes a byte a second is cut off after 20 seconds, too."""
        line = self.connect()
        for byte in b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n":
            if line.reason is None:
                line.transport.write(bytes([byte]))
            self.clock.runFor(1)
        self.assertIsNotNone(line.reason)
        self.assertEqual(line.received, b"")

    def test_idleConnectionMakesRoom(self) -> None:
        """
        With 128 connections that wait for their clients, a further client is served, in the place
        of the oldest of them.
        """
        lines = [self.connect() for _ in range(MAXIMUM_CONNECTIONS)]
        self.assertEqual(self.ask("/healthz").status, 200)
        self.clock.runFor(0.1)
        self.assertIsNotNone(lines[0].reason)
        self.assertIsNone(lines[-1].reason)
        self.assertLessEqual(self.connections, MAXIMUM_CONNECTIONS)


class SlowReaderTests(SiteTestCase):
    """
    Clients that don't read.
    """

    def test_slowReaderIsClosed(self) -> None:
        """A client that lets more than 64 kB wait for 20 seconds is cut off."""
        line = self.stalled(LONG * 100)
        self.clock.runFor(5)
        self.assertEqual(self.connections, 1)
        self.clock.runFor(max(STALL_TIMEOUT, REQUEST_TIMEOUT) + 1)
        self.assertEqual(self.connections, 0)
        line.transport.resumeProducing()
        self.clock.runFor(1)
        self.assertLess(len(line.received), 300_000)

    def test_furtherRequestsWait(self) -> None:
        """
        Of 300 requests that a client sends without reading, those beyond the first 64 kB of answers
        are not served until it reads.
        """
        value = bytes(1000)
        self.clock.runUntil(values.put(self.nodes[0], value))
        started: list[LookupStep] = []
        self.nodes[0].watchLookups(
            lambda step: started.append(step) if step.kind == "started" else None
        )
        path = values.keyOf(value).hex().encode()
        line = self.stalled(b"GET /values/%b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path * 300)
        self.clock.runFor(15)
        self.assertLess(len(started), 150)
        line.transport.resumeProducing()
        self.clock.runFor(60)
        self.assertEqual(line.received.count(b"HTTP/1.1 200 OK"), 300)

    def test_pauseReachesTheQuery(self) -> None:
        """
        While a client doesn't read what a lookup has shown, the lookup asks no further node. It
        goes on when the client reads.
        """
        asked: list[LookupStep] = []
        self.nodes[0].watchLookups(
            lambda step: asked.append(step) if step.command == "values" else None
        )
        line = self.stalled(
            b"".join(
                b"GET /lookups/%064x HTTP/1.1\r\nHost: localhost\r\n\r\n" % number
                for number in range(100)
            )
        )
        self.clock.runFor(10)
        count = len(asked)
        self.assertGreater(count, 100)
        self.clock.runFor(5)
        self.assertEqual(len(asked), count)
        self.assertEqual(self.nodes[0].statistics().queries.running, 1)
        line.transport.resumeProducing()
        self.clock.runFor(20)
        self.assertEqual(line.received.count(b"event: ended"), 100)


class BodyTests(SiteTestCase):
    """
    Bodies of requests.
    """

    def test_endlessBodyIsCutOff(self) -> None:
        """A body that goes on beyond a megabyte is cut off without an answer."""
        line = self.connect()
        line.transport.write(
            b"PUT /values/00 HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        for _ in range(MAXIMUM_DISCARDED_BYTES // 0x10000 + 2):
            if line.reason is None:
                line.transport.write(chunk)
            self.clock.runFor(0.2)
        self.assertIsNotNone(line.reason)
        self.assertEqual(line.received, b"")

    def test_pipelinedRequestsAreServedInOrder(self) -> None:
        """Requests that come at once are answered one after the other."""
        line = self.connect()
        line.transport.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
        self.clock.runFor(2)
        self.assertEqual(line.received.count(b"HTTP/1.1 200 OK"), 20)
