"""
The port of a node, from `DHTNode.listen` or ``listenUDP`` until it is closed.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import Deferred
from zope.interface.verify import verifyObject

from dwdht_twisted import (
    CannotListen,
    DHTError,
    DHTNode,
    ICommandHandler,
    IDHTNode,
    InvalidAddress,
    NodeDestroyed,
)
from dwdht_twisted._core import wire
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nodes import COMMAND, NodeTestCase


class ListenTests(NodeTestCase):
    """
    A node and the port that it listens at.
    """

    def test_nodeProvidesItsInterfaces(self) -> None:
        """
        A node provides `IDHTNode` and `ICommandHandler`.
        """
        node = self.node()
        verifyObject(IDHTNode, node)
        verifyObject(ICommandHandler, node)

    def test_listenTakesTheGivenPort(self) -> None:
        """``listen(6620)`` opens port 6620."""
        node = self.node(listens=False)
        port = node.listen(6620)
        self.assertEqual(cast(Any, port.getHost()).port, 6620)
        self.assertEqual(node.address().port, 6620)

    def test_secondListenIsRefused(self) -> None:
        """A second ``listen`` raises `CannotListen` with the number of the open port."""
        node = self.node(port=6620)
        with self.assertRaises(CannotListen) as caught:
            node.listen(6621)
        self.assertIn("6620", str(caught.exception))

    def test_takenPortIsRefusedAndAnotherTaken(self) -> None:
        """
        ``listen`` raises `CannotListen` for a port in use. Afterwards, the same node can listen at
        another port.
        """
        first = self.node(port=6620)
        node = DHTNode(self.network.reactor(self.addressOf(first).host))
        with self.assertRaises(CannotListen):
            node.listen(6620)
        node.listen(6621)
        self.clock.runUntil(node.destroy())

    def test_badPortIsRefused(self) -> None:
        """A port raises `InvalidAddress` unless it is an integer from 0 to 65535."""
        node = self.node(listens=False)
        for port in (-1, 65536, "6620", 1.5, True, None):
            with self.assertRaises(InvalidAddress):
                node.listen(cast(int, port))

    def test_badInterfaceIsRefused(self) -> None:
        """
        An interface that isn't an IPv4 address raises `InvalidAddress`. An address of another
        machine raises `CannotListen`.
        """
        node = self.node(listens=False)
        for interface in ("localhost", "::1", "10.0.0"):
            with self.assertRaises(InvalidAddress):
                node.listen(0, interface)
        with self.assertRaises(CannotListen):
            node.listen(0, "192.0.2.1")

    def test_usedNodeListensByItself(self) -> None:
        """A node that doesn't listen yet opens a free port when any of its methods is called."""
        other = self.node()
        uses = [
            lambda node: node.address(),
            lambda node: node.ready(),
            lambda node: node.bootstrap(),
            lambda node: node.ping(self.addressOf(other)),
            lambda node: node.query(COMMAND, bytes(32), nodes=[self.addressOf(other)]).collect(),
            lambda node: node.update(COMMAND, bytes(32)).collect().addErrback(lambda _: None),
            lambda node: node.holepunch(self.addressOf(other), self.addressOf(other)),
        ]
        for use in uses:
            node = self.node(listens=False)
            result = use(node)
            if isinstance(result, Deferred):
                self.clock.runUntil(result.addErrback(lambda reason: reason.trap(DHTError)))
            self.assertGreater(node.address().port, 0)

    def test_listenUDPStartsTheNode(self) -> None:
        """``reactor.listenUDP`` starts a node like ``listen``."""
        bootstrap = self.node(ephemeral=True)
        node = self.node(bootstrap=[self.addressOf(bootstrap)], listens=False)
        self.network.reactor(self._hosts[id(node)]).listenUDP(6620, node)
        self.clock.runUntil(node.ready())
        self.assertEqual(node.address().port, 6620)

    def test_closedPortDestroysTheNode(self) -> None:
        """A node is destroyed when its port is closed from outside."""
        node = self.node()
        query = node.query(COMMAND, self.target(), nodes=[self.peer().address]).collect()
        assert node.transport is not None
        node.transport.stopListening()
        self.clock.runFor(0.1)
        self.failureResultOf(query, NodeDestroyed)
        with self.assertRaises(NodeDestroyed):
            node.address()

    def test_destroyedNodeTakesNoPort(self) -> None:
        """``listenUDP`` with a destroyed node raises `NodeDestroyed` and leaves no open port."""
        node = self.node(listens=False)
        self.clock.runUntil(node.destroy())
        with self.assertRaises(NodeDestroyed):
            self.network.reactor(self._hosts[id(node)]).listenUDP(6620, node)
        self.assertEqual(self.network.ports, {})
        self.clock.runUntil(node.destroy())

    def test_closedPortDropsHeldAnswers(self) -> None:
        """
        When a node's port is closed, two pending answers are dropped without an error. One waits
        for address validation, one for its handler.
        """
        node = self.swarm(30)[0]
        peer = self.peer(id=None)
        peer.ask(self.addressOf(node), wire.FIND_NODE, self.target())
        stubborn: Deferred[bytes] = Deferred(lambda d: d.callback(b"all the same"))
        node.register(COMMAND, Handler(lambda _: stubborn))
        peer.ask(self.addressOf(node), COMMAND, self.target())
        self.clock.runFor(0.05)
        self.assertEqual(node.counters.answersHeld, 1)
        waiting = node.ping(self.peer().address)
        assert node.transport is not None
        node.transport.stopListening()
        self.clock.runFor(1)
        self.failureResultOf(waiting, NodeDestroyed)
        self.assertEqual(peer.responses, [])
