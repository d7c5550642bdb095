"""
Nodes without contacts, and nodes that nobody answers.
"""

from __future__ import annotations

from itertools import pairwise

from dwdht_twisted import DHTNode
from dwdht_twisted._net.upkeep.retrying import LONGEST_RETRY
from dwdht_twisted._net.upkeep.upkeep import DEAD_GONE_AFTER, INTERVAL
from tests.helpers.networks.nodes import NodeTestCase


class IsolatedTests(NodeTestCase):
    """
    A node without contacts, which asks its bootstrap nodes again and again.
    """

    def attempts(self, node: DHTNode, seconds: float) -> list[float]:
        """
        Return the times at which a node began to ask its bootstrap node, during these seconds.
        """
        peer = self.peer("10.1.1.1", port=7000)
        times: dict[int, float] = {}
        peer.onRequest = lambda message, source: times.setdefault(
            message.transactionId, self.clock.seconds()
        )
        self.clock.runFor(seconds)
        return list(times.values())

    def test_retriesGetRarerButNeverEnd(self) -> None:
        """
        The first retry comes within 3 intervals. Later pauses grow up to `LONGEST_RETRY`, so that
        an hour has fewer than 120 retries.
        """
        node = self.node(bootstrap=["10.1.1.1:7000"])
        times = self.attempts(node, 3600)
        self.assertLess(times[1], 3 * INTERVAL)
        pauses = [later - earlier for earlier, later in pairwise(times)]
        self.assertLessEqual(max(pauses), LONGEST_RETRY + INTERVAL)
        self.assertGreater(pauses[-1], 0.5 * LONGEST_RETRY - 1)
        self.assertLess(len(times), 120)

    def test_nodeJoinsOnceItsBootstrapNodeIsBack(self) -> None:
        """
        A node joins within `LONGEST_RETRY` plus one interval after its bootstrap node has started.
        """
        node = self.node(bootstrap=["10.1.1.1:7000"])
        self.clock.runFor(1800)
        bootstrap = self.node("10.1.1.1", port=7000)
        self.clock.runFor(LONGEST_RETRY + INTERVAL + 1)
        self.assertEqual(node.contacts(), [self.contactOf(bootstrap)])

    def test_nodeWithoutBootstrapNodesIsSilent(self) -> None:
        """A node without bootstrap nodes and contacts sends no datagram in an hour."""
        self.node()
        self.clock.runFor(3600)
        self.assertEqual(self.sent, [])


class OwnLineTests(NodeTestCase):
    """
    A node whose own line is down for some time, so that nobody answers it.
    """

    def assertListed(self, node: DHTNode, others: list[DHTNode]) -> None:
        """Require that the node lists all of the others that it has place for."""
        listed = {contact.id for contact in node.contacts()}
        self.assertGreaterEqual(len(listed & {other.id for other in others}), len(others) - 1)

    def test_contactsAreKept(self) -> None:
        """
        Whatever the length of the interruption, a node keeps its contacts while nobody answers. It
        reaches them within twice `LONGEST_RETRY` seconds after the interruption, although the
        bootstrap node is gone.
        """
        for seconds in (90, 360, self.random.uniform(500, 4000), 3 * 3600):
            nodes = self.swarm(15)
            node, others = nodes[0], nodes[1:]
            self.clock.runFor(60)
            self.network.partition([self.addressOf(node).host])
            self.clock.runFor(seconds)
            self.assertListed(node, others)
            self.network.heal()
            self.network.partition([self.bootstrap.host])
            self.clock.runFor(2 * LONGEST_RETRY)
            self.assertListed(node, others)
            self.assertEqual(len(self.collect(node, others[-1].id)), 14)
            self.network.heal()
            self.destroyAll()

    def test_deadContactsOfTheTimeAreFound(self) -> None:
        """
        Contacts that died during an interruption leave the table within `DEAD_GONE_AFTER` seconds
        after it. The others stay.
        """
        nodes = self.swarm(15)
        self.network.partition([self.addressOf(nodes[0]).host])
        self.clock.runFor(200)
        for node in nodes[8:]:
            node.destroy()
        self.clock.runFor(400)
        self.network.heal()
        self.clock.runFor(DEAD_GONE_AFTER)
        self.assertListed(nodes[0], nodes[1:8])
        listed = {contact.id for contact in nodes[0].contacts()}
        self.assertFalse(listed & {node.id for node in nodes[8:]})

    def test_otherLinesSayNothing(self) -> None:
        """
        A node keeps its silent public contacts while only nodes of its own network answer.
        """
        node = self.node("10.0.1.1")
        near = self.peer("10.0.1.2", answers="serve")
        far = [self.peer(f"52.0.{i}.1", answers="serve") for i in range(5)]
        for peer in [near, *far]:
            self.introduce(peer, node)
        self.network.partition([peer.host for peer in far])
        self.clock.runFor(2 * DEAD_GONE_AFTER)
        self.assertEqual(len(node.contacts()), 6)

    def test_interruptedNodeSendsLittle(self) -> None:
        """While nobody answers, a node sends at most three datagrams a second."""
        nodes = self.swarm(15)
        self.network.partition([self.addressOf(nodes[0]).host])
        self.clock.runFor(600)
        self.sent.clear()
        self.clock.runFor(3600)
        self.assertLess(len(self.sentBy(self.addressOf(nodes[0]))), 3 * 3600)
