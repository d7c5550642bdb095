"""
Listening: the port of a node, from `DHTNode.listen` or ``listenUDP`` until it is closed.
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
    A node and its port.
    """

    def test_nodeProvidesItsInterfaces(self) -> None:
        """
        A node provides `IDHTNode` and `ICommandHandler`.
        """
        node = self.node()
        verifyObject(IDHTNode, node)
        verifyObject(ICommandHandler, node)

    def test_listenTakesTheGivenPort(self) -> None:
        """
        ``listen`` takes the port that it is given.
        """
        node = self.node(listens=False)
        port = node.listen(6620)
        self.assertEqual(cast(Any, port.getHost()).port, 6620)
        self.assertEqual(node.address().port, 6620)

    def test_secondListenIsRefused(self) -> None:
        """
        A second ``listen`` raises a `CannotListen` that names the port of the first.
        """
        node = self.node(port=6620)
        with self.assertRaises(CannotListen) as caught:
            node.listen(6621)
        self.assertIn("6620", str(caught.exception))

    def test_takenPortIsRefusedAndAnotherTaken(self) -> None:
        """
        A node to which a taken port was refused with `CannotListen` can listen at another.
        """
        first = self.node(port=6620)
        node = DHTNode(self.network.reactor(self.addressOf(first).host))
        with self.assertRaises(CannotListen):
            node.listen(6620)
        node.listen(6621)
        self.clock.runUntil(node.destroy())

    def test_badPortIsRefused(self) -> None:
        """
        A port that isn't an integer from 0 to 65535 raises `InvalidAddress`.
        """
        node = self.node(listens=False)
        for port in (-1, 65536, "6620", 1.5, True, None):
            with self.assertRaises(InvalidAddress):
                node.listen(cast(int, port))

    def test_badInterfaceIsRefused(self) -> None:
        """
        An interface that isn't an IPv4 address raises `InvalidAddress`, and one of another machine
        `CannotListen`.
        """
        node = self.node(listens=False)
        for interface in ("localhost", "::1", "10.0.0"):
            with self.assertRaises(InvalidAddress):
                node.listen(0, interface)
        with self.assertRaises(CannotListen):
            node.listen(0, "192.0.2.1")

    def test_usedNodeListensByItself(self) -> None:
        """
        Each method of a node that doesn't listen yet makes it listen at a free port.
        """
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
        """
        The reactor's ``listenUDP`` starts a node like ``listen``.
        """
        bootstrap = self.node(ephemeral=True)
        node = self.node(bootstrap=[self.addressOf(bootstrap)], listens=False)
        self.network.reactor(self._hosts[id(node)]).listenUDP(6620, node)
        self.clock.runUntil(node.ready())
        self.assertEqual(node.address().port, 6620)

    def test_closedPortDestroysTheNode(self) -> None:
        """
        A node whose port is closed by others is destroyed.
        """
        node = self.node()
        query = node.query(COMMAND, self.target(), nodes=[self.peer().address]).collect()
        assert node.transport is not None
        node.transport.stopListening()
        self.clock.runFor(0.1)
        self.failureResultOf(query, NodeDestroyed)
        with self.assertRaises(NodeDestroyed):
            node.address()

    def test_destroyedNodeTakesNoPort(self) -> None:
        """
        ``listenUDP`` with a destroyed node raises `NodeDestroyed`, and leaves no open port.
        """
        node = self.node(listens=False)
        self.clock.runUntil(node.destroy())
        with self.assertRaises(NodeDestroyed):
            self.network.reactor(self._hosts[id(node)]).listenUDP(6620, node)
        self.assertEqual(self.network.ports, {})
        self.clock.runUntil(node.destroy())

    def test_closedPortDropsHeldAnswers(self) -> None:
        """
        Closing the port of a node drops an answer that is held until validation and one that its
        handler owes, without an error.
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
