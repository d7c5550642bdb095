"""
Networks of nodes with a key: beside open ones, through NATs, and while the key is replaced.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from dwdht_twisted import NoResponse, RequestTimeout, ValueNotFound, values
from dwdht_twisted._core import wire
from dwdht_twisted.private import KeyedNetwork
from dwdht_twisted.values import COMMAND as VALUES
from dwdht_twisted.values import MemoryStore, ValueHandler
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.keyed import KEY, OTHER
from tests.helpers.networks.nats import NattedReactor
from tests.helpers.networks.nodes import COMMAND, NodeTestCase

#: The nodes of each of the networks that are told of each other.
SIZE = 25


class NeighbourTests(NodeTestCase):
    """
    An open network and two with a key, whose nodes are told of all networks as bootstrap nodes.
    """

    def setUp(self) -> None:
        super().setUp()
        kinds = {"open": None, "keyed": KEY, "other": OTHER}
        self.firsts = {name: self.node(networkKey=key) for name, key in kinds.items()}
        everybody = [self.addressOf(node) for node in self.firsts.values()]
        self.networks = {
            name: [
                self.firsts[name],
                *(self.node(networkKey=key, bootstrap=everybody) for _ in range(SIZE - 1)),
            ]
            for name, key in kinds.items()
        }
        for nodes in self.networks.values():
            for node in nodes:
                node.register(VALUES, ValueHandler(MemoryStore(self.clock)))
        for nodes in self.networks.values():
            for node in nodes[1:]:
                self.clock.runUntil(node.ready())
        self.clock.runFor(60)

    def test_networksStayApart(self) -> None:
        """No node of a network lists a node of another, and each network is whole."""
        for nodes in self.networks.values():
            own = {node.id for node in nodes}
            for node in nodes:
                listed = {contact.id for contact in node.contacts()}
                self.assertLessEqual(listed, own)
                self.assertGreater(len(listed), SIZE // 2)

    def test_valuesStayApart(self) -> None:
        """A value of one network is found there, and not in the others."""
        for name, nodes in self.networks.items():
            key = self.clock.runUntil(values.put(nodes[3], name.encode()))
            for other, others in self.networks.items():
                found = values.get(others[7], key)
                if other == name:
                    self.assertEqual(self.clock.runUntil(found), name.encode())
                else:
                    with self.assertRaises(ValueNotFound):
                        self.clock.runUntil(found)

    def test_noDatagramIsBelieved(self) -> None:
        """
        A node with a key counts no request or answer of another network, and has refused all of
        them. An open node counts none as a request that it could read.
        """
        for name, nodes in self.networks.items():
            for node in nodes:
                counters = node.counters
                if name != "open":
                    self.assertEqual(counters.malformed + counters.unexpected, 0)
                    self.assertEqual(counters.replaysRefused, 0)
        self.assertGreater(self.firsts["keyed"].counters.strangersRefused, SIZE)

    def test_nothingIsAnsweredAcross(self) -> None:
        """A node with a key sends nothing to a host that only asked it without the key."""
        stranger = self.node(networkKey=None)
        address = self.addressOf(self.firsts["keyed"])
        with self.assertRaises(RequestTimeout):
            self.clock.runUntil(stranger.ping(address))
        with self.assertRaises(NoResponse):
            lone = self.node(bootstrap=[address])
            self.clock.runUntil(lone.query(COMMAND, self.target()).collect())
        self.assertEqual(self.sentBy(address, self.addressOf(stranger)), [])
        self.assertEqual(self.sentBy(address, self.addressOf(lone)), [])


class KeyedNodeTests(NodeTestCase):
    """
    Nodes of one network with a key.
    """

    networkKey = KEY

    def test_answersHaveAtMost1232Bytes(self) -> None:
        """An answer with a value of 1,000 bytes has at most 1,232 bytes when it is sealed."""
        nodes = self.swarm(25)
        nodes[0].register(COMMAND, Handler(lambda _: bytes(1000)))
        self.sent.clear()
        replies = self.collect(nodes[1], nodes[0].id)
        self.assertIn(bytes(1000), [each.value for each in replies])
        sizes = [len(data) for data in self.sentBy(self.addressOf(nodes[0]))]
        self.assertLessEqual(max(sizes), wire.UNFRAGMENTED_BYTES)
        self.assertGreater(max(sizes), 1100)

    def test_wrongClockIsolatesANodeUntilItIsRight(self) -> None:
        """
        A member whose clock is set back by an hour finds nobody, and finds all as soon as its clock
        is right again.
        """
        nodes = self.swarm(10)
        reactor: Any = self.network.reactor(self._hosts[id(nodes[4])])
        reactor.setClock(-3600)
        with self.assertRaises(RequestTimeout):
            self.clock.runUntil(nodes[4].ping(self.addressOf(nodes[5])))
        reactor.setClock(3600)
        self.clock.runUntil(nodes[4].ping(self.addressOf(nodes[5])))

    def test_keyIsReplacedDuringOperations(self) -> None:
        """
        The key of a network is replaced in three steps, node by node, during 1,000 gets and puts,
        of which none fails.
        """
        securities = [KeyedNetwork(KEY) for _ in range(20)]
        first = self.node(security=securities[0])
        nodes = [
            first,
            *(
                self.node(security=each, bootstrap=[self.addressOf(first)])
                for each in securities[1:]
            ),
        ]
        for node in nodes:
            self.clock.runUntil(node.ready())
            node.register(VALUES, ValueHandler(MemoryStore(self.clock)))
        self.clock.runFor(5)
        stored = [self.clock.runUntil(values.put(nodes[2], b"%d" % n)) for n in range(20)]
        operations: list[Deferred[Any]] = []

        def operate() -> None:
            for _ in range(16):
                node = self.random.choice(nodes)
                if self.random.random() < 0.3:
                    operations.append(values.put(node, self.random.randbytes(20)))
                else:
                    operations.append(values.get(node, self.random.choice(stored)))

        for keys in ((KEY, OTHER), (OTHER, KEY), (OTHER,)):
            for security in securities:
                operate()
                self.clock.runFor(self.random.uniform(0.1, 0.6))
                security.replaceKeys(*keys)
            self.clock.runFor(1)
        operate()
        operate()
        operate()
        self.assertGreaterEqual(len(operations), 1000)
        self.clock.runUntil(gatherResults(operations))
        self.assertEqual(sum(node.counters.strangersRefused for node in nodes), 0)


class HolePunchTests(NodeTestCase):
    """
    A member behind a NAT, and a referrer that names it.
    """

    networkKey = KEY

    def setUp(self) -> None:
        super().setUp()
        self.referrer = self.node()
        self.bootstrap = self.addressOf(self.referrer)
        reactor = NattedReactor(self.network.reactor())
        self.hidden = self.node(reactor=reactor, bootstrap=[self.bootstrap])
        self.clock.runUntil(self.hidden.ready())
        self.clock.runFor(2)
        [self.nat] = reactor.nats

    def test_queryReachesNodeBehindNat(self) -> None:
        """
        A query gets the reply of a node behind a NAT, although the NAT dropped the first request.
        """
        asker = self.node(bootstrap=[self.bootstrap], ephemeral=True)
        self.hidden.register(COMMAND, Handler(lambda _: b"hello"))
        replies = self.collect(asker, self.hidden.id)
        self.assertIn(b"hello", [each.value for each in replies])
        self.assertIn(self.addressOf(asker), self.nat.refused)

    def test_restartedAskerIsReached(self) -> None:
        """
        A hole punch succeeds for an asker that was started again at its address, and so has another
        stream than the one that the hidden node knows.
        """
        host, port = "10.9.0.1", 7000
        for _ in range(3):
            asker = self.node(host, port=port, ephemeral=True)
            pong = self.clock.runUntil(
                asker.holepunch(self.addressOf(self.hidden), self.addressOf(self.referrer))
            )
            self.assertEqual(pong.contact.id, self.hidden.id)
            self.clock.runUntil(asker.ping(self.addressOf(self.hidden)))
            self.nat.close(self.addressOf(asker))
            self.clock.runUntil(asker.destroy())
            self.clock.runFor(150)
