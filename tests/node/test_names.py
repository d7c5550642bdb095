"""
Tests for `dwdht_twisted.queries` and `dwdht_twisted.node`: names that are slow to resolve.
"""

from __future__ import annotations

from typing import Any

from dwdht_twisted import DHTNode, NodeDestroyed, NoResponse, UnresolvableHost
from dwdht_twisted._net.asking import RESOLUTION_TIMEOUT
from dwdht_twisted._net.upkeep.upkeep import REFRESH_AFTER
from dwdht_twisted.testing import HostReactor
from tests.helpers.networks.doubles import SilentResolver
from tests.helpers.networks.nodes import COMMAND, NodeTestCase

#: A bootstrap node whose name nobody resolves.
NAME = "dht.example:7000"


class SlowNameTests(NodeTestCase):
    """
    What a node does whose resolver keeps silent.
    """

    def setUp(self) -> None:
        super().setUp()
        self.resolver = SilentResolver()

    def reactor(self) -> HostReactor:
        """The reactor of a host with that resolver."""
        reactor = self.network.reactor()
        reactor.installNameResolver(self.resolver)
        return reactor

    def slow(self, *bootstrap: Any) -> DHTNode:
        """A node on such a host."""
        return self.node(reactor=self.reactor(), bootstrap=bootstrap)

    def test_numeric(self) -> None:
        """
        A node joins through a numeric bootstrap address without waiting for the names beside it.
        """
        other = self.node()
        node = self.slow(NAME, self.addressOf(other))
        self.clock.runUntil(node.ready(), limit=1)
        self.assertEqual(node.contacts(), [self.contactOf(other)])

    def test_eachName(self) -> None:
        """
        A bootstrap node whose name is resolved is asked without waiting for the other names.
        """
        other = self.node("10.1.1.1", port=7000)
        node = self.slow("slow.example:7000", NAME)
        self.resolver.answer("dht.example", "10.1.1.1")
        self.clock.runUntil(node.ready(), limit=1)
        self.assertEqual(node.contacts(), [self.contactOf(other)])

    def test_query(self) -> None:
        """
        A query that contacts have answered doesn't wait for the names of bootstrap nodes.
        """
        other = self.node()
        node = self.slow(NAME, self.addressOf(other))
        self.clock.runUntil(node.ready())
        for _ in range(2):
            query = node.query(COMMAND, self.target()).collect()
            [reply] = self.clock.runUntil(query, limit=1)
            self.assertEqual(reply.node, self.contactOf(other))
        self.assertEqual(len(self.resolver.asked), 1)

    def test_nobodyAnswered(self) -> None:
        """
        A query that nobody has answered waits for the names, and asks when they are there.
        """
        other = self.node("10.1.1.1", port=7000)
        node = self.slow(NAME, self.peer().address)
        query = node.query(COMMAND, self.target()).collect()
        self.clock.runFor(RESOLUTION_TIMEOUT - 1)
        self.assertNoResult(query)
        self.resolver.answer("dht.example", "10.1.1.1")
        [reply] = self.clock.runUntil(query, limit=1)
        self.assertEqual(reply.node, self.contactOf(other))

    def test_neverResolved(self) -> None:
        """
        Where no name is resolved, what waits fails in time, and the node joins when one is.
        """
        node = self.slow(NAME)
        query = node.query(COMMAND, self.target()).collect()
        for waiting in (node.ready(), query):
            with self.assertRaises(NoResponse):
                self.clock.runUntil(waiting, limit=RESOLUTION_TIMEOUT + 0.1)
        self.node("10.1.1.1", port=7000)
        ready = node.ready()
        asked = len(self.resolver.asked)
        self.clock.runUntil(lambda: len(self.resolver.asked) > asked)
        self.resolver.answer("dht.example", "10.1.1.1")
        self.clock.runUntil(ready, limit=1)

    def test_ping(self) -> None:
        """
        A ping and a hole punch by name fail in time, with the name.
        """
        node = self.slow()
        for ping in (node.ping(NAME), node.holepunch("10.1.1.1:1", NAME)):
            with self.assertRaisesRegex(UnresolvableHost, "dht.example"):
                self.clock.runUntil(ping, limit=RESOLUTION_TIMEOUT + 0.1)

    def test_named(self) -> None:
        """
        Of nodes that are asked by address, those behind a number are asked at once, and the names
        are waited for.
        """
        first, second = self.node("10.1.1.1", port=7000), self.node()
        query = self.slow().query(COMMAND, self.target(), nodes=[NAME, self.addressOf(second)])
        replies = query.collect()
        self.clock.runFor(1)
        self.assertEqual(query.responses, 1)
        self.assertNoResult(replies)
        self.resolver.answer("dht.example", "10.1.1.1")
        self.assertEqual(
            [reply.node for reply in self.clock.runUntil(replies, limit=1)],
            [self.contactOf(second), self.contactOf(first)],
        )

    def test_refresh(self) -> None:
        """
        A refresh asks the bootstrap nodes by name however soon the contacts have answered, for only
        they may know the other part of a network that was cut.
        """
        bootstrap = self.peer("10.1.1.1", port=7000, answers="serve")
        node = self.slow(NAME, self.addressOf(self.node()))
        self.clock.runUntil(node.ready())
        for _ in range(int(REFRESH_AFTER) + 30):
            self.clock.runFor(1)
            self.resolver.answer("dht.example", "10.1.1.1")
        self.assertIn(bootstrap.contact, node.contacts())

    def test_silentRefresh(self) -> None:
        """
        A refresh whose names are never resolved ends, so that the next one begins.
        """
        node = self.slow(NAME, self.addressOf(self.node()))
        self.clock.runUntil(node.ready())
        self.clock.runFor(3 * REFRESH_AFTER)
        self.assertGreater(len(self.resolver.asked), 2)

    def test_destroyed(self) -> None:
        """
        A node that is destroyed meanwhile fails what waits, and leaves no timer.
        """
        node = self.slow(NAME)
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
