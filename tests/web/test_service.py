"""
Tests for a service whose node is served over HTTP, and for the summaries of its log.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionRefusedError
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import Agent, readBody

from dwdht_twisted import CannotListen, DHTService
from dwdht_twisted._cli.running.hangup import hangUp
from dwdht_twisted._cli.systemd import NotifyingService
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock
from dwdht_twisted.web.settings import HTTPSettings

HOST = "10.0.0.1"


class ServiceTestCase(SynchronousTestCase):
    """
    A base for tests of a service on a simulated host.
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.reactor = MemoryNetwork(self.clock, seed=1, latency=0.01).reactor(HOST)

    def start(self, kind: type[DHTService] = DHTService, **options: Any) -> DHTService:
        """Start a service, which is stopped at the end of the test."""
        service = kind(self.reactor, interface=HOST, **options)
        service.startService()
        self.addCleanup(lambda: self.clock.runUntil(service.stopService()))
        return service

    def get(self, path: str, port: int = 8080) -> bytes:
        """Return the body of a path."""

        async def run() -> bytes:
            url = f"http://127.0.0.1:{port}{path}".encode()
            return await readBody(await Agent(self.reactor).request(b"GET", url))

        return self.clock.runUntil(run(), limit=20)


class ServingTests(ServiceTestCase):
    """
    ``DHTService(http=...)``.
    """

    def test_serviceServesItsNode(self) -> None:
        """The node of each run is served, and nothing listens after the stop."""
        service = self.start(http="tcp:8080")
        for _ in range(2):
            self.assertIn(service.node.id.hex().encode(), self.get("/status"))
            self.clock.runUntil(service.stopService())
            self.assertRaises(ConnectionRefusedError, self.get, "/status")
            service.startService()

    def test_addressIsTold(self) -> None:
        """A service tells where HTTP is served, while it is."""
        self.assertIsNone(self.start().httpAddress)
        service = DHTService(self.reactor, http="tcp:0")
        self.assertIsNone(service.httpAddress)
        for _ in range(2):
            service.startService()
            address = service.httpAddress
            assert isinstance(address, IPv4Address)
            self.assertIn(service.node.id.hex().encode(), self.get("/status", port=address.port))
            self.clock.runUntil(service.stopService())
            self.assertIsNone(service.httpAddress)

    def test_takenPortStopsTheStart(self) -> None:
        """If the port of HTTP can't be opened, the start fails, and the UDP port is released."""
        self.start(http="tcp:8080")
        other = DHTService(self.reactor, interface=HOST, port=6620, http="tcp:8080")
        self.assertRaises(CannotListen, other.startService)
        self.clock.runUntil(other.stopService())
        self.start(port=6620)

    def test_badEndpointIsRefused(self) -> None:
        """A description that no endpoint has fails when the service is made."""
        for text in ("nonsense", "ssl:443", "tcp:x", "tcp:65536"):
            with self.assertRaisesRegex(CannotListen, "endpoint"):
                DHTService(self.reactor, interface=HOST, http=text)

    def test_missingCertificateStopsTheStart(self) -> None:
        """A certificate that can't be read fails at the start."""
        endpoint = "ssl:8443:privateKey=missing.pem"
        service = DHTService(self.reactor, interface=HOST, http=endpoint)
        self.assertRaises(CannotListen, service.startService)
        self.clock.runUntil(service.stopService())

    def test_hangupReadsTheTokenAgain(self) -> None:
        """At SIGHUP, a service that is a process reads its files again, and no longer once it has
        stopped."""
        path = str(self.mktemp())
        Path(path).write_text("the first of the tokens")
        service = self.start(NotifyingService, http=HTTPSettings("tcp:8080", tokenFile=path))
        Path(path).write_text("short")
        with capturedLogs() as events:
            hangUp()
        self.assertIn("HTTP goes on with what was read before", " ".join(map(_text, events)))
        self.clock.runUntil(service.stopService())
        with capturedLogs() as events:
            hangUp()
        self.assertNotIn("HTTP goes on", " ".join(map(_text, events)))


class SummaryTests(ServiceTestCase):
    """
    ``DHTService(summary=...)``.
    """

    def summaries(self, seconds: float) -> list[str]:
        """Let time pass, and return the summaries in the log."""
        with capturedLogs() as events:
            self.clock.runFor(seconds)
        return [text for text in map(_text, events) if text.startswith("summary: ")]

    def test_summaryIsLoggedFromTimeToTime(self) -> None:
        """A line every hour says what the node has done since the last one."""
        service = self.start(summary=3600)
        self.assertEqual(self.summaries(3599), [])
        self.clock.runUntil(service.node.ping(("10.0.0.1", service.node.address().port)))
        [line] = self.summaries(3600)
        self.assertTrue(line.startswith("summary: online, 0 contacts; 1 requests received"), line)
        [line] = self.summaries(3600)
        self.assertIn("; 0 requests received, 0 sent, 0 not answered; 0 lookups", line)

    def test_summaryIsOff(self) -> None:
        """By default there is no summary."""
        self.start()
        self.assertEqual(self.summaries(100_000), [])


def _text(event: Any) -> str:
    return formatEvent(event)
