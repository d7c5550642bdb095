"""
Queries and updates that reach silent nodes through their referrers, the nodes that named them.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from dwdht_twisted import DHTNode, NoCloseNodes, Reply
from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import HostPort, packContact, unpackAddress
from dwdht_twisted._net.requests.outgoing import RELAY_WAITS, TRANSMISSIONS
from tests.helpers.networks.doubles import Consumer, Handler
from tests.helpers.networks.nats import Nat, NattedReactor
from tests.helpers.networks.nodes import COMMAND, REQUEST_SECONDS, NodeTestCase
from tests.helpers.networks.peers import RawPeer


class PunchTests(NodeTestCase):
    """
    An asker, a referrer, and nodes that the asker reaches only through the referrer.
    """

    def setUp(self) -> None:
        super().setUp()
        self.referrer = self.node()
        self.bootstrap = self.addressOf(self.referrer)
        self.asker = self.node(bootstrap=[self.bootstrap], ephemeral=True)
        self.clock.runUntil(self.asker.ready())

    def nodeBehindNat(self) -> tuple[DHTNode, Nat]:
        """Return a node behind a NAT that has joined through the referrer. Return also its NAT."""
        reactor = NattedReactor(self.network.reactor())
        node = self.node(reactor=reactor, bootstrap=[self.bootstrap])
        self.clock.runUntil(node.ready())
        self.clock.runFor(2)
        [nat] = reactor.nats
        return node, nat

    def namedPeer(self, answers: str) -> RawPeer:
        """Return a peer that the referrer names in its answers."""
        peer = self.peer(answers=answers)
        self.introduce(peer, self.referrer)
        return peer

    def test_queryReachesNodeBehindNat(self) -> None:
        """
        A query gets the reply of a node behind a NAT, although the NAT dropped the first request.
        """
        node, nat = self.nodeBehindNat()
        node.register(COMMAND, Handler(lambda _: b"hello"))
        replies = self.collect(self.asker, node.id)
        self.assertIn(Reply(self.contactOf(node), b"hello"), replies)
        self.assertIn(self.addressOf(self.asker), nat.refused)

    def test_updateReachesNodeBehindNatOnce(self) -> None:
        """An update runs once at a node behind a NAT."""
        node, _ = self.nodeBehindNat()
        handler = Handler()
        node.register(COMMAND, handler)
        replies = self.commit(self.asker, node.id, b"x")
        self.assertEqual([reply.node for reply in replies], [self.contactOf(node)])
        self.assertEqual(len(handler.updates), 1)

    def test_queryWithoutHolePunchingMissesNodeBehindNat(self) -> None:
        """
        With ``holepunching=False``, a query gets no reply from a node behind a NAT. No ping is
        relayed.
        """
        node, _ = self.nodeBehindNat()
        replies = self.collect(self.asker, node.id, holepunching=False)
        self.assertEqual([reply.node for reply in replies], [self.contactOf(self.referrer)])
        self.assertEqual(self.referrer.counters.pingsRelayed, 0)

    def test_deadNodeCountsAsOneError(self) -> None:
        """
        A query with a dead node ends within 15 seconds with one error. A ping to the dead node was
        relayed.
        """
        peer = self.namedPeer("ignore")
        assert peer.id is not None
        stream = self.asker.query(COMMAND, peer.id)
        replies = self.clock.runUntil(stream.collect(), limit=REQUEST_SECONDS)
        self.assertEqual([reply.node for reply in replies], [self.contactOf(self.referrer)])
        self.assertEqual(stream.errors, 1)
        self.assertEqual(self.referrer.counters.pingsRelayed > 0, True)

    def test_nodeThatAnswersOnlyPingsEndsTheQuery(self) -> None:
        """
        A node answers hole punches but never the query. One hole punch opens a path, and the node
        gets one request more than a silent node. The query ends within 15 seconds with one error.
        """
        peer = self.namedPeer("ignore")
        asker = self.addressOf(self.asker)
        opened: list[HostPort] = []

        def relayed(message: wire.RequestMessage, source: HostPort) -> None:
            if message.forwardResponse is not None:
                opened.append(unpackAddress(message.forwardResponse))
                peer.serve(message, opened[-1])

        peer.onRequest = relayed
        assert peer.id is not None
        stream = self.asker.query(COMMAND, peer.id)
        replies = self.clock.runUntil(stream.collect(), limit=REQUEST_SECONDS)
        self.assertEqual([reply.node for reply in replies], [self.contactOf(self.referrer)])
        self.assertEqual(stream.errors, 1)
        self.assertEqual(opened, [asker])
        self.assertEqual(len(peer.requestsFor(COMMAND)), TRANSMISSIONS + 1)

    def test_referrerIsAskedTwice(self) -> None:
        """A silent node gets 4 requests. Its referrer is asked to relay 2 pings to it."""
        peer = self.namedPeer("ignore")
        assert peer.id is not None
        stream = self.asker.query(COMMAND, peer.id)
        self.clock.runUntil(stream.collect(), limit=REQUEST_SECONDS)
        self.assertEqual(self.referrer.counters.pingsRelayed, len(RELAY_WAITS))
        self.assertEqual(len(peer.requestsFor(COMMAND)), TRANSMISSIONS)

    def test_secondReferrerIsTried(self) -> None:
        """
        A node is named by a liar first and by an honest referrer last. The liar doesn't relay, so
        the last referrer is asked.
        """
        peer = self.namedPeer("ignore")
        contact = packContact(peer.contact)
        assert peer.id is not None
        liar = self.peer()
        liar.onRequest = lambda message, source: liar.serve(message, source, nodes=contact)
        self.introduce(liar, self.asker)
        honest = self.addressOf(self.referrer).host
        self.network.latency = lambda random, source, to: 0.02 if honest in (source, to) else 0.001
        self.collect(self.asker, peer.id)
        self.assertTrue([m for m in liar.requestsFor(wire.PING) if m.forwardRequest is not None])
        self.assertGreater(self.referrer.counters.pingsRelayed, 0)

    def test_firstHolePunchGoesOnBesideTheSecond(self) -> None:
        """
        An answer to the hole punch through the first referrer is still accepted while a hole punch
        through the last referrer is tried.
        """
        peer = self.namedPeer("ignore")
        assert peer.id is not None
        # The same host as the peer, at the port that its NAT opens towards the asker.
        outside = self.peer(peer.host, id=peer.id, answers="serve")
        asker = self.addressOf(self.asker)

        def relayed(message: wire.RequestMessage, source: HostPort) -> None:
            if message.forwardResponse is not None:
                self.clock.callLater(0.25, outside.serve, message, asker)

        peer.onRequest = relayed
        liar = self.peer()
        self.introduce(liar, self.asker)

        def lie(message: wire.RequestMessage, source: HostPort) -> None:
            if message.command == COMMAND:
                self.clock.callLater(0.05, liar.serve, message, source, packContact(peer.contact))

        liar.onRequest = lie
        self.assertIn(outside.contact, [each.node for each in self.collect(self.asker, peer.id)])

    def test_commitNeedsNoHolePunch(self) -> None:
        """
        A node falls silent during the commit. The update is retried with the same transaction id,
        and no ping is relayed to the node.
        """
        peer = self.namedPeer("ignore")

        def serve(message: wire.RequestMessage, source: HostPort) -> None:
            if message.roundtripToken is None:
                peer.serve(message, source)

        peer.onRequest = serve
        assert peer.id is not None
        stream = self.asker.update(COMMAND, peer.id, b"x")
        with self.assertRaises(NoCloseNodes):
            self.clock.runUntil(stream.collect(), limit=REQUEST_SECONDS)
        updates = [m for m in peer.requestsFor(COMMAND) if m.roundtripToken is not None]
        self.assertEqual(len({message.transactionId for message in updates}), 1)
        self.assertEqual(self.referrer.counters.pingsRelayed, 0)

    def test_slowHandlerRunsOnce(self) -> None:
        """
        A node answers pings at once and an update after one second. Its handler runs once, and the
        result is accepted. A query that takes one second gets its value too.
        """
        node = self.node(bootstrap=[self.bootstrap])
        self.clock.runUntil(node.ready())
        self.clock.runFor(2)

        def slowly(_: object) -> Deferred[bytes]:
            answer: Deferred[bytes] = Deferred()
            self.clock.callLater(1.0, answer.callback, b"at last")
            return answer

        handler = Handler(lambda _: b"quick", slowly)
        node.register(COMMAND, handler)
        replies = self.commit(self.asker, node.id, b"x")
        self.assertEqual([reply.value for reply in replies], [b"at last"])
        self.assertEqual(len(handler.updates), 1)
        slow = Handler(slowly)
        node.unregister(COMMAND)
        node.register(COMMAND, slow)
        self.assertIn(b"at last", [r.value for r in self.collect(self.asker, node.id)])

    def test_peerAtAnotherPortIsAskedThere(self) -> None:
        """A peer that answers a hole punch from another port is then asked at this port."""
        peer = self.namedPeer("ignore")
        other = self.peer(peer.host, id=peer.id, answers="serve")
        asker = self.addressOf(self.asker)

        def relayed(message: wire.RequestMessage, source: HostPort) -> None:
            if message.forwardResponse is not None:
                other.serve(message, asker)

        peer.onRequest = relayed
        assert peer.id is not None
        replies = self.collect(self.asker, peer.id)
        self.assertIn(Reply(other.contact, None), replies)

    def test_stoppedQueryEndsItsHolePunch(self) -> None:
        """
        After a query was stopped during a hole punch, it sends no datagram to the peer or the
        referrer.
        """
        peer = self.namedPeer("ignore")
        assert peer.id is not None
        stream = self.asker.query(COMMAND, peer.id)
        done = stream.startProducing(Consumer())
        self.clock.runUntil(lambda: self.referrer.counters.pingsRelayed)
        stream.stopProducing()
        self.successResultOf(done)
        self.clock.runFor(0.1)
        before = len(peer.requestsFor(COMMAND)), self.referrer.counters.pingsRelayed
        self.clock.runFor(REQUEST_SECONDS)
        after = len(peer.requestsFor(COMMAND)), self.referrer.counters.pingsRelayed
        self.assertEqual(after, before)

    def test_queryGoesOnWithoutAHolePunch(self) -> None:
        """A query ends without a hole punch if the queue of requests is full."""
        peer = self.namedPeer("ignore")
        silent = self.peer()
        assert peer.id is not None
        stream = self.asker.query(COMMAND, peer.id)
        done = stream.collect()
        self.clock.runUntil(lambda: peer.requestsFor(COMMAND))
        for _ in range(256 + 4096):
            self.asker.ping(silent.address).addErrback(lambda _: None)
        replies = self.clock.runUntil(done, limit=REQUEST_SECONDS)
        self.assertEqual([reply.node for reply in replies], [self.contactOf(self.referrer)])
