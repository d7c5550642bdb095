"""
One result that a handler returns for several requests.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import cast
from weakref import WeakSet

from twisted.internet.defer import CancelledError, Deferred, TimeoutError

from dwdht_twisted import UpdateRefused
from dwdht_twisted._core import wire
from dwdht_twisted._core.limits.bounds import HANDLER_TIMEOUT
from dwdht_twisted._core.wire import UNDERSTANDS_REFUSAL
from dwdht_twisted.interfaces import HandlerResult
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nodes import COMMAND
from tests.helpers.networks.peers import RawPeer
from tests.helpers.networks.servers import ResponderTestCase


class SharedDeferredTests(ResponderTestCase):
    """
    A Deferred that a handler returns for several requests.

    The asker is ephemeral, so that the node never sends it a request.
    """

    def setUp(self) -> None:
        super().setUp()
        self.asker = self.peer(id=None)
        self.cancelled = 0
        self.result: Deferred[bytes] = Deferred(self.cancel)
        self.handler = Handler(lambda _: self.result, lambda _: self.result)
        self.server.register(COMMAND, self.handler)

    def cancel(self, _: object) -> None:
        """Count a cancellation of the Deferred."""
        self.cancelled += 1

    def query(self, asker: RawPeer | None = None) -> None:
        """Send a query and wait until it has arrived."""
        asker = asker or self.asker
        asker.ask(self.addressOf(self.server), COMMAND, self.target())
        self.clock.runFor(0.1)

    def values(self) -> list[bytes | None]:
        """Return the values of all answers so far, in order."""
        return [message.value for message, _ in self.asker.responses]

    def assertNothingIsLeft(self) -> None:
        """Require that no handler is at work and that none has failed."""
        self.assertEqual(self.server._parts.responder.commands.runner.atWork, 0)
        self.clock.runFor(HANDLER_TIMEOUT)
        self.assertEqual(self.server.counters.handlerFailures, 0)

    def test_resultAnswersAllRequests(self) -> None:
        """
        A Deferred returned for 5 requests answers all with its value. Three requests arrive before
        the Deferred fires, and two afterwards.
        """
        for _ in range(3):
            self.query()
        self.assertEqual(self.values(), [])
        self.result.callback(b"value")
        self.clock.runFor(0.1)
        self.assertEqual(self.values(), [b"value"] * 3)
        for _ in range(2):
            self.query()
        self.assertEqual(self.values(), [b"value"] * 5)
        self.assertEqual(
            [message.transactionId for message, _ in self.asker.responses], [*range(1, 6)]
        )
        self.assertNothingIsLeft()

    def test_failureIsReportedToAllRequests(self) -> None:
        """
        A failing Deferred returned for 5 requests answers all without a value. Three requests
        arrive before the Deferred fails, and two afterwards. Each request counts as failed, and the
        first failure is logged.
        """
        for _ in range(3):
            self.query()
        self.result.errback(ZeroDivisionError())
        self.clock.runFor(0.1)
        self.assertEqual(self.values(), [None] * 3)
        for _ in range(2):
            self.query()
        self.assertEqual(self.values(), [None] * 5)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.server.counters.handlerFailures, 5)

    def test_wrongResultIsReportedToAllRequests(self) -> None:
        """
        A Deferred returned for 3 requests fires with a number. All are answered without a value and
        count as failed. The first logs a ``TypeError``.
        """
        for _ in range(2):
            self.query()
        self.result.callback(cast(bytes, 7))
        self.query()
        self.assertEqual(self.values(), [None] * 3)
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)
        self.assertEqual(self.server.counters.handlerFailures, 3)

    def test_refusalRefusesAllUpdates(self) -> None:
        """
        A Deferred returned for 3 updates fails with `UpdateRefused`. All 3 updates are refused,
        even the one that arrives after the failure. Nothing is logged.
        """
        target = self.target()
        token = self.tokenWithoutResult(target)

        def update(value: bytes) -> None:
            self.asker.ask(
                self.addressOf(self.server),
                COMMAND,
                target,
                roundtripToken=token,
                value=value,
                askerFlags=UNDERSTANDS_REFUSAL,
            )
            self.clock.runFor(0.1)

        update(b"1")
        update(b"2")
        self.result.errback(UpdateRefused())
        update(b"3")
        tokens = [message.roundtripToken for message, _ in self.asker.responses[-3:]]
        self.assertEqual(tokens, [None] * 3)
        self.assertEqual(len(self.handler.updates), 3)
        self.assertEqual(self.server.counters.updatesRefused, 3)
        self.assertEqual(self.flushLoggedErrors(), [])

    def tokenWithoutResult(self, target: bytes) -> bytes:
        """Return a token for a target from ``_find_node``, which needs no handler."""
        self.asker.ask(self.addressOf(self.server), wire.FIND_NODE, target)
        self.clock.runFor(0.1)
        token = self.asker.responses[-1][0].roundtripToken
        assert token is not None
        return token

    def test_resultServesAQueryAndAnUpdate(self) -> None:
        """A Deferred returned for a query and an update answers both."""
        target = self.target()
        token = self.tokenWithoutResult(target)
        there = self.addressOf(self.server)
        self.asker.ask(there, COMMAND, target)
        self.asker.ask(there, COMMAND, target, roundtripToken=token)
        self.clock.runFor(0.1)
        self.result.callback(b"value")
        self.clock.runFor(0.1)
        self.assertEqual(self.values()[-2:], [b"value", b"value"])

    def test_timeoutOfOneRequestLeavesTheOther(self) -> None:
        """
        When a request times out after `HANDLER_TIMEOUT`, 30 seconds, its Deferred isn't cancelled,
        because a later request waits for it too. The later request is answered.
        """
        self.query()
        self.clock.runFor(HANDLER_TIMEOUT / 2)
        self.query()
        self.clock.runFor(HANDLER_TIMEOUT / 2 + 1)
        self.assertEqual(len(self.flushLoggedErrors(TimeoutError)), 1)
        self.assertEqual((self.cancelled, self.result.called), (0, False))
        self.result.callback(b"value")
        self.clock.runFor(0.1)
        self.assertEqual(self.values(), [b"value"])

    def test_timeoutOfTheLastRequestCancelsTheResult(self) -> None:
        """
        The Deferred of two requests is cancelled once, when the last request times out. Each
        request counts as failed once.
        """
        self.query()
        self.clock.runFor(HANDLER_TIMEOUT / 2)
        self.query()
        self.clock.runFor(HANDLER_TIMEOUT)
        self.assertEqual((self.cancelled, self.result.called), (1, True))
        self.assertEqual(self.values(), [])
        self.assertEqual(len(self.flushLoggedErrors(TimeoutError)), 1)
        self.assertEqual(self.server.counters.handlerFailures, 2)
        self.assertEqual(self.server._parts.responder.commands.runner.atWork, 0)

    def test_requestAfterACancellationFails(self) -> None:
        """
        A request is answered without a value and counts as failed if its handler returns a Deferred
        that was cancelled before.
        """
        self.query()
        self.clock.runFor(HANDLER_TIMEOUT)
        self.assertEqual(len(self.flushLoggedErrors(TimeoutError)), 1)
        self.query()
        self.assertEqual(self.values(), [None])
        self.assertEqual(len(self.flushLoggedErrors(CancelledError)), 1)

    def test_resultServesTwoNodes(self) -> None:
        """
        A Deferred that the handlers of two nodes return fails. All four requests to these nodes are
        answered without a value. Each node counts the failure twice and logs it once.
        """
        other = self.node()
        other.register(COMMAND, self.handler)
        for node in (self.server, other):
            self.asker.ask(self.addressOf(node), COMMAND, self.target())
        self.clock.runFor(0.1)
        self.result.errback(ZeroDivisionError())
        for node in (self.server, other):
            self.asker.ask(self.addressOf(node), COMMAND, self.target())
        self.clock.runFor(0.1)
        self.assertEqual(self.values(), [None] * 4)
        for node in (self.server, other):
            self.assertEqual(node.counters.handlerFailures, 2)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_destroyedNodeCancelsASharedResultOnce(self) -> None:
        """
        `DHTNode.destroy` cancels a Deferred on which 3 requests wait. Nothing is answered, counted
        or logged.
        """
        for _ in range(3):
            self.query()
        self.server.destroy()
        self.clock.runFor(1)
        self.assertEqual((self.cancelled, self.result.called), (1, True))
        self.assertEqual((self.values(), self.server.counters.handlerFailures), ([], 0))
        self.assertEqual(self.flushLoggedErrors(), [])


class ReleaseTests(ResponderTestCase):
    """
    Results of finished requests, which must not be kept in memory.
    """

    def assertReleased(self, give: Callable[[], HandlerResult]) -> None:
        """Require that none of the exceptions of 100 failed queries is kept."""
        failures: WeakSet[Exception] = WeakSet()
        made: list[int] = []

        class Failed(Exception):
            def __init__(self) -> None:
                made.append(len(made))
                failures.add(self)

        self.failed = Failed
        self.server.register(COMMAND, Handler(lambda _: give()))
        asker = self.peer(id=None)
        for _ in range(100):
            asker.ask(self.addressOf(self.server), COMMAND, self.target())
        self.clock.runFor(1)
        self.assertEqual(len(asker.responses), 100)
        self.assertEqual(len(made), 100)
        self.assertEqual(self.server.counters.handlerFailures, 100)
        self.assertEqual(len(self.flushLoggedErrors(Failed)), 1)
        gc.collect()
        self.assertEqual(len(failures), 0)

    def test_failureOfACoroutineIsNotKept(self) -> None:
        """
        The exceptions of 100 coroutines are not kept, although the frames of the coroutines refer
        to their Deferreds.
        """

        async def fails() -> bytes:
            raise self.failed()

        self.assertReleased(fails)

    def test_failureOfADeferredIsNotKept(self) -> None:
        """
        The exceptions of 100 Deferreds are not kept, although their tracebacks refer to the
        Deferreds.
        """

        def fails() -> Deferred[bytes]:
            result: Deferred[bytes] = Deferred()
            try:
                raise self.failed()
            except Exception:
                result.errback()
            return result

        self.assertReleased(fails)
