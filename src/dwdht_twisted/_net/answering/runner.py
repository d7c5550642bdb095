"""
Running the handlers of users: how many at once, for how long, and what becomes of the results.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..._core.limits.bounds import HANDLER_TIMEOUT, HANDLERS_FOR_STRANGERS, MAXIMUM_HANDLERS
from ...interfaces import HandlerResult, Request
from ..environment import Environment


class HandlerRunner:
    """
    Runs handlers and waits for their results.

    :param environment: times handlers out, and counts failures
    """

    _log = Logger()

    def __init__(self, environment: Environment) -> None:
        self._clock = environment.clock
        self._counters = environment.counters
        # Keyed by time-out timer: a handler may return one Deferred for several requests.
        self._atWork: dict[IDelayedCall, Deferred[bytes | None]] = {}

    @property
    def atWork(self) -> int:
        """The number of handlers whose results are waited for."""
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
        Call a handler with a request, and ``answer`` with the result, at once when it is there.

        :param isStranger: whether the asker's address is not validated
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
        """Cancel the handlers that are at work; results that they still give are ignored."""
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
            result = Deferred.fromCoroutine(_resultOf(awaited))

        def timedOut() -> None:
            # A coroutine may catch its cancellation and go on, so its end is not waited for.
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
        Free the place of a handler that has given its result.

        :return: whether the result was waited for
        """
        if self._atWork.pop(timer, None) is None:
            return False
        timer.cancel()
        return True

    def _cancel(self, result: Deferred[bytes | None]) -> None:
        try:
            result.cancel()
        except Exception:
            self._log.failure("cancelling a handler that was at work failed")

    def _refuseResult(self, result: object, request: Request) -> None:
        kind = type(result).__name__
        self._failed(Failure(TypeError(f"a handler gives bytes or None, not {kind}")), request)

    def _failed(self, reason: Failure, request: Request) -> None:
        self._counters.handlerFailures += 1
        self._log.failure(
            "handler of {command} failed on a request from {node}; no answer was sent",
            failure=reason,
            command=request.command,
            node=str(request.node),
        )


async def _resultOf(awaited: Awaitable[bytes | None]) -> bytes | None:
    return await awaited
