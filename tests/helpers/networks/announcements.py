"""
A network in memory whose nodes keep announcements, for tests of `dwdht_twisted.peers`.
"""

from __future__ import annotations

from random import Random
from typing import Any

from dwdht_twisted import Address, DHTNode, peers
from tests.helpers.networks.nodes import NodeTestCase

TOPIC = bytes(range(64, 96))


class PeerNetworkTestCase(NodeTestCase):
    """
    A base for tests with a network of members that keep announcements.

    :cvar size: the number of members
    :ivar members: the members
    :ivar handlers: the handler of each member
    """

    size = 25

    def setUp(self) -> None:
        super().setUp()
        self.handlers: list[peers.PeerHandler] = []
        self.members = self.swarm(self.size)
        for node in self.members:
            self.keepPeers(node)

    def keepPeers(self, node: DHTNode) -> peers.PeerHandler:
        """Let a node keep announcements."""
        handler = peers.PeerHandler(self.clock, random=Random(self.random.getrandbits(64)))
        node.register(peers.COMMAND, handler)
        self.handlers.append(handler)
        return handler

    def user(self, host: str | None = None, **options: Any) -> DHTNode:
        """Return an ephemeral node of the network."""
        return self.node(host, ephemeral=True, bootstrap=[self.bootstrap], **options)

    def announce(self, node: DHTNode, port: int = 0, **options: Any) -> peers.Announced:
        """Announce a port, and return the result."""
        return self.clock.runUntil(peers.announce(node, TOPIC, port, **options))

    def find(self, node: DHTNode, port: int = 0, **options: Any) -> list[peers.Peer]:
        """Look the topic up, and return all peers."""
        return self.clock.runUntil(peers.lookUp(node, TOPIC, port, **options).collect())

    def found(self, node: DHTNode | None = None) -> set[Address]:
        """Look the topic up, by a new node by default, and return the addresses of all peers."""
        return {peer.address for peer in self.find(node or self.user())}
