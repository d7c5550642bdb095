"""
Surprises for a caller: tests for defects 30 to 35 of the original, ``@dwdht/rpc`` 0.1.4.

Each test's name begins with the number of its defect.
"""

from __future__ import annotations

import socket
from typing import cast

from twisted.trial.unittest import TestCase

from dwdht_twisted import (
    Address,
    Contact,
    DHTNode,
    NoCloseNodes,
    Request,
    ValueTooLarge,
)
from dwdht_twisted._core import wire
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nats import NattedReactor
from tests.helpers.networks.nodes import COMMAND, REQUEST_SECONDS, NodeTestCase


class SurpriseTests(NodeTestCase):
    """
    Results, errors and side effects of a node that match its caller's expectations.
    """

    def test_30_badTokenIsCounted(self) -> None:
        """A request with a bad token is served as a query and counted."""
        node = self.node()
        handler = Handler(lambda _: b"query", lambda _: b"update")
        node.register(COMMAND, handler)
        peer = self.peer(answers="pong")
        peer.ask(self.addressOf(node), COMMAND, self.target(), roundtripToken=b"b" * 32)
        self.clock.runFor(1)
        [(answer, _)] = peer.responses
        self.assertEqual(answer.value, b"query")
        self.assertEqual((node.counters.badTokens, len(handler.updates)), (1, 0))

    def test_30_updateWithoutHandlersFails(self) -> None:
        """
        An update fails with `NoCloseNodes` and without a commit if none of 5 nodes has a handler.
        """
        nodes = self.swarm(5)
        stream = nodes[0].update(COMMAND, self.target(), b"x")
        with self.assertRaises(NoCloseNodes):
            self.clock.runUntil(stream.collect())
        self.assertEqual(stream.commits, 0)

    def test_30_onlyNodesWithAHandlerCount(self) -> None:
        """
        Of 6 nodes, 2 have a handler. An update has the replies of these 2 nodes, and 2 commits.
        """
        nodes = self.swarm(6)
        for node in nodes[1:3]:
            node.register(COMMAND, Handler())
        stream = nodes[0].update(COMMAND, self.target(), b"x")
        replies = self.clock.runUntil(stream.collect())
        self.assertEqual({reply.node.id for reply in replies}, {node.id for node in nodes[1:3]})
        self.assertEqual(stream.commits, 2)

    def test_31_raisingHandlerCostsOneReply(self) -> None:
        """
        A handler raises, and its node logs this once. The asker's stream ends within a second with
        the replies of the other nodes and one reply without a value.
        """

        def fails(_: Request) -> bytes:
            raise ZeroDivisionError

        nodes = self.swarm(5)
        nodes[1].register(COMMAND, Handler(fails))
        for node in nodes[2:]:
            node.register(COMMAND, Handler(lambda _: b"value"))
        stream = nodes[0].query(COMMAND, self.target())
        replies = self.clock.runUntil(stream.collect(), limit=1)
        values = {reply.node.id: reply.value for reply in replies}
        self.assertEqual(values, {nodes[1].id: None, **{node.id: b"value" for node in nodes[2:]}})
        self.assertEqual((stream.responses, stream.errors), (5, 0))
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_32_valueLargerThanADatagramRaises(self) -> None:
        """A value of 65,507 bytes or more raises `ValueTooLarge` at once. No datagram is sent."""
        node = self.node()
        for ask in (node.query, node.update):
            for size in (65507, 100000):
                with self.assertRaises(ValueTooLarge):
                    ask(COMMAND, self.target(), bytes(size), nodes=["10.0.0.9:9"])
        self.clock.runFor(1)
        self.assertEqual(self.sent, [])

    def test_32_largestValueArrives(self) -> None:
        """The largest value that an update accepts arrives whole. It has more than 65,000 bytes."""
        one, other = self.node(), self.node()
        handler = Handler()
        other.register(COMMAND, handler)
        size = 65507
        while True:
            try:
                stream = one.update(COMMAND, bytes(32), bytes(size), nodes=[self.addressOf(other)])
            except ValueTooLarge:
                size -= 1
            else:
                break
        self.assertEqual(len(self.clock.runUntil(stream.collect())), 1)
        [request] = handler.updates
        self.assertEqual(len(request.value or b""), size)
        self.assertGreater(size, 65000)

    def test_34_callersObjectsStayUnchanged(self) -> None:
        """
        An update doesn't change the objects passed by its caller. Later changes of these objects
        don't change the update.
        """
        other = self.node()
        handler = Handler()
        other.register(COMMAND, handler)
        there = self.addressOf(other)
        bootstrap, contacts, nodes = [there], [self.contactOf(other)], [there, there]
        target, value = bytearray(self.target()), bytearray(b"value")
        before = [list(bootstrap), list(contacts), list(nodes), bytes(target), bytes(value)]
        node = self.node(bootstrap=bootstrap, contacts=contacts)
        stream = node.update(COMMAND, cast(bytes, target), cast(bytes, value), nodes=nodes)
        after = [list(bootstrap), list(contacts), list(nodes), bytes(target), bytes(value)]
        self.assertEqual(after, before)
        target[:] = bytes(32)
        value[:] = b"other"
        nodes.clear()
        bootstrap.clear()
        replies = self.clock.runUntil(stream.collect())
        self.assertEqual(len(replies), 1)
        [request] = handler.updates
        self.assertEqual((request.target, request.value), (before[3], b"value"))
        node.contacts().clear()
        self.assertEqual(node.contacts(), [self.contactOf(other)])

    def test_34_resultsAreImmutable(self) -> None:
        """Setting an attribute of a contact, address, request or reply raises `AttributeError`."""
        one, other = self.node(), self.node()
        handler = Handler()
        other.register(COMMAND, handler)
        [reply] = self.collect(one, self.target(), nodes=[self.addressOf(other)])
        for thing, field in (
            (reply, "value"),
            (reply.node, "id"),
            (handler.queries[0], "value"),
            (one.address(), "port"),
            (one.contacts()[0], "host"),
        ):
            with self.assertRaises(AttributeError):
                setattr(thing, field, None)

    def test_35_holePunchOpensTheAskersNat(self) -> None:
        """
        A hole punch from behind a NAT also sends a ping to the peer, so that the NAT accepts the
        peer's answer. After the answer, the peer gets a second ping with another transaction id,
        because the referrer could have forged the answer.
        """
        referrer = self.node()
        there = self.addressOf(referrer)
        reactor = NattedReactor(self.network.reactor())
        asker = self.node(reactor=reactor)
        peer = self.node(bootstrap=[there])
        self.clock.runUntil(peer.ready())
        self.sent.clear()
        pong = self.clock.runUntil(asker.holepunch(self.addressOf(peer), there))
        self.assertEqual(pong.contact, self.contactOf(peer))
        sent = self.requestsBy(self.addressOf(asker), self.addressOf(peer))
        self.assertEqual([message.command for message in sent], [wire.PING, wire.PING])
        self.assertNotEqual(sent[0].transactionId, sent[1].transactionId)

    def test_35_holePunchWorksBetweenTwoNats(self) -> None:
        """
        A hole punch between two nodes behind NATs succeeds. Afterwards, both nodes can ping each
        other within 0.1 seconds.
        """
        referrer = self.node()
        there = self.addressOf(referrer)
        asker = self.node(reactor=NattedReactor(self.network.reactor()))
        peer = self.node(reactor=NattedReactor(self.network.reactor()), bootstrap=[there])
        self.clock.runUntil(peer.ready())
        self.clock.runFor(1)
        pong = self.clock.runUntil(asker.holepunch(self.addressOf(peer), there))
        self.assertEqual(pong.contact, Contact(peer.id, *self.addressOf(peer)))
        again = self.clock.runUntil(asker.ping(self.addressOf(peer)), limit=0.1)
        self.assertEqual(again, pong)
        back = self.clock.runUntil(peer.ping(self.addressOf(asker)), limit=0.1)
        self.assertEqual(back.address, self.addressOf(peer))


class SocketTests(TestCase):
    """
    A node that uses its caller's socket.
    """

    timeout = 10

    async def test_33_callersSocketStaysOpen(self) -> None:
        """A destroyed node leaves its caller's socket open, bound and with the same time-out."""
        from twisted.internet import reactor

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            own.bind(("127.0.0.1", 0))
            own.settimeout(5)
            name = own.getsockname()
            node = DHTNode(reactor, socket=own)
            self.assertEqual(node.address(), Address(*name))
            await node.destroy()
            self.assertEqual(own.getsockname(), name)
            self.assertEqual(own.gettimeout(), 5)
            own.sendto(b"still open", name)
            self.assertEqual(own.recv(100), b"still open")
