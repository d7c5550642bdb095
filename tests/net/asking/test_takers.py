"""
Updates in networks in which only some nodes have a handler for the command.
"""

from __future__ import annotations

from tests.helpers.core.contacts import closestIds
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nodes import COMMAND, NodeTestCase


class TakerTests(NodeTestCase):
    """
    The nodes that take an update, because they have a handler for its command.
    """

    def test_updateReachesTheClosestNodesThatHaveAHandler(self) -> None:
        """
        Of 60 nodes, every second one has a handler. An update runs at the 20 nodes with a handler
        that are closest to its target, and at no other node.
        """
        nodes = self.swarm(60)
        takers = nodes[::2]
        handlers = {node.id: Handler() for node in takers}
        for node in takers:
            node.register(COMMAND, handlers[node.id])
        target = self.target()
        stream = self.node(bootstrap=[self.bootstrap], ephemeral=True).update(COMMAND, target, b"x")
        replies = self.clock.runUntil(stream.collect())
        closest = closestIds(map(self.contactOf, takers), target)
        self.assertEqual({reply.node.id for reply in replies}, set(closest))
        self.assertEqual(stream.commits, 20)
        taken = {id for id, handler in handlers.items() if handler.updates}
        self.assertEqual(taken, set(closest))

    def test_queryForTakersGoesAsFarAsAnUpdate(self) -> None:
        """
        Of 100 nodes, every twentieth has a handler. A query for takers finds at least one of the
        nodes that have taken an update of the same target, for each of 30 targets.
        """
        for node in self.swarm(100)[::20]:
            node.register(COMMAND, Handler(lambda _: b"value"))
        writer, reader = (self.node(bootstrap=[self.bootstrap], ephemeral=True) for _ in range(2))
        for _ in range(30):
            target = self.target()
            taken = self.clock.runUntil(writer.update(COMMAND, target, b"x").collect())
            replies = self.clock.runUntil(reader.query(COMMAND, target, takersOnly=True).collect())
            answered = {reply.node.id for reply in replies if reply.value == b"value"}
            self.assertTrue(answered & {reply.node.id for reply in taken})

    def test_queryAsksNoFartherNodesForTokens(self) -> None:
        """
        Of 60 nodes, every second one has a handler. A query gets answers from the 20 nodes closest
        to its target, with or without a handler. It asks fewer nodes than the query phase of an
        update.
        """
        nodes = self.swarm(60)
        for node in nodes[::2]:
            node.register(COMMAND, Handler())
        target = self.target()
        asker = self.node(bootstrap=[self.bootstrap], ephemeral=True)
        query = asker.query(COMMAND, target)
        replies = self.clock.runUntil(query.collect())
        closest = closestIds(map(self.contactOf, nodes), target)
        self.assertTrue({reply.node.id for reply in replies} >= set(closest))
        update = asker.update(COMMAND, target, b"x")
        self.clock.runUntil(update.collect())
        self.assertTrue(query.responses < update.responses - update.commits)
