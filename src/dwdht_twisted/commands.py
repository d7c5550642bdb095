"""
The handlers of a node: who runs which command, and how many run at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from .counters import Counters
from .errors import InvalidCommand
from .interfaces import HandlerResult, ICommandHandler, Request
from .wire import INTERNAL_COMMANDS

#: How many handlers may be at work at once, and from how many on none begins for a stranger, whose
#: address may be forged.
MAXIMUM_HANDLERS = 256
HANDLERS_FOR_STRANGERS = MAXIMUM_HANDLERS // 2

#: How long a handler may take, in seconds.  The asker has given up long before.
HANDLER_TIMEOUT = 30.0


def checkCommand(command: object) -> str:
    """
    Give C{command} back when users may ask for it.

    :raises InvalidCommand: when it is empty, isn't text, or is the protocol's own
    """
    if not isinstance(command, str):
        raise InvalidCommand(f"a command is text, not {type(command).__name__}")
    if not command:
        raise InvalidCommand("a command can't be empty")
    try:
        command.encode()
    except UnicodeEncodeError:
        raise InvalidCommand(f"{command!r} can't be written as UTF-8") from None
    if command in INTERNAL_COMMANDS:
        raise InvalidCommand(f"{command} is a command of the protocol itself")
    return command


@implementer(ICommandHandler)
class CommandRegistry:
    """Hands each request to the handler of its command."""

    def __init__(self) -> None:
        self._handlers: dict[str | None, ICommandHandler] = {}

    def register(self, command: str | None, handler: ICommandHandler) -> None:
        """See L{IDHTNode.register <dwdht_twisted.interfaces.IDHTNode.register>}."""
        if command is not None:
            checkCommand(command)
        if not ICommandHandler.providedBy(handler):
            raise ValueError(f"{handler!r} does not provide ICommandHandler")
        if command in self._handlers:
            raise ValueError(f"{command!r} has a handler already; unregister that first")
        self._handlers[command] = handler

    def unregister(self, command: str | None) -> None:
        """See L{IDHTNode.unregister <dwdht_twisted.interfaces.IDHTNode.unregister>}."""
        del self._handlers[command]

    def handlerOf(self, command: str) -> ICommandHandler | None:
        """The handler of a command, or the one for all others, or None."""
        return self._handlers.get(command) or self._handlers.get(None)

    def queryReceived(self, request: Request) -> HandlerResult:
        """Let the command's handler answer; no handler, no value."""
        handler = self.handlerOf(request.command)
        return None if handler is None else handler.queryReceived(request)

    def updateReceived(self, request: Request) -> HandlerResult:
        """Let the command's handler take the update."""
        handler = self.handlerOf(request.command)
        return None if handler is None else handler.updateReceived(request)


class HandlerRunner:
    """
    Runs handlers and waits for their results, so many and so long.

    :param clock: times the handlers out
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime, counters: Counters) -> None:
        self._clock = clock
        self._counters = counters
        # By what ends them, and not by their results: a handler may give one result twice.
        self._atWork: dict[IDelayedCall, Deferred[bytes | None]] = {}

    @property
    def atWork(self) -> int:
        """How many handlers have not given their result yet, and are waited for."""
        return len(self._atWork)

    def run(
        self,
        handler: Callable[[Request], HandlerResult],
        request: Request,
        answer: Callable[[bytes | None], None],
        *,
        isStranger: bool = False,
    ) -> bool:
        """
        Hand a request to its handler, and the result to C{answer}, at once when it is there.

        :param isStranger: whether the asker has not proven its address
        :return: False when too many handlers are at work, and this one was not called
        """
        most = HANDLERS_FOR_STRANGERS if isStranger else MAXIMUM_HANDLERS
        if len(self._atWork) >= most:
            self._counters.handlersRefused += 1
            return False
        try:
            result = handler(request)
        except Exception:
            self._failed(Failure(), request)
            return True
        if result is None or isinstance(result, bytes):
            answer(result)
        elif isinstance(result, Awaitable):
            self._await(result, request, answer)
        else:
            self._refuseResult(result, request)
        return True

    def stop(self) -> None:
        """Cancel the handlers that are at work; whatever they give after that is ignored."""
        while self._atWork:
            timer, result = self._atWork.popitem()
            timer.cancel()
            self._cancel(result)

    def _await(
        self,
        awaited: Awaitable[bytes | None],
        request: Request,
        answer: Callable[[bytes | None], None],
    ) -> None:
        if isinstance(awaited, Deferred):
            result = awaited
        else:
            result = Deferred.fromCoroutine(_outcomeOf(awaited))

        def timedOut() -> None:
            # A coroutine may catch its cancellation and go on, so that its end is not waited for.
            del self._atWork[timer]
            late = TimeoutError(f"no result after {HANDLER_TIMEOUT:g} seconds")
            self._failed(Failure(late), request)
            self._cancel(result)

        def succeeded(value: object) -> None:
            if not self._ended(timer):
                return
            if value is None or isinstance(value, bytes):
                answer(value)
            else:
                self._refuseResult(value, request)

        def failed(reason: Failure) -> None:
            if self._ended(timer) and not reason.check(CancelledError):
                self._failed(reason, request)

        timer = self._clock.callLater(HANDLER_TIMEOUT, timedOut)
        self._atWork[timer] = result
        result.addCallbacks(succeeded, failed)

    def _ended(self, timer: IDelayedCall) -> bool:
        """
        A handler has given its result: free its place.

        :return: whether it was waited for
        """
        if self._atWork.pop(timer, None) is None:
            return False
        timer.cancel()
        return True

    def _cancel(self, result: Deferred[bytes | None]) -> None:
        try:
            result.cancel()
        except Exception:
            self._log.failure("a handler that was at work could not be cancelled")

    def _refuseResult(self, result: object, request: Request) -> None:
        kind = type(result).__name__
        self._failed(Failure(TypeError(f"a handler gives bytes or None, not {kind}")), request)

    def _failed(self, reason: Failure, request: Request) -> None:
        self._counters.handlerFailures += 1
        self._log.failure(
            "the handler of {command} failed on a request of {node}; nothing is answered",
            failure=reason,
            command=request.command,
            node=str(request.node),
        )


async def _outcomeOf(awaited: Awaitable[bytes | None]) -> bytes | None:
    return await awaited
