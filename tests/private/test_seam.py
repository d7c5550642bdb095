"""
The layer between a node and its UDP port: what passes it, when it runs, and what it costs.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import gatherResults
from twisted.trial.unittest import TestCase

from dwdht_twisted import DHTNode, DHTService, RequestTimeout, ValueTooLarge
from dwdht_twisted._core import wire
from dwdht_twisted.testing import CertifiedMembers
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.layers import MARK, MarkingSecurity
from tests.helpers.networks.nodes import COMMAND, NodeTestCase

ID = bytes(range(32))


class SeamTests(NodeTestCase):
    """
    Nodes whose datagrams carry a mark.
    """

    def marked(self, security: MarkingSecurity | None = None, **options: Any) -> DHTNode:
        """Return a node whose datagrams are marked."""
        return self.node(security=security or MarkingSecurity(), **options)

    def test_everyDatagramPassesTheLayer(self) -> None:
        """A network of marked nodes works, and sends no datagram without a mark."""
        nodes = self.swarm(20, security=MarkingSecurity())
        nodes[0].register(COMMAND, Handler(lambda _: b"value"))
        replies = self.collect(nodes[5], nodes[0].id)
        self.assertIn(b"value", [each.value for each in replies])
        self.assertGreater(len(self.sent), 100)
        self.assertTrue(all(data.startswith(MARK) for _, _, data in self.sent))

    def test_nodeHearsNothingThatTheLayerDrops(self) -> None:
        """A marked node counts no request of an open one, and doesn't answer it."""
        node = self.marked()
        with self.assertRaises(RequestTimeout):
            self.clock.runUntil(self.node().ping(self.addressOf(node)))
        self.assertEqual(set(node.counters.asDict().values()), {0})
        self.assertEqual(self.sentBy(self.addressOf(node)), [])

    def test_rateLimitSeesOpenedDatagramsOnly(self) -> None:
        """A flood of dropped datagrams from a host leaves the host its whole rate."""
        node = self.marked(rateLimit=1)
        peer = self.peer()
        for _ in range(1000):
            peer.ask(self.addressOf(node), wire.PING)
        self.clock.runFor(1)
        member = self.marked(host=peer.host)
        self.clock.runUntil(member.ping(self.addressOf(node)))
        self.assertEqual(node.counters.rateLimited, 0)

    def test_layerRunsFromTheStartToTheEnd(self) -> None:
        """A layer starts once, when the port is open, and stops when the node is destroyed."""
        security = MarkingSecurity()
        node = self.marked(security, listens=False)
        [layer] = security.layers
        self.assertEqual(layer.calls, [])
        node.listen()
        self.assertEqual(layer.calls, ["start"])
        self.clock.runUntil(node.destroy())
        self.assertEqual(layer.calls, ["start", "stop"])

    def test_heldNodeDoesNotStartItsLayer(self) -> None:
        """The layer of a service with a state starts when the state is read, not with the port."""
        security = MarkingSecurity()
        reactor = self.network.reactor()
        service = DHTService(reactor, state=self.mktemp(), store=None, security=security)
        service.privilegedStartService()
        [layer] = security.layers
        self.assertEqual(layer.calls, [])
        service.startService()
        self.assertEqual(layer.calls, ["start"])
        self.clock.runUntil(service.stopService())
        self.assertEqual(layer.calls, ["start", "stop"])

    def test_securityFixesTheId(self) -> None:
        """A node takes the id of its security, and refuses another one."""
        self.assertEqual(self.marked(MarkingSecurity(ID)).id, ID)
        self.assertEqual(self.marked(MarkingSecurity(ID), id=ID).id, ID)
        with self.assertRaisesRegex(ValueError, "fixed by the security of its network"):
            self.marked(MarkingSecurity(ID), id=bytes(32))

    def test_answerWithItsOverheadHasAtMost1232Bytes(self) -> None:
        """An answer with a value of 700 bytes has at most 1,232 bytes with its mark."""
        security = MarkingSecurity()
        nodes = self.swarm(25, security=security)
        nodes[0].register(COMMAND, Handler(lambda _: bytes(700)))
        for size in range(34):
            self.sent.clear()
            self.collect(nodes[1], nodes[0].id, value=bytes(size))
            sizes = [len(data) for data in self.sentBy(self.addressOf(nodes[0]))]
            self.assertLessEqual(max(sizes), 1232)

    def test_requestWithItsOverheadFitsADatagram(self) -> None:
        """A query that fits a datagram only without its mark is refused at once."""
        open, marked = self.node(), self.marked()
        room = 65507 - len(COMMAND) - 180
        while True:
            try:
                open.query(COMMAND, ID, bytes(room + 1))
            except ValueTooLarge:
                break
            room += 1
        with self.assertRaisesRegex(ValueTooLarge, "65511"):
            marked.query(COMMAND, ID, bytes(room))
        marked.query(COMMAND, ID, bytes(room - len(MARK)))

    def test_requestFitsADatagramOfTheNetwork(self) -> None:
        """A query that a network by certificate can't send is refused at once, and none smaller."""
        node = self.node(security=CertifiedMembers().make())
        with self.assertRaisesRegex(ValueTooLarge, "a datagram has 16421"):
            node.query(COMMAND, ID, bytes(16384))
        node.query(COMMAND, ID, bytes(16200))

    def test_answerFitsADatagramOfTheNetwork(self) -> None:
        """
        An answer that a network can't send is a failure of its handler, and the asker is answered
        without a value.
        """
        security = MarkingSecurity()
        security.maximumBytes = 1000
        server, asker = self.marked(security), self.marked(security)
        server.register(COMMAND, Handler(lambda _: bytes(1000)))
        (reply,) = self.collect(asker, ID, nodes=[self.addressOf(server)])
        self.assertIsNone(reply.value)
        self.assertGreater(server.counters.handlerFailures, 0)

    def test_openNodeReceivesByItsOwnMethod(self) -> None:
        """A node without a layer gets its datagrams by its own method, without a further call."""
        node = self.node()
        self.assertNotIn("datagramReceived", vars(node))
        self.assertIn("datagramReceived", vars(self.marked()))


class LoopbackTests(TestCase):
    """
    Marked nodes on real sockets.
    """

    timeout = 10

    async def test_markedNodesMeetOverLoopback(self) -> None:
        """Two marked nodes ping each other over real sockets, and an open one is not answered."""
        from twisted.internet import reactor

        security = MarkingSecurity()
        nodes = [DHTNode(reactor, security=each) for each in (security, security, None)]
        self.addCleanup(lambda: gatherResults([node.destroy() for node in nodes]))
        server = nodes[0].address()
        # The open node is first, as a member may send its ping twice on a busy machine.
        with self.assertRaises(RequestTimeout):
            await nodes[2].ping(("127.0.0.1", server.port))
        self.assertEqual(nodes[0].counters.requestsReceived, 0)
        pong = await nodes[1].ping(("127.0.0.1", server.port))
        self.assertEqual(pong.contact.id, nodes[0].id)
