"""
Running users' handlers within limits of number and time, and reporting their outcomes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeAlias

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..._awaitable import toDeferred
from ..._clock import reactorOf
from ..._core.limits.bounds import (
    HANDLER_TIMEOUT,
    HANDLERS_FOR_STRANGERS,
    MAXIMUM_HANDLERS,
    RESERVE_PER_HANDLER,
)
from ..._core.wire import MAX_DATAGRAM_BYTES, isLoopback
from ...errors import UpdateRefused, ValueTooLarge
from ...interfaces import HandlerResult, Request
from ..environment import Environment
from ..reporting import Reports, printable

#: A Deferred that fires with the result of a handler.
Result: TypeAlias = "Deferred[Any]"


#: Called with the value that a handler returned.
Answered: TypeAlias = "Callable[[bytes | None], None]"

#: Called when a handler has failed or has refused an update, after the failure was logged.  A
#: handler that returns a value other than bytes and None has failed.  Without such a function, a
#: failure is answered without a value.
Failed: TypeAlias = "Callable[[], None] | None"


class _Failed(NamedTuple):
    """
    The new result of a handler's Deferred that has failed.

    It keeps the failure, because a handler may return the same Deferred for a further request.

    :ivar reason: the failure
    """

    reason: Failure


class HandlerRunner:
    """
    Runs handlers and waits for their results.

    :param environment: provides the timers, and the counters of failures
    """

    _log = Logger()

    def __init__(self, environment: Environment) -> None:
        self._clock = environment.clock
        self._seconds = environment.clock.seconds
        self._counters = environment.counters
        self._addTime = environment.measurements.handlerTimes.add
        self._reports = Reports(self._log, environment.clock.seconds)
        # Keyed by time-out timer: a handler may return one Deferred for several requests.
        self._atWork: dict[IDelayedCall, Result] = {}
        # The number of running handlers for each host of other nodes.
        self._perHost: Counter[str] = Counter()

    @property
    def atWork(self) -> int:
        """The number of handlers that have not given their results."""
        return len(self._atWork)

    def run(
        self,
        handler: Callable[[Request], HandlerResult],
        request: Request,
        answered: Answered,
        failed: Failed = None,
        *,
        isStranger: bool = False,
        isOwn: bool = False,
    ) -> bool:
        """
        Call a handler with a request, and report its outcome now or later.

        One of ``answered`` and ``failed`` is called once, and neither if the handler is cancelled.

        :param isStranger: whether the asker's address is not validated
        :param isOwn: whether the node asks itself.  The node's own requests may take all places.
        :return: False when the handler was not called, because too many handlers are running
        """
        host = None if isOwn else request.node.host
        if self._atWork and not self._hasPlace(host, isStranger):
            self._counters.handlersRefused += 1
            return False
        startedAt = self._seconds()
        try:
            result = handler(request)
        except BaseException:
            # As Twisted does: what a handler raises ends its request, not the program.
            self._measure(startedAt)
            self._failed(Failure(), request, answered, failed)
            return True
        if isinstance(result, Awaitable):
            waited = toDeferred(result, reactorOf(self._clock))
            self._await(waited, request, (answered, failed), host, startedAt=startedAt)
            return True
        self._addTime(self._seconds() - startedAt)
        self._take(result, request, answered, failed)
        return True

    def stop(self) -> None:
        """Cancel all running handlers.  Their results are ignored from now on."""
        atWork, self._atWork = self._atWork, {}
        self._perHost.clear()
        for timer, result in atWork.items():
            timer.cancel()
            self._cancel(result)

    def _hasPlace(self, host: str | None, isStranger: bool) -> bool:
        """
        Whether a further handler may run.

        :param host: the asker's host; None for the node itself
        """
        running = len(self._atWork)
        if running >= (HANDLERS_FOR_STRANGERS if isStranger else MAXIMUM_HANDLERS):
            return False
        if host is None or isLoopback(host):
            return True
        return MAXIMUM_HANDLERS - running > self._perHost[host] * RESERVE_PER_HANDLER

    def _await(
        self,
        result: Result,
        request: Request,
        outcome: tuple[Answered, Failed],
        host: str | None,
        *,
        startedAt: float,
    ) -> None:
        def timedOut() -> None:
            # Free the place now, because a coroutine may catch its cancellation and go on.  No
            # answer is sent, because the asker has given up long ago.
            self._free(timer, host)
            self._measure(startedAt)
            late = TimeoutError(f"no result after {HANDLER_TIMEOUT:g} seconds")
            self._report(Failure(late), request)
            if all(other is not result for other in self._atWork.values()):
                self._cancel(result)

        def succeeded(value: object) -> object:
            if self._ended(timer, host):
                self._measure(startedAt)
                if isinstance(value, _Failed):
                    self._failed(value.reason, request, *outcome)
                else:
                    self._take(value, request, *outcome)
            return value

        def failed(reason: Failure) -> _Failed:
            if self._ended(timer, host):
                self._measure(startedAt)
                self._failed(reason, request, *outcome)
            return _Failed(reason)

        timer = self._clock.callLater(HANDLER_TIMEOUT, timedOut)
        self._atWork[timer] = result
        if host is not None:
            self._perHost[host] += 1
        result.addCallbacks(succeeded, failed)

    def _measure(self, startedAt: float) -> None:
        self._addTime(self._seconds() - startedAt)

    def _free(self, timer: IDelayedCall, host: str | None) -> None:
        del self._atWork[timer]
        if host is not None:
            self._perHost[host] -= 1
            if not self._perHost[host]:
                del self._perHost[host]

    def _ended(self, timer: IDelayedCall, host: str | None) -> bool:
        """
        Free the place of a handler that has given its result.

        :return: False when the handler has timed out before, or all handlers were stopped
        """
        if timer not in self._atWork:
            return False
        self._free(timer, host)
        timer.cancel()
        return True

    def _cancel(self, result: Result) -> None:
        try:
            result.cancel()
        except BaseException:
            self._reports.failed("cancelling a handler that was at work failed", Failure())

    def _take(self, value: object, request: Request, answered: Answered, failed: Failed) -> None:
        wrong: Exception
        if value is None or (isinstance(value, bytes) and len(value) <= MAX_DATAGRAM_BYTES):
            answered(value)
            return
        if isinstance(value, bytes):
            wrong = ValueTooLarge(
                f"a handler gave {len(value)} bytes; a datagram has at most {MAX_DATAGRAM_BYTES}"
            )
        else:
            wrong = TypeError(f"a handler gives bytes or None, not {type(value).__name__}")
        self._failed(Failure(wrong), request, answered, failed)

    def _failed(
        self, reason: Failure, request: Request, answered: Answered, failed: Failed
    ) -> None:
        if reason.check(UpdateRefused):
            self._counters.updatesRefused += 1
        else:
            self._report(reason, request)
        if failed is None:
            answered(None)
        else:
            failed()

    def _report(self, reason: Failure, request: Request) -> None:
        self._counters.handlerFailures += 1
        self._reports.failed(
            "handler of {command} failed on a request from {node}",
            reason,
            command=printable(request.command),
            node=str(request.node),
        )
