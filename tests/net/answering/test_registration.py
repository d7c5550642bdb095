"""
Registration of command handlers: objects, plain functions, and refused arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import succeed
from zope.interface import implementer
from zope.interface.verify import verifyObject

from dwdht_twisted import ICommandHandler, NoCloseNodes, Request
from dwdht_twisted._net.handlers.registry import FunctionHandler
from dwdht_twisted.interfaces import HandlerResult
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nodes import COMMAND
from tests.helpers.networks.servers import ResponderTestCase


@implementer(ICommandHandler)
class Notes(dict[bytes, bytes]):
    """
    A handler that is a dict. It is empty, and so false, before the first update.
    """

    def queryReceived(self, request: Request) -> bytes:
        return self.get(request.target, b"nothing noted")

    def updateReceived(self, request: Request) -> None:
        self[request.target] = request.value or b""


class ContainerTests(ResponderTestCase):
    """
    Handlers that are empty containers, and so false.
    """

    def assertServes(self, notes: Notes, command: str) -> None:
        """Require that a container answers queries and updates of a command."""
        target = self.target()
        answer = self.ask(command, target)
        self.assertEqual(answer.value, b"nothing noted")
        self.ask(command, target, roundtripToken=answer.roundtripToken, value=b"noted")
        self.assertEqual(notes, {target: b"noted"})
        self.assertEqual(self.ask(command, target).value, b"noted")

    def test_emptyContainerServesItsCommand(self) -> None:
        """A handler that is an empty container gets the queries and updates of its command."""
        notes = Notes()
        self.server.register(COMMAND, notes)
        self.assertServes(notes, COMMAND)

    def test_emptyContainerServesAllOtherCommands(self) -> None:
        """
        An empty container registered for None gets the queries and updates of all other commands.
        """
        notes = Notes()
        self.server.register(None, notes)
        self.assertServes(notes, "other")

    def test_emptyContainerComesBeforeTheHandlerForNone(self) -> None:
        """An empty container registered for a command has precedence over the handler for None."""
        self.server.register(None, self.handler)
        notes = Notes()
        self.server.register(COMMAND, notes)
        self.assertServes(notes, COMMAND)
        self.assertEqual((self.handler.queries, self.handler.updates), ([], []))


class FunctionTests(ResponderTestCase):
    """
    Plain functions as handlers.
    """

    def test_functionHandlerIsAHandler(self) -> None:
        """A handler made of functions provides `ICommandHandler`."""
        verifyObject(ICommandHandler, FunctionHandler(None, lambda request: None))

    def test_functionsServeQueriesAndUpdates(self) -> None:
        """
        Of two registered functions, one gets the queries and one gets the updates. Their results
        are the values of the answers.
        """
        requests: list[Request] = []

        def query(request: Request) -> bytes:
            requests.append(request)
            return b"queried"

        def update(request: Request) -> bytes:
            requests.append(request)
            return b"updated"

        self.server.register(COMMAND, query=query, update=update)
        target = self.target()
        first = self.ask(COMMAND, target, value=b"1")
        second = self.ask(COMMAND, target, roundtripToken=first.roundtripToken, value=b"2")
        self.assertEqual((first.value, second.value), (b"queried", b"updated"))
        self.assertEqual(second.roundtripToken, first.roundtripToken)
        asker = self.asker.contact
        self.assertEqual(
            requests,
            [Request(COMMAND, target, b"1", asker), Request(COMMAND, target, b"2", asker)],
        )

    def test_functionMayGiveEachKindOfResult(self) -> None:
        """A function may return bytes, None, a Deferred or a coroutine."""

        async def later(_: Request) -> bytes:
            await succeed(None)
            return b"value"

        functions: list[tuple[Callable[[Request], HandlerResult], bytes | None]] = [
            (lambda _: b"value", b"value"),
            (lambda _: None, None),
            (lambda _: succeed(b"value"), b"value"),
            (later, b"value"),
        ]
        for function, expected in functions:
            self.server.register(COMMAND, query=function)
            self.assertEqual(self.ask(COMMAND, self.target()).value, expected)
            self.server.unregister(COMMAND)

    def test_commandWithoutAnUpdateFunctionTakesNoUpdates(self) -> None:
        """
        Without a function for updates, answers have no token, so a member's update fails with
        `NoCloseNodes`. An update with a valid token is served as a query.
        """
        self.server.register(COMMAND, query=lambda request: b"queried")
        answer = self.ask(COMMAND, self.target())
        self.assertEqual((answer.value, answer.roundtripToken), (b"queried", None))

        # The command "other" accepts updates, so its answer has a token for the same target.
        self.server.register("other", self.handler)
        wanted = self.target()
        token = self.tokenFor(self.asker, self.server, wanted, "other")
        answer = self.ask(COMMAND, wanted, roundtripToken=token, value=b"x")
        self.assertEqual((answer.value, answer.roundtripToken), (b"queried", None))
        self.assertEqual(self.server.counters.updatesServed, 0)

        with self.assertRaises(NoCloseNodes):
            self.commit(self.node(), self.target(), b"x", nodes=[self.addressOf(self.server)])

    def test_commandWithoutAQueryFunctionAnswersQueriesWithoutAValue(self) -> None:
        """
        Without a function for queries, the answer to a query has a token and no value. An update is
        accepted.
        """
        updates: list[bytes | None] = []
        self.server.register(COMMAND, update=lambda request: updates.append(request.value))
        target = self.target()
        answer = self.ask(COMMAND, target)
        self.assertEqual((answer.value, len(answer.roundtripToken or b"")), (None, 32))
        again = self.ask(COMMAND, target, roundtripToken=answer.roundtripToken, value=b"x")
        self.assertEqual((again.value, again.roundtripToken), (None, answer.roundtripToken))
        self.assertEqual(updates, [b"x"])

    def test_functionsForNoneServeAllOtherCommands(self) -> None:
        """
        Functions for None serve commands without a handler. A command with only a function for
        queries still accepts no updates.
        """
        updates: list[str] = []
        self.server.register(None, update=lambda request: updates.append(request.command))
        self.server.register(COMMAND, query=lambda request: b"queried")
        target = self.target()
        token = self.tokenFor(self.asker, self.server, target, "other")
        self.ask("other", target, roundtripToken=token)
        self.assertIsNone(self.ask(COMMAND, target).roundtripToken)
        self.assertEqual(self.ask(COMMAND, target, roundtripToken=token).value, b"queried")
        self.assertEqual(updates, ["other"])

    def test_unregisteredFunctionsAreNotCalled(self) -> None:
        """
        After the functions of a command were unregistered, answers have neither a value nor a
        token. Other functions can be registered.
        """
        self.server.register(COMMAND, query=lambda request: b"one", update=lambda request: None)
        self.server.unregister(COMMAND)
        answer = self.ask(COMMAND, self.target())
        self.assertEqual((answer.value, answer.roundtripToken), (None, None))
        self.server.register(COMMAND, query=lambda request: b"two")
        self.assertEqual(self.ask(COMMAND, self.target()).value, b"two")


class RefusedRegistrationTests(ResponderTestCase):
    """
    Refused registrations. Each error says what to pass instead.
    """

    def assertRefused(self, expected: str, *arguments: Any, **functions: Any) -> None:
        """
        Require that a registration raises ``ValueError`` with this text, and registers nothing.
        """
        with self.assertRaises(ValueError) as caught:
            self.server.register(COMMAND, *arguments, **functions)
        self.assertIn(expected, str(caught.exception))
        with self.assertRaises(KeyError):
            self.server.unregister(COMMAND)

    def test_objectWithoutTheInterfaceIsRefused(self) -> None:
        """
        These are refused as a handler: an object that doesn't provide `ICommandHandler`, a
        function, and a class of handlers. The error shows both ways to register a handler.
        """

        class Plain:
            def queryReceived(self, request: Request) -> None: ...

            def updateReceived(self, request: Request) -> None: ...

        plain = Plain()
        for wrong in (plain, lambda request: None, Handler, 7, b""):
            self.assertRefused(f"{wrong!r} does not provide ICommandHandler; ", wrong)
            self.assertRefused("decorate its class with @implementer(ICommandHandler)", wrong)
            self.assertRefused("register(command, query=..., update=...)", wrong)

    def test_registrationWithoutAHandlerIsRefused(self) -> None:
        """
        A registration without a handler and without functions is refused. The error shows both ways
        to register a handler.
        """
        for arguments in ((), (None,)):
            self.assertRefused("pass a handler that provides ICommandHandler", *arguments)
            self.assertRefused("register(command, query=..., update=...)", *arguments)

    def test_handlerAndFunctionsAreRefused(self) -> None:
        """A registration with a handler and functions is refused."""
        for name in ("query", "update"):
            function = {name: lambda request: None}
            self.assertRefused("a handler or functions, not both", self.handler, **function)

    def test_objectThatIsNoFunctionIsRefused(self) -> None:
        """A function argument that can't be called is refused with the name of the parameter."""
        for name in ("query", "update"):
            wrong = {name: cast(Any, b"value")}
            self.assertRefused(f"{name} must be a function of one request, not b'value'", **wrong)

    def test_secondRegistrationIsRefused(self) -> None:
        """A command with a handler or functions refuses a second registration of either kind."""
        self.server.register("one", self.handler)
        with self.assertRaises(ValueError):
            self.server.register("one", query=lambda request: None)
        self.server.register("two", query=lambda request: None)
        with self.assertRaises(ValueError):
            self.server.register("two", self.handler)
        with self.assertRaises(ValueError):
            self.server.register("two", update=lambda request: None)
