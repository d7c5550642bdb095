"""
Queries and updates in networks of nodes.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from dwdht_twisted import DHTNode, NoCloseNodes, NoResponse
from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import HostPort
from tests.helpers.core.contacts import closestIds
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nats import NattedReactor
from tests.helpers.networks.nodes import COMMAND, REQUEST_SECONDS, NodeTestCase


class LookupTests(NodeTestCase):
    """
    Queries and updates in whole networks.
    """

    def test_queryFindsTheClosestNodes(self) -> None:
        """
        In a network of 60 nodes, a query gets the values of the 20 nodes closest to its target.
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

    def test_updateReachesTheClosestNodes(self) -> None:
        """
        In a network of 60 nodes, an update runs once at each of the 20 nodes closest to its target,
        and at no other node.
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

    def test_updateWithQueryHasRepliesOfBothPhases(self) -> None:
        """
        With ``query=True``, an update to 5 nodes has 5 replies to its query and then 5 to the
        update. Without ``query=True``, it has only the replies to the update.
        """
        nodes = self.swarm(5)
        for node in nodes:
            node.register(COMMAND, Handler(lambda _: b"query", lambda _: b"update"))
        asker = self.node(bootstrap=[self.bootstrap], ephemeral=True)
        with_ = [reply.value for reply in self.commit(asker, self.target(), b"x", query=True)]
        self.assertEqual(with_, [b"query"] * 5 + [b"update"] * 5)
        without = [reply.value for reply in self.commit(asker, self.target(), b"x")]
        self.assertEqual(without, [b"update"] * 5)

    def test_updateOfGivenNodesReachesOnlyThem(self) -> None:
        """In a network of 30 nodes, an update to 3 given nodes runs only at these 3."""
        nodes = self.swarm(30)
        handlers = {node.id: Handler() for node in nodes}
        for node in nodes:
            node.register(COMMAND, handlers[node.id])
        asker = self.node(ephemeral=True)
        chosen = nodes[:3]
        replies = self.commit(asker, self.target(), nodes=[self.addressOf(n) for n in chosen])
        self.assertEqual({reply.node.id for reply in replies}, {node.id for node in chosen})
        self.assertEqual(sum(len(handler.updates) for handler in handlers.values()), 3)

    def test_updateWithoutHandlersFails(self) -> None:
        """
        If no node has a handler, an update fails with `NoCloseNodes`. A query still has the replies
        of 4 nodes.
        """
        nodes = self.swarm(5)
        with self.assertRaises(NoCloseNodes):
            self.commit(nodes[0], self.target(), b"x")
        self.assertEqual(len(self.collect(nodes[0], self.target())), 4)

    def test_answerWithoutATokenIsARefusal(self) -> None:
        """
        An update whose only answer has no token fails with `NoCloseNodes` and counts one error.
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

    def test_silentCommitFails(self) -> None:
        """
        An update fails with `NoCloseNodes` if its only node answers the query but not the update.
        """
        asker = self.node(ephemeral=True)
        peer = self.peer()

        def once(message: wire.RequestMessage, source: HostPort) -> None:
            if message.roundtripToken is None:
                peer.serve(message, source)

        peer.onRequest = once
        with self.assertRaises(NoCloseNodes):
            self.commit(asker, self.target(), nodes=[peer.address])

    def test_updateIsRepeatedWithANewerToken(self) -> None:
        """
        A node answers an update with a newer token. The update is sent again with this token, and
        counts as one commit.
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

    def test_fullQueueOfPingsRefusesNoRequestOfAQuery(self) -> None:
        """
        With 256 pings in flight and 4,096 waiting, all of 40 nodes are asked by a query, and
        answer, within 15 seconds.
        """
        asker: DHTNode = self.node(ephemeral=True)
        silent = self.peer()
        for _ in range(256 + 4096):
            asker.ping(silent.address).addErrback(lambda _: None)
        nodes = [self.peer(answers="serve").address for _ in range(40)]
        stream = asker.query(COMMAND, self.target(), nodes=nodes)
        replies = self.clock.runUntil(stream.collect(), limit=REQUEST_SECONDS)
        self.assertEqual((len(replies), stream.errors), (40, 0))

    def test_deadNodeIsNotWaitedForAgain(self) -> None:
        """
        A first query in a network of 9 nodes found that the bootstrap node is dead. A second query
        takes less than 0.5 seconds.
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

    def test_slowHandlerIsWaitedForTheNextTime(self) -> None:
        """
        A handler takes 2 seconds. The first query misses its reply, and the second query waits for
        it.
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

    def test_nodeBehindAClosedNatIsReached(self) -> None:
        """
        A node's NAT has closed towards the asker, and a ping was lost. A query still reaches the
        node through its referrer.
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

    def test_nodesAreFoundAfterAPartition(self) -> None:
        """
        A query finds all 9 nodes that were silent during a partition, as soon as the partition has
        ended.
        """
        nodes = self.swarm(10)
        asker = nodes[0]
        self.network.partition([self.addressOf(asker).host])
        with self.assertRaises(NoResponse):
            self.collect(asker, self.target())
        self.clock.runFor(REQUEST_SECONDS)
        self.network.heal()
        self.assertEqual(len(self.collect(asker, self.target())), 9)

    def test_nodeWithAFailingHandlerStaysAContact(self) -> None:
        """A node whose handler never gives a result stays a contact of the asker."""
        nodes = self.swarm(10)
        for node in nodes[1:]:
            node.register(COMMAND, Handler(lambda _: Deferred()))
        asker = nodes[0]
        contacts = asker.contacts()
        self.collect(asker, self.target())
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual(asker.contacts(), contacts)
