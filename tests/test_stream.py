"""
Tests for L{dwdht_twisted.stream}: queries and updates, read in three ways, paused and stopped.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IConsumer, IPushProducer
from zope.interface.verify import verifyObject

from dwdht_twisted import (
    Address,
    DHTNode,
    IQueryStream,
    NoCloseNodes,
    NodeDestroyed,
    NoResponse,
    QueryStream,
    Reply,
    wire,
)
from dwdht_twisted.candidate import WINDOW
from dwdht_twisted.contact import Source

from .support import (
    COMMAND,
    GIVEN_UP,
    Consumer,
    Handler,
    Nat,
    NattedReactor,
    NodeTestCase,
    RawPeer,
    closestOf,
)


class StreamTestCase(NodeTestCase):
    """
    A node that asks many peers by address.
    """

    def setUp(self) -> None:
        super().setUp()
        self.asker = self.node(ephemeral=True)
        self.peers: list[RawPeer] = []

    def addPeers(self, count: int, answers: str = "serve") -> list[Address]:
        """Make peers; gives their addresses."""
        self.peers += [self.peer(answers=answers) for _ in range(count)]
        return [peer.address for peer in self.peers]

    def ask(self, count: int, **options: Any) -> QueryStream:
        """A query to this many peers that answer."""
        return self.asker.query(
            COMMAND, self.target(), nodes=self.addPeers(count, **options), holepunching=False
        )

    def asks(self) -> list[wire.RequestMessage]:
        """The requests of the query that were sent, retries included."""
        sent = self.requestsBy(self.addressOf(self.asker))
        return [message for message in sent if message.command == COMMAND]

    def asked(self) -> int:
        """How many peers have been asked."""
        return sum(bool(peer.requests) for peer in self.peers)

    def start(self, coroutine: Coroutine[Deferred[Any], Any, Any]) -> Deferred[Any]:
        """Run a coroutine."""
        return Deferred.fromCoroutine(coroutine)


class InterfaceTests(StreamTestCase):
    """
    What a stream provides.
    """

    def test_interfaces(self) -> None:
        """
        A stream is an L{IQueryStream}, and so a push producer.
        """
        stream = self.ask(1)
        verifyObject(IQueryStream, stream)
        verifyObject(IPushProducer, stream)

    def test_collectorsAreConsumers(self) -> None:
        """
        A consumer is registered as of a push producer, and unregistered at the end.
        """
        consumer = Consumer()
        verifyObject(IConsumer, consumer)
        stream = self.ask(1)
        done = stream.startProducing(consumer)
        self.assertIs(consumer.producer, stream)
        self.assertTrue(consumer.isStreaming)
        self.assertIsNone(self.clock.runUntil(done))
        self.assertIsNone(consumer.producer)

    def test_nothingBeforeItIsRead(self) -> None:
        """
        A stream that nobody reads sends nothing.
        """
        self.ask(3)
        self.clock.runFor(10)
        self.assertEqual(self.sent, [])

    def test_readOnce(self) -> None:
        """
        A stream is read once, in one way.
        """
        stream = self.ask(1)
        self.clock.runUntil(stream.collect())
        with self.assertRaises(ValueError):
            stream.collect()
        with self.assertRaises(ValueError):
            stream.startProducing(Consumer())
        with self.assertRaises(ValueError):
            stream.__aiter__()


class ReadTests(StreamTestCase):
    """
    The three ways to read.
    """

    def test_consumer(self) -> None:
        """
        Each answer is written to the consumer as a reply, with who gave it.
        """
        consumer = Consumer()
        self.clock.runUntil(self.ask(5).startProducing(consumer))
        self.assertEqual({reply.node for reply in consumer.items}, {p.contact for p in self.peers})

    def test_collect(self) -> None:
        """
        C{collect} gives all replies, more than are asked at once.
        """
        stream = self.ask(40)
        replies = self.clock.runUntil(stream.collect())
        self.assertEqual({reply.node for reply in replies}, {p.contact for p in self.peers})
        self.assertEqual((stream.responses, stream.errors, stream.commits), (40, 0, 0))

    def test_asyncFor(self) -> None:
        """
        C{async for} gives all replies, then ends.
        """

        async def read() -> list[Reply]:
            return [reply async for reply in self.ask(40)]

        replies = self.clock.runUntil(self.start(read()))
        self.assertEqual({reply.node for reply in replies}, {p.contact for p in self.peers})

    def test_asyncForWhenAnswersAreThere(self) -> None:
        """
        C{async for} gives the replies that came while its body was at work.
        """

        async def read() -> int:
            count = 0
            async for _ in self.ask(40):
                count += 1
                pause: Deferred[None] = Deferred()
                self.clock.callLater(0.2, pause.callback, None)
                await pause
            return count

        self.assertEqual(self.clock.runUntil(self.start(read())), 40)

    def test_asyncForAgain(self) -> None:
        """
        After the end, one more C{async for} over the same stream ends at once.
        """

        async def read() -> list[Reply]:
            stream = self.ask(2)
            first = [reply async for reply in stream]
            return first + [reply async for reply in stream]

        self.assertEqual(len(self.clock.runUntil(self.start(read()))), 2)

    def test_nobodyAnswers(self) -> None:
        """
        When nobody answers, each way of reading fails with L{NoResponse}.
        """

        async def read() -> None:
            async for _ in self.ask(2, answers="ignore"):
                self.fail("a reply of nobody")

        stream = self.ask(2, answers="ignore")
        for reading in (
            stream.collect(),
            self.ask(2, answers="ignore").startProducing(Consumer()),
            self.start(read()),
        ):
            with self.assertRaises(NoResponse):
                self.clock.runUntil(reading)
        self.assertEqual((stream.responses, stream.errors), (0, 2))

    def test_nobodyToAsk(self) -> None:
        """
        A query of a node that knows nobody, and one to an empty list, fail with L{NoResponse}.
        """
        with self.assertRaises(NoResponse):
            self.collect(self.asker, self.target())
        with self.assertRaises(NoResponse):
            self.collect(self.asker, self.target(), nodes=[])

    def test_twoAtOnce(self) -> None:
        """
        A second reply can't be awaited while one is awaited already.
        """
        stream = self.ask(1)
        first = stream.__anext__()
        with self.assertRaises(ValueError):
            stream.__anext__()
        self.clock.runUntil(first)

    def test_oneSilent(self) -> None:
        """
        A node that is silent counts as an error and doesn't keep the others from answering.
        """
        self.addPeers(1, "ignore")
        stream = self.ask(3)
        self.assertEqual(len(self.clock.runUntil(stream.collect())), 3)
        self.assertEqual((stream.responses, stream.errors), (3, 1))


class PauseTests(StreamTestCase):
    """
    A consumer that pauses, pauses the asking.
    """

    def test_pause(self) -> None:
        """
        A consumer that pauses after 3 replies of 100 possible stops the sending of requests: no
        more than a window of nodes was asked since, and on resume all the others come.
        """

        def pause(producer: Any) -> None:
            if len(consumer.items) == 3:
                producer.pauseProducing()

        consumer = Consumer(pause)
        stream = self.ask(100)
        done = stream.startProducing(consumer)
        self.clock.runUntil(lambda: len(consumer.items) == 3)
        asked = self.asked()
        requests = len(self.asks())
        self.clock.runFor(60)
        self.assertEqual(len(consumer.items), 3)
        self.assertLessEqual(self.asked(), asked + WINDOW)
        self.assertLessEqual(len(self.asks()), requests + WINDOW)
        self.assertLessEqual(stream.responses, 3 + WINDOW)
        stream.resumeProducing()
        self.clock.runUntil(done)
        self.assertEqual(len(consumer.items), 100)
        self.assertEqual(len({reply.node for reply in consumer.items}), 100)

    def test_pauseInALookup(self) -> None:
        """
        A lookup, too, asks nobody while it is paused, and finds its end after.
        """
        nodes = self.swarm(60)
        asker = self.node(bootstrap=[self.bootstrap], ephemeral=True)
        self.clock.runUntil(asker.ready())
        consumer = Consumer(lambda producer: producer.pauseProducing())
        target = self.target()
        stream = asker.query(COMMAND, target)
        done = stream.startProducing(consumer)
        self.clock.runFor(5)
        before = len(self.requestsBy(self.addressOf(asker)))
        self.clock.runFor(5)
        self.assertEqual(len(self.requestsBy(self.addressOf(asker))), before)
        self.assertEqual(len(consumer.items), 1)
        for _ in range(200):
            stream.resumeProducing()
            self.clock.runFor(0.1)
        self.successResultOf(done)
        found = {reply.node.id for reply in consumer.items}
        self.assertLessEqual(set(closestOf(map(self.contactOf, nodes), target)), found)

    def test_pauseEachTime(self) -> None:
        """
        A consumer that pauses in each write gets one reply for each resume, in the order in which
        they came.
        """
        consumer = Consumer(lambda producer: producer.pauseProducing())
        stream = self.ask(20)
        done = stream.startProducing(consumer)
        for count in range(1, 20):
            self.clock.runFor(0.5)
            self.assertEqual(len(consumer.items), count)
            self.assertNoResult(done)
            stream.resumeProducing()
        self.clock.runFor(0.5)
        stream.resumeProducing()
        self.successResultOf(done)
        self.assertEqual(
            [reply.node.host for reply in consumer.items], [p.host for p in self.peers]
        )

    def test_pauseBeforeTheFirst(self) -> None:
        """
        A consumer may pause the stream when it is registered: then nobody is asked.
        """

        class Busy(Consumer):
            def registerProducer(self, producer: Any, streaming: bool) -> None:
                super().registerProducer(producer, streaming)
                producer.pauseProducing()

        stream = self.ask(2)
        done = stream.startProducing(Busy())
        self.clock.runFor(5)
        self.assertEqual(self.sent, [])
        stream.resumeProducing()
        self.assertIsNone(self.clock.runUntil(done))

    def test_slowReader(self) -> None:
        """
        A loop that doesn't go on with its C{async for} stops the asking.
        """
        stream = self.ask(100)
        self.clock.runUntil(stream.__anext__())
        self.clock.runFor(60)
        self.assertLessEqual(self.asked(), 1 + 3 * WINDOW)

    def test_failureWhilePaused(self) -> None:
        """
        Requests that time out while the stream is paused are noticed on resume.
        """
        consumer = Consumer()
        stream = self.ask(3, answers="ignore")
        done = stream.startProducing(consumer)
        stream.pauseProducing()
        self.clock.runFor(GIVEN_UP)
        self.assertNoResult(done)
        stream.resumeProducing()
        self.failureResultOf(done, NoResponse)


class StopTests(StreamTestCase):
    """
    A stream that is stopped or cancelled ends at once, and its requests with it.
    """

    def assertQuiet(self) -> None:
        """The asker asks nobody any more."""
        before = len(self.asks())
        self.clock.runFor(GIVEN_UP)
        self.assertEqual(len(self.asks()), before)

    def test_stop(self) -> None:
        """
        Stopping fires the Deferred with None, releases the consumer and cancels the requests.
        """
        consumer = Consumer()
        stream = self.ask(30, answers="ignore")
        done = stream.startProducing(consumer)
        stream.stopProducing()
        self.assertIsNone(self.successResultOf(done))
        self.assertIsNone(consumer.producer)
        self.assertQuiet()

    def test_stopInWrite(self) -> None:
        """
        A consumer that stops the stream in a write gets no further reply.
        """
        consumer = Consumer(lambda producer: producer.stopProducing())
        done = self.ask(30).startProducing(consumer)
        self.assertIsNone(self.clock.runUntil(done))
        self.assertQuiet()
        self.assertEqual(len(consumer.items), 1)

    def test_stopOnResume(self) -> None:
        """
        A consumer that stops the stream when it gets a reply that was kept, gets no further one.
        """
        consumer = Consumer(lambda producer: producer.stopProducing())
        stream = self.ask(10)
        done = stream.startProducing(consumer)
        stream.pauseProducing()
        self.clock.runFor(1)
        stream.resumeProducing()
        self.assertIsNone(self.successResultOf(done))
        self.assertEqual(len(consumer.items), 1)

    def test_stopWhenRegistered(self) -> None:
        """
        A consumer that is closed already may stop the stream when it is registered.
        """

        class Closed(Consumer):
            def registerProducer(self, producer: Any, streaming: bool) -> None:
                super().registerProducer(producer, streaming)
                producer.stopProducing()

        done = self.ask(2).startProducing(Closed())
        self.assertIsNone(self.successResultOf(done))
        self.assertEqual(self.sent, [])

    def test_stopBeforeStart(self) -> None:
        """
        A stream that was stopped before anybody read it ends at once, without a word.
        """
        stream = self.ask(2)
        stream.stopProducing()
        self.assertEqual(self.successResultOf(stream.collect()), [])
        self.assertEqual(self.sent, [])

    def test_everythingAfterTheEnd(self) -> None:
        """
        The methods of a producer do nothing after the end.
        """
        stream = self.ask(2)
        self.clock.runUntil(stream.collect())
        stream.pauseProducing()
        stream.resumeProducing()
        stream.stopProducing()
        self.assertQuiet()

    def test_cancelProducing(self) -> None:
        """
        Cancelling what C{startProducing} gave stops the query, and fails with L{CancelledError}.
        """
        consumer = Consumer()
        done = self.ask(30, answers="ignore").startProducing(consumer)
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.assertIsNone(consumer.producer)
        self.assertQuiet()

    def test_cancelCollect(self) -> None:
        """
        Cancelling C{collect} stops the query, and fails with L{CancelledError}.
        """
        done = self.ask(30, answers="ignore").collect()
        self.clock.runFor(0.1)
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.assertQuiet()

    def test_cancelAsyncFor(self) -> None:
        """
        Cancelling a coroutine in its C{async for} stops the query, and the loop doesn't end as if
        all answers had come.
        """

        async def read() -> None:
            async for _ in self.ask(30, answers="ignore"):
                pass

        done = self.start(read())
        self.clock.runFor(0.1)
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.assertQuiet()

    def test_consumerRaises(self) -> None:
        """
        A consumer that raises gets its own error from the Deferred, and the query is over.
        """

        def refuse(producer: Any) -> None:
            raise ZeroDivisionError("no more")

        consumer = Consumer(refuse)
        done = self.ask(30).startProducing(consumer)
        with self.assertRaises(ZeroDivisionError):
            self.clock.runUntil(done)
        self.assertIsNone(consumer.producer)
        self.assertQuiet()

    def test_consumerRefuses(self) -> None:
        """
        A consumer that has a producer already keeps it when it refuses a stream.
        """

        class Busy(Consumer):
            def registerProducer(self, producer: Any, streaming: bool) -> None:
                raise RuntimeError("there is a producer")

        consumer = Busy()
        consumer.producer = other = object()
        stream = self.ask(2)
        with self.assertRaises(RuntimeError):
            stream.startProducing(consumer)
        stream.stopProducing()
        self.assertIs(consumer.producer, other)
        self.assertEqual(self.sent, [])

    def test_destroyed(self) -> None:
        """
        A stream whose node is destroyed fails with L{NodeDestroyed}, however it is read.
        """

        async def read() -> None:
            async for _ in self.ask(2, answers="ignore"):
                pass

        reading = [
            self.ask(2, answers="ignore").collect(),
            self.ask(2, answers="ignore").startProducing(Consumer()),
            self.start(read()),
        ]
        self.clock.runFor(0.1)
        self.asker.destroy()
        for each in reading:
            self.failureResultOf(each, NodeDestroyed)

    def test_destroyedBefore(self) -> None:
        """
        A stream that is read after its node was destroyed fails with L{NodeDestroyed}.
        """
        stream, other = self.ask(2), self.ask(2)
        self.asker.destroy()
        consumer = Consumer()
        self.failureResultOf(stream.startProducing(consumer), NodeDestroyed)
        self.assertIsNone(consumer.producer)
        self.failureResultOf(other.collect(), NodeDestroyed)


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
        for id in closestOf(others, target):
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
        closest = closestOf(map(self.contactOf, nodes), target)
        self.assertEqual({reply.node.id for reply in replies}, set(closest))
        taken = {id for id, handler in handlers.items() if handler.updates}
        self.assertEqual(taken, set(closest))
        self.assertEqual(stream.commits, 20)
        self.assertTrue(all(len(handler.updates) < 2 for handler in handlers.values()))

    def test_updateWithQuery(self) -> None:
        """
        With C{query}, an update's stream has the replies of its first phase as well.
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
        An update that no node has a handler for fails with L{NoCloseNodes}; a query finds nodes.
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

        def once(message: wire.RequestMessage, source: Source) -> None:
            token = bytes(32) if message.roundtripToken is None else None
            peer.serve(message, source, token=token)

        peer.onRequest = once
        stream = asker.update(COMMAND, self.target(), nodes=[peer.address])
        with self.assertRaises(NoCloseNodes):
            self.clock.runUntil(stream.collect())
        self.assertEqual((stream.responses, stream.errors, stream.commits), (2, 1, 0))

    def test_silentCommit(self) -> None:
        """
        An update whose takers fall silent fails with L{NoCloseNodes}.
        """
        asker = self.node(ephemeral=True)
        peer = self.peer()

        def once(message: wire.RequestMessage, source: Source) -> None:
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

        def answer(message: wire.RequestMessage, source: Source) -> None:
            peer.serve(message, source, token=tokens[len(peer.requests) - 1])

        peer.onRequest = answer
        stream = asker.update(COMMAND, self.target(), b"x", nodes=[peer.address])
        self.assertEqual(len(self.clock.runUntil(stream.collect())), 1)
        sent = [message.roundtripToken for message, _ in peer.requests]
        self.assertEqual(sent, [None, bytes(32), b"1" * 32])
        self.assertEqual((stream.commits, stream.errors), (1, 0))

    def test_tooMuchAtOnce(self) -> None:
        """
        Nodes that can't be asked since too many requests wait count as errors.
        """
        asker: DHTNode = self.node(ephemeral=True)
        silent = self.peer()
        for _ in range(256 + 4096):
            asker.ping(silent.address).addErrback(lambda _: None)
        stream = asker.query(COMMAND, self.target(), nodes=[self.peer().address])
        with self.assertRaises(NoResponse):
            self.clock.runUntil(stream.collect())
        self.assertEqual(stream.errors, 1)


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
        Without C{holepunching} the node isn't reached, and the referrer is not bothered.
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
        replies = self.clock.runUntil(stream.collect(), limit=GIVEN_UP)
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
        replies = self.clock.runUntil(stream.collect(), limit=GIVEN_UP)
        self.assertEqual([reply.node for reply in replies], [self.contactOf(self.referrer)])
        self.assertEqual(stream.errors, 1)
        self.assertLess(len(peer.asked(COMMAND)), 10)

    def test_answersPunchesLate(self) -> None:
        """
        Neither can one that answers the hole punch when the question has timed out already.
        """
        peer = self.namedPeer("ignore")
        asker = self.addressOf(self.asker)

        def lastRelayed(message: wire.RequestMessage, source: Source) -> None:
            relayed = [m for m in peer.asked(wire.PING) if m.forwardResponse is not None]
            if len(relayed) % 4 == 0 and message.forwardResponse is not None:
                self.clock.callLater(0.55, peer.pong, message, asker)

        peer.onRequest = lastRelayed
        assert peer.id is not None
        stream = self.asker.query(COMMAND, peer.id)
        self.clock.runUntil(stream.collect(), limit=2 * GIVEN_UP)
        self.assertEqual(stream.errors, 1)
        transactionIds = {message.transactionId for message in peer.asked(COMMAND)}
        self.assertEqual(len(transactionIds), 2)

    def test_notForACommit(self) -> None:
        """
        A node that an update is committed to has just answered: it isn't reached through another,
        nor asked under a second transaction id when its answers come too late.
        """
        peer = self.namedPeer("ignore")

        def serve(message: wire.RequestMessage, source: Source) -> None:
            if message.roundtripToken is None:
                peer.serve(message, source)

        peer.onRequest = serve
        assert peer.id is not None
        stream = self.asker.update(COMMAND, peer.id, b"x")
        with self.assertRaises(NoCloseNodes):
            self.clock.runUntil(stream.collect(), limit=GIVEN_UP)
        updates = [m for m in peer.asked(COMMAND) if m.roundtripToken is not None]
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

        def relayed(message: wire.RequestMessage, source: Source) -> None:
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
        before = len(peer.asked(COMMAND)), self.referrer.counters.pingsRelayed
        self.clock.runFor(GIVEN_UP)
        after = len(peer.asked(COMMAND)), self.referrer.counters.pingsRelayed
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
        self.clock.runUntil(lambda: peer.asked(COMMAND))
        for _ in range(256 + 4096):
            self.asker.ping(silent.address).addErrback(lambda _: None)
        replies = self.clock.runUntil(done, limit=GIVEN_UP)
        self.assertEqual([reply.node for reply in replies], [self.contactOf(self.referrer)])
