"""
The handlers of a node, by command.
"""

from __future__ import annotations

from zope.interface import implementer

from ..._core.wire import Address, HostPort
from ...interfaces import (
    CommandHandler,
    HandlerFunction,
    HandlerResult,
    ICommandHandler,
    IRelayingHandler,
    Request,
)
from ..arguments import checkCommand


@implementer(ICommandHandler)
class FunctionHandler:
    """
    A handler that calls plain functions.

    :param query: answers queries; if it is None, queries are answered without a value
    :param update: takes updates; if it is None, no update is taken
    :ivar takesUpdates: whether there is a function for updates
    """

    def __init__(self, query: HandlerFunction | None, update: HandlerFunction | None) -> None:
        self._query = query
        self._update = update
        self.takesUpdates = update is not None

    def queryReceived(self, request: Request) -> HandlerResult:
        """Answer a query."""
        return None if self._query is None else self._query(request)

    def updateReceived(self, request: Request) -> HandlerResult:
        """Take an update."""
        return None if self._update is None else self._update(request)


@implementer(ICommandHandler)
class CommandRegistry:
    """Passes each request to the handler of its command."""

    def __init__(self) -> None:
        self._handlers: dict[str | None, ICommandHandler] = {}

    def register(
        self,
        command: str | None,
        handler: ICommandHandler | CommandHandler | None = None,
        *,
        query: HandlerFunction | None = None,
        update: HandlerFunction | None = None,
    ) -> None:
        """See `IDHTNode.register`."""
        if command is not None:
            checkCommand(command)
        if handler is None:
            handler = FunctionHandler(
                _checkFunction(query, "query"), _checkFunction(update, "update")
            )
            if query is None and update is None:
                raise ValueError(
                    "pass a handler that provides ICommandHandler, or functions: "
                    "register(command, query=..., update=...)"
                )
        elif query is not None or update is not None:
            raise ValueError("pass a handler or functions, not both")
        elif not ICommandHandler.providedBy(handler):
            raise ValueError(
                f"{handler!r} does not provide ICommandHandler; decorate its class with "
                "@implementer(ICommandHandler), or pass functions: "
                "register(command, query=..., update=...)"
            )
        if command in self._handlers:
            raise ValueError(f"{command!r} has a handler already; unregister that first")
        self._handlers[command] = ICommandHandler(handler)

    def unregister(self, command: str | None, handler: object = None) -> None:
        """See `IDHTNode.unregister`."""
        present = self._handlers[command]
        if handler is None or present is handler:
            del self._handlers[command]

    def has(self, command: str) -> bool:
        """Whether a command has a handler of its own."""
        return command in self._handlers

    def handlerOf(self, command: str) -> ICommandHandler | None:
        """The handler of a command; without one, the handler of all other commands, or None."""
        # Compare with None: a handler may be a container, and an empty container is false.
        handler = self._handlers.get(command)
        return self._handlers.get(None) if handler is None else handler

    def takesUpdates(self, command: str) -> bool:
        """Whether a command has a handler that takes updates."""
        handler = self.handlerOf(command)
        return handler is not None and (
            not isinstance(handler, FunctionHandler) or handler.takesUpdates
        )

    def relaysTo(self, address: HostPort) -> bool:
        """Whether a handler names an address as one to which pings are relayed."""
        return any(
            handler.relaysTo(Address(*address))
            for handler in self._handlers.values()
            if IRelayingHandler.providedBy(handler)
        )

    def queryReceived(self, request: Request) -> HandlerResult:
        """Pass a query to the handler of its command; without a handler, return None."""
        handler = self.handlerOf(request.command)
        return None if handler is None else handler.queryReceived(request)

    def updateReceived(self, request: Request) -> HandlerResult:
        """Pass an update to the handler of its command; without a handler, return None."""
        handler = self.handlerOf(request.command)
        return None if handler is None else handler.updateReceived(request)


def _checkFunction(function: HandlerFunction | None, name: str) -> HandlerFunction | None:
    if function is not None and not callable(function):
        raise ValueError(f"{name} must be a function of one request, not {function!r}")
    return function
