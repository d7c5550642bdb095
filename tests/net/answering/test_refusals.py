"""
Updates that a handler refuses or fails.

An asker may set a flag to say that it understands refusals. With the flag, it gets an answer
without a token. Without the flag, it gets no answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed

from dwdht_twisted import NoCloseNodes, Request, UpdateRefused
from dwdht_twisted._core.limits.bounds import HANDLER_TIMEOUT, UPDATES_REMEMBERED_FOR
from dwdht_twisted._core.wire import UNDERSTANDS_REFUSAL
from dwdht_twisted.interfaces import HandlerResult
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nodes import COMMAND, REQUEST_SECONDS, NodeTestCase
from tests.helpers.networks.servers import ResponderTestCase


def raiseRefusal(_: Request) -> bytes:
    """Refuse an update by raising an exception."""
    raise UpdateRefused("not this one")


def failWithRefusal(_: Request) -> Deferred[bytes]:
    """Refuse an update by a failed Deferred."""
    return fail(UpdateRefused("not this one"))


async def refuseInCoroutine(_: Request) -> bytes:
    """Refuse an update in a coroutine."""
    await succeed(None)
    raise UpdateRefused("not this one")


#: The ways in which a handler refuses an update.
REFUSALS: list[Callable[[Request], HandlerResult]] = [
    raiseRefusal,
    failWithRefusal,
    refuseInCoroutine,
]


class RefusalTests(ResponderTestCase):
    """
    Refused updates, seen by a raw peer.
    """

    def setUp(self) -> None:
        super().setUp()
        self.wanted = self.target()

    def register(self, update: Callable[[Request], HandlerResult]) -> Handler:
        """Register a handler with this function for updates, in place of the one before."""
        if self.server._hasHandler(COMMAND):
            self.server.unregister(COMMAND)
        handler = Handler(lambda _: b"query", update)
        self.server.register(COMMAND, handler)
        return handler

    def update(self, flags: bytes | None = UNDERSTANDS_REFUSAL, **fields: Any) -> bytes:
        """Send an update with a valid token. Return its datagram."""
        token = self.tokenFor(self.asker, self.server, self.wanted)
        self.asker.responses.clear()
        return self.asker.ask(
            self.addressOf(self.server),
            COMMAND,
            self.wanted,
            roundtripToken=token,
            askerFlags=flags,
            **fields,
        )

    def test_refusalIsAnsweredAtOnceWithoutAToken(self) -> None:
        """
        A handler refuses an update by an exception, a Deferred or a coroutine. The answer comes
        within a round trip. It has the node's id and contacts, but no value and no token.
        """
        other = self.node(bootstrap=[self.addressOf(self.server)])
        self.clock.runUntil(other.ready())
        for refuse in REFUSALS:
            handler = self.register(refuse)
            self.update(value=b"x")
            self.clock.runFor(2.1 * self.latency)
            [(answer, source)] = self.asker.responses
            self.assertEqual(source, self.addressOf(self.server))
            self.assertEqual((answer.id, answer.value), (self.server.id, None))
            self.assertIsNone(answer.roundtripToken)
            self.assertTrue(answer.nodes)
            self.assertEqual([request.value for request in handler.updates], [b"x"])

    def test_refusalIsCountedAndNotLogged(self) -> None:
        """
        A refused update is counted in ``updatesRefused`` and ``updatesServed``. It isn't counted as
        a failure of the handler, and isn't logged.
        """
        for refuse in REFUSALS:
            self.register(refuse)
            self.update()
            self.clock.runFor(1)
        counters = self.server.counters
        self.assertEqual((counters.updatesRefused, counters.updatesServed), (3, 3))
        self.assertEqual(counters.handlerFailures, 0)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_refusalIsSilenceForOtherAskers(self) -> None:
        """
        A refused update of an asker without the flag gets no answer, because such an asker takes
        any answer for a commit.
        """
        for flags in (None, b"", b"\0", b"\2"):
            for refuse in REFUSALS:
                handler = self.register(refuse)
                datagram = self.update(flags)
                self.clock.runFor(1)
                self.asker.send(datagram, self.addressOf(self.server))
                self.clock.runFor(REQUEST_SECONDS)
                self.assertEqual(self.asker.responses, [])
                self.assertEqual(len(handler.updates), 1)
        self.assertEqual(self.server.counters.updatesRefused, 12)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_repeatedRefusalIsAnsweredFromMemory(self) -> None:
        """
        A refused update that arrives four times runs its handler once and gets four equal answers.
        After `UPDATES_REMEMBERED_FOR`, 30 seconds, it runs again.
        """
        handler = self.register(raiseRefusal)
        datagram = self.update()
        for _ in range(3):
            self.clock.runFor(1)
            self.asker.send(datagram, self.addressOf(self.server))
        self.clock.runFor(1)
        answers = [message for message, _ in self.asker.responses]
        self.assertEqual(answers, answers[:1] * 4)
        self.assertEqual(len(handler.updates), 1)
        self.assertEqual(self.server.counters.updatesRefused, 1)
        self.assertEqual(self.server.counters.retriesAnswered, 3)
        self.clock.runFor(UPDATES_REMEMBERED_FOR)
        self.asker.send(datagram, self.addressOf(self.server))
        self.clock.runFor(1)
        self.assertEqual((len(handler.updates), len(self.asker.responses)), (2, 5))

    def test_lateRefusalIsAnsweredOnce(self) -> None:
        """
        An update that is repeated while its handler is at work gets one answer, when the handler
        has refused it.
        """
        result: Deferred[bytes] = Deferred()
        handler = self.register(lambda _: result)
        datagram = self.update()
        self.clock.runFor(1)
        self.asker.send(datagram, self.addressOf(self.server))
        self.clock.runFor(1)
        self.assertEqual(self.asker.responses, [])
        result.errback(UpdateRefused())
        self.clock.runFor(1)
        [(answer, _)] = self.asker.responses
        self.assertIsNone(answer.roundtripToken)
        self.assertEqual(len(handler.updates), 1)

    def test_failureIsARefusalForAskersWithTheFlag(self) -> None:
        """
        An update whose handler raises is answered at once as refused, if the asker set the flag. It
        runs once, and is logged and counted as a failure.
        """

        def fails(_: Request) -> bytes:
            raise ZeroDivisionError

        handler = self.register(fails)
        datagram = self.update()
        self.clock.runFor(2.1 * self.latency)
        self.asker.send(datagram, self.addressOf(self.server))
        self.clock.runFor(1)
        self.assertEqual([m.roundtripToken for m, _ in self.asker.responses], [None, None])
        self.assertEqual(len(handler.updates), 1)
        counters = self.server.counters
        self.assertEqual((counters.handlerFailures, counters.updatesRefused), (1, 0))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_acceptedUpdateIsAnsweredAlikeToAll(self) -> None:
        """The answer to an accepted update is the same with the flag and without it."""
        self.register(lambda _: b"taken")
        answers = []
        for flags in (None, UNDERSTANDS_REFUSAL):
            self.update(flags, value=b"x")
            self.clock.runFor(1)
            [(answer, _)] = self.asker.responses
            answers.append(answer._replace(transactionId=0))
        self.assertEqual(answers[0], answers[1])
        self.assertEqual((answers[0].value, len(answers[0].roundtripToken or b"")), (b"taken", 32))

    def test_refusedQueryIsAnsweredWithoutAValue(self) -> None:
        """
        A query whose handler raises `UpdateRefused` is answered at once without a value. Nothing is
        logged.
        """
        self.server.register(COMMAND, query=raiseRefusal)
        answer = self.ask(COMMAND, self.wanted)
        self.assertIsNone(answer.value)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_endlessUpdateIsNotAnswered(self) -> None:
        """
        An update without a result after `HANDLER_TIMEOUT`, 30 seconds, gets no answer, because its
        asker has given up.
        """
        self.register(lambda _: Deferred())
        self.update()
        self.clock.runFor(HANDLER_TIMEOUT + 1)
        self.assertEqual(self.asker.responses, [])
        self.assertEqual(len(self.flushLoggedErrors()), 1)


class RefusedUpdateTests(NodeTestCase):
    """
    Refused updates, seen by the asking node.
    """

    def test_updateOfARefusingNodeFailsAtOnce(self) -> None:
        """
        An update refused by the only node fails with `NoCloseNodes` within a second. It has one
        error and no commit, and ran the handler once.
        """
        server, asker = self.node(), self.node(ephemeral=True)
        for refuse in REFUSALS:
            handler = Handler(update=refuse)
            server.register(COMMAND, handler)
            stream = asker.update(COMMAND, self.target(), b"x", nodes=[self.addressOf(server)])
            with self.assertRaises(NoCloseNodes):
                self.clock.runUntil(stream.collect(), limit=1)
            self.assertEqual((stream.errors, stream.commits), (1, 0))
            self.assertEqual(len(handler.updates), 1)
            server.unregister(COMMAND)

    def test_updateIsAcceptedByTheOtherNodes(self) -> None:
        """
        Of 6 members, 2 refuse an update. It ends within a second with 4 replies, 4 commits and 2
        errors.
        """
        nodes = self.swarm(6)
        for number, node in enumerate(nodes):
            node.register(COMMAND, Handler(update=raiseRefusal if number < 2 else lambda _: None))
        stream = self.node(bootstrap=[self.bootstrap], ephemeral=True).update(
            COMMAND, self.target(), b"x"
        )
        replies = self.clock.runUntil(stream.collect(), limit=1)
        self.assertEqual({reply.node.id for reply in replies}, {node.id for node in nodes[2:]})
        self.assertEqual((stream.commits, stream.errors), (4, 2))

    def test_onlyAnUpdateCarriesTheFlag(self) -> None:
        """
        A node sets the flag in the requests of an update's second phase. It doesn't set the flag in
        queries and lookups.
        """
        server, asker = self.node(), self.node(ephemeral=True)
        server.register(COMMAND, Handler())
        there = self.addressOf(server)
        self.collect(asker, self.target(), nodes=[there])
        self.commit(asker, self.target(), b"x", nodes=[there])
        flags = [
            (message.roundtripToken is not None, message.askerFlags)
            for message in self.requestsBy(self.addressOf(asker), there)
        ]
        self.assertEqual(flags, [(False, None), (False, None), (True, UNDERSTANDS_REFUSAL)])

    def test_originalsAnswerIsACommit(self) -> None:
        """
        A node that doesn't know refusals answers with the token of the update. This answer is a
        commit.
        """
        original = self.peer(answers="serve")
        asker = self.node(ephemeral=True)
        stream = asker.update(COMMAND, self.target(), b"x", nodes=[original.address])
        self.clock.runUntil(stream.collect())
        self.assertEqual(stream.commits, 1)
        [query, update] = original.requestsFor(COMMAND)
        self.assertEqual((query.roundtripToken, update.roundtripToken), (None, bytes(32)))
