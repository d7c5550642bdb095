"""
A node whose datagrams are lost, while those of a contact still reach it.
"""

from __future__ import annotations

from twisted.internet.task import LoopingCall

from dwdht_twisted import Address, DHTNode
from dwdht_twisted._core import wire
from tests.helpers.networks.nodes import NodeTestCase
from tests.helpers.networks.peers import RawPeer


class OneWayTestCase(NodeTestCase):
    """
    Tests with a line that is down in one direction.
    """

    def contactWithToken(self, node: DHTNode) -> tuple[RawPeer, bytes]:
        """Return a new contact of a node, and the token that it got in a pong."""
        contact = self.peer(answers="pong")
        self.introduce(contact, node)
        contact.ask(self.addressOf(node), wire.PING)
        self.clock.runFor(1)
        token = contact.responses[-1][0].roundtripToken
        assert token is not None
        return contact, token

    def pingAgainAndAgain(
        self, contact: RawPeer, token: bytes, address: Address, period: float
    ) -> LoopingCall:
        """Let a contact ping an address all the time, each time with the same token."""
        pings = LoopingCall(contact.ask, address, wire.PING, roundtripToken=token)
        pings.clock = self.clock
        pings.start(period)
        return pings

    def loseDatagramsFrom(self, host: str) -> None:
        """Lose all that a host sends from now on."""
        transmit = self.network.transmit

        def lossy(
            source: tuple[str, int],
            destination: tuple[str, int],
            data: bytes,
            shown: tuple[str, int],
        ) -> None:
            if source[0] != host:
                transmit(source, destination, data, shown)

        self.patch(self.network, "transmit", lossy)
