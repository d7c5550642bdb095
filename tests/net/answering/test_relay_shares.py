"""
The shares of contacts in the datagrams that a node sends for hole punches of other nodes.
"""

from __future__ import annotations

from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import packAddress
from tests.helpers.networks.nodes import NodeTestCase
from tests.helpers.networks.peers import RawPeer

#: Public hosts of one /24 network each.  Private ones share a rate that isn't shared out.
LIARS = [f"9.100.{number}.1" for number in range(8)]


class ShareTests(NodeTestCase):
    """
    A node with contacts that name address after address, and one contact with a few hole punches.
    """

    def setUp(self) -> None:
        super().setUp()
        self.relay = self.node("9.9.1.1")
        self.liars = [self.peer(host, answers="pong") for host in LIARS]
        self.asker = self.peer("9.9.2.1", answers="pong")
        self.destination = self.peer("9.9.3.1", answers="pong")
        for each in (*self.liars, self.asker, self.destination):
            self.introduce(each, self.relay)

    def relayed(self) -> int:
        """The number of pings that were relayed to the destination."""
        return sum(each.forwardResponse is not None for each, _ in self.destination.requests)

    def test_fewContactsLeaveRoomForOthers(self) -> None:
        """
        While eight contacts together cause 700 datagrams a second to ever new hosts, each of 20
        hole punches of another contact is relayed.
        """
        named = 0
        for step in range(100):
            for liar in self.liars:
                for _ in range(9):
                    named += 1
                    self.name(liar, named)
            if step % 5 == 0:
                self.asker.ask(
                    self.addressOf(self.relay),
                    wire.PING,
                    forwardRequest=packAddress(*self.destination.address),
                )
            self.clock.runFor(0.1)
        self.assertEqual(self.relayed(), 20)

    def name(self, liar: RawPeer, number: int) -> None:
        """Let a contact send a ping that it claims to relay for a host that nobody has."""
        host = f"50.{number // 250}.{1 + number % 250}.1"
        liar.ask(self.addressOf(self.relay), wire.PING, forwardResponse=packAddress(host, 7))
