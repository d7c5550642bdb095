"""
Results of command handlers: the answers made of them, failures, and cancellation.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred, TimeoutError, fail, succeed
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure

from dwdht_twisted import NoCloseNodes, NodeDestroyed, NoResponse, Request
from dwdht_twisted._core import wire
from dwdht_twisted._core.limits.bounds import HANDLER_TIMEOUT
from dwdht_twisted._core.wire import splitContacts, unpackContact
from dwdht_twisted.interfaces import HandlerResult
from tests.helpers.networks.doubles import Handler, ignoreCancellation
from tests.helpers.networks.nodes import COMMAND, REQUEST_SECONDS, NodeTestCase


class OtherAwaitable:
    """
    An awaitable that is neither a Deferred nor a coroutine.
    """

    def __init__(self, result: Deferred[bytes | None]) -> None:
        self._result = result

    def __await__(self) -> Generator[Any, None, bytes | None]:
        return self._result.__await__()


def raiseOnCancellation(_: object) -> None:
    """Raise an exception. This is the canceller of a Deferred."""
    raise ZeroDivisionError


class ResultTests(NodeTestCase):
    """
    Results of handlers, and the answers made of them.
    """

    def setUp(self) -> None:
        super().setUp()
        self.server = self.node()
        self.asker = self.node(ephemeral=True)

    def register(self, give: Callable[[Request], HandlerResult]) -> Handler:
        """Register a handler that returns the same result for queries and updates."""
        handler = Handler(give, give)
        self.server.register(COMMAND, handler)
        return handler

    def values(self) -> list[bytes | None]:
        """
        Send an update. Return the values in the replies to its query and to the update itself.
        """
        stream = self.asker.update(
            COMMAND, self.target(), b"x", nodes=[self.addressOf(self.server)], query=True
        )
        return [reply.value for reply in self.clock.runUntil(stream.collect())]

    def assertNoAnswer(self) -> None:
        """Require that a query gets no answer."""
        query = self.asker.query(COMMAND, self.target(), nodes=[self.addressOf(self.server)])
        with self.assertRaises(NoResponse):
            self.clock.runUntil(query.collect(), limit=REQUEST_SECONDS)

    def assertFailed(self, handler: Handler, kind: type[BaseException]) -> None:
        """
        Require that a query runs the handler once and is answered without a value. The failure must
        be counted and logged once.
        """
        query = self.asker.query(COMMAND, self.target(), nodes=[self.addressOf(self.server)])
        [reply] = self.clock.runUntil(query.collect(), limit=0.1)
        self.assertEqual((reply.node, reply.value), (self.contactOf(self.server), None))
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual(len(handler.queries), 1)
        self.assertEqual(len(self.flushLoggedErrors(kind)), 1)
        self.assertEqual(self.server.counters.handlerFailures, 1)

    def test_exitOfAHandlerIsItsFailure(self) -> None:
        """
        A handler that raises what isn't an ``Exception``, at once or later, has failed. The request
        is answered, and the exception reaches nobody else.
        """
        for raised in (SystemExit(3), GeneratorExit(), KeyboardInterrupt()):
            for isLate in (False, True):

                def give(_: Request, raised: BaseException = raised, isLate: bool = isLate) -> Any:
                    if isLate:
                        return fail(Failure(raised))
                    raise raised

                # Another node, because a node logs the first of several failures.
                self.server = self.node()
                self.assertFailed(self.register(give), type(raised))

    def test_tooLargeResultIsAFailure(self) -> None:
        """
        A handler whose result doesn't fit a datagram has failed: its query is answered without a
        value, its update is refused, and each runs once. The same holds for the node's own query.
        """
        for size in (65_500, 65_507, 65_508, 1_000_000):
            handler = self.register(partial(lambda size, _: bytes(size), size))
            query = self.asker.query(COMMAND, self.target(), nodes=[self.addressOf(self.server)])
            [reply] = self.clock.runUntil(query.collect(), limit=1)
            self.assertTrue(reply.value is None, size)
            update = self.asker.update(COMMAND, self.target(), nodes=[self.addressOf(self.server)])
            with self.assertRaises(NoCloseNodes):
                self.clock.runUntil(update.collect())
            self.clock.runFor(REQUEST_SECONDS)
            self.assertEqual((len(handler.queries), len(handler.updates)), (2, 1))
            self.flushLoggedErrors()
            self.server.unregister(COMMAND)
        self.register(lambda _: bytes(65_508))
        [reply] = self.clock.runUntil(self.server.query(COMMAND, self.target()).collect())
        self.assertIsNone(reply.value)
        self.flushLoggedErrors()

    def test_bytesAreTheValue(self) -> None:
        """If a handler returns bytes, they are the value of the answer, even if they are empty."""
        for value in (b"value", b""):
            self.register(lambda _, value=value: value)  # type: ignore[misc]
            self.assertEqual(self.values(), [value, value])
            self.server.unregister(COMMAND)

    def test_noneIsAnAnswerWithoutAValue(self) -> None:
        """If a handler returns None, the answer has no value."""
        self.register(lambda _: None)
        self.assertEqual(self.values(), [None, None])

    def test_firedDeferredGivesItsResult(self) -> None:
        """If a handler returns a fired Deferred, its result is the value of the answer."""
        self.register(lambda _: succeed(b"value"))
        self.assertEqual(self.values(), [b"value", b"value"])

    def test_laterDeferredGivesItsResult(self) -> None:
        """
        If a handler returns a Deferred that fires after 0.3 seconds, its result is the value of the
        answer.
        """

        def later(_: Request) -> Deferred[bytes]:
            result: Deferred[bytes] = Deferred()
            self.clock.callLater(0.3, result.callback, b"value")
            return result

        self.register(later)
        self.assertEqual(self.values(), [b"value", b"value"])

    def test_coroutineGivesItsResult(self) -> None:
        """If a handler is a coroutine, its result is the value of the answer."""

        async def handle(request: Request) -> bytes:
            pause: Deferred[None] = Deferred()
            self.clock.callLater(0.1, pause.callback, None)
            await pause
            return request.value or b""

        self.register(handle)
        self.assertEqual(self.values(), [b"x", b"x"])

    def test_otherAwaitableGivesItsResult(self) -> None:
        """If a handler returns another awaitable, its result is the value of the answer."""

        def later(_: Request) -> Awaitable[bytes | None]:
            return OtherAwaitable(succeed(b"value"))

        self.register(later)
        self.assertEqual(self.values(), [b"value", b"value"])

    def test_queryIsAnsweredWithoutAValueWhenItsHandlerRaises(self) -> None:
        """
        If a handler raises an exception, the query is answered without a value. The exception is
        logged and counted once.
        """

        def raises(_: Request) -> bytes:
            raise ZeroDivisionError

        self.assertFailed(self.register(raises), ZeroDivisionError)

    def test_queryIsAnsweredWithoutAValueWhenItsDeferredFails(self) -> None:
        """
        If a handler's Deferred fails, at once or after 0.05 seconds, the query is answered without
        a value. The failure is logged and counted once.
        """
        self.assertFailed(self.register(lambda _: fail(ZeroDivisionError())), ZeroDivisionError)
        self.server.unregister(COMMAND)

        def later(_: Request) -> Deferred[bytes]:
            result: Deferred[bytes] = Deferred()
            self.clock.callLater(0.05, result.errback, KeyError())
            return result

        self.server.counters.handlerFailures = 0
        self.assertFailed(self.register(later), KeyError)

    def test_queryIsAnsweredWithoutAValueWhenItsCoroutineRaises(self) -> None:
        """
        If a handler is a coroutine that raises, the query is answered without a value. The
        exception is logged and counted once.
        """

        async def raises(_: Request) -> bytes:
            raise ZeroDivisionError

        self.assertFailed(self.register(raises), ZeroDivisionError)

    def test_queryIsAnsweredWithoutAValueWhenItsHandlerReturnsText(self) -> None:
        """
        If a handler returns text, the query is answered without a value. The log says what a
        handler may return.
        """
        handler = self.register(lambda _: cast(bytes, "text"))
        observer = EventLoggingObserver.createWithCleanup(cast(Any, self), globalLogPublisher)
        self.assertFailed(handler, TypeError)
        [text] = {str(e["log_failure"].value) for e in observer if "log_failure" in e}
        self.assertEqual(text, "a handler gives bytes or None, not str")

    def test_queryIsAnsweredWithoutAValueWhenItsDeferredGivesANumber(self) -> None:
        """
        If a handler's Deferred fires with a number, the query is answered without a value. The
        error is logged and counted once.
        """
        handler = self.register(lambda _: succeed(cast(bytes, 7)))
        self.assertFailed(handler, TypeError)

    def test_queryIsAnsweredWithoutAValueWhenItsDeferredIsCancelled(self) -> None:
        """
        If a handler cancels its own Deferred, the query is answered without a value. The
        cancellation is logged and counted once.
        """

        def cancels(_: Request) -> Deferred[bytes]:
            result: Deferred[bytes] = Deferred()
            self.clock.callLater(0.05, result.cancel)
            return result

        self.assertFailed(self.register(cancels), CancelledError)

    def test_failedQueryIsAnsweredWithContactsAndAToken(self) -> None:
        """
        If a handler raises, the answer still has the closest contacts and a token. So the asker can
        send an update to this node.
        """

        def raises(_: Request) -> bytes:
            raise ZeroDivisionError

        other = self.node(bootstrap=[self.addressOf(self.server)])
        self.clock.runUntil(other.ready())
        self.register(raises)
        asker = self.peer(id=None)
        asker.ask(self.addressOf(self.server), COMMAND, self.target())
        self.clock.runFor(1)
        [(answer, _)] = asker.responses
        named = [unpackContact(each) for each in splitContacts(answer.nodes or b"")]
        self.assertEqual(named, [self.contactOf(other)])
        self.assertEqual((answer.value, len(answer.roundtripToken or b"")), (None, 32))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_endlessHandlerIsCancelled(self) -> None:
        """
        A handler without a result is cancelled after `HANDLER_TIMEOUT`, 30 seconds, and counted as
        failed.
        """
        cancelled: list[object] = []
        self.register(lambda _: Deferred(cancelled.append))
        self.assertNoAnswer()
        self.assertEqual(cancelled, [])
        self.clock.runFor(HANDLER_TIMEOUT)
        # Only the first failure of a kind is logged, and all are counted.
        self.assertEqual(len(self.flushLoggedErrors(TimeoutError)), 1)
        self.assertEqual(self.server.counters.handlerFailures, len(cancelled))
        self.assertGreater(len(cancelled), 0)

    def test_resultAfterCancellationIsDropped(self) -> None:
        """
        A coroutine catches its cancellation, and then returns or raises. It is counted as failed
        once, and the request gets no answer.
        """
        ended: list[str] = []

        async def givesAnother(_: Request) -> bytes:
            try:
                await Deferred()
            except Exception:
                ended.append("gave")
            return b"another"

        async def raisesAnother(_: Request) -> bytes:
            try:
                return cast(bytes, await Deferred())
            except Exception:
                ended.append("raised")
                raise ZeroDivisionError from None

        asker = self.peer(id=None)
        for handle in (givesAnother, raisesAnother):
            self.register(handle)
            asker.ask(self.addressOf(self.server), COMMAND, self.target())
            self.clock.runFor(1)
            self.server.unregister(COMMAND)
        self.clock.runFor(HANDLER_TIMEOUT)
        self.assertEqual(ended, ["gave", "raised"])
        self.assertEqual(asker.responses, [])
        self.assertEqual(len(self.flushLoggedErrors(TimeoutError)), 1)
        self.assertEqual(self.server.counters.handlerFailures, 2)

    def test_raisingCancellerIsLogged(self) -> None:
        """
        If the canceller of a handler's Deferred raises, the exception is logged. The handler is
        counted as failed once.
        """
        handler = self.register(lambda _: Deferred(raiseOnCancellation))
        self.assertNoAnswer()
        self.clock.runFor(HANDLER_TIMEOUT)
        self.assertEqual(len(self.flushLoggedErrors(TimeoutError)), 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.server.counters.handlerFailures, len(handler.queries))

    def test_deferredMayServeSeveralRequests(self) -> None:
        """
        A Deferred that a handler returns for two requests answers both, and neither times out.
        """
        result: Deferred[bytes] = Deferred()
        handler = self.register(lambda _: result)
        asker = self.peer(id=None)
        for _ in range(2):
            asker.ask(self.addressOf(self.server), COMMAND, self.target())
        self.clock.runFor(1)
        self.assertEqual(len(handler.queries), 2)
        result.callback(b"value")
        self.clock.runFor(HANDLER_TIMEOUT)
        self.assertEqual(len(asker.responses), 2)
        self.assertEqual(self.server.counters.handlerFailures, 0)

    def test_destroyedNodeCancelsItsHandlers(self) -> None:
        """
        `DHTNode.destroy` cancels a handler at work. The cancellation is neither counted nor logged.
        """
        result: Deferred[bytes] = Deferred()
        handler = self.register(lambda _: result)
        query = self.asker.query(COMMAND, self.target(), nodes=[self.addressOf(self.server)])
        query.collect().addErrback(lambda _: None)
        self.clock.runUntil(lambda: handler.queries)
        self.server.destroy()
        self.assertTrue(result.called)
        self.assertEqual(self.server.counters.handlerFailures, 0)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_stubbornHandlersDoNotBlockDestroy(self) -> None:
        """
        `DHTNode.destroy` takes less than a second and leaves no timer, even if a handler catches
        its cancellation and a canceller raises.
        """
        self.register(ignoreCancellation)
        self.server.register("other", Handler(lambda _: Deferred(raiseOnCancellation)))
        asker = self.peer()
        for command in (COMMAND, "other"):
            asker.ask(self.addressOf(self.server), command, self.target())
        self.clock.runFor(0.1)
        ping = self.server.ping(self.peer().address)
        self.clock.runUntil(self.server.destroy(), limit=1)
        self.failureResultOf(ping, NodeDestroyed)
        self.destroyAll()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.server.counters.handlerFailures, 0)

    def test_largestValueLeavesOutContacts(self) -> None:
        """
        If a value fits in a datagram only without contacts, the answer contains the value alone.
        """
        nodes = self.swarm(3)
        value = bytes(wire.MAX_DATAGRAM_BYTES - 100)
        nodes[0].register(COMMAND, Handler(lambda _: value))
        [reply] = self.collect(self.asker, self.target(), nodes=[self.addressOf(nodes[0])])
        self.assertEqual(reply.value, value)
