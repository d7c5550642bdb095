"""
A test case for requests. A list collects their datagrams, and a test writes the answers.
"""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import Address, DHTError
from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import HostPort
from dwdht_twisted._net.environment import Environment
from dwdht_twisted._net.requests import Callbacks, OutgoingRequest, Requests
from dwdht_twisted.testing import SimulatedClock
from tests.helpers.networks.environments import RecordingListener, environment

#: The body of every request.
BODY = wire.requestBody(wire.PING)

#: The address to which requests are sent by default, and a second address.
PEER = Address("10.0.0.9", 9)
OTHER = Address("10.0.0.8", 8)


class RequestsTestCase(SynchronousTestCase):
    """
    A base for tests of requests whose datagrams are collected in a list.

    :ivar sent: each datagram, with its destination
    :ivar answers: each answer that a request's callback got, with its source
    :ivar failures: the failures of the requests
    :ivar late: the transmissions after which an answer was late
    :ivar heard: the address of each answer that was reported to the node
    :ivar missed: each silent address that was reported to the node
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.sent: list[tuple[bytes, HostPort]] = []
        self.answers: list[tuple[wire.ResponseMessage, HostPort]] = []
        self.failures: list[DHTError] = []
        self.late: list[int] = []
        self.build()

    def build(self, **options: Any) -> None:
        """Make new `Requests` with these options."""
        self.listener = RecordingListener()
        self.heard, self.missed = self.listener.heardFrom, self.listener.missedAddresses
        self.requests = Requests(self.environment(), self.listener, **options)

    def environment(self, random: Random | None = None) -> Environment:
        """Return an environment that collects datagrams in ``sent``."""
        return environment(
            self.clock, lambda datagram, address: self.sent.append((datagram, address)), random
        )

    def send(self, address: Address = PEER) -> OutgoingRequest:
        """Send a request whose outcome is recorded."""
        return self.requests.send(
            address,
            BODY,
            Callbacks(
                lambda message, source: self.answers.append((message, source)),
                self.failures.append,
                self.late.append,
            ),
        )

    def answer(self, index: int = -1, source: HostPort = PEER) -> bool:
        """Answer one of the sent datagrams, and return whether the answer was accepted."""
        datagram, _ = self.sent[index]
        return self.requests.received(
            wire.encodeResponse(wire.transactionId(datagram), value=b"yes"), source
        )
