"""
What a lookup learns from silence: whom the next lookup asks last, and who leaves the table.
"""

from __future__ import annotations

from dwdht_twisted import DHTNode, NoResponse
from dwdht_twisted._core import wire
from dwdht_twisted._core.limits.bounds import SILENCE_CHECKED_AFTER
from dwdht_twisted._core.wire import HostPort
from dwdht_twisted._net.upkeep.upkeep import INTERVAL
from tests.helpers.core.contacts import closestIds
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nodes import COMMAND, NodeTestCase


class DeadNodesTests(NodeTestCase):
    """
    A network of 100 nodes, a quarter of which dies at once.
    """

    def setUp(self) -> None:
        super().setUp()
        nodes = self.swarm(100)
        for node in nodes:
            node.register(COMMAND, Handler(lambda request: b"value"))
        self.asker, self.dead, self.alive = nodes[0], nodes[1:26], nodes[26:]
        self.deadAddresses = {tuple(self.addressOf(node)) for node in self.dead}
        for node in self.dead:
            node.destroy()

    def destinations(self, target: bytes) -> list[HostPort]:
        """Return where the datagrams of the asker's query for a target go."""
        self.sent.clear()
        self.collect(self.asker, target)
        source = tuple(self.addressOf(self.asker))
        return [to for origin, to, datagram in self.sent if origin == source and target in datagram]

    def shareToDead(self, targets: list[bytes]) -> float:
        """Return the share of the datagrams of some queries that goes to dead nodes."""
        to = [each for target in targets for each in self.destinations(target)]
        return sum(each in self.deadAddresses for each in to) / len(to)

    def test_nextLookupAsksNoDeadNodes(self) -> None:
        """
        After a node's first query for a target, at most 10 % of the datagrams of its next ones go
        to the dead, at once and for the four minutes in which others name dead nodes.
        """
        target = self.target()
        self.assertGreater(self.shareToDead([target]), 0.2)
        for _ in range(24):
            self.assertLessEqual(self.shareToDead([target]), 0.1)
            self.clock.runFor(10)

    def test_nextLookupStillFindsTheClosest(self) -> None:
        """A second query finds what the first has found, as fast as in a network without dead."""
        target = self.target()
        first = [reply.node for reply in self.collect(self.asker, target)]
        began = self.clock.seconds()
        second = [reply.node for reply in self.collect(self.asker, target)]
        self.assertLess(self.clock.seconds() - began, 20 * self.latency)
        self.assertEqual(closestIds(second, target), closestIds(first, target))

    def test_silentContactLeavesTheTable(self) -> None:
        """The contacts that were silent to a query leave the table within four seconds."""
        source = tuple(self.addressOf(self.asker))
        self.sent.clear()
        self.collect(self.asker, self.target())
        asked = {to for origin, to, _ in self.sent if origin == source}
        self.clock.runFor(4)
        listed = {(each.host, each.port) for each in self.asker.contacts()}
        self.assertNotEqual(asked & self.deadAddresses, set())
        self.assertEqual(asked & self.deadAddresses & listed, set())

    def test_stoppedQueryLearns(self) -> None:
        """
        The next query after one that its reader has stopped asks none of the nodes that were late
        then.
        """
        target = self.target()
        stream = self.asker.query(COMMAND, target)
        self.sent.clear()
        stream.collect()
        self.clock.runFor(0.3)
        stream.stopProducing()
        asked = [to for _, to, datagram in self.sent if target in datagram]
        late = {to for to in asked if asked.count(to) > 1}
        self.assertGreater(len(late), 4)
        self.assertEqual(late & set(self.destinations(target)), set())


class ReturningNodesTests(NodeTestCase):
    """
    Nodes that were silent to a query for a time, and then answer again.
    """

    def lookUp(self, asker: DHTNode, target: bytes) -> set[bytes | None]:
        """Return the ids that a query finds."""
        return {reply.node.id for reply in self.collect(asker, target)}

    def test_returnedNodeIsFoundAgain(self) -> None:
        """
        Nodes that were cut off for 60 seconds, in which queries found others in their places, are
        found again at most twice as long after they fell silent, without a request of their own.
        """
        nodes = self.swarm(60)
        asker = nodes[0]
        target = self.target()
        closest = closestIds([self.contactOf(node) for node in nodes[1:]], target)
        lost = [node for node in nodes[1:] if node.id in closest[:5]]
        self.network.partition([self.addressOf(node).host for node in lost])
        self.assertEqual(self.lookUp(asker, target) & {node.id for node in lost}, set())
        self.clock.runFor(60)
        self.network.heal()
        self.clock.runFor(60 + SILENCE_CHECKED_AFTER + INTERVAL)
        self.assertEqual({node.id for node in lost} - self.lookUp(asker, target), set())

    def test_lastHolderIsAskedThoughItWasSilent(self) -> None:
        """
        Of 60 nodes, one has a value, and it is among the 20 closest. It was cut off while the last
        query ran. A query for takers gets the value, for each of 20 targets and holders.
        """
        nodes = self.swarm(60)
        asker, others = nodes[0], nodes[1:]
        byId = {node.id: node for node in others}
        values: dict[bytes, bytes] = {}

        def handlerOf(id: bytes) -> Handler:
            return Handler(lambda _: values.get(id))

        for node in others:
            node.register(COMMAND, handlerOf(node.id))
        for rank in range(20):
            target = self.target()
            holder = byId[closestIds(map(self.contactOf, others), target)[rank]]
            values.clear()
            values[holder.id] = b"value"
            self.network.partition([self.addressOf(holder).host])
            self.lookUp(asker, target)
            self.network.heal()
            replies = self.clock.runUntil(asker.query(COMMAND, target, takersOnly=True).collect())
            found = [reply.node.id for reply in replies if reply.value == b"value"]
            self.assertEqual(found, [holder.id], f"the holder is number {rank}")

    def test_outageOfTheNodesOwnIsForgotten(self) -> None:
        """
        After two minutes without a line, in which all queries fail, the first query finds the 20
        closest nodes.
        """
        nodes = self.swarm(60)
        asker = nodes[0]
        target = self.target()
        self.network.partition([self.addressOf(asker).host])
        for _ in range(6):
            with self.assertRaises(NoResponse):
                self.collect(asker, self.target())
            self.clock.runFor(10)
        self.network.heal()
        closest = closestIds([self.contactOf(node) for node in nodes[1:]], target)
        self.assertEqual(set(closest) - self.lookUp(asker, target), set())


class CheckTests(NodeTestCase):
    """
    The checks of addresses that were silent to a lookup.
    """

    def test_checksOfASilentNodeAreFew(self) -> None:
        """
        In the five minutes after a query, a dead node is sent at most 12 datagrams, and all of them
        are pings.
        """
        nodes = self.swarm(60)
        lost = self.addressOf(nodes[1])
        nodes[1].destroy()
        self.collect(nodes[0], nodes[1].id)
        self.clock.runFor(0.001)
        self.sent.clear()
        self.clock.runFor(295)
        requests = self.requestsBy(self.addressOf(nodes[0]), lost)
        self.assertEqual({request.command for request in requests}, {wire.PING})
        self.assertLessEqual(len(requests), 12)
