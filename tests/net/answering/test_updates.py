"""
Updates, which are requests with a valid token. Each runs once.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from dwdht_twisted import Request, ValueTooLarge
from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import ROTATION_INTERVAL
from dwdht_twisted._net.answering import updates
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nodes import COMMAND
from tests.helpers.networks.servers import ResponderTestCase


class UpdateTests(ResponderTestCase):
    """
    Requests with a token. With a valid token, the request is an update.
    """

    def setUp(self) -> None:
        super().setUp()
        self.server.register(COMMAND, self.handler)
        self.wanted = self.target()
        self.token = self.tokenFor(self.asker, self.server, self.wanted)
        self.handler.queries.clear()

    def test_updateIsAcknowledgedWithItsToken(self) -> None:
        """The answer to an update contains the handler's value and the token of the update."""
        answer = self.ask(COMMAND, self.wanted, roundtripToken=self.token, value=b"x")
        self.assertEqual((answer.value, answer.roundtripToken), (b"update", self.token))
        self.assertEqual([request.value for request in self.handler.updates], [b"x"])
        self.assertEqual(self.handler.queries, [])
        self.assertEqual(self.server.counters.updatesServed, 1)

    def test_tokenOfFindNodeMakesAnUpdate(self) -> None:
        """A token from the answer to ``_find_node`` is valid for an update of the same target."""
        token = self.ask(wire.FIND_NODE, self.wanted).roundtripToken
        self.assertEqual(self.ask(COMMAND, self.wanted, roundtripToken=token).value, b"update")

    def test_repeatedUpdateRunsOnce(self) -> None:
        """An update that arrives four times runs once and gets four equal answers."""
        self.server.unregister(COMMAND)
        counting = Handler(update=lambda _: str(len(counting.updates)).encode())
        self.server.register(COMMAND, counting)
        datagram = self.asker.ask(
            self.addressOf(self.server), COMMAND, self.wanted, roundtripToken=self.token
        )
        for _ in range(3):
            self.clock.runFor(1)
            self.asker.send(datagram, self.addressOf(self.server))
        self.clock.runFor(1)
        values = [message.value for message, _ in self.asker.responses[-4:]]
        self.assertEqual(values, [b"1"] * 4)
        self.assertEqual(len(counting.updates), 1)
        self.assertEqual(self.server.counters.retriesAnswered, 3)

    def test_busyAskerMakesNoUpdateRunTwice(self) -> None:
        """
        An update is repeated after another asker has sent 2,000 updates in 20 seconds. The repeated
        update doesn't run a second time.
        """
        result: Deferred[bytes] = Deferred()
        mixed = Handler(update=lambda request: result if request.value is None else None)
        self.server.unregister(COMMAND)
        self.server.register(COMMAND, mixed)
        datagram = self.asker.ask(
            self.addressOf(self.server), COMMAND, self.wanted, roundtripToken=self.token
        )
        other = self.peer(answers="pong")
        token = self.tokenFor(other, self.server, self.wanted)
        for number in range(20 * 100):
            other.ask(
                self.addressOf(self.server),
                COMMAND,
                self.wanted,
                roundtripToken=token,
                value=str(number).encode(),
            )
            self.clock.runFor(0.01)
        self.asker.send(datagram, self.addressOf(self.server))
        self.clock.runFor(1)
        self.assertEqual(len([each for each in mixed.updates if each.value is None]), 1)
        self.assertGreater(len(mixed.updates), 1000)

    def test_hostMakesNoUpdateOfOthersRunTwice(self) -> None:
        """An update is repeated after a host with 300 updates has filled the memory of 200."""
        self.patch(updates, "REMEMBERED_UPDATES", 200)
        server = self.node()
        server.register(COMMAND, self.handler)
        address = self.addressOf(server)
        token = self.tokenFor(self.asker, server, self.wanted)
        options = {"roundtripToken": token, "value": b"once"}
        datagram = self.asker.ask(address, COMMAND, self.wanted, **options)
        other = self.peer(answers="pong")
        token = self.tokenFor(other, server, self.wanted)
        for number in range(300):
            value = str(number).encode()
            other.ask(address, COMMAND, self.wanted, roundtripToken=token, value=value)
            self.clock.runFor(0.02)
        self.asker.send(datagram, address)
        self.clock.runFor(1)
        values = [request.value for request in self.handler.updates]
        self.assertEqual((values.count(b"once"), len(values)), (1, 301))

    def test_repeatedUpdateLeavesOutALargeValue(self) -> None:
        """
        The answer to a repeated update omits a value of 60,000 bytes. Its token shows that the
        update was accepted.
        """
        self.server.unregister(COMMAND)
        self.server.register(COMMAND, Handler(update=lambda _: b"x" * 60_000))
        datagram = self.asker.ask(
            self.addressOf(self.server), COMMAND, self.wanted, roundtripToken=self.token
        )
        self.clock.runFor(1)
        self.asker.send(datagram, self.addressOf(self.server))
        self.clock.runFor(1)
        values = [(len(m.value or b""), m.roundtripToken) for m, _ in self.asker.responses[-2:]]
        self.assertEqual(values, [(60_000, self.token), (0, self.token)])

    def test_updateRepeatedDuringItsHandlerIsAnsweredOnce(self) -> None:
        """
        An update that is repeated while its handler is at work gets one answer, when the handler
        has finished.
        """
        result: Deferred[bytes] = Deferred()
        slow = Handler(update=lambda _: result)
        self.server.unregister(COMMAND)
        self.server.register(COMMAND, slow)
        before = len(self.asker.responses)
        datagram = self.asker.ask(
            self.addressOf(self.server), COMMAND, self.wanted, roundtripToken=self.token
        )
        self.clock.runFor(1)
        self.asker.send(datagram, self.addressOf(self.server))
        self.clock.runFor(1)
        result.callback(b"done")
        self.clock.runFor(1)
        self.assertEqual([m.value for m, _ in self.asker.responses[before:]], [b"done"])
        self.assertEqual(len(slow.updates), 1)

    def test_otherUpdateUnderTheSameTransactionIdRuns(self) -> None:
        """Two updates with the same transaction id and different values both run."""
        for value in (b"one", b"two"):
            body = wire.requestBody(
                COMMAND, self.asker.id, self.wanted, roundtripToken=self.token, value=value
            )
            self.asker.send(wire.frameRequest(7, body), self.addressOf(self.server))
        self.clock.runFor(1)
        self.assertEqual([request.value for request in self.handler.updates], [b"one", b"two"])

    def test_updateRunsAgainAfterAMinute(self) -> None:
        """An update that is repeated after 60 seconds runs again."""
        datagram = self.asker.ask(
            self.addressOf(self.server), COMMAND, self.wanted, roundtripToken=self.token
        )
        self.clock.runFor(60)
        self.asker.send(datagram, self.addressOf(self.server))
        self.clock.runFor(1)
        self.assertEqual(len(self.handler.updates), 2)

    def test_tokenIsValidForOneRotation(self) -> None:
        """
        A token is valid after one rotation of the secret. After two rotations, a request with the
        token is a query.
        """
        self.clock.runFor(ROTATION_INTERVAL + 20)
        answer = self.ask(COMMAND, self.wanted, roundtripToken=self.token)
        self.assertEqual((answer.value, answer.roundtripToken), (b"update", self.token))
        self.assertNotEqual(self.ask(COMMAND, self.wanted).roundtripToken, self.token)
        self.clock.runFor(ROTATION_INTERVAL + 20)
        answer = self.ask(COMMAND, self.wanted, roundtripToken=self.token)
        self.assertEqual(answer.value, b"query")
        self.assertNotEqual(answer.roundtripToken, self.token)

    def test_badTokenMakesAQuery(self) -> None:
        """
        A request with an invalid token is served as a query and counted. Its answer contains a
        valid token.
        """
        for token in (b"", bytes(32), self.token[:-1], self.token + b"x", bytes(1000)):
            answer = self.ask(COMMAND, self.wanted, roundtripToken=token)
            self.assertEqual((answer.value, answer.roundtripToken), (b"query", self.token))
        self.assertEqual(self.server.counters.badTokens, 5)
        self.assertEqual(self.handler.updates, [])

    def test_updateWithoutAHandlerIsRefused(self) -> None:
        """
        An update of a command without a handler is answered without a value and without a token.
        """
        token = self.tokenFor(self.asker, self.server, self.wanted)
        self.server.unregister(COMMAND)
        answer = self.ask(COMMAND, self.wanted, roundtripToken=token)
        self.assertEqual((answer.value, answer.roundtripToken), (None, None))
        self.assertEqual(self.server.counters.updatesServed, 0)

    def test_failedUpdateRunsOnce(self) -> None:
        """An update whose handler fails runs once and gets no answer, even if it is repeated."""

        def fails(_: Request) -> bytes:
            raise ZeroDivisionError

        self.server.unregister(COMMAND)
        failing = Handler(update=fails)
        self.server.register(COMMAND, failing)
        before = len(self.asker.responses)
        datagram = self.asker.ask(
            self.addressOf(self.server), COMMAND, self.wanted, roundtripToken=self.token
        )
        self.clock.runFor(1)
        self.asker.send(datagram, self.addressOf(self.server))
        self.clock.runFor(1)
        self.assertEqual(len(self.asker.responses), before)
        self.assertEqual(len(failing.updates), 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_updateWithAValueTooLargeFails(self) -> None:
        """
        If the value in the answer to an update doesn't fit in a datagram, the handler counts as
        failed. The update gets no answer.
        """
        self.server.unregister(COMMAND)
        self.server.register(COMMAND, Handler(update=lambda _: bytes(70000)))
        self.assertNoAnswer(COMMAND, self.wanted, roundtripToken=self.token)
        self.assertEqual(self.server.counters.handlerFailures, 1)
        self.assertEqual(len(self.flushLoggedErrors(ValueTooLarge)), 1)
