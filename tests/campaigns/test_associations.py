"""
Networks by certificate whose nodes keep associations with the contacts of their tables.
"""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import DHTNode
from dwdht_twisted.private.certified.layer import CertifiedLayer
from dwdht_twisted.testing import CertifiedMembers, LogNormalLatency, MemoryNetwork, SimulatedClock

#: The number of nodes.
SIZE = 25

#: The share of all contacts with an association must not be below this one.
SHARE = 0.95


class AssociationsOfTablesTests(SynchronousTestCase):
    """
    A network by certificate whose nodes do nothing but their upkeep.
    """

    def setUp(self) -> None:
        """Make the network."""
        self.clock = SimulatedClock()
        self.network = MemoryNetwork(
            self.clock, seed=1, latency=LogNormalLatency(0.04, stable=True)
        )
        self.members = CertifiedMembers()
        self.nodes: list[DHTNode] = []

    def join(self) -> DHTNode:
        """Let another node join."""
        number = len(self.nodes)
        node = DHTNode(
            self.network.reactor(f"{20 + number}.0.0.1"),
            security=self.members.make(),
            bootstrap=["20.0.0.1:6620"] if number else [],
            random=Random(number),
        )
        node.listen(6620)
        self.nodes.append(node)
        self.addCleanup(node.destroy)
        self.clock.runUntil(node.ready(), limit=60)
        return node

    def share(self, *nodes: DHTNode) -> float:
        """The share of the contacts of nodes with an association."""
        contacts = associated = 0
        for node in nodes:
            layer = node._layer
            assert isinstance(layer, CertifiedLayer)
            for contact in node.contacts():
                contacts += 1
                link = layer.links.get((contact.host, contact.port))
                associated += link is not None and link.current is not None
        return associated / contacts

    def test_contactsHaveAssociations(self) -> None:
        """
        A node has associations with 95 % of its contacts or more: as soon as it has joined, every
        minute of the first ten, and every five minutes of the first two hours.  So its lookups wait
        for few handshakes.
        """
        for _ in range(SIZE):
            self.join()
        last = self.nodes[-1]
        self.assertGreaterEqual(self.share(last), SHARE)
        for seconds in [60] * 10 + [300] * 22:
            self.clock.runFor(seconds)
            self.assertGreaterEqual(self.share(*self.nodes), SHARE)
            self.assertGreaterEqual(self.share(last), SHARE - 0.05)
        self.assertGreater(min(len(node.contacts()) for node in self.nodes), 15)
