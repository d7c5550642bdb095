"""
`values.put` and `values.get` if no other node answers or no other node accepts a value.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import Contact, DHTNode, ICommandHandler, Request, values
from dwdht_twisted.errors import NoCloseNodes, NoResponse, ValueNotFound
from dwdht_twisted.testing import HostReactor, MemoryNetwork, SimulatedClock
from dwdht_twisted.values import MemoryStore

STRANGER = Contact(None, "10.9.9.9", 4000)


class AloneTests(SynchronousTestCase):
    """
    `values.put` and `values.get` on a node that is alone or can't reach its network.

    If there is a bootstrap node, its address is 10.0.0.99:6620.
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.network = MemoryNetwork(self.clock)
        self.node = DHTNode(self.network.reactor(), bootstrap=["10.0.0.99:6620"])

    def keeper(self, bootstrap: str = "", reactor: HostReactor | None = None) -> DHTNode:
        """Return a new node with a handler that stores values."""
        node = DHTNode(
            reactor or self.network.reactor(), bootstrap=bootstrap or (), random=self.network.random
        )
        node.register(values.COMMAND, values.ValueHandler(MemoryStore(self.clock)))
        return node

    def assertKeepsItself(self, node: DHTNode) -> None:
        """Require that a put through the node stores the value in the node's own store."""
        key = self.clock.runUntil(values.put(node, b"value"))
        query = Request(values.COMMAND, key, None, STRANGER)
        self.assertEqual(ICommandHandler(node).queryReceived(query), b"value")
        self.assertEqual(self.clock.runUntil(values.get(node, key)), b"value")

    def assertKeepsNothing(self, node: DHTNode) -> None:
        """Require that the value is not in the node's own store."""
        query = Request(values.COMMAND, values.keyOf(b"value"), None, STRANGER)
        self.assertIsNone(ICommandHandler(node).queryReceived(query))

    def test_putFailsWithoutAnswers(self) -> None:
        """A put fails with NoResponse if no node answers."""
        with self.assertRaises(NoResponse):
            self.clock.runUntil(values.put(self.node, b"value"))

    def test_onlyNodeStoresOnItself(self) -> None:
        """
        A node without bootstrap nodes stores a value on itself. If the node has no handler or is
        ephemeral, a put fails with NoCloseNodes.
        """
        self.assertKeepsItself(self.keeper())
        ephemeral = DHTNode(self.network.reactor(), ephemeral=True)
        ephemeral.register(values.COMMAND, values.ValueHandler(MemoryStore(self.clock)))
        for node in (DHTNode(self.network.reactor()), ephemeral):
            with self.assertRaises(NoCloseNodes):
                self.clock.runUntil(values.put(node, b"value"))
        self.assertKeepsNothing(ephemeral)

    def test_getOfALoneNodeFindsNoValue(self) -> None:
        """
        On a node that knows no other node, a get fails with ValueNotFound, with or without a
        handler.
        """
        for node in (self.keeper(), DHTNode(self.network.reactor())):
            with self.assertRaises(ValueNotFound):
                self.clock.runUntil(values.get(node, bytes(32)))

    def test_onlyMemberStoresOnItself(self) -> None:
        """
        The only member of a network stores a value on itself. Its ephemeral bootstrap node knows no
        other member.
        """
        DHTNode(self.network.reactor("10.0.0.99"), ephemeral=True).listen(6620)
        self.assertKeepsItself(self.keeper("10.0.0.99:6620"))

    def test_unreachedNetworkGetsNothing(self) -> None:
        """
        If the bootstrap node is silent, a put fails with NoResponse and stores nothing on the node
        itself.
        """
        node = self.keeper("10.0.0.99:6620")
        with self.assertRaises(NoResponse):
            self.clock.runUntil(values.put(node, b"value"))
        self.assertKeepsNothing(node)

    def test_lostNetworkGetsNothing(self) -> None:
        """
        If the node's only contact has gone, a put fails with NoResponse and stores nothing on the
        node itself.
        """
        first = self.keeper(reactor=self.network.reactor("10.0.0.99"))
        first.listen(6620)
        node = self.keeper("10.0.0.99:6620")
        self.clock.runUntil(node.ready())
        self.clock.runUntil(first.destroy())
        with self.assertRaises(NoResponse):
            self.clock.runUntil(values.put(node, b"value"))
        self.assertKeepsNothing(node)

    def test_refusingNetworkLeavesTheNodeItself(self) -> None:
        """
        The only other member accepts no values. A put stores the value on the node itself. On an
        ephemeral node, a put fails with NoCloseNodes.
        """
        DHTNode(self.network.reactor("10.0.0.99"), random=self.network.random).listen(6620)
        visitor = DHTNode(self.network.reactor(), ephemeral=True, bootstrap=["10.0.0.99:6620"])
        with self.assertRaises(NoCloseNodes):
            self.clock.runUntil(values.put(visitor, b"value"))
        node = self.keeper("10.0.0.99:6620")
        self.clock.runUntil(node.ready())
        self.assertKeepsItself(node)

    def test_lateNetworkGetsNothing(self) -> None:
        """
        A put that failed without answers stores the value nowhere, even if the network is reached
        later.
        """
        node = self.keeper("10.0.0.99:6620")
        with self.assertRaises(NoResponse):
            self.clock.runUntil(values.put(node, b"value"))
        other = self.keeper(reactor=self.network.reactor("10.0.0.99"))
        other.listen(6620)
        self.clock.runUntil(node.ready())
        self.assertEqual(len(node.contacts()), 1)
        for each in (node, other):
            self.assertKeepsNothing(each)
        self.assertKeepsItself(node)

    def test_recalledNetworkGetsNothing(self) -> None:
        """
        If all contacts of an earlier run are silent, a put fails with NoResponse and stores nothing
        on the node itself.
        """
        node = DHTNode(
            self.network.reactor(),
            contacts=[Contact(bytes(32), "10.9.9.9", 4000)],
            random=self.network.random,
        )
        node.register(values.COMMAND, values.ValueHandler(MemoryStore(self.clock)))
        with self.assertRaises(NoResponse):
            self.clock.runUntil(values.put(node, b"value"))
        self.assertKeepsNothing(node)

    def test_getFailsWithoutAnswers(self) -> None:
        """A get fails with NoResponse, and not with ValueNotFound, if no node answers."""
        with self.assertRaises(NoResponse):
            self.clock.runUntil(values.get(self.node, bytes(32)))
