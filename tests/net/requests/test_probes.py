"""
Probes at their limit: the end of one probe starts another.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import HostPort
from dwdht_twisted._net.requests import Probes, Requests
from tests.helpers.networks.environments import RecordingListener, environment

FIRST, SECOND, THIRD, FOURTH = ((f"10.0.0.{number}", 1) for number in range(1, 5))

WAITS = (1.0,)


class FullTests(SynchronousTestCase):
    """
    At most two probes at once. The end of the first one starts another.
    """

    def setUp(self) -> None:
        self.ended: list[tuple[HostPort, bool]] = []
        self.requests = Requests(environment(Clock(), self.keep), RecordingListener())
        body = wire.requestBody(wire.PING)
        self.probes = Probes(
            self.requests,
            lambda: body,
            waits=WAITS,
            maximum=2,
            onMissed=lambda address, sentAt: None,
        )
        self.datagrams: list[tuple[bytes, HostPort]] = []

    def keep(self, datagram: bytes, address: HostPort) -> None:
        """Record a datagram sent by the probes."""
        self.datagrams.append((datagram, address))

    def fill(self, next: HostPort) -> None:
        """Probe two addresses. The end of the first probe starts a probe of ``next``."""

        def begin(isAnswered: bool) -> None:
            self.ended.append((FIRST, isAnswered))
            self.probe(next)

        self.probes.send(FIRST, begin)
        self.probe(SECOND)

    def probe(self, address: HostPort) -> None:
        """Probe an address and record the outcome."""
        self.probes.send(address, lambda isAnswered: self.ended.append((address, isAnswered)))

    def answerAll(self) -> None:
        """Answer each ping from the address to which it was sent."""
        for datagram, address in list(self.datagrams):
            self.requests.received(wire.encodeResponse(wire.transactionId(datagram), None), address)

    def test_addressHasOneProbe(self) -> None:
        """
        A new probe of an address ends the oldest probe, and the end of the oldest probe starts a
        probe of the same address. The address gets only one ping.
        """
        self.fill(next=THIRD)
        self.probe(THIRD)
        self.assertEqual([to for _, to in self.datagrams], [FIRST, SECOND, THIRD])
        self.answerAll()
        self.assertEqual(self.ended, [(FIRST, False), (SECOND, True), (THIRD, True)])

    def test_probesStayWithinTheirLimit(self) -> None:
        """
        At most 2 probes are in flight, even if the end of one probe starts another. Each of the 4
        probes ends once.
        """
        self.fill(next=THIRD)
        self.probe(FOURTH)
        self.assertEqual(self.requests.inFlight, 2)
        self.answerAll()
        expected = [(FIRST, False), (SECOND, False), (THIRD, True), (FOURTH, True)]
        self.assertEqual(self.ended, expected)
