"""
Queries and updates that reach nodes behind NATs which forget their paths.
"""

from __future__ import annotations

from functools import partial

from dwdht_twisted import DHTNode
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nats import ForgetfulNat, NattedReactor
from tests.helpers.networks.nodes import COMMAND, NodeTestCase

IDLE_SECONDS = 600.0

#: The number of nodes behind NATs.  Each of them is looked for.
HIDDEN = 5


class IdleNatTests(NodeTestCase):
    """
    Thirty public nodes, and five nodes behind NATs that forget, after ten minutes without work.
    """

    def idleNetwork(self) -> list[tuple[DHTNode, Handler]]:
        """Return the nodes behind NATs, and the handler of each."""
        self.public = self.swarm(30)
        hidden = []
        makeNat = partial(ForgetfulNat, clock=self.clock)
        for _ in range(HIDDEN):
            reactor = NattedReactor(self.network.reactor(), makeNat)
            node = self.node(reactor=reactor, bootstrap=[self.bootstrap])
            handler = Handler(lambda _: b"hello")
            node.register(COMMAND, handler)
            self.clock.runUntil(node.ready())
            hidden.append((node, handler))
        self.clock.runFor(IDLE_SECONDS)
        return hidden

    def stranger(self) -> DHTNode:
        """Return a new node that knows one public node."""
        node = self.node()
        known = self.random.choice(self.public)
        self.clock.runUntil(node.ping(self.addressOf(known)))
        return node

    def test_queriesReachIdleNodes(self) -> None:
        """A query of a stranger for the id of any idle node behind a NAT gets its reply."""
        for node, _ in self.idleNetwork():
            replies = self.collect(self.stranger(), node.id, local=False)
            self.assertIn(node.id, [reply.node.id for reply in replies])

    def test_updatesReachIdleNodes(self) -> None:
        """An update of a stranger runs once at any idle node behind a NAT."""
        for node, handler in self.idleNetwork():
            handler.updates.clear()
            self.commit(self.stranger(), node.id, b"hello", local=False)
            self.assertEqual(len(handler.updates), 1)
