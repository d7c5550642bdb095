"""
Tests for `values.put` and `values.get` where no other node answers, or where none takes a value.
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
    Tests for `values.put` and `values.get` on a node with no other member, or none in reach.

    The bootstrap node is at 10.0.0.99, if there is one.
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.network = MemoryNetwork(self.clock)
        self.node = DHTNode(self.network.reactor(), bootstrap=["10.0.0.99:6620"])

    def keeper(self, bootstrap: str = "", reactor: HostReactor | None = None) -> DHTNode:
        """A member that keeps values."""
        node = DHTNode(
            reactor or self.network.reactor(), bootstrap=bootstrap or (), random=self.network.random
        )
        node.register(values.COMMAND, values.ValueHandler(MemoryStore(self.clock)))
        return node

    def assertKeepsItself(self, node: DHTNode) -> None:
        """Require that a value that is put through the node is found in its own store."""
        key = self.clock.runUntil(values.put(node, b"value"))
        query = Request(values.COMMAND, key, None, STRANGER)
        self.assertEqual(ICommandHandler(node).queryReceived(query), b"value")
        self.assertEqual(self.clock.runUntil(values.get(node, key)), b"value")

    def assertKeepsNothing(self, node: DHTNode) -> None:
        """Require that the value that was put through the node isn't in its own store."""
        query = Request(values.COMMAND, values.keyOf(b"value"), None, STRANGER)
        self.assertIsNone(ICommandHandler(node).queryReceived(query))

    def test_putFailsWithoutAnswers(self) -> None:
        """A put fails with NoResponse when no node answers."""
        with self.assertRaises(NoResponse):
            self.clock.runUntil(values.put(self.node, b"value"))

    def test_onlyNodeStoresOnItself(self) -> None:
        """
        A node without bootstrap nodes stores a value on itself if it has a handler; a put fails
        with NoCloseNodes if it has none, or is ephemeral.
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
        A get fails with ValueNotFound on a node that knows no other node, with a handler or
        without one.
        """
        for node in (self.keeper(), DHTNode(self.network.reactor())):
            with self.assertRaises(ValueNotFound):
                self.clock.runUntil(values.get(node, bytes(32)))

    def test_onlyMemberStoresOnItself(self) -> None:
        """
        The only member of a network stores a value on itself when its bootstrap node knows no
        other.
        """
        DHTNode(self.network.reactor("10.0.0.99"), ephemeral=True).listen(6620)
        self.assertKeepsItself(self.keeper("10.0.0.99:6620"))

    def test_unreachedNetworkGetsNothing(self) -> None:
        """A node whose bootstrap node is silent fails to put, and stores nothing on itself."""
        node = self.keeper("10.0.0.99:6620")
        with self.assertRaises(NoResponse):
            self.clock.runUntil(values.put(node, b"value"))
        self.assertKeepsNothing(node)

    def test_lostNetworkGetsNothing(self) -> None:
        """A node whose only contact has gone away fails to put, and stores nothing on itself."""
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
        A put stores the value on the node itself alone when the other member takes no values, and
        fails with NoCloseNodes on an ephemeral node.
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
        A put that had no answers stores nothing on the node itself, although the network is found
        afterwards.
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
        A put fails with NoResponse on a node whose contacts of an earlier run are silent, and
        stores nothing on the node itself.
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
        """A get fails with NoResponse, not with ValueNotFound, when no node answers."""
        with self.assertRaises(NoResponse):
            self.clock.runUntil(values.get(self.node, bytes(32)))
