"""
The choice of a command's handler, and the limit on handlers at work.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, TimeoutError
from zope.interface.verify import verifyObject

from dwdht_twisted import ICommandHandler, Request
from dwdht_twisted._core import wire
from dwdht_twisted._core.limits.bounds import (
    HANDLER_TIMEOUT,
    HANDLERS_FOR_STRANGERS,
    MAXIMUM_HANDLERS,
    RESERVE_PER_HANDLER,
)
from dwdht_twisted._net.handlers import CommandRegistry
from tests.helpers.networks.doubles import Handler, ignoreCancellation
from tests.helpers.networks.nodes import COMMAND, NodeTestCase


class DispatchTests(NodeTestCase):
    """
    The choice of the handler for a request.
    """

    def setUp(self) -> None:
        super().setUp()
        self.server = self.node()
        self.asker = self.node()

    def valueOf(self, command: str) -> bytes | None:
        """Return the value in the node's answer to a query with this command."""
        there = [self.addressOf(self.server)]
        [reply] = self.collect(self.asker, self.target(), command, nodes=there)
        return reply.value

    def test_registryIsAHandler(self) -> None:
        """A registry provides `ICommandHandler`. It returns None for an unknown command."""
        registry = CommandRegistry()
        verifyObject(ICommandHandler, registry)
        request = Request(COMMAND, bytes(32), None, self.contactOf(self.asker))
        self.assertIsNone(registry.queryReceived(request))
        self.assertIsNone(registry.updateReceived(request))

    def test_eachCommandHasItsHandler(self) -> None:
        """
        A command is handled by its own handler. Without one, the handler registered for None
        handles it.
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
        A handler gets the command, the target and the value of a request, and the asker's contact.
        """
        handler = Handler()
        self.server.register(COMMAND, handler)
        target = self.target()
        self.commit(self.asker, target, b"x", nodes=[self.addressOf(self.server)])
        expected = Request(COMMAND, target, b"x", self.contactOf(self.asker))
        self.assertEqual((handler.queries, handler.updates), ([expected], [expected]))

    def test_requestOfEphemeralAskerHasNoId(self) -> None:
        """
        A handler gets a contact without an id for an ephemeral asker, and None for an absent value.
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
    The limit on the number of handlers at work.
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
        """Return a Deferred that the test fires later."""
        result: Deferred[bytes] = Deferred()
        self.results.append(result)
        return result

    def fill(self) -> None:
        """
        Send an update from each of 256 hosts, so that `MAXIMUM_HANDLERS` handlers are at work.
        """
        there = self.addressOf(self.server)
        peers = [self.peer(id=None) for _ in range(MAXIMUM_HANDLERS)]
        target = self.target()
        for peer in peers:
            peer.ask(there, wire.FIND_NODE, target)
        self.clock.runFor(0.1)
        for peer in peers:
            token = peer.responses[0][0].roundtripToken
            peer.ask(there, COMMAND, target, roundtripToken=token)
        self.clock.runFor(0.1)

    def test_requestBeyondTheLimitIsDropped(self) -> None:
        """
        With 256 handlers at work, another request is dropped and counted. After one handler has
        finished, a request is handled again.
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

    def test_hostLeavesHandlersToOthers(self) -> None:
        """
        A contact that sends 256 slow requests gets 64 handlers, a quarter of all. Each of 20
        strangers and 8 contacts that ask afterwards gets a handler.
        """
        others = [self.peer(id=None) for _ in range(20)]
        contacts = [self.peer(answers="pong") for _ in range(8)]
        for contact in contacts:
            self.introduce(contact, self.server)
        for _ in range(MAXIMUM_HANDLERS):
            self.asker.ask(self.addressOf(self.server), COMMAND, self.target())
        self.clock.runFor(0.1)
        share = MAXIMUM_HANDLERS // (1 + RESERVE_PER_HANDLER)
        self.assertEqual((len(self.results), share), (share, 64))
        self.assertEqual(self.server.counters.handlersRefused, MAXIMUM_HANDLERS - share)
        for peer in (*others, *contacts):
            peer.ask(self.addressOf(self.server), COMMAND, self.target())
        self.clock.runFor(0.1)
        self.assertEqual(len(self.results), share + 28)

    def test_portsOfAHostShareItsHandlers(self) -> None:
        """256 ports of one host get 64 handlers together."""
        for number in range(MAXIMUM_HANDLERS):
            peer = self.peer(self.asker.host, port=1 + number, id=None)
            peer.ask(self.addressOf(self.server), COMMAND, self.target())
        self.clock.runFor(0.1)
        self.assertEqual(len(self.results), MAXIMUM_HANDLERS // (1 + RESERVE_PER_HANDLER))

    def test_endedHandlersAreNotCountedForTheirHost(self) -> None:
        """After its 64 handlers have ended or timed out, a host gets 64 handlers again."""
        share = MAXIMUM_HANDLERS // (1 + RESERVE_PER_HANDLER)
        for number in range(3):
            for _ in range(share + 1):
                self.asker.ask(self.addressOf(self.server), COMMAND, self.target())
            self.clock.runFor(0.1)
            self.assertEqual(len(self.results), share)
            self.assertEqual(self.server.counters.handlersRefused, number + 1)
            if number:
                for result in self.results:
                    result.callback(b"done")
            else:
                self.clock.runFor(HANDLER_TIMEOUT)
                self.assertEqual(len(self.flushLoggedErrors(TimeoutError)), 1)
            self.results.clear()

    def test_strangersLeaveHalfOfTheHandlers(self) -> None:
        """
        Of 256 requests from unproven addresses, 128 get a handler at the same time, as
        `HANDLERS_FOR_STRANGERS` allows. The request of a contact then gets a handler too.
        """
        for _ in range(MAXIMUM_HANDLERS):
            stranger = self.peer(id=None)
            stranger.ask(self.addressOf(self.server), COMMAND, self.target())
        self.clock.runFor(0.1)
        self.assertEqual(len(self.results), HANDLERS_FOR_STRANGERS)
        self.asker.ask(self.addressOf(self.server), COMMAND, self.target())
        self.clock.runFor(0.1)
        self.assertEqual(len(self.results), HANDLERS_FOR_STRANGERS + 1)

    def test_timedOutHandlerIsNotCounted(self) -> None:
        """
        After `HANDLER_TIMEOUT`, 30 seconds, a handler doesn't count as at work any more, even if it
        catches its cancellation.
        """
        self.server.unregister(COMMAND)
        self.server.register(COMMAND, Handler(ignoreCancellation, ignoreCancellation))
        self.fill()
        self.clock.runFor(HANDLER_TIMEOUT)
        # Only the first failure of a kind is logged, and all are counted.
        self.assertEqual(len(self.flushLoggedErrors(TimeoutError)), 1)
        self.assertEqual(self.server.counters.handlerFailures, MAXIMUM_HANDLERS)
        self.server.unregister(COMMAND)
        self.server.register(COMMAND, Handler())
        self.asker.responses.clear()
        self.asker.ask(self.addressOf(self.server), COMMAND, self.target())
        self.clock.runFor(0.1)
        self.assertEqual(len(self.asker.responses), 1)
        self.assertEqual(self.server.counters.handlersRefused, 0)

    def test_droppedUpdateRunsWhenRepeated(self) -> None:
        """An update that was dropped because of the limit runs when it is repeated."""
        target = self.target()
        self.asker.ask(self.addressOf(self.server), COMMAND, target)
        self.clock.runFor(0.1)
        self.results[0].callback(b"")
        self.clock.runFor(0.1)
        token = self.asker.responses[-1][0].roundtripToken
        self.fill()
        update = self.asker.ask(self.addressOf(self.server), COMMAND, target, roundtripToken=token)
        self.clock.runFor(0.1)
        self.assertEqual(len(self.handler.updates), MAXIMUM_HANDLERS)
        self.assertNotIn(self.asker.host, [each.node.host for each in self.handler.updates])
        self.results[1].callback(b"")
        self.asker.send(update, self.addressOf(self.server))
        self.clock.runFor(0.1)
        self.assertEqual(len(self.handler.updates), MAXIMUM_HANDLERS + 1)
        self.assertEqual(self.handler.updates[-1].node.host, self.asker.host)
