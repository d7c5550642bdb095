"""
A test case of requests whose datagrams go into a list, and are answered by hand.
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

#: The address that requests go to by default, and another one.
PEER = Address("10.0.0.9", 9)
OTHER = Address("10.0.0.8", 8)


class RequestsTestCase(SynchronousTestCase):
    """
    A test of requests whose datagrams go into a list.

    :ivar sent: each datagram, with its destination
    :ivar answers: each answer that a request's callback got, with its source
    :ivar failures: the failures of the requests
    :ivar late: the transmissions after which an answer was late
    :ivar heard: the address of each answer, as the node hears of it
    :ivar missed: each address that failed a request, as the node hears of it
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.sent: list[tuple[bytes, HostPort]] = []
        self.answers: list[tuple[wire.ResponseMessage, HostPort]] = []
        self.failures: list[DHTError] = []
        self.late: list[int] = []
        self.build()

    def build(self, **options: Any) -> None:
        """Make the requests of a node anew, with these options."""
        self.listener = RecordingListener()
        self.heard, self.missed = self.listener.heardFrom, self.listener.missedAddresses
        self.requests = Requests(self.environment(), self.listener, **options)

    def environment(self, random: Random | None = None) -> Environment:
        """Return an environment whose datagrams go into ``sent``."""
        return environment(
            self.clock, lambda datagram, address: self.sent.append((datagram, address)), random
        )

    def send(self, address: Address = PEER) -> OutgoingRequest:
        """Send a request."""
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
        """Answer one of the sent datagrams, and return whether the answer was taken."""
        datagram, _ = self.sent[index]
        return self.requests.received(
            wire.encodeResponse(wire.transactionId(datagram), value=b"yes"), source
        )
