"""
The argument ``contactsPerHost``: networks with many nodes on one public host.
"""

from __future__ import annotations

from typing import Any

from dwdht_twisted import DHTNode, MemoryStore
from dwdht_twisted._core import wire
from dwdht_twisted._core.limits.bounds import CONTACTS_PER_HOST
from dwdht_twisted._core.lookup.bounds import LOOKUP_REQUESTS_PER_HOST
from dwdht_twisted.values import COMMAND, ValueHandler, get, put
from tests.helpers.networks.nodes import NodeTestCase

#: A public host with many nodes.
CLOUD = "8.8.8.8"


class SharedHostTests(NodeTestCase):
    """
    Sixty nodes that keep values, on one public host.
    """

    def cloud(self, **options: Any) -> list[DHTNode]:
        """Return 60 nodes on one public host that join at the same time."""
        first = self.node(CLOUD, ephemeral=True, **options)
        bootstrap = [self.addressOf(first)]
        nodes = [self.node(CLOUD, bootstrap=bootstrap, **options) for _ in range(60)]
        for node in nodes:
            node.register(COMMAND, ValueHandler(MemoryStore(self.clock)))
            self.clock.runUntil(node.ready())
        self.clock.runFor(200)
        return nodes

    def test_valuesAreFoundOnASharedHost(self) -> None:
        """
        With ``contactsPerHost`` 64, each of 20 values is stored by at least 20 of the 60 nodes.
        Another node finds it, and no node refuses a contact.
        """
        nodes = self.cloud(contactsPerHost=64)
        for number in range(20):
            putter, getter = self.random.sample(nodes, 2)
            before = sum(node.counters.updatesServed for node in nodes)
            key = self.clock.runUntil(put(putter, b"%d" % number))
            self.assertGreaterEqual(sum(node.counters.updatesServed for node in nodes) - before, 20)
            self.assertEqual(self.clock.runUntil(get(getter, key)), b"%d" % number)
        self.assertEqual(sum(node.counters.contactsRefused for node in nodes), 0)

    def test_sharedHostIsBoundedByDefault(self) -> None:
        """
        Without the option, each of the 60 nodes lists 4 other nodes, as `CONTACTS_PER_HOST` allows.
        The refused nodes are counted.
        """
        nodes = self.cloud()
        sizes = {len(node.contacts()) for node in nodes}
        self.assertEqual(sizes, {CONTACTS_PER_HOST})
        self.assertGreater(sum(node.counters.contactsRefused for node in nodes), 0)

    def test_lookupAsksAsManyNodesOfAHost(self) -> None:
        """
        With ``contactsPerHost`` 10, a lookup asks 10 nodes of a public host. By default it asks 4,
        as `LOOKUP_REQUESTS_PER_HOST` allows.
        """
        peers = [self.peer(CLOUD, answers="serve") for _ in range(30)]
        compact = b"".join(wire.packContact(peer.contact) for peer in peers[:20])
        start = self.peer("9.9.9.9")
        start.onRequest = lambda message, source: start.serve(message, source, compact)
        for count, expected in ((CONTACTS_PER_HOST, LOOKUP_REQUESTS_PER_HOST), (10, 10)):
            node = self.node("9.1.1.1", bootstrap=[start.address], contactsPerHost=count)
            before = sum(len(peer.requestsFor(wire.FIND_NODE)) for peer in peers)
            self.clock.runUntil(node.ready())
            asked = sum(len(peer.requestsFor(wire.FIND_NODE)) for peer in peers) - before
            self.assertEqual(asked, expected)
