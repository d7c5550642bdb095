"""
Requests of a member to itself, during which its handler or consumer calls the node or the stream.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, gatherResults

from dwdht_twisted import DHTNode, NoCloseNodes, NodeDestroyed, Reply, Request
from dwdht_twisted._core import wire
from dwdht_twisted._core.limits.bounds import HANDLER_TIMEOUT, MAXIMUM_HANDLERS
from dwdht_twisted._core.wire import Address, HostPort, packAddress
from dwdht_twisted._net.asking.local import LOCAL_TIMEOUT
from dwdht_twisted.interfaces import HandlerResult
from tests.helpers.networks.doubles import Consumer, Handler
from tests.helpers.networks.local import LocalTestCase
from tests.helpers.networks.nodes import COMMAND, REQUEST_SECONDS


class LocalReentrancyTests(LocalTestCase):
    """
    A lone member whose handler or consumer stops the stream, destroys the node or sends new
    requests.
    """

    def assertNothingRuns(self, node: DHTNode) -> None:
        """Require that a node has no running stream and no handler at work."""
        parts = node._parts
        self.assertEqual(parts.queries.running, 0)
        self.assertEqual(parts.responder.commands.runner.atWork, 0)
        self.assertEqual(parts.queries.pending, 0)

    def test_consumerThatStopsGetsNothingMore(self) -> None:
        """
        A consumer stops the stream when the node's own reply is written. It gets no further reply,
        and the update isn't run.
        """
        node = self.member()
        consumer = Consumer(lambda producer: producer.stopProducing())
        stream = node.update(COMMAND, self.target(), b"x", query=True)
        self.assertIsNone(self.clock.runUntil(stream.startProducing(consumer)))
        self.clock.runFor(1)
        self.assertEqual((len(consumer.items), self.handler.updates), (1, []))
        self.assertNothingRuns(node)

    def test_consumerThatDestroysTheNodeEndsTheStream(self) -> None:
        """
        A consumer destroys the node when the node's own reply is written. The stream fails with
        `NodeDestroyed`, and no timer is left.
        """
        node = self.member()
        consumer = Consumer(lambda producer: node.destroy())
        done = node.update(COMMAND, self.target(), query=True).startProducing(consumer)
        with self.assertRaises(NodeDestroyed):
            self.clock.runUntil(done)
        self.assertEqual((len(consumer.items), consumer.producer), (1, None))
        self.assertNothingRuns(node)
        self.clock.runFor(0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_handlerThatStopsItsStreamIsNotAnswered(self) -> None:
        """
        A handler stops the stream for which it runs, and then returns a value. The stream ends
        without a reply.
        """

        def query(_: Request) -> bytes:
            stream.stopProducing()
            return b"own"

        node = self.member(query=query)
        stream = node.query(COMMAND, self.target())
        self.assertEqual(self.clock.runUntil(stream.collect()), [])
        self.assertNothingRuns(node)

    def test_handlerThatDestroysTheNodeEndsAll(self) -> None:
        """
        A handler destroys its node, and then returns a value, raises or returns a Deferred. The
        stream fails with `NodeDestroyed`, and no timer is left.
        """

        def fails() -> bytes:
            raise ZeroDivisionError

        results: list[Callable[[], HandlerResult]] = [lambda: b"own", lambda: Deferred(), fails]
        for give in results:
            nodes: list[DHTNode] = []

            def query(
                _: Request, give: Callable[[], HandlerResult] = give, nodes: list[DHTNode] = nodes
            ) -> HandlerResult:
                nodes[0].destroy()
                return give()

            nodes.append(self.member(query=query))
            with self.assertRaises(NodeDestroyed):
                self.clock.runUntil(nodes[0].query(COMMAND, self.target()).collect())
            self.clock.runFor(HANDLER_TIMEOUT)
            self.assertEqual(self.clock.getDelayedCalls(), [])
        self.flushLoggedErrors()

    def test_destroyBeforeTheHandlerFailsTheQuery(self) -> None:
        """
        A node is destroyed in the turn in which its query began. The query fails with
        `NodeDestroyed`, and the handler isn't run.
        """
        node = self.member()
        done = node.query(COMMAND, self.target()).collect()
        node.destroy()
        self.failureResultOf(done, NodeDestroyed)
        self.clock.runFor(1)
        self.assertEqual(self.handler.queries, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_destroyCancelsAnOwnHandlerAtWork(self) -> None:
        """
        A node is destroyed while its own handler is at work. The handler is cancelled, the query
        fails with `NodeDestroyed`, and no timer is left.
        """
        results: list[Deferred[bytes]] = []

        def later(_: Request) -> Deferred[bytes]:
            results.append(Deferred())
            return results[-1]

        for isUpdate in (False, True):
            node = self.member(update=later) if isUpdate else self.member(query=later)
            ask = node.update if isUpdate else node.query
            done = ask(COMMAND, self.target()).collect()
            self.clock.runUntil(lambda: results)
            node.destroy()
            self.failureResultOf(done, NodeDestroyed)
            self.assertTrue(results.pop().called)
            self.clock.runFor(1)
            self.assertNothingRuns(node)
            self.assertEqual(self.clock.getDelayedCalls(), [])
            self.assertEqual(node.counters.handlerFailures, 0)

    def test_cancelledQueryDropsTheOwnResult(self) -> None:
        """
        A query is cancelled while the asker's own handler is at work. The handler isn't cancelled,
        and its result isn't a reply.
        """
        result: Deferred[bytes] = Deferred()
        node = self.member(query=lambda _: result)
        done = node.query(COMMAND, self.target()).collect()
        done.addErrback(lambda _: None)
        self.clock.runUntil(lambda: self.handler.queries)
        done.cancel()
        self.assertEqual(node._parts.queries.running, 0)
        result.callback(b"own")
        self.assertIsNone(self.successResultOf(done))
        self.assertNothingRuns(node)

    def test_pausedStreamKeepsTheOwnReply(self) -> None:
        """The own reply to a paused stream is written when the stream is resumed."""
        node = self.member()
        consumer = Consumer()
        stream = node.query(COMMAND, self.target())
        done = stream.startProducing(consumer)
        stream.pauseProducing()
        self.clock.runFor(LOCAL_TIMEOUT + 1)
        self.assertEqual(consumer.items, [])
        self.assertNoResult(done)
        stream.resumeProducing()
        self.assertEqual([reply.value for reply in consumer.items], [b"own"])
        self.successResultOf(done)

    def test_handlerMayAskItsNode(self) -> None:
        """A handler can query its own node for another command and return the found value."""
        node = self.node()
        node.register("inner", query=lambda _: b"inner")

        async def outer(request: Request) -> bytes | None:
            [reply] = await node.query("inner", request.target).collect()
            return reply.value

        node.register(COMMAND, query=outer)
        [reply] = self.collect(node, self.target())
        self.assertEqual(reply.value, b"inner")

    def test_recursiveHandlerIsBounded(self) -> None:
        """
        A handler that queries its own command runs at most 256 times, as `MAXIMUM_HANDLERS` allows.
        The query ends within 5 seconds.
        """
        node = self.node()
        runs = 0

        async def recursive(request: Request) -> bytes:
            nonlocal runs
            runs += 1
            await node.query(COMMAND, request.target).collect()
            return b"own"

        node.register(COMMAND, query=recursive)
        done = node.query(COMMAND, self.target()).collect()
        self.clock.runUntil(done, limit=LOCAL_TIMEOUT + 1)
        self.assertLessEqual(runs, MAXIMUM_HANDLERS)
        self.clock.runFor(HANDLER_TIMEOUT)
        self.assertNothingRuns(node)

    def test_handlerThatUpdatesItsNodeRuns(self) -> None:
        """
        An update handler can send an update of its own command to its node. All five nested updates
        run.
        """
        node = self.node()
        targets: list[bytes] = []

        async def update(request: Request) -> None:
            targets.append(request.target)
            if len(targets) < 5:
                await node.update(COMMAND, self.target(), b"x").collect()

        node.register(COMMAND, update=update)
        stream = node.update(COMMAND, self.target(), b"x")
        self.clock.runUntil(stream.collect())
        self.assertEqual((len(set(targets)), stream.commits), (5, 1))

    def test_ownIdIsATarget(self) -> None:
        """
        A query and an update for the node's own id, or for an id next to it, run its own handler.
        This holds alone and in a network of 30.
        """
        last = self.swarm(30, rateLimit=None)[-1]
        for node in self._nodes[1:]:
            node.register(COMMAND, query=lambda _: b"own", update=lambda _: None)
        alone = self.member()
        for node, commits in ((last, 20), (alone, 1)):
            near = node.id[:-1] + bytes([node.id[-1] ^ 1])
            for target in (node.id, near):
                stream = node.update(COMMAND, target, b"x", query=True)
                replies = self.clock.runUntil(stream.collect())
                self.assertEqual([r.node.id for r in replies].count(node.id), 2)
                self.assertGreaterEqual(stream.commits, commits)

    def test_handlerRemovedBetweenItsQueryAndItsUpdateCommitsNothing(self) -> None:
        """
        If the own handler is unregistered between the query and the update, the update fails with
        `NoCloseNodes` and one error. No update is counted as served.
        """
        node = self.node()

        def removes(_: Request) -> None:
            self.clock.callLater(0, node.unregister, COMMAND)

        node.register(COMMAND, query=removes, update=lambda _: None)
        stream = node.update(COMMAND, self.target(), b"x")
        with self.assertRaises(NoCloseNodes):
            self.clock.runUntil(stream.collect())
        self.assertEqual((stream.commits, stream.errors), (0, 1))
        self.assertEqual(node.counters.updatesServed, 0)

    def test_handlerRemovedBeforeItRunsGivesNothing(self) -> None:
        """
        If the own handler is unregistered in the turn in which the query began, the reply has no
        value.
        """
        node = self.member()
        done = node.query(COMMAND, self.target()).collect()
        node.unregister(COMMAND)
        [reply] = self.clock.runUntil(done)
        self.assertEqual(reply, Reply(self.ownContact(node), None))

    def test_handlerAddedDuringAQueryServesTheNext(self) -> None:
        """
        A handler registered during a query of its command isn't run for this query. It is run for
        the next one.
        """
        node = self.node(bootstrap=[self.peer(answers="serve").address])
        first = node.query(COMMAND, self.target()).collect()
        handler = Handler()
        node.register(COMMAND, handler)
        self.clock.runUntil(first)
        self.assertEqual(handler.queries, [])
        self.clock.runUntil(node.query(COMMAND, self.target()).collect())
        self.assertEqual(len(handler.queries), 1)

    def test_ownAddressTakesAnUpdateOnce(self) -> None:
        """An update to the node's own loopback address, given twice, runs once."""
        node = self.member()
        loopback = Address("127.0.0.1", node.address().port)
        stream = node.update(COMMAND, self.target(), b"x", nodes=[loopback, loopback])
        replies = self.clock.runUntil(stream.collect())
        self.assertEqual((len(replies), stream.commits), (1, 1))
        self.assertEqual(len(self.handler.updates), 1)

    def test_thousandQueriesAtOnceEnd(self) -> None:
        """
        A thousand simultaneous queries of a lone member with a quick handler get one reply each.
        """
        node = self.member()
        queries = [node.query(COMMAND, self.target()).collect() for _ in range(1000)]
        replies = self.clock.runUntil(gatherResults(queries), limit=1)
        self.assertEqual([len(each) for each in replies], [1] * 1000)
        self.assertNothingRuns(node)

    def test_thousandQueriesOfASlowHandlerEnd(self) -> None:
        """
        A lone member with an endless handler starts 1,000 queries. The handler runs for 256 of
        them. All queries end within 5 seconds without a reply. The 256 runs are cancelled after 30
        seconds.
        """
        cancelled: list[object] = []
        node = self.member(query=lambda _: Deferred(cancelled.append))
        streams = [node.query(COMMAND, self.target()) for _ in range(1000)]
        done = gatherResults([stream.collect() for stream in streams])
        replies = self.clock.runUntil(done, limit=LOCAL_TIMEOUT + 1)
        self.assertEqual((sum(map(len, replies)), sum(each.errors for each in streams)), (0, 1000))
        self.assertEqual(len(self.handler.queries), MAXIMUM_HANDLERS)
        self.assertEqual(node.counters.handlersRefused, 1000 - MAXIMUM_HANDLERS)
        self.clock.runFor(HANDLER_TIMEOUT)
        self.assertEqual(len(cancelled), MAXIMUM_HANDLERS)
        self.assertEqual(node.counters.handlerFailures, MAXIMUM_HANDLERS)
        self.assertEqual(len(self.flushLoggedErrors()), 1)
        self.assertNothingRuns(node)


class OwnIdLiarTests(LocalTestCase):
    """
    A liar that names the asker's id or answers under it.
    """

    def setUp(self) -> None:
        super().setUp()
        self.liar = self.peer()
        self.asker = self.member(bootstrap=[self.liar.address])

    def nameOwnId(self, message: wire.RequestMessage, address: HostPort) -> None:
        """
        Claim that nodes with the asker's id are at the liar's address and at two unused addresses.
        """
        contacts = b"".join(
            self.asker.id + packAddress(host, 4000)
            for host in (self.liar.host, "10.9.9.9", "0.0.0.0")
        )
        self.liar.serve(message, address, nodes=contacts + self.asker.id)

    def claimOwnId(self, message: wire.RequestMessage, address: HostPort) -> None:
        """Answer under the asker's id."""
        self.liar.id = self.asker.id
        self.liar.serve(message, address, value=b"lie")

    def test_liarThatNamesTheOwnIdIsAskedForNothingElse(self) -> None:
        """
        A liar claims that nodes with the asker's id are at other addresses. No request is sent to
        these addresses. The asker's own handler runs once for the query and once for the update.
        """
        self.liar.onRequest = self.nameOwnId
        stream = self.asker.update(COMMAND, self.asker.id, b"x")
        replies = self.clock.runUntil(stream.collect(), limit=REQUEST_SECONDS)
        self.assertEqual({r.node.id for r in replies}, {self.asker.id, self.liar.id})
        self.assertEqual((len(self.handler.queries), len(self.handler.updates)), (1, 1))
        asked = {to for source, to, _ in self.sent if source[0] != self.liar.host}
        self.assertEqual(asked, {tuple(self.liar.address)})

    def test_liarThatClaimsTheOwnIdTakesNoPlace(self) -> None:
        """
        An answer under the asker's id is no reply and no commit. The asker's own reply is used.
        """
        self.liar.onRequest = self.claimOwnId
        stream = self.asker.update(COMMAND, self.asker.id, b"x", query=True)
        replies = self.clock.runUntil(stream.collect(), limit=REQUEST_SECONDS)
        self.assertEqual([r.node for r in replies], [self.ownContact(self.asker)] * 2)
        self.assertNotIn(b"lie", [reply.value for reply in replies])
        self.assertEqual(stream.commits, 1)
        self.assertEqual(self.asker.contacts(), [])
