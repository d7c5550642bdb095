"""
Dispatch of requests to command handlers, and the number of those at work.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, TimeoutError
from zope.interface.verify import verifyObject

from dwdht_twisted import ICommandHandler, Request
from dwdht_twisted._core.limits.bounds import (
    HANDLER_TIMEOUT,
    HANDLERS_FOR_STRANGERS,
    MAXIMUM_HANDLERS,
)
from dwdht_twisted._net.answering import CommandRegistry
from tests.helpers.networks.doubles import Handler, ignoreCancellation
from tests.helpers.networks.nodes import COMMAND, NodeTestCase


class DispatchTests(NodeTestCase):
    """
    The choice of a handler for each request.
    """

    def setUp(self) -> None:
        super().setUp()
        self.server = self.node()
        self.asker = self.node()

    def valueOf(self, command: str) -> bytes | None:
        """Return the value that the node answers to a query of a command."""
        there = [self.addressOf(self.server)]
        [reply] = self.collect(self.asker, self.target(), command, nodes=there)
        return reply.value

    def test_registryIsAHandler(self) -> None:
        """
        A registry provides `ICommandHandler`, and its result for an unknown command is None.
        """
        registry = CommandRegistry()
        verifyObject(ICommandHandler, registry)
        request = Request(COMMAND, bytes(32), None, self.contactOf(self.asker))
        self.assertIsNone(registry.queryReceived(request))
        self.assertIsNone(registry.updateReceived(request))

    def test_eachCommandHasItsHandler(self) -> None:
        """
        A command is handled by its own handler, or by the one that is registered for None.
        """
        for name in ("one", "two", None):
            self.server.register(name, Handler(lambda _, name=name: repr(name).encode()))  # type: ignore[misc]
        self.assertEqual(self.valueOf("one"), b"'one'")
        self.assertEqual(self.valueOf("two"), b"'two'")
        self.assertEqual(self.valueOf("three"), b"None")
        self.server.unregister("one")
        self.assertEqual(self.valueOf("one"), b"None")
        self.server.unregister(None)
        self.assertIsNone(self.valueOf("one"))

    def test_requestHasCommandTargetValueAndNode(self) -> None:
        """
        A handler gets the command, target and value of a request, and the contact of the asker.
        """
        handler = Handler()
        self.server.register(COMMAND, handler)
        target = self.target()
        self.commit(self.asker, target, b"x", nodes=[self.addressOf(self.server)])
        expected = Request(COMMAND, target, b"x", self.contactOf(self.asker))
        self.assertEqual((handler.queries, handler.updates), ([expected], [expected]))

    def test_requestOfEphemeralAskerHasNoId(self) -> None:
        """
        The request of an ephemeral asker without a value has a contact without an id, and None as
        its value.
        """
        handler = Handler()
        self.server.register(COMMAND, handler)
        asker = self.node(ephemeral=True)
        self.collect(asker, self.target(), nodes=[self.addressOf(self.server)])
        [request] = handler.queries
        self.assertIsNone(request.node.id)
        self.assertIsNone(request.value)
        self.assertEqual(request.node.address, self.addressOf(asker))


class LimitTests(NodeTestCase):
    """
    The number of handlers that are at work at once.
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
        """Return a Deferred that a test fires."""
        result: Deferred[bytes] = Deferred()
        self.results.append(result)
        return result

    def fill(self) -> None:
        """Have `MAXIMUM_HANDLERS`, 256, handlers at work."""
        for _ in range(MAXIMUM_HANDLERS):
            self.asker.ask(self.addressOf(self.server), COMMAND, self.target())
        self.clock.runFor(0.1)

    def test_requestBeyondTheLimitIsDropped(self) -> None:
        """
        A request beyond 256 handlers at work is dropped and counted, and another is handled once
        one of them has ended.
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

    def test_strangersLeaveHalfOfTheHandlers(self) -> None:
        """
        Unproven addresses have at most `HANDLERS_FOR_STRANGERS`, 128, handlers at work, and a
        contact gets another.
        """
        stranger = self.peer(id=None)
        for _ in range(MAXIMUM_HANDLERS):
            stranger.ask(self.addressOf(self.server), COMMAND, self.target())
        self.clock.runFor(0.1)
        self.assertEqual(len(self.results), HANDLERS_FOR_STRANGERS)
        self.asker.ask(self.addressOf(self.server), COMMAND, self.target())
        self.clock.runFor(0.1)
        self.assertEqual(len(self.results), HANDLERS_FOR_STRANGERS + 1)

    def test_timedOutHandlerIsNotCounted(self) -> None:
        """
        Handlers that catch their cancellation no longer count as at work after `HANDLER_TIMEOUT`,
        30 seconds.
        """
        self.server.unregister(COMMAND)
        self.server.register(COMMAND, Handler(ignoreCancellation))
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

    def test_droppedUpdateRunsWhenRepeated(self) -> None:
        """
        An update that was dropped for want of a handler is run when it is repeated.
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
