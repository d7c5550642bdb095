"""
The asker's own handler, if it is slow, fails or refuses.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from dwdht_twisted import DHTNode, NoCloseNodes, Reply, Request, UpdateRefused
from dwdht_twisted._net.asking.local import LOCAL_TIMEOUT
from tests.helpers.networks.doubles import Consumer, Handler
from tests.helpers.networks.local import LocalTestCase
from tests.helpers.networks.nodes import COMMAND


class HandlerTests(LocalTestCase):
    """
    An asker in a network with 3 other members. Its own handler is slow or fails.
    """

    def setUp(self) -> None:
        super().setUp()
        self.others = self.swarm(3)
        for node in self.others:
            node.register(COMMAND, Handler(lambda _: b"other"))

    def asker(self, query: Any = lambda _: b"own", update: Any = None) -> DHTNode:
        """Return a new member that has a handler and has joined the network."""
        node = self.member(query=query, update=update, bootstrap=[self.bootstrap])
        self.clock.runUntil(node.ready())
        return node

    def test_slowHandlerDelaysNoOtherReply(self) -> None:
        """
        The asker's handler takes 3 seconds. The replies of the other members are written first, and
        the asker's own reply is written last.
        """
        result: Deferred[bytes] = Deferred()
        node = self.asker(lambda _: result)
        consumer = Consumer()
        done = node.query(COMMAND, node.id).startProducing(consumer)
        self.clock.runFor(0.5)
        self.assertEqual([reply.value for reply in consumer.items], [b"other"] * 3)
        self.clock.runFor(2.5)
        self.assertNoResult(done)
        result.callback(b"own")
        self.clock.runUntil(done, limit=0)
        self.assertEqual(consumer.items[-1], Reply(self.ownContact(node), b"own"))

    def test_endlessHandlerIsAnError(self) -> None:
        """
        If the asker's handler gives no result within `LOCAL_TIMEOUT`, 4 seconds, it counts as one
        error. The query ends with the replies of the other members.
        """
        node = self.asker(lambda _: Deferred())
        stream = node.query(COMMAND, node.id)
        replies = self.clock.runUntil(stream.collect(), limit=LOCAL_TIMEOUT + 0.1)
        self.assertEqual([reply.value for reply in replies], [b"other"] * 3)
        self.assertEqual((stream.responses, stream.errors), (4, 1))
        self.assertEqual(len(self.handler.queries), 1)

    def test_resultAfterTheTimeoutIsDropped(self) -> None:
        """
        If the asker's handler accepts an update after 5 seconds, its result is ignored and doesn't
        count as a commit.
        """
        result: Deferred[bytes] = Deferred()
        node = self.asker(update=lambda _: result)
        stream = node.update(COMMAND, node.id, b"x")
        replies = self.clock.runUntil(stream.collect(), limit=LOCAL_TIMEOUT + 1)
        self.assertEqual((len(replies), stream.commits, stream.errors), (3, 3, 1))
        result.callback(b"late")
        self.clock.runFor(1)
        self.assertEqual((len(replies), stream.commits), (3, 3))

    def test_failingHandlerAnswersWithoutAValue(self) -> None:
        """
        If the asker's query handler raises, the asker's own reply has no value. The handler runs
        once, and the exception is logged once.
        """

        def fails(_: Request) -> bytes:
            raise ZeroDivisionError

        node = self.asker(fails)
        replies = self.collect(node, node.id)
        values = {reply.node.id: reply.value for reply in replies}
        self.assertEqual(values, {node.id: None, **{each.id: b"other" for each in self.others}})
        self.assertEqual(len(self.handler.queries), 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(node.counters.handlerFailures, 1)

    def test_refusingHandlerIsAnError(self) -> None:
        """
        If the asker's handler refuses an update or raises an exception, the update has one error
        and 3 commits at the other members. The update of a lone node with such a handler fails with
        `NoCloseNodes`.
        """
        for error in (UpdateRefused, ZeroDivisionError):

            def refuses(_: Request, error: type[Exception] = error) -> bytes:
                raise error

            node = self.asker(update=refuses)
            stream = node.update(COMMAND, node.id, b"x")
            replies = self.clock.runUntil(stream.collect(), limit=1)
            self.assertEqual({r.node.id for r in replies}, {each.id for each in self.others})
            self.assertEqual((stream.commits, stream.errors), (3, 1))
            alone = self.member(update=refuses)
            with self.assertRaises(NoCloseNodes):
                self.commit(alone, self.target(), b"x")
            self.clock.runUntil(node.destroy())
        self.assertEqual(alone.counters.updatesRefused, 0)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
