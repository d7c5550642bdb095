"""
Amplification: the bytes that an unproven address is sent for those that came from it.
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
    The bytes that an unproven address is sent for each byte that came from it, at most
    `AMPLIFICATION`.
    """

    def factor(self, datagram: bytes, times: int = 1) -> float:
        """Return the bytes that a victim receives for each byte that is sent in its name."""
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
        A request of each kind from a silent address brings it at most 14 times its bytes.
        """
        for datagram in self.datagrams():
            self.assertLessEqual(self.factor(datagram), AMPLIFICATION, datagram)

    def test_manyRequestsAreBounded(self) -> None:
        """
        A hundred requests of a kind from a silent address bring it at most 14 times their bytes.
        """
        for datagram in self.datagrams()[::3]:
            self.assertLessEqual(self.factor(datagram, 100), AMPLIFICATION, datagram)

    def test_findNodeOfEachSizeIsBounded(self) -> None:
        """
        A ``_find_node`` of each size from a silent address brings it at most 14 times its bytes.
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
        """
        A forwarded ping brings the address that it names at most 14 times its bytes.
        """
        victim, sender = self.peer(), self.peer(id=None)
        datagram = sender.ask(self.there, wire.PING, forwardResponse=packAddress(*victim.address))
        self.clock.runFor(REQUEST_SECONDS)
        received = sum(len(each) for each, _ in victim.received)
        self.assertLessEqual(received, AMPLIFICATION * len(datagram))
