"""
Hangs and lost state: tests for defects 7 to 13 of the original, ``@dwdht/rpc`` 0.1.4.

Each test's name begins with the number of its defect.
"""

from __future__ import annotations

from dwdht_twisted import NodeDestroyed, NoResponse, RequestTimeout, TooManyRequests
from dwdht_twisted._core import wire
from tests.helpers.networks.doubles import Consumer
from tests.helpers.networks.nodes import COMMAND, REQUEST_SECONDS, NodeTestCase


class HangTests(NodeTestCase):
    """
    A node that must go on sending, refreshing and cleaning up.
    """

    def test_07_waitingRequestsAreSentAfterTimeouts(self) -> None:
        """A ping waits behind 1,000 pings to a silent host. It is answered within 60 seconds."""
        node = self.node()
        silent, other = self.peer(), self.node()
        pings = [node.ping(silent.address) for _ in range(1000)]
        last = node.ping(self.addressOf(other))
        self.assertEqual(self.clock.runUntil(last, limit=60).contact, self.contactOf(other))
        for ping in pings:
            ping.addErrback(lambda reason: reason.trap(RequestTimeout, NodeDestroyed))

    def test_07_queueIsBounded(self) -> None:
        """
        With 256 requests in flight and 4,096 waiting, another ping fails at once with
        `TooManyRequests`.
        """
        node = self.node()
        silent = self.peer()
        for _ in range(256 + 4096):
            self.assertNoResult(node.ping(silent.address).addErrback(lambda _: None))
        self.failureResultOf(node.ping(silent.address), TooManyRequests)

    def test_08_plantedContactDoesNotIsolate(self) -> None:
        """
        A stranger sends a request to a node and becomes its only contact. The node still asks its
        bootstrap nodes.
        """
        node = self.node(bootstrap=["10.1.1.1:7000"])
        with self.assertRaises(NoResponse):
            self.clock.runUntil(node.bootstrap())
        planted = self.peer(answers="serve")
        planted.ask(self.addressOf(node), wire.PING)
        self.clock.runFor(1)
        self.assertEqual(node.contacts(), [planted.contact])
        bootstrap = self.node("10.1.1.1", port=7000)
        replies = self.collect(node, self.target())
        self.assertIn(self.contactOf(bootstrap), [reply.node for reply in replies])

    def test_09_failedBootstrapIsTriedAgain(self) -> None:
        """
        `DHTNode.ready` waits for 600 seconds without a bootstrap node. It fires once, within 60
        seconds after the bootstrap node has started.
        """
        node = self.node(bootstrap=["10.1.1.1:7000"])
        calls: list[object] = []
        node.ready().addBoth(calls.append)
        self.clock.runFor(600)
        self.assertEqual(calls, [])
        self.node("10.1.1.1", port=7000)
        self.clock.runFor(60)
        self.assertEqual(calls, [None])
        self.assertEqual(len(node.contacts()), 1)

    def test_09_tableIsRefreshed(self) -> None:
        """Within 1,800 seconds, an idle node lists a node that has joined later."""
        [first, *_] = self.swarm(3)
        late = self.node(bootstrap=[self.bootstrap])
        self.clock.runFor(1800)
        self.assertIn(self.contactOf(late), first.contacts())

    def test_10_lostPingsEvictNoContact(self) -> None:
        """
        A contact that answers only the fourth transmission of each ping stays in the table.
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

    def test_11_pausedStreamGoesOn(self) -> None:
        """
        A stream is paused for 600 seconds after 3 replies. After it was resumed, it has at least 20
        replies.
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

    def test_11_unreadStreamsTakeNoSlot(self) -> None:
        """
        A query completes although 5,000 unread streams are open. The unread streams get no
        responses.
        """
        nodes = self.swarm(5)
        self.sent.clear()
        unread = [nodes[0].query(COMMAND, self.target()) for _ in range(5000)]
        self.assertEqual(len(self.collect(nodes[0], self.target())), 4)
        self.assertEqual(sum(stream.responses for stream in unread), 0)

    def test_12_cancelledQueryStopsItsRequests(self) -> None:
        """After a query to 16 silent nodes was cancelled, no node gets a second datagram."""
        node = self.node()
        silent = [self.peer() for _ in range(16)]
        done = node.query(COMMAND, self.target(), nodes=[p.address for p in silent]).collect()
        done.addErrback(lambda _: None)
        self.clock.runFor(0.1)
        self.assertEqual([len(peer.received) for peer in silent], [1] * 16)
        done.cancel()
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual([len(peer.received) for peer in silent], [1] * 16)

    def test_13_restartedNodeLosesItsOldId(self) -> None:
        """
        A node restarts with a new id at its old address. Within 700 seconds, others list it only
        under the new id.
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
