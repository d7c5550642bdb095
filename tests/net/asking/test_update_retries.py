"""
Retries of updates, which may run once for each transmission on nodes of ``dht-rpc``.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from dwdht_twisted import NoCloseNodes, Request
from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import REMEMBERS_UPDATES, HostPort
from dwdht_twisted._net.requests import UPDATE_WAIT
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nodes import COMMAND, REQUEST_SECONDS, NodeTestCase
from tests.helpers.networks.servers import ResponderTestCase
from tests.helpers.networks.sleep import delay

TOKEN = b"t" * 32


class RetryTests(NodeTestCase):
    """
    A node's updates to a peer that answers each query at once with a token.
    """

    def setUp(self) -> None:
        super().setUp()
        self.flags: bytes | None = None
        self.seconds = REQUEST_SECONDS
        self.updates: list[float] = []
        self.slow = self.peer()
        self.slow.onRequest = self.serve
        self.asker = self.node()

    def serve(self, message: wire.RequestMessage, source: HostPort) -> None:
        """Note an update, and answer it after ``seconds``. Answer other requests at once."""
        response = wire.encodeResponse(
            message.transactionId, self.slow.id, None, None, TOKEN, self.flags
        )
        if message.command != COMMAND or message.roundtripToken is None:
            self.slow.send(response, source)
        else:
            self.updates.append(self.clock.seconds())
            self.clock.callLater(self.seconds, self.slow.send, response, source)

    def pauses(self) -> list[float]:
        """Send an update. Return the pauses between its transmissions, in seconds."""
        stream = self.asker.update(COMMAND, self.target(), b"x", nodes=[self.slow.address])
        with self.assertRaises(NoCloseNodes):
            self.clock.runUntil(stream.collect(), limit=REQUEST_SECONDS)
        # Let the late answers arrive.
        self.clock.runFor(REQUEST_SECONDS)
        return [later - time for time, later in zip(self.updates, self.updates[1:], strict=False)]

    def test_updateOfASlowHandlerIsSentOnce(self) -> None:
        """
        A peer like ``dht-rpc`` answers an update after a second. The update is sent once, and its
        reply arrives.
        """
        self.seconds = 1.0
        stream = self.asker.update(COMMAND, self.target(), b"x", nodes=[self.slow.address])
        self.assertEqual(len(self.clock.runUntil(stream.collect())), 1)
        self.assertEqual((len(self.updates), stream.commits), (1, 1))

    def test_lostUpdateIsSentAgainAfterTheOriginalHasGivenUp(self) -> None:
        """
        A peer like ``dht-rpc`` answers queries within 20 milliseconds and leaves an update
        unanswered. The update is sent four times, with pauses of at least 1.5 seconds,
        `UPDATE_WAIT`.
        """
        pauses = self.pauses()
        self.assertEqual(len(pauses), 3)
        self.assertGreaterEqual(min(pauses) + 1e-9, UPDATE_WAIT)

    def test_updateToARememberingNodeIsRetriedSoon(self) -> None:
        """
        If a peer's flags say that it remembers updates, an unanswered update is sent again within a
        second.
        """
        self.flags = REMEMBERS_UPDATES
        pauses = self.pauses()
        self.assertEqual(len(pauses), 3)
        self.assertLess(pauses[0], 1.0)

    def transmissionsAfterSleep(self, seconds: float) -> int:
        """
        Let the machine of an asker sleep when its update has been sent. Return how often the update
        is sent.
        """
        self.updates.clear()
        host = self.network.reactor()
        asker = self.node(reactor=host)
        stream = asker.update(COMMAND, self.target(), b"x", nodes=[self.slow.address])
        result = stream.collect()
        self.clock.runUntil(lambda: len(self.updates))
        delay(host, seconds)
        with self.assertRaises(NoCloseNodes):
            self.clock.runUntil(result, limit=seconds + REQUEST_SECONDS)
        # Let the late answers arrive.
        self.clock.runFor(self.seconds)
        return len(self.updates)

    def test_updateIsNotSentAgainByAMachineThatSlept(self) -> None:
        """
        An update that is unanswered when its machine falls asleep for a minute is sent once, to a
        peer that remembers updates and to one that does not. After five seconds of sleep it is sent
        again.
        """
        self.seconds = REQUEST_SECONDS * 10
        for flags in (None, REMEMBERS_UPDATES):
            self.flags = flags
            self.assertEqual(self.transmissionsAfterSleep(60), 1)
            self.assertGreater(self.transmissionsAfterSleep(5), 1)

    def test_unknownFlagsAreNoPromise(self) -> None:
        """
        A peer with empty flags, or with flags whose lowest bit isn't set, counts as a peer that
        doesn't remember updates.
        """
        for flags in (b"", b"\2", b"\2\1"):
            self.flags = flags
            self.updates.clear()
            self.assertGreaterEqual(min(self.pauses()) + 1e-9, UPDATE_WAIT)

    def test_queriesAreRetriedSoon(self) -> None:
        """In the query phase of an update, an unanswered query is sent again within a second."""
        times: list[float] = []
        self.slow.onRequest = lambda message, source: times.append(self.clock.seconds())
        stream = self.asker.update(COMMAND, self.target(), nodes=[self.slow.address])
        stream.collect().addErrback(lambda _: None)
        self.clock.runFor(REQUEST_SECONDS)
        self.assertLess(times[1] - times[0], 1.0)


class FlagTests(ResponderTestCase):
    """
    The flags in a node's answers.
    """

    def test_answersOfCommandsThatTakeUpdatesHaveTheFlag(self) -> None:
        """The answers to a query and to an update say that the node remembers updates."""
        self.server.register(COMMAND, self.handler)
        target = self.target()
        query = self.ask(COMMAND, target)
        self.assertEqual(query.responderFlags, REMEMBERS_UPDATES)
        self.assertTrue(query.remembersUpdates)
        update = self.ask(COMMAND, target, roundtripToken=query.roundtripToken)
        self.assertTrue(update.remembersUpdates)

    def test_otherAnswersHaveNoFlags(self) -> None:
        """
        The answers to a ping, to ``_find_node`` and to commands without an update handler have no
        flags.
        """
        self.server.register(COMMAND, query=lambda _: b"value")
        target = self.target()
        for command in (wire.PING, wire.FIND_NODE, COMMAND, "unknown"):
            self.assertIsNone(self.ask(command, target).responderFlags)

    def test_nodesRetryEachOthersUpdatesSoon(self) -> None:
        """
        Between two nodes, an update whose handler takes a second is sent several times, and runs
        once.
        """

        def later(_: Request) -> Deferred[bytes]:
            return deferLater(self.clock, 1.0, lambda: b"done")

        handler = Handler(update=later)
        self.server.register(COMMAND, handler)
        asker = self.node()
        stream = asker.update(COMMAND, self.target(), b"x", nodes=[self.addressOf(self.server)])
        [reply] = self.clock.runUntil(stream.collect(), limit=2)
        sent = self.requestsBy(self.addressOf(asker), to=self.addressOf(self.server))
        self.assertGreater(sum(each.roundtripToken is not None for each in sent), 1)
        self.assertEqual((reply.value, len(handler.updates)), (b"done", 1))
