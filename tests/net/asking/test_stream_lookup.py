"""
Tests for `dwdht_twisted.stream`: queries and updates over a network, through NATs too.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from dwdht_twisted import DHTNode, NoCloseNodes, NoResponse, Reply, TooManyRequests
from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import Address, HostPort, packContact
from dwdht_twisted._net.requests.outgoing import RELAY_WAITS, TRANSMISSIONS
from tests.helpers.core.contacts import closestIds
from tests.helpers.networks.doubles import Consumer, Handler
from tests.helpers.networks.nats import Nat, NattedReactor
from tests.helpers.networks.nodes import COMMAND, REQUEST_SECONDS, NodeTestCase
from tests.helpers.networks.peers import RawPeer


class LookupTests(NodeTestCase):
    """
    Queries and updates over a network.
    """

    def test_query(self) -> None:
        """
        A query finds the 20 nodes closest to its target, and has their values.
        """
        nodes = self.swarm(60)
        for node in nodes:
            node.register(COMMAND, Handler(lambda request, id=node.id: b"I am " + id))  # type: ignore[misc]
        target = self.target()
        replies = self.collect(nodes[0], target)
        found = {reply.node.id: reply.value for reply in replies}
        others = [self.contactOf(node) for node in nodes[1:]]
        for id in closestIds(others, target):
            self.assertEqual(found[id], b"I am " + id)

    def test_update(self) -> None:
        """
        An update reaches exactly the 20 nodes closest to its target.
        """
        nodes = self.swarm(60)
        handlers = {node.id: Handler() for node in nodes}
        for node in nodes:
            node.register(COMMAND, handlers[node.id])
        target = self.target()
        stream = self.node(bootstrap=[self.bootstrap], ephemeral=True).update(COMMAND, target, b"x")
        replies = self.clock.runUntil(stream.collect())
        closest = closestIds(map(self.contactOf, nodes), target)
        self.assertEqual({reply.node.id for reply in replies}, set(closest))
        taken = {id for id, handler in handlers.items() if handler.updates}
        self.assertEqual(taken, set(closest))
        self.assertEqual(stream.commits, 20)
        self.assertTrue(all(len(handler.updates) < 2 for handler in handlers.values()))

    def test_updateWithQuery(self) -> None:
        """
        With ``query``, an update's stream has the replies of its first phase as well.
        """
        nodes = self.swarm(5)
        for node in nodes:
            node.register(COMMAND, Handler(lambda _: b"query", lambda _: b"update"))
        asker = self.node(bootstrap=[self.bootstrap], ephemeral=True)
        with_ = [reply.value for reply in self.commit(asker, self.target(), b"x", query=True)]
        self.assertEqual(with_, [b"query"] * 5 + [b"update"] * 5)
        without = [reply.value for reply in self.commit(asker, self.target(), b"x")]
        self.assertEqual(without, [b"update"] * 5)

    def test_updateOfNamedNodes(self) -> None:
        """
        An update to named nodes goes to those, and to no others.
        """
        nodes = self.swarm(30)
        handlers = {node.id: Handler() for node in nodes}
        for node in nodes:
            node.register(COMMAND, handlers[node.id])
        asker = self.node(ephemeral=True)
        chosen = nodes[:3]
        replies = self.commit(asker, self.target(), nodes=[self.addressOf(n) for n in chosen])
        self.assertEqual({reply.node.id for reply in replies}, {node.id for node in chosen})
        self.assertEqual(sum(len(handler.updates) for handler in handlers.values()), 3)

    def test_noHandler(self) -> None:
        """
        An update that no node has a handler for fails with `NoCloseNodes`; a query finds nodes.
        """
        nodes = self.swarm(5)
        with self.assertRaises(NoCloseNodes):
            self.commit(nodes[0], self.target(), b"x")
        self.assertEqual(len(self.collect(nodes[0], self.target())), 4)

    def test_refused(self) -> None:
        """
        A node that answers an update without a token has refused it.
        """
        asker = self.node(ephemeral=True)
        peer = self.peer()

        def once(message: wire.RequestMessage, source: HostPort) -> None:
            token = bytes(32) if message.roundtripToken is None else None
            peer.serve(message, source, token=token)

        peer.onRequest = once
        stream = asker.update(COMMAND, self.target(), nodes=[peer.address])
        with self.assertRaises(NoCloseNodes):
            self.clock.runUntil(stream.collect())
        self.assertEqual((stream.responses, stream.errors, stream.commits), (2, 1, 0))

    def test_silentCommit(self) -> None:
        """
        An update whose takers fall silent fails with `NoCloseNodes`.
        """
        asker = self.node(ephemeral=True)
        peer = self.peer()

        def once(message: wire.RequestMessage, source: HostPort) -> None:
            if message.roundtripToken is None:
                peer.serve(message, source)

        peer.onRequest = once
        with self.assertRaises(NoCloseNodes):
            self.commit(asker, self.target(), nodes=[peer.address])

    def test_staleToken(self) -> None:
        """
        A node that has lost its secret in the middle of an update gets the update again, with its
        new token.
        """
        asker = self.node(ephemeral=True)
        peer = self.peer()
        tokens = [bytes(32), b"1" * 32, b"1" * 32]

        def answer(message: wire.RequestMessage, source: HostPort) -> None:
            peer.serve(message, source, token=tokens[len(peer.requests) - 1])

        peer.onRequest = answer
        stream = asker.update(COMMAND, self.target(), b"x", nodes=[peer.address])
        self.assertEqual(len(self.clock.runUntil(stream.collect())), 1)
        sent = [message.roundtripToken for message, _ in peer.requests]
        self.assertEqual(sent, [None, bytes(32), b"1" * 32])
        self.assertEqual((stream.commits, stream.errors), (1, 0))

    def test_tooMuchAtOnce(self) -> None:
        """
        Nodes that can't be asked since too many requests wait count as errors, however many.
        """
        asker: DHTNode = self.node(ephemeral=True)
        silent = self.peer()
        for _ in range(256 + 4096):
            asker.ping(silent.address).addErrback(lambda _: None)
        nodes = [Address("10.9.9.9", port) for port in range(1, 2001)]
        stream = asker.query(COMMAND, self.target(), nodes=nodes)
        with self.assertRaises(TooManyRequests):
            self.clock.runUntil(stream.collect())
        self.assertEqual(stream.errors, 2000)

    def test_someCouldBeAsked(self) -> None:
        """
        When at least one node was asked, and is silent, that is what the query fails with.
        """
        asker = self.node(ephemeral=True)
        silent = self.peer()
        for _ in range(256 + 4095):
            asker.ping(silent.address).addErrback(lambda _: None)
        nodes = [self.peer().address, self.peer().address]
        with self.assertRaises(NoResponse):
            stream = asker.query(COMMAND, self.target(), nodes=nodes)
            self.clock.runUntil(stream.collect(), limit=600)

    def test_deadNode(self) -> None:
        """
        In a small network a node that was found dead is hardly waited for again, whoever names it,
        even a bootstrap node.
        """
        first = self.node()
        nodes = [self.node(bootstrap=[self.addressOf(first)]) for _ in range(9)]
        for node in nodes:
            self.clock.runUntil(node.ready())
        self.clock.runFor(2)
        first.destroy()
        asker = nodes[0]
        self.collect(asker, self.target())
        self.clock.runFor(REQUEST_SECONDS)
        began = self.clock.seconds()
        self.assertEqual(len(self.collect(asker, self.target())), 8)
        self.assertLess(self.clock.seconds() - began, 0.5)

    def test_slowHandler(self) -> None:
        """
        A handler that took longer than it was waited for is waited for longer the next time, though
        its node answers pings at once.
        """
        nodes = self.swarm(10)

        def slowly(_: object) -> Deferred[bytes]:
            answer: Deferred[bytes] = Deferred()
            self.clock.callLater(2.0, answer.callback, b"at last")
            return answer

        nodes[1].register(COMMAND, Handler(slowly))
        found = []
        for _ in range(2):
            found.append(b"at last" in [r.value for r in self.collect(nodes[0], self.target())])
            self.clock.runFor(4)
        self.assertEqual(found, [False, True])

    def test_mappingHasClosed(self) -> None:
        """
        A node that was silent lately, for its NAT had closed, is reached through its referrer.
        """
        self.swarm(3)
        reactor = NattedReactor(self.network.reactor())
        hidden = self.node(reactor=reactor, bootstrap=[self.bootstrap])
        hidden.register(COMMAND, Handler(lambda _: b"hidden"))
        self.clock.runUntil(hidden.ready())
        self.clock.runFor(2)
        asker = self.node(bootstrap=[self.bootstrap])
        self.clock.runUntil(asker.ready())
        self.clock.runFor(2)
        reactor.nats[0].close(self.addressOf(asker))
        asker.ping(self.addressOf(hidden)).addErrback(lambda _: None)
        self.clock.runFor(REQUEST_SECONDS)
        self.assertIn(b"hidden", [r.value for r in self.collect(asker, self.target())])

    def test_allWereSilent(self) -> None:
        """
        Nodes that were found silent and answer again are found.
        """
        nodes = self.swarm(10)
        asker = nodes[0]
        self.network.partition([self.addressOf(asker).host])
        with self.assertRaises(NoResponse):
            self.collect(asker, self.target())
        self.clock.runFor(REQUEST_SECONDS)
        self.network.heal()
        self.assertEqual(len(self.collect(asker, self.target())), 9)

    def test_failingHandler(self) -> None:
        """
        A node whose handler fails stays among the contacts of whoever asked it.
        """
        nodes = self.swarm(10)
        for node in nodes[1:]:
            node.register(COMMAND, Handler(lambda _: Deferred()))
        asker = nodes[0]
        contacts = asker.contacts()
        self.collect(asker, self.target())
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual(asker.contacts(), contacts)


class PunchTests(NodeTestCase):
    """
    Nodes that don't answer directly are reached through those that named them.
    """

    def setUp(self) -> None:
        super().setUp()
        self.referrer = self.node()
        self.bootstrap = self.addressOf(self.referrer)
        self.asker = self.node(bootstrap=[self.bootstrap], ephemeral=True)
        self.clock.runUntil(self.asker.ready())

    def nodeBehindNat(self) -> tuple[DHTNode, Nat]:
        """A node that has joined through the referrer."""
        reactor = NattedReactor(self.network.reactor())
        node = self.node(reactor=reactor, bootstrap=[self.bootstrap])
        self.clock.runUntil(node.ready())
        self.clock.runFor(2)
        [nat] = reactor.nats
        return node, nat

    def namedPeer(self, answers: str) -> RawPeer:
        """A peer that the referrer names."""
        peer = self.peer(answers=answers)
        self.introduce(peer, self.referrer)
        return peer

    def test_reachesANodeBehindANat(self) -> None:
        """
        A query reaches a node behind a NAT that lets nothing of the asker in at first.
        """
        node, nat = self.nodeBehindNat()
        node.register(COMMAND, Handler(lambda _: b"hello"))
        replies = self.collect(self.asker, node.id)
        self.assertIn(Reply(self.contactOf(node), b"hello"), replies)
        self.assertIn(self.addressOf(self.asker), nat.refused)

    def test_updateBehindANat(self) -> None:
        """
        An update reaches it too, once.
        """
        node, _ = self.nodeBehindNat()
        handler = Handler()
        node.register(COMMAND, handler)
        replies = self.commit(self.asker, node.id, b"x")
        self.assertEqual([reply.node for reply in replies], [self.contactOf(node)])
        self.assertEqual(len(handler.updates), 1)

    def test_notWanted(self) -> None:
        """
        Without ``holepunching`` the node isn't reached, and the referrer is not bothered.
        """
        node, _ = self.nodeBehindNat()
        replies = self.collect(self.asker, node.id, holepunching=False)
        self.assertEqual([reply.node for reply in replies], [self.contactOf(self.referrer)])
        self.assertEqual(self.referrer.counters.pingsRelayed, 0)

    def test_dead(self) -> None:
        """
        A node that is gone costs the lookup a bounded time, and counts as one error.
        """
        peer = self.namedPeer("ignore")
        assert peer.id is not None
        stream = self.asker.query(COMMAND, peer.id)
        replies = self.clock.runUntil(stream.collect(), limit=REQUEST_SECONDS)
        self.assertEqual([reply.node for reply in replies], [self.contactOf(self.referrer)])
        self.assertEqual(stream.errors, 1)
        self.assertEqual(self.referrer.counters.pingsRelayed > 0, True)

    def test_answersPingsOnly(self) -> None:
        """
        A node that answers each hole punch and never the question, as one whose handler fails,
        can't keep a lookup open.
        """
        peer = self.namedPeer("pong")
        assert peer.id is not None
        stream = self.asker.query(COMMAND, peer.id)
        replies = self.clock.runUntil(stream.collect(), limit=REQUEST_SECONDS)
        self.assertEqual([reply.node for reply in replies], [self.contactOf(self.referrer)])
        self.assertEqual(stream.errors, 1)
        self.assertLess(len(peer.requestsFor(COMMAND)), 10)

    def test_triedAFewTimes(self) -> None:
        """
        The referrer is asked fewer times than the node itself.
        """
        peer = self.namedPeer("ignore")
        assert peer.id is not None
        stream = self.asker.query(COMMAND, peer.id)
        self.clock.runUntil(stream.collect(), limit=REQUEST_SECONDS)
        self.assertEqual(self.referrer.counters.pingsRelayed, len(RELAY_WAITS))
        self.assertEqual(len(peer.requestsFor(COMMAND)), TRANSMISSIONS)

    def test_quickLiar(self) -> None:
        """
        A node behind a NAT is reached though the first that names it doesn't relay.
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

    def test_slowReferrer(self) -> None:
        """
        A punch through the first that named a node goes on while the last is tried.
        """
        peer = self.namedPeer("ignore")
        assert peer.id is not None
        # The same NAT, at the port that it opens towards the asker.
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

    def test_notForACommit(self) -> None:
        """
        A node that an update is committed to has just answered: it isn't reached through another,
        nor asked under a second transaction id when its answers come too late.
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

    def test_slowHandlers(self) -> None:
        """
        A node that is slow to answer, not out of reach, is not asked anew because its ping is
        answered: its handlers run once, and their answers count.
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

    def test_otherPort(self) -> None:
        """
        A peer whose NAT shows it to the asker at another port is asked there.
        """
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

    def test_stopped(self) -> None:
        """
        A query that is stopped in the middle of a hole punch gives that up as well.
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

    def test_tooMuchAtOnce(self) -> None:
        """
        When too many requests wait for a hole punch to be tried, the query goes on without.
        """
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
