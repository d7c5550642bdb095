"""
The handlers of a node, as the node shows them to its users.
"""

from __future__ import annotations

from typing import cast

from zope.interface import implementer

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
    The half of a node that registers handlers and passes requests to them.

    A subclass may override `queryReceived` and `updateReceived`.
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
        Run a handler for a command: an `ICommandHandler`, or plain functions of one `Request`.

        :param command: the name; None stands for every command that has no handler
        :param query: answers queries; without it they are answered without a value
        :param update: takes updates; without it the node takes none
        :raises ValueError: when the command has a handler already, or no handler is given, or one
            that isn't a handler
        :raises InvalidCommand: when the command is empty, isn't text or is the protocol's own
        """
        if cast(object, handler) is self:
            raise ValueError("a node can't be its own handler; override queryReceived instead")
        self._commands.register(command, handler, query=query, update=update)

    def unregister(self, command: str | None) -> None:
        """
        Remove the handler of a command.

        :raises KeyError: when it has none
        """
        self._commands.unregister(command)

    def queryReceived(self, request: Request) -> HandlerResult:
        """Pass a query to the registered handler; a subclass may answer it itself."""
        return self._commands.queryReceived(request)

    def updateReceived(self, request: Request) -> HandlerResult:
        """Pass an update to the registered handler; a subclass may take it itself."""
        return self._commands.updateReceived(request)

    def _hasHandler(self, command: str) -> bool:
        own = type(self)
        return (
            own.queryReceived is not HandlerHost.queryReceived
            or own.updateReceived is not HandlerHost.updateReceived
            or self._commands.handlerOf(command) is not None
        )

    def _takesUpdates(self, command: str) -> bool:
        isOverridden = type(self).updateReceived is not HandlerHost.updateReceived
        return isOverridden or self._commands.takesUpdates(command)
