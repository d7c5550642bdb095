"""
Amplification: the bytes sent to an unproven address for each byte received from it.
"""

from __future__ import annotations

from dwdht_twisted._core import wire
from dwdht_twisted._core.limits.bounds import AMPLIFICATION
from dwdht_twisted._core.wire import packAddress
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nodes import COMMAND, REQUEST_SECONDS
from tests.helpers.networks.servers import ValidationTestCase


class AmplificationTests(ValidationTestCase):
    """
    The limit `AMPLIFICATION`, 14, on the bytes sent to an unproven address for each byte received
    from it.
    """

    def factor(self, datagram: bytes, times: int = 1) -> float:
        """Return the bytes that a victim receives for each byte sent in its name."""
        victim = self.peer()
        for _ in range(times):
            victim.send(datagram, self.there)
        self.clock.runFor(2 * REQUEST_SECONDS)
        return sum(len(each) for each, _ in victim.received) / (times * len(datagram))

    def datagrams(self) -> list[bytes]:
        """Return requests of all kinds."""
        target, id = self.target(), self.target()
        self.server.register(COMMAND, Handler(lambda _: b"x" * 60000, lambda _: b"x" * 60000))
        self.server.register("small", Handler(lambda _: b"x"))
        bodies = [
            wire.requestBody(command, own, wanted, roundtripToken=token, value=value)
            for command in (wire.PING, wire.FIND_NODE, COMMAND, "small", "x")
            for own in (None, id)
            for wanted in (None, target)
            for token in (None, bytes(32))
            for value in (None, b"x" * 500)
        ]
        known = next(c for c in self.server.contacts())
        for field in ("forwardRequest", "forwardResponse"):
            bodies += [
                wire.requestBody(wire.PING, own, **{field: packAddress(*known.address)})
                for own in (None, id)
            ]
        return [wire.frameRequest(1, body) for body in bodies]

    def test_oneRequestIsBounded(self) -> None:
        """
        For one request of each kind, a silent address gets at most 14 times the bytes of the
        request.
        """
        for datagram in self.datagrams():
            self.assertLessEqual(self.factor(datagram), AMPLIFICATION, datagram)

    def test_manyRequestsAreBounded(self) -> None:
        """
        For a hundred equal requests, a silent address gets at most 14 times the bytes of the
        requests.
        """
        for datagram in self.datagrams()[::3]:
            self.assertLessEqual(self.factor(datagram, 100), AMPLIFICATION, datagram)

    def test_findNodeOfEachSizeIsBounded(self) -> None:
        """
        For a ``_find_node`` of any size, a silent address gets at most 14 times the bytes of the
        request.
        """
        factors = [
            self.factor(
                wire.frameRequest(
                    1, wire.requestBody(wire.FIND_NODE, id, self.target(), value=bytes(size))
                )
            )
            for id in (None, self.target())
            for size in range(0, 60, 3)
        ]
        self.assertLessEqual(max(factors), AMPLIFICATION)

    def test_forwardedPingIsBounded(self) -> None:
        """The address named in a forwarded ping gets at most 14 times the bytes of the ping."""
        victim, sender = self.peer(), self.peer(id=None)
        datagram = sender.ask(self.there, wire.PING, forwardResponse=packAddress(*victim.address))
        self.clock.runFor(REQUEST_SECONDS)
        received = sum(len(each) for each, _ in victim.received)
        self.assertLessEqual(received, AMPLIFICATION * len(datagram))
