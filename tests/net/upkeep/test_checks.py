"""
Pings of contacts that were not seen for some time, or to which a path is kept open.
"""

from __future__ import annotations

from itertools import pairwise

from dwdht_twisted import Contact, DHTNode
from dwdht_twisted._core import wire
from dwdht_twisted._core.routing import LONGEST_CHECK, OPEN_PATHS, K
from dwdht_twisted._core.routing.cache import QUERIES_BEFORE_CACHING
from dwdht_twisted._core.routing.freshness import KEEP_OPEN_AFTER, PATH_STAYS_OPEN
from dwdht_twisted._core.wire import HostPort
from dwdht_twisted._net.upkeep.upkeep import DEAD_GONE_AFTER, INTERVAL
from tests.helpers.networks.nodes import NodeTestCase


class CheckTests(NodeTestCase):
    """
    Pings of contacts that were unheard for some time.
    """

    def test_answeringContactStays(self) -> None:
        """
        A contact that answers stays in the table for hours. It is pinged often enough to keep a
        path through a NAT open.
        """
        node = self.node()
        peer = self.peer()
        self.introduce(peer, node)
        peer.onRequest = peer.serve
        self.clock.runFor(60)
        peer.requests.clear()
        self.clock.runFor(3 * 3600)
        self.assertEqual(node.contacts(), [peer.contact])
        self.assertLessEqual(len(peer.requestsFor(wire.PING)), 3 * 3600 / KEEP_OPEN_AFTER)
        self.assertGreater(len(peer.requests), 3 * 3600 / PATH_STAYS_OPEN)

    def test_onePingServesTwoNodes(self) -> None:
        """
        Of two nodes that list each other, only one pings, for its ping brings back a token of the
        other.
        """
        nodes = self.swarm(2)
        self.clock.runFor(60)
        self.sent.clear()
        self.clock.runFor(3600)
        pings = sum(len(self.pings(node)) for node in nodes)
        self.assertTrue(3600 / PATH_STAYS_OPEN - 2 < pings < 3600 / KEEP_OPEN_AFTER + 4, pings)

    def test_forgedPingsKeepNobodyAlive(self) -> None:
        """
        Pings in the name of a dead contact, with any token but the right one, don't keep it in the
        table.
        """
        nodes = self.swarm(2)
        node, dead = nodes
        address, contact = self.addressOf(dead), self.contactOf(dead)
        dead.destroy()
        alive = self.peer(answers="serve")
        self.introduce(alive, node)
        for _ in range(int(DEAD_GONE_AFTER / 10)):
            self.clock.runFor(10)
            for token in (None, bytes(32), self.random.randbytes(32)):
                body = wire.requestBody(wire.PING, contact.id, roundtripToken=token)
                node.datagramReceived(wire.frameRequest(1, body), address)
        self.assertEqual(node.contacts(), [alive.contact])

    def pings(self, node: DHTNode) -> list[wire.RequestMessage]:
        """Return the pings that a node has sent."""
        sent = self.requestsBy(self.addressOf(node))
        return [message for message in sent if message.command == wire.PING]

    def test_pathsToNeighboursStayOpen(self) -> None:
        """
        An idle node exchanges datagrams with each of its closest contacts at least each
        `PATH_STAYS_OPEN` seconds, and twice within 30 seconds when it begins.
        """
        nodes = self.swarm(30)
        self.clock.runFor(60)
        times: dict[tuple[str, str], list[float]] = {}

        def note(source: HostPort, destination: HostPort, datagram: bytes) -> None:
            pair = (min(source[0], destination[0]), max(source[0], destination[0]))
            times.setdefault(pair, []).append(self.clock.seconds())

        self.network.onDatagram = note
        begin = self.clock.seconds()
        self.clock.runFor(1800)
        for node in nodes:
            own = self.addressOf(node).host
            for contact in node._parts.table.closest(node.id, OPEN_PATHS):
                pair = (min(own, contact.host), max(own, contact.host))
                used = [begin, *times.get(pair, []), self.clock.seconds()]
                pauses = [later - earlier for earlier, later in pairwise(used)]
                self.assertLess(max(pauses), PATH_STAYS_OPEN)

    def test_deadContactLeavesTheTable(self) -> None:
        """
        A dead contact leaves the table within `DEAD_GONE_AFTER` seconds, if another one answers.
        """
        node = self.node()
        dead, alive = self.peer(), self.peer(answers="serve")
        self.introduce(dead, node)
        self.introduce(alive, node)
        self.clock.runFor(DEAD_GONE_AFTER)
        self.assertEqual(node.contacts(), [alive.contact])

    def test_manyDeadContactsLeaveTheTable(self) -> None:
        """
        In a network of 60, all nodes but two die. Within `DEAD_GONE_AFTER` seconds, all dead
        contacts leave the tables of the remaining nodes.
        """
        nodes = self.swarm(60)
        for node in nodes[2:]:
            node.destroy()
        self.clock.runFor(DEAD_GONE_AFTER)
        self.assertEqual(nodes[0].contacts(), [self.contactOf(nodes[1])])
        self.assertEqual(nodes[1].contacts(), [self.contactOf(nodes[0])])

    def test_lossEvictsNoContact(self) -> None:
        """After an hour with 10 % loss, at least 13 of 14 contacts are listed."""
        nodes = self.swarm(15)
        self.network.loss = 0.1
        self.clock.runFor(3600)
        known = {contact.id for contact in nodes[0].contacts()}
        self.assertGreaterEqual(len(known), 13)

    def test_destroyedNodeSendsNoPing(self) -> None:
        """A destroyed node sends no ping to a contact."""
        node = self.node()
        peer = self.peer()
        self.introduce(peer, node)
        peer.requests.clear()
        node.destroy()
        self.clock.runFor(2 * LONGEST_CHECK)
        self.assertEqual(peer.requests, [])

    def test_unusedAnswersAreForgotten(self) -> None:
        """An answer cached by the table is forgotten after `INTERVAL` seconds."""
        table = self.node()._parts.table
        target = bytes([table.id[0] ^ 0x80]) + bytes(31)
        for number in range(K):
            id = target[:-1] + bytes([number])
            table.answered(Contact(id, "10.0.0.1", 1000 + number), self.clock.seconds())
        for _ in range(QUERIES_BEFORE_CACHING):
            table.closestCompact(target)
        answer = table.closestCompact(target)
        self.assertIs(table.closestCompact(target), answer)
        self.clock.runFor(INTERVAL)
        self.assertIsNot(table.closestCompact(target), answer)
