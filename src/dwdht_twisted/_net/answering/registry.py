"""
The handlers of a node, by command.
"""

from __future__ import annotations

from zope.interface import implementer

from ...interfaces import HandlerResult, ICommandHandler, Request
from ..arguments import checkCommand


@implementer(ICommandHandler)
class CommandRegistry:
    """Passes each request to the handler of its command."""

    def __init__(self) -> None:
        self._handlers: dict[str | None, ICommandHandler] = {}

    def register(self, command: str | None, handler: ICommandHandler) -> None:
        """See `IDHTNode.register`."""
        if command is not None:
            checkCommand(command)
        if not ICommandHandler.providedBy(handler):
            raise ValueError(f"{handler!r} does not provide ICommandHandler")
        if command in self._handlers:
            raise ValueError(f"{command!r} has a handler already; unregister that first")
        self._handlers[command] = handler

    def unregister(self, command: str | None) -> None:
        """See `IDHTNode.unregister`."""
        del self._handlers[command]

    def handlerOf(self, command: str) -> ICommandHandler | None:
        """The handler of a command, or the one for all others, or None."""
        return self._handlers.get(command) or self._handlers.get(None)

    def queryReceived(self, request: Request) -> HandlerResult:
        """Pass a query to its handler; without a handler the answer has no value."""
        handler = self.handlerOf(request.command)
        return None if handler is None else handler.queryReceived(request)

    def updateReceived(self, request: Request) -> HandlerResult:
        """Pass an update to its handler."""
        handler = self.handlerOf(request.command)
        return None if handler is None else handler.updateReceived(request)
