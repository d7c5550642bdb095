"""
Host names that are resolved late or never.
"""

from __future__ import annotations

from typing import Any

from dwdht_twisted import DHTNode, NodeDestroyed, NoResponse, UnresolvableHost
from dwdht_twisted._net.names import RESOLUTION_TIMEOUT
from dwdht_twisted._net.upkeep import REFRESH_AFTER
from dwdht_twisted.testing import HostReactor
from tests.helpers.networks.doubles import Handler, SilentResolver
from tests.helpers.networks.nodes import COMMAND, NodeTestCase

#: The name of a bootstrap node. It is resolved only when a test says so.
NAME = "dht.example:7000"


class SlowNameTests(NodeTestCase):
    """
    A node whose name resolver answers only when a test says so.
    """

    def setUp(self) -> None:
        super().setUp()
        self.resolver = SilentResolver()

    def reactor(self) -> HostReactor:
        """Return the reactor of a new host with this resolver."""
        reactor = self.network.reactor()
        reactor.installNameResolver(self.resolver)
        return reactor

    def slowNode(self, *bootstrap: Any) -> DHTNode:
        """Return a new node on a host with this resolver."""
        return self.node(reactor=self.reactor(), bootstrap=bootstrap)

    def test_numericAddressDoesNotWaitForNames(self) -> None:
        """
        A node joins through a numeric bootstrap address within a second, although a bootstrap name
        is still unresolved.
        """
        other = self.node()
        node = self.slowNode(NAME, self.addressOf(other))
        self.clock.runUntil(node.ready(), limit=1)
        self.assertEqual(node.contacts(), [self.contactOf(other)])

    def test_resolvedNameDoesNotWaitForOthers(self) -> None:
        """
        A node joins through a resolved bootstrap name within a second, although another name is
        still unresolved.
        """
        other = self.node("10.1.1.1", port=7000)
        node = self.slowNode("slow.example:7000", NAME)
        self.resolver.answer("dht.example", "10.1.1.1")
        self.clock.runUntil(node.ready(), limit=1)
        self.assertEqual(node.contacts(), [self.contactOf(other)])

    def test_answeredQueryDoesNotWaitForNames(self) -> None:
        """
        A query that has received an answer succeeds within a second, although a bootstrap name is
        still unresolved.
        """
        other = self.node()
        node = self.slowNode(NAME, self.addressOf(other))
        self.clock.runUntil(node.ready())
        for _ in range(2):
            query = node.query(COMMAND, self.target()).collect()
            [reply] = self.clock.runUntil(query, limit=1)
            self.assertEqual(reply.node, self.contactOf(other))
        self.assertEqual(len(self.resolver.asked), 1)

    def test_unansweredQueryWaitsForNames(self) -> None:
        """
        A query without any answer waits for the bootstrap name. When the name is resolved, the
        query asks the bootstrap node.
        """
        other = self.node("10.1.1.1", port=7000)
        node = self.slowNode(NAME, self.peer().address)
        query = node.query(COMMAND, self.target()).collect()
        self.clock.runFor(RESOLUTION_TIMEOUT - 1)
        self.assertNoResult(query)
        self.resolver.answer("dht.example", "10.1.1.1")
        [reply] = self.clock.runUntil(query, limit=1)
        self.assertEqual(reply.node, self.contactOf(other))

    def test_unresolvedNamesFailInTime(self) -> None:
        """
        ``bootstrap`` and a query fail within `RESOLUTION_TIMEOUT` if the bootstrap name isn't
        resolved. ``ready`` waits, and fires when the name is resolved.
        """
        node = self.slowNode(NAME)
        ready = node.ready()
        query = node.query(COMMAND, self.target()).collect()
        for waiting in (node.bootstrap(), query):
            with self.assertRaises(NoResponse):
                self.clock.runUntil(waiting, limit=RESOLUTION_TIMEOUT + 0.1)
        self.assertNoResult(ready)
        self.node("10.1.1.1", port=7000)
        asked = len(self.resolver.asked)
        self.clock.runUntil(lambda: len(self.resolver.asked) > asked)
        self.resolver.answer("dht.example", "10.1.1.1")
        self.clock.runUntil(ready, limit=1)

    def test_ownHandlerDoesNotEndTheWaitForNames(self) -> None:
        """
        A query answered only by the asker's own handler still waits for the bootstrap name. When
        the name is resolved, the query asks the bootstrap node.
        """
        other = self.node("10.1.1.1", port=7000)
        node = self.slowNode(NAME)
        handler = Handler(lambda _: b"own")
        node.register(COMMAND, handler)
        query = node.query(COMMAND, self.target()).collect()
        self.clock.runFor(RESOLUTION_TIMEOUT - 1)
        self.assertEqual(len(handler.queries), 1)
        self.assertNoResult(query)
        self.resolver.answer("dht.example", "10.1.1.1")
        replies = self.clock.runUntil(query, limit=1)
        self.assertEqual([reply.node.id for reply in replies], [node.id, other.id])

    def test_pingByNameFailsInTime(self) -> None:
        """
        A ping and a hole punch fail within `RESOLUTION_TIMEOUT` if a name isn't resolved. The error
        contains the name.
        """
        node = self.slowNode()
        for ping in (node.ping(NAME), node.holepunch("10.1.1.1:1", NAME)):
            with self.assertRaisesRegex(UnresolvableHost, "dht.example"):
                self.clock.runUntil(ping, limit=RESOLUTION_TIMEOUT + 0.1)

    def test_targetedQueryAsksNumericAddressesFirst(self) -> None:
        """
        Of two given nodes, a query asks the one with a numeric address at once. It asks the other
        one when its name is resolved.
        """
        first, second = self.node("10.1.1.1", port=7000), self.node()
        query = self.slowNode().query(COMMAND, self.target(), nodes=[NAME, self.addressOf(second)])
        replies = query.collect()
        self.clock.runFor(1)
        self.assertEqual(query.responses, 1)
        self.assertNoResult(replies)
        self.resolver.answer("dht.example", "10.1.1.1")
        self.assertEqual(
            [reply.node for reply in self.clock.runUntil(replies, limit=1)],
            [self.contactOf(second), self.contactOf(first)],
        )

    def test_refreshAsksBootstrapNodesByName(self) -> None:
        """
        A refresh asks the bootstrap nodes by name although contacts have answered. After a
        partition, only the bootstrap nodes may know the other part of the network.
        """
        bootstrap = self.peer("10.1.1.1", port=7000, answers="serve")
        node = self.slowNode(NAME, self.addressOf(self.node()))
        self.clock.runUntil(node.ready())
        for _ in range(int(REFRESH_AFTER) + 30):
            self.clock.runFor(1)
            self.resolver.answer("dht.example", "10.1.1.1")
        self.assertIn(bootstrap.contact, node.contacts())

    def test_refreshEndsWithUnresolvedNames(self) -> None:
        """
        A refresh ends although its bootstrap name is never resolved. The next refreshes take place.
        """
        node = self.slowNode(NAME, self.addressOf(self.node()))
        self.clock.runUntil(node.ready())
        self.clock.runFor(3 * REFRESH_AFTER)
        self.assertGreater(len(self.resolver.asked), 2)

    def test_destroyFailsDeferredsThatWaitForNames(self) -> None:
        """
        ``destroy`` fails all Deferreds that wait for a name with `NodeDestroyed`. It leaves no
        timer.
        """
        node = self.slowNode(NAME)
        waiting = [
            node.ready(),
            node.ping(NAME),
            node.holepunch(NAME, NAME),
            node.query(COMMAND, self.target()).collect(),
        ]
        self.clock.runFor(1)
        node.destroy()
        for each in waiting:
            self.failureResultOf(each, NodeDestroyed)
        self.destroyAll()
