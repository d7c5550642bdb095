"""
The contact that is asked when a far bucket is refreshed.
"""

from __future__ import annotations

from dwdht_twisted._core import wire
from dwdht_twisted._core.routing import LONGEST_CHECK, K
from dwdht_twisted._core.wire import ID_BITS, HostPort
from tests.helpers.core.contacts import near
from tests.helpers.networks.nodes import NodeTestCase
from tests.helpers.networks.peers import RawPeer


class RefreshedBucketTests(NodeTestCase):
    """
    A node with 20 neighbours, and with 12 contacts whose ids differ from its own in the first bit.
    """

    def setUp(self) -> None:
        super().setUp()
        self.asker = self.node()
        for number in range(K):
            self.add(1 << 220 + number)
        self.far = [self.add(1 << 255 | self.random.getrandbits(255)) for _ in range(12)]

    def add(self, distance: int) -> RawPeer:
        """Add a contact at a distance from the node, which answers all requests."""
        peer = self.peer(id=near(self.asker.id, distance))
        self.introduce(peer, self.asker)
        peer.onRequest = peer.serve
        return peer

    def test_contactUnseenForLongestIsAsked(self) -> None:
        """
        In ten hours, the contacts of the far bucket are asked for others at least 20 times. Each
        time, it is the contact that has been silent for longest.
        """
        heard: dict[HostPort, float] = dict.fromkeys((each.address for each in self.far), 0.0)
        own = self.addressOf(self.asker)
        asked: list[bool] = []

        def observe(source: HostPort, destination: HostPort, datagram: bytes) -> None:
            if source in heard:
                heard[source] = self.clock.seconds()
            elif source == own and wire.isRequest(datagram):
                message = wire.decodeRequest(datagram)
                if message.command == wire.FIND_NODE and self.isFar(message.target):
                    asked.append(heard.get(destination) == min(heard.values()))

        self.network.onDatagram = observe
        self.clock.runFor(40 * LONGEST_CHECK)
        self.assertGreaterEqual(len(asked), 20)
        self.assertTrue(all(asked), asked)

    def isFar(self, target: bytes | None) -> bool:
        """Whether a target differs from the node's id in the first bit."""
        number = int.from_bytes(target or b"", "big") ^ int.from_bytes(self.asker.id, "big")
        return number.bit_length() == ID_BITS
