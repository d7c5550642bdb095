"""
Networks of all kinds, whose nodes know each other's addresses.
"""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import DHTNode, MemoryStore, NoResponse, ValueHandler, ValueNotFound
from dwdht_twisted.private import KeyedNetwork, NetworkSecurity
from dwdht_twisted.testing import CertifiedMembers, MemoryNetwork, SimulatedClock
from dwdht_twisted.values import COMMAND, get, put

#: The number of nodes of each network.
SIZE = 6

PORT = 6620


class ApartTests(SynchronousTestCase):
    """
    An open network, one by key, and one by certificate, on one network in memory.
    """

    def setUp(self) -> None:
        """
        Make the networks.  Each node has the first nodes of all networks as bootstrap nodes.
        """
        self.clock = SimulatedClock()
        self.network = MemoryNetwork(self.clock, seed=1, latency=0.02)
        members, keyed = CertifiedMembers(), KeyedNetwork(bytes(32))
        bootstrap = [f"10.{kind}.0.1:{PORT}" for kind in (1, 2, 3)]
        self.kinds: list[list[DHTNode]] = [[], [], []]
        for number in range(SIZE):
            for kind, nodes in enumerate(self.kinds):
                security: NetworkSecurity | None = (None, keyed, members.make())[kind]
                reactor = self.network.reactor(f"10.{kind + 1}.0.{number + 1}")
                node = DHTNode(
                    reactor,
                    security=security,
                    bootstrap=bootstrap,
                    random=Random(f"{kind} {number}"),
                )
                node.listen(PORT)
                node.register(COMMAND, ValueHandler(MemoryStore(reactor)))
                nodes.append(node)
        for node in self.each():
            self.clock.runUntil(node.ready(), limit=120)
        self.clock.runFor(120)

    def each(self) -> list[DHTNode]:
        """All nodes."""
        return [node for nodes in self.kinds for node in nodes]

    def tearDown(self) -> None:
        """Destroy all nodes."""
        for node in self.each():
            self.clock.runUntil(node.destroy())

    def test_noContactOfAnotherNetwork(self) -> None:
        """Each node lists all other nodes of its own network, and no others."""
        for nodes in self.kinds:
            ids = {node.id for node in nodes}
            for node in nodes:
                listed = {contact.id for contact in node.contacts()}
                self.assertEqual(listed, ids - {node.id})

    def test_noValueOfAnotherNetwork(self) -> None:
        """A value is found on the network that it was put on, and on no other."""
        for number, nodes in enumerate(self.kinds):
            key = self.clock.runUntil(put(nodes[0], b"value %d" % number), limit=120)
            for others in self.kinds:
                found = get(others[-1], key)
                if others is nodes:
                    self.assertEqual(self.clock.runUntil(found, limit=120), b"value %d" % number)
                else:
                    with self.assertRaises((ValueNotFound, NoResponse)):
                        self.clock.runUntil(found, limit=120)

    def test_noAnswerOfAnotherNetwork(self) -> None:
        """No node gets an answer from a node of another network that it asks."""
        for nodes in self.kinds:
            for kind, others in enumerate(self.kinds, 1):
                if others is not nodes:
                    asked = nodes[0].query(COMMAND, bytes(32), nodes=[f"10.{kind}.0.2:{PORT}"])
                    with self.assertRaises(NoResponse):
                        self.clock.runUntil(asked.collect(), limit=120)
