"""
Destruction by `DHTNode.destroy`, and a destroyed node.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import Deferred, gatherResults

from dwdht_twisted import Address, NodeDestroyed
from dwdht_twisted._core import wire
from tests.helpers.networks.nodes import COMMAND, NodeTestCase


class DestroyTests(NodeTestCase):
    """
    A node that is destroyed while it is in use.
    """

    def test_destroyWithstandsCancellations(self) -> None:
        """
        ``destroy`` releases everything, even if the errback of each waiting Deferred cancels
        another one.
        """
        node = self.node(bootstrap=["10.9.9.9:1"])
        waiting: list[Deferred[Any]] = [node.ping(self.peer().address) for _ in range(2)]
        waiting += [node.ready() for _ in range(2)]
        for each, other in zip(waiting, reversed(waiting), strict=True):
            each.addErrback(lambda _, doomed: doomed.cancel(), other)
        self.clock.runUntil(node.destroy())
        for each in waiting:
            self.successResultOf(each)

    def test_destroyFailsWaitingDeferreds(self) -> None:
        """
        ``destroy`` fails all waiting Deferreds with `NodeDestroyed`: those of 50 queries and
        updates, of pings and of ``bootstrap``. It leaves no delayed call.
        """
        nodes = self.swarm(30)
        node = nodes[0]
        for other in nodes[1:]:
            self.clock.runUntil(other.destroy())
        waiting: list[Deferred[Any]] = []
        for number in range(50):
            ask = node.update if number % 2 else node.query
            waiting.append(ask(COMMAND, self.target()).collect())
        waiting += [node.ping(self.peer().address), node.bootstrap()]
        waiting.append(node.ping("some.where:1"))
        waiting.append(node.query(COMMAND, self.target(), nodes=["some.where:1"]).collect())
        waiting.append(node.holepunch("some.where:1", "else.where:1"))
        self.clock.runFor(0.3)
        self.network.nameLatency = 5.0
        waiting.append(node.ping("some.where:1"))
        waiting.append(node.query(COMMAND, self.target(), nodes=["some.where:1"]).collect())
        for early in waiting[52:55]:
            early.addErrback(lambda _: None)
        destroyed = node.destroy()
        for each in waiting[:52] + waiting[55:]:
            self.failureResultOf(each, NodeDestroyed)
        self.clock.runUntil(destroyed, limit=0.1)
        self.clock.runFor(6)
        self.clock.runUntil(self._nodes[0].destroy())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_destroyMayBeRepeated(self) -> None:
        """
        Each call of ``destroy`` returns a Deferred that fires, even if the node never listened.
        """
        for listens in (True, False):
            node = self.node(listens=listens)
            both = gatherResults([node.destroy(), node.destroy()])
            self.assertEqual(self.clock.runUntil(both), [None, None])
            self.successResultOf(node.destroy())

    def test_destroyedNodeRefusesEveryUse(self) -> None:
        """
        Every method of a destroyed node raises `NodeDestroyed` or returns a Deferred that fails
        with it.
        """
        node = self.node()
        self.clock.runUntil(node.destroy())
        for use in (node.address, node.listen):
            with self.assertRaises(NodeDestroyed):
                use()
        there = Address("10.9.9.9", 9)
        for result in (
            node.ready(),
            node.bootstrap(),
            node.ping(there),
            node.holepunch(there, there),
            node.query(COMMAND, self.target()).collect(),
            node.update(COMMAND, self.target(), nodes=[there]).collect(),
        ):
            self.failureResultOf(cast("Deferred[Any]", result), NodeDestroyed)

    def test_destroyedNodeIgnoresDatagrams(self) -> None:
        """After the call of ``destroy``, a node neither counts nor answers datagrams."""
        node = self.node()
        peer = self.peer()
        peer.ask(self.addressOf(node), wire.PING)
        node.destroy()
        node.datagramReceived(wire.frameRequest(1, wire.requestBody(wire.PING)), peer.address)
        self.clock.runFor(1)
        self.assertEqual((peer.received, node.counters.requestsReceived), ([], 0))
