"""
The pace at which a node checks its contacts when some of them are silent.
"""

from __future__ import annotations

from dwdht_twisted import DHTNode
from dwdht_twisted._core import wire
from dwdht_twisted._core.routing.freshness import KEEP_OPEN_AFTER
from dwdht_twisted._net.upkeep.upkeep import INTERVAL
from tests.helpers.networks.nodes import COMMAND, NodeTestCase

#: The seconds after which all nodes have filled their tables.
SETTLED_AFTER = 300.0

#: The seconds within which tables hold hardly any dead contact when a quarter of the nodes died. In
#: an idle network, it takes one use of the open paths until the first loss is noticed.
SOON = KEEP_OPEN_AFTER + 9 * INTERVAL


class LossTests(NodeTestCase):
    """
    A settled network of 80 nodes.
    """

    def setUp(self) -> None:
        super().setUp()
        self.nodes = self.swarm(80)
        self.clock.runFor(SETTLED_AFTER)

    def kill(self, count: int) -> list[DHTNode]:
        """Destroy the last nodes, and return the others."""
        for node in self.nodes[-count:]:
            node.destroy()
        return self.nodes[:-count]

    def pings(self, nodes: list[DHTNode], seconds: float) -> int:
        """Return the number of pings that some nodes send within a time."""
        self.sent.clear()
        self.clock.runFor(seconds)
        requests = [each for node in nodes for each in self.requestsBy(self.addressOf(node))]
        return sum(each.command == wire.PING for each in requests)

    def test_manyLossesAreNoticedSoon(self) -> None:
        """Some minutes after a quarter of the nodes died, hardly any table holds one of them."""
        dead = {self.contactOf(node) for node in self.nodes[-20:]}
        alive = self.kill(20)
        self.clock.runFor(SOON)
        listed = [each for node in alive for each in node.contacts()]
        self.assertLess(sum(each in dead for each in listed), 0.02 * len(listed))

    def test_lossesAreNoticedSoonerWhereOthersAsk(self) -> None:
        """
        Half a minute after a quarter of the nodes died, tables hold hardly any of them if the
        others were asked every five seconds.
        """
        dead = {self.contactOf(node) for node in self.nodes[-20:]}
        alive = self.kill(20)
        asker = self.peer(id=None)
        for _ in range(6):
            for node in alive:
                asker.ask(self.addressOf(node), COMMAND, self.target())
            self.clock.runFor(5.0)
        listed = [each for node in alive for each in node.contacts()]
        self.assertLess(sum(each in dead for each in listed), 0.02 * len(listed))

    def test_fewLossesCostFewPings(self) -> None:
        """After one of 80 nodes died, the others send at most half as many pings again."""
        before = self.pings(self.nodes, SETTLED_AFTER)
        alive = self.kill(1)
        self.assertLess(self.pings(alive, SETTLED_AFTER), 1.5 * before)

    def test_outageOfTheNodesOwnCausesNoHaste(self) -> None:
        """A node whose own line is down pings its contacts no faster than before."""
        node = self.nodes[0]
        self.network.partition([self.addressOf(node).host])
        self.clock.runFor(SOON)
        self.assertGreater(len(node.contacts()), 20)
