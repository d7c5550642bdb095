"""
What made the original hang or forget: entries 7 to 13 of the list of its defects.

Each test is named after its entry.
"""

from __future__ import annotations

import contextlib

from dwdht_twisted import NodeDestroyed, NoResponse, RequestTimeout, TooManyRequests
from dwdht_twisted._core import wire
from tests.helpers.networks.nodes import COMMAND, GIVEN_UP, Consumer, NodeTestCase


class HangTests(NodeTestCase):
    """
    A node that goes on.
    """

    def test_07_waitingRequestsAreSentAfterTimeouts(self) -> None:
        """
        After very many calls to a silent host, those that waited behind them are sent.
        """
        node = self.node()
        silent, other = self.peer(), self.node()
        pings = [node.ping(silent.address) for _ in range(1000)]
        last = node.ping(self.addressOf(other))
        self.assertEqual(self.clock.runUntil(last, limit=60).contact, self.contactOf(other))
        for ping in pings:
            ping.addErrback(lambda reason: reason.trap(RequestTimeout, NodeDestroyed))

    def test_07_theQueueIsBounded(self) -> None:
        """
        One request more than the queue holds fails at once.
        """
        node = self.node()
        silent = self.peer()
        for _ in range(256 + 4096):
            self.assertNoResult(node.ping(silent.address).addErrback(lambda _: None))
        self.failureResultOf(node.ping(silent.address), TooManyRequests)

    def test_08_aPlantedContactDoesNotIsolate(self) -> None:
        """
        A node in whose table a stranger has planted itself still asks its bootstrap nodes.
        """
        node = self.node(bootstrap=["10.1.1.1:7000"])
        with self.assertRaises(NoResponse):
            self.clock.runUntil(node.ready())
        planted = self.peer(answers="serve")
        planted.ask(self.addressOf(node), wire.PING)
        self.clock.runFor(1)
        self.assertEqual(node.contacts(), [planted.contact])
        bootstrap = self.node("10.1.1.1", port=7000)
        replies = self.collect(node, self.target())
        self.assertIn(self.contactOf(bootstrap), [reply.node for reply in replies])

    def test_09_aFailedBootstrapIsTriedAgain(self) -> None:
        """
        ``ready`` fails once for each call when no bootstrap node answers, and the node goes on
        trying until one does.
        """
        node = self.node(bootstrap=["10.1.1.1:7000"])
        calls: list[object] = []
        node.ready().addBoth(calls.append)
        self.clock.runFor(600)
        self.assertEqual(len(calls), 1)
        self.node("10.1.1.1", port=7000)
        with contextlib.suppress(NoResponse):
            # An attempt may have been under way before there was anybody to answer it.
            self.clock.runUntil(node.ready(), limit=120)
        self.clock.runUntil(node.ready(), limit=120)
        self.assertEqual(len(node.contacts()), 1)

    def test_09_theTableIsRefreshed(self) -> None:
        """
        A node that nobody uses learns of nodes that came after it.
        """
        [first, *_] = self.swarm(3)
        late = self.node(bootstrap=[self.bootstrap])
        self.clock.runFor(1800)
        self.assertIn(self.contactOf(late), first.contacts())

    def test_10_aLostPingEvictsNobody(self) -> None:
        """
        A contact stays that doesn't get the first pings, but gets the last.
        """
        node = self.node()
        peer = self.peer()
        self.introduce(peer, node)
        peer.requests.clear()

        def last(message: wire.RequestMessage, source: tuple[str, int]) -> None:
            same = [m for m, _ in peer.requests if m.transactionId == message.transactionId]
            if len(same) == 4:
                peer.serve(message, source)

        peer.onRequest = last
        self.clock.runFor(1200)
        self.assertGreater(len(peer.requests), 7)
        self.assertEqual(node.contacts(), [peer.contact])

    def test_11_aPausedStreamGoesOn(self) -> None:
        """
        A stream that was paused for long ends when it is resumed, with all answers.
        """
        nodes = self.swarm(30)
        consumer = Consumer(lambda producer: len(consumer.items) == 3 and producer.pauseProducing())
        stream = nodes[0].query(COMMAND, self.target())
        done = stream.startProducing(consumer)
        self.clock.runFor(600)
        self.assertEqual(len(consumer.items), 3)
        stream.resumeProducing()
        self.clock.runUntil(done)
        self.assertGreaterEqual(len(consumer.items), 20)

    def test_11_anUnreadStreamTakesNoPlace(self) -> None:
        """
        Streams that nobody reads send nothing and keep nothing from being sent.
        """
        nodes = self.swarm(5)
        self.sent.clear()
        unread = [nodes[0].query(COMMAND, self.target()) for _ in range(5000)]
        self.assertEqual(len(self.collect(nodes[0], self.target())), 4)
        self.assertEqual(sum(stream.responses for stream in unread), 0)

    def test_12_cancellingAQueryCancelsItsRequests(self) -> None:
        """
        After a query was cancelled, nothing more is sent for it.
        """
        node = self.node()
        silent = [self.peer() for _ in range(16)]
        done = node.query(COMMAND, self.target(), nodes=[p.address for p in silent]).collect()
        done.addErrback(lambda _: None)
        self.clock.runFor(0.1)
        self.assertEqual([len(peer.received) for peer in silent], [1] * 16)
        done.cancel()
        self.clock.runFor(GIVEN_UP)
        self.assertEqual([len(peer.received) for peer in silent], [1] * 16)

    def test_13_aRestartedNodeLosesItsOldId(self) -> None:
        """
        A node that comes back under a new id at its old address is known under that alone.
        """
        first, *_ = nodes = self.swarm(4)
        host, port = self.addressOf(first)
        self.clock.runUntil(first.destroy())
        again = self.node(host, port=port, bootstrap=[self.bootstrap])
        self.clock.runFor(700)
        for node in nodes[1:]:
            ids = {contact.id for contact in node.contacts()}
            self.assertIn(again.id, ids)
            self.assertNotIn(first.id, ids)
