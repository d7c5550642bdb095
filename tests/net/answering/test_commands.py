"""
Tests for `dwdht_twisted.commands`: what handlers give, and how many run for how long.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, cast

from twisted.internet.defer import Deferred, TimeoutError, fail, succeed
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import globalLogPublisher
from zope.interface.verify import verifyObject

from dwdht_twisted import ICommandHandler, NodeDestroyed, NoResponse, Request
from dwdht_twisted._core import wire
from dwdht_twisted._core.limits.bounds import (
    HANDLER_TIMEOUT,
    HANDLERS_FOR_STRANGERS,
    MAXIMUM_HANDLERS,
)
from dwdht_twisted._net.answering import CommandRegistry
from dwdht_twisted.interfaces import HandlerResult
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nodes import COMMAND, REQUEST_SECONDS, NodeTestCase


class Later:
    """Something that can be awaited and is neither a Deferred nor a coroutine."""

    def __init__(self, result: Deferred[bytes | None]) -> None:
        self._result = result

    def __await__(self) -> Generator[Any, None, bytes | None]:
        return self._result.__await__()


async def goesOn(_: Request) -> bytes:
    """A handler that takes its cancellation for a failure, and tries something else in vain."""
    try:
        return await Deferred()
    except Exception:
        return await Deferred()


def refuseToBeCancelled(_: object) -> None:
    """A canceller that fails."""
    raise ZeroDivisionError


class ResultTests(NodeTestCase):
    """
    What a handler gives is the value of the answer.
    """

    def setUp(self) -> None:
        super().setUp()
        self.server = self.node()
        self.asker = self.node(ephemeral=True)

    def register(self, give: Callable[[Request], HandlerResult]) -> Handler:
        """Let both kinds of request be handled so."""
        handler = Handler(give, give)
        self.server.register(COMMAND, handler)
        return handler

    def values(self) -> list[bytes | None]:
        """The values of an update's two phases."""
        stream = self.asker.update(
            COMMAND, self.target(), b"x", nodes=[self.addressOf(self.server)], query=True
        )
        return [reply.value for reply in self.clock.runUntil(stream.collect())]

    def assertNoAnswer(self) -> None:
        """A query is answered by nobody."""
        query = self.asker.query(COMMAND, self.target(), nodes=[self.addressOf(self.server)])
        with self.assertRaises(NoResponse):
            self.clock.runUntil(query.collect(), limit=REQUEST_SECONDS)

    def assertFailed(self, kind: type[Exception]) -> None:
        """A query is answered by nobody, and the failure is counted and logged."""
        self.assertNoAnswer()
        logged = self.flushLoggedErrors(kind)
        self.assertGreater(len(logged), 0)
        self.assertEqual(self.server.counters.handlerFailures, len(logged))

    def test_bytes(self) -> None:
        """
        Bytes are the value, empty ones too.
        """
        for value in (b"value", b""):
            self.register(lambda _, value=value: value)  # type: ignore[misc]
            self.assertEqual(self.values(), [value, value])
            self.server.unregister(COMMAND)

    def test_none(self) -> None:
        """
        None is an answer without a value.
        """
        self.register(lambda _: None)
        self.assertEqual(self.values(), [None, None])

    def test_firedDeferred(self) -> None:
        """
        A Deferred that has fired gives its result.
        """
        self.register(lambda _: succeed(b"value"))
        self.assertEqual(self.values(), [b"value", b"value"])

    def test_deferred(self) -> None:
        """
        A Deferred that fires later gives its result then.
        """

        def later(_: Request) -> Deferred[bytes]:
            result: Deferred[bytes] = Deferred()
            self.clock.callLater(0.3, result.callback, b"value")
            return result

        self.register(later)
        self.assertEqual(self.values(), [b"value", b"value"])

    def test_coroutine(self) -> None:
        """
        A coroutine gives what it returns.
        """

        async def handle(request: Request) -> bytes:
            pause: Deferred[None] = Deferred()
            self.clock.callLater(0.1, pause.callback, None)
            await pause
            return request.value or b""

        self.register(handle)
        self.assertEqual(self.values(), [b"x", b"x"])

    def test_awaitable(self) -> None:
        """
        Anything else that can be awaited does as well.
        """

        def later(_: Request) -> Awaitable[bytes | None]:
            return Later(succeed(b"value"))

        self.register(later)
        self.assertEqual(self.values(), [b"value", b"value"])

    def test_raises(self) -> None:
        """
        A handler that raises is logged, and nothing is answered.
        """

        def raises(_: Request) -> bytes:
            raise ZeroDivisionError

        self.register(raises)
        self.assertFailed(ZeroDivisionError)

    def test_fails(self) -> None:
        """
        A Deferred that fails is logged, and nothing is answered.
        """
        self.register(lambda _: fail(ZeroDivisionError()))
        self.assertFailed(ZeroDivisionError)

    def test_coroutineRaises(self) -> None:
        """
        A coroutine that raises is logged, and nothing is answered.
        """

        async def raises(_: Request) -> bytes:
            raise ZeroDivisionError

        self.register(raises)
        self.assertFailed(ZeroDivisionError)

    def test_wrongType(self) -> None:
        """
        A handler that gives text is logged with what is allowed, and nothing is answered.
        """
        self.register(lambda _: cast(bytes, "text"))
        observer = EventLoggingObserver.createWithCleanup(cast(Any, self), globalLogPublisher)
        self.assertFailed(TypeError)
        [text] = {str(e["log_failure"].value) for e in observer if "log_failure" in e}
        self.assertEqual(text, "a handler gives bytes or None, not str")

    def test_wrongTypeLater(self) -> None:
        """
        So is one whose Deferred gives a number.
        """
        self.register(lambda _: succeed(cast(bytes, 7)))
        self.assertFailed(TypeError)

    def test_neverFires(self) -> None:
        """
        A handler that never gives its result is cancelled after a time, and counts as failed.
        """
        cancelled: list[object] = []
        self.register(lambda _: Deferred(cancelled.append))
        self.assertNoAnswer()
        self.assertEqual(cancelled, [])
        self.clock.runFor(HANDLER_TIMEOUT)
        logged = self.flushLoggedErrors(TimeoutError)
        self.assertEqual((len(cancelled), self.server.counters.handlerFailures), (len(logged),) * 2)
        self.assertGreater(len(logged), 0)

    def test_catchesCancellation(self) -> None:
        """
        What a coroutine gives that catches its cancellation is too late: it counts as failed, once,
        and nothing is answered.
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
        self.assertEqual(len(self.flushLoggedErrors(TimeoutError)), 2)
        self.assertEqual(self.server.counters.handlerFailures, 2)

    def test_cancellerRaises(self) -> None:
        """
        A handler whose result can't be cancelled counts as failed too, and that is logged.
        """
        self.register(lambda _: Deferred(refuseToBeCancelled))
        self.assertNoAnswer()
        self.clock.runFor(HANDLER_TIMEOUT)
        logged = self.flushLoggedErrors(TimeoutError)
        self.assertGreater(len(logged), 0)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), len(logged))
        self.assertEqual(self.server.counters.handlerFailures, len(logged))

    def test_sameResult(self) -> None:
        """
        One Deferred may be the result of several requests: when it fires, none is waited for.
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

    def test_destroyed(self) -> None:
        """
        A handler at work is cancelled when its node is destroyed, without a word in the log.
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

    def test_destroyedInSpiteOfHandlers(self) -> None:
        """
        Neither a handler that catches its cancellation nor one that can't be cancelled keeps a node
        from being destroyed, and a timer is left of neither.
        """
        self.register(goesOn)
        self.server.register("other", Handler(lambda _: Deferred(refuseToBeCancelled)))
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

    def test_tooLarge(self) -> None:
        """
        A value that doesn't fit a datagram is logged with its size, and nothing is answered.
        """
        self.register(lambda _: bytes(wire.MAX_DATAGRAM_BYTES))
        observer = EventLoggingObserver.createWithCleanup(cast(Any, self), globalLogPublisher)
        self.assertNoAnswer()
        self.assertIn(wire.MAX_DATAGRAM_BYTES, {event.get("size") for event in observer})
        self.assertGreater(self.server.counters.handlerFailures, 0)

    def test_nearlyTooLarge(self) -> None:
        """
        A value that fits a datagram alone is answered without the closest nodes.
        """
        nodes = self.swarm(3)
        value = bytes(wire.MAX_DATAGRAM_BYTES - 100)
        nodes[0].register(COMMAND, Handler(lambda _: value))
        [reply] = self.collect(self.asker, self.target(), nodes=[self.addressOf(nodes[0])])
        self.assertEqual(reply.value, value)


class DispatchTests(NodeTestCase):
    """
    Each request goes to the handler of its command.
    """

    def setUp(self) -> None:
        super().setUp()
        self.server = self.node()
        self.asker = self.node()

    def value(self, command: str) -> bytes | None:
        """What the node answers to a query."""
        there = [self.addressOf(self.server)]
        [reply] = self.collect(self.asker, self.target(), command, nodes=there)
        return reply.value

    def test_registry(self) -> None:
        """
        A registry is a handler itself; a command that has none gives None.
        """
        registry = CommandRegistry()
        verifyObject(ICommandHandler, registry)
        request = Request(COMMAND, bytes(32), None, self.contactOf(self.asker))
        self.assertIsNone(registry.queryReceived(request))
        self.assertIsNone(registry.updateReceived(request))

    def test_commands(self) -> None:
        """
        Each command has a handler of its own, and None stands for the others.
        """
        for name in ("one", "two", None):
            self.server.register(name, Handler(lambda _, name=name: repr(name).encode()))  # type: ignore[misc]
        self.assertEqual(self.value("one"), b"'one'")
        self.assertEqual(self.value("two"), b"'two'")
        self.assertEqual(self.value("three"), b"None")
        self.server.unregister("one")
        self.assertEqual(self.value("one"), b"None")
        self.server.unregister(None)
        self.assertIsNone(self.value("one"))

    def test_request(self) -> None:
        """
        A handler is told command, target, value, and who asks.
        """
        handler = Handler()
        self.server.register(COMMAND, handler)
        target = self.target()
        self.commit(self.asker, target, b"x", nodes=[self.addressOf(self.server)])
        expected = Request(COMMAND, target, b"x", self.contactOf(self.asker))
        self.assertEqual((handler.queries, handler.updates), ([expected], [expected]))

    def test_ephemeralAsker(self) -> None:
        """
        An ephemeral node asks without an id, and its request may be without a value.
        """
        handler = Handler()
        self.server.register(COMMAND, handler)
        asker = self.node(ephemeral=True)
        self.collect(asker, self.target(), nodes=[self.addressOf(self.server)])
        [request] = handler.queries
        self.assertIsNone(request.node.id)
        self.assertIsNone(request.value)
        self.assertEqual(request.node.address, self.addressOf(asker))


class NumberTests(NodeTestCase):
    """
    Only so many handlers are at work at once.
    """

    def setUp(self) -> None:
        super().setUp()
        self.results: list[Deferred[bytes]] = []
        self.server = self.node()
        self.handler = Handler(self.later, self.later)
        self.server.register(COMMAND, self.handler)
        self.asker = self.peer(answers="pong")
        self.introduce(self.asker, self.server)

    def later(self, _: Request) -> Deferred[bytes]:
        """A result that doesn't come yet."""
        result: Deferred[bytes] = Deferred()
        self.results.append(result)
        return result

    def fill(self) -> None:
        """Have as many handlers at work as there may be."""
        for _ in range(MAXIMUM_HANDLERS):
            self.asker.ask(self.addressOf(self.server), COMMAND, self.target())
        self.clock.runFor(0.1)

    def test_oneTooMany(self) -> None:
        """
        A request too many is dropped and counted, until one of those at work is done.
        """
        self.fill()
        self.asker.ask(self.addressOf(self.server), COMMAND, self.target())
        self.clock.runFor(0.1)
        self.assertEqual(len(self.results), MAXIMUM_HANDLERS)
        self.assertEqual(self.server.counters.handlersRefused, 1)
        self.results[0].callback(b"done")
        self.asker.ask(self.addressOf(self.server), COMMAND, self.target())
        self.clock.runFor(0.1)
        self.assertEqual(len(self.results), MAXIMUM_HANDLERS + 1)

    def test_strangers(self) -> None:
        """
        Those who have not proven their address leave half of the places to the others.
        """
        stranger = self.peer(id=None)
        for _ in range(MAXIMUM_HANDLERS):
            stranger.ask(self.addressOf(self.server), COMMAND, self.target())
        self.clock.runFor(0.1)
        self.assertEqual(len(self.results), HANDLERS_FOR_STRANGERS)
        self.asker.ask(self.addressOf(self.server), COMMAND, self.target())
        self.clock.runFor(0.1)
        self.assertEqual(len(self.results), HANDLERS_FOR_STRANGERS + 1)

    def test_timedOut(self) -> None:
        """
        Handlers that catch their cancellation have no place any more when their time is over.
        """
        self.server.unregister(COMMAND)
        self.server.register(COMMAND, Handler(goesOn))
        self.fill()
        self.clock.runFor(HANDLER_TIMEOUT)
        self.assertEqual(len(self.flushLoggedErrors(TimeoutError)), MAXIMUM_HANDLERS)
        self.server.unregister(COMMAND)
        self.server.register(COMMAND, Handler())
        self.asker.responses.clear()
        self.asker.ask(self.addressOf(self.server), COMMAND, self.target())
        self.clock.runFor(0.1)
        self.assertEqual(len(self.asker.responses), 1)
        self.assertEqual(self.server.counters.handlersRefused, 0)

    def test_refusedUpdate(self) -> None:
        """
        An update that was dropped has not run: its retry runs.
        """
        target = self.target()
        self.asker.ask(self.addressOf(self.server), COMMAND, target)
        self.clock.runFor(0.1)
        self.results[0].callback(b"")
        self.clock.runFor(0.1)
        token = self.asker.responses[-1][0].roundtripToken
        self.fill()
        update = self.asker.ask(self.addressOf(self.server), COMMAND, target, roundtripToken=token)
        self.clock.runFor(0.1)
        self.assertEqual(self.handler.updates, [])
        self.results[1].callback(b"")
        self.asker.send(update, self.addressOf(self.server))
        self.clock.runFor(0.1)
        self.assertEqual(len(self.handler.updates), 1)
