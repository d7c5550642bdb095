"""
The public methods of a node that concern handlers.
"""

from __future__ import annotations

from typing import cast

from zope.interface import implementer

from ..._core.wire import HostPort
from ...interfaces import (
    CommandHandler,
    HandlerFunction,
    HandlerResult,
    ICommandHandler,
    Request,
)
from .registry import CommandRegistry


@implementer(ICommandHandler)
class HandlerHost:
    """
    The base class of a node that registers handlers and passes requests to the handlers.

    Instead of registering handlers, a subclass may override `queryReceived` and `updateReceived`.
    """

    def __init__(self) -> None:
        self._commands = CommandRegistry()

    def register(
        self,
        command: str | None,
        handler: ICommandHandler | CommandHandler | None = None,
        *,
        query: HandlerFunction | None = None,
        update: HandlerFunction | None = None,
    ) -> None:
        """
        Set the handler of a command: an `ICommandHandler`, or functions that take one `Request`.

        :param command: the name; None stands for every command without a handler of its own
        :param query: answers queries; if it is None, queries are answered without a value
        :param update: takes updates; if it is None, the node takes no updates of the command
        :raises ValueError: when the command has a handler already, or when no valid handler is
            given
        :raises InvalidCommand: when the command is empty, is not text or belongs to the protocol
        """
        if cast(object, handler) is self:
            raise ValueError("a node can't be its own handler; override queryReceived instead")
        self._commands.register(command, handler, query=query, update=update)

    def unregister(
        self, command: str | None, handler: ICommandHandler | CommandHandler | None = None
    ) -> None:
        """
        Remove the handler of a command.

        :param handler: the handler to remove; another handler of the command stays.  None removes
            any handler.
        :raises KeyError: when the command has no handler
        """
        self._commands.unregister(command, handler)

    def queryReceived(self, request: Request) -> HandlerResult:
        """Pass a query to the registered handler; a subclass may answer it itself."""
        return self._commands.queryReceived(request)

    def updateReceived(self, request: Request) -> HandlerResult:
        """Pass an update to the registered handler; a subclass may take it itself."""
        return self._commands.updateReceived(request)

    def _takeHandlers(self, former: HandlerHost) -> None:
        """Have the handlers of another node, those that are registered with it later, too."""
        self._commands = former._commands

    def _hasHandler(self, command: str) -> bool:
        own = type(self)
        return (
            own.queryReceived is not HandlerHost.queryReceived
            or own.updateReceived is not HandlerHost.updateReceived
            or self._commands.handlerOf(command) is not None
        )

    def _relaysTo(self, address: HostPort) -> bool:
        return self._commands.relaysTo(address)

    def _takesUpdates(self, command: str) -> bool:
        isOverridden = type(self).updateReceived is not HandlerHost.updateReceived
        return isOverridden or self._commands.takesUpdates(command)
