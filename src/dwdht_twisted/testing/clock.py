"""
A clock that simulates time for a hundred thousand timers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any, TypeAlias, TypeVar, overload

from twisted.internet.base import DelayedCall
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import Logger
from twisted.python.failure import Failure

from .failures import LimitReached, stopsTest

_T = TypeVar("_T")

#: Entries of cancelled or moved calls that are left in the heap before it is cleaned; it is cleaned
#: only when they are more than half of it, too.  Larger: memory for entries that do nothing.
#: Smaller: a small heap is rebuilt at nearly every cancellation.
_OUTDATED_ENTRIES = 64

#: An entry of the heap: the time; the order of scheduling, which decides among calls of the same
#: time; a function and its arguments, or a delayed call and None, because it has its own arguments.
_Entry: TypeAlias = tuple[float, int, Any, "tuple[Any, ...] | None"]


class _Call(DelayedCall):
    """
    A delayed call of a `SimulatedClock`.

    :ivar order: the order of scheduling, which decides among calls of the same time
    """

    order: int

    def isDue(self, when: float) -> bool:
        """
        Whether the call is pending, and the entry for this time isn't outdated by a later one.
        """
        return self.time == when and not self.cancelled and not self.called


class SimulatedClock(Clock):
    """
    A `Clock` whose calls are kept in a heap, so that scheduling one among n costs O(log n).

    `advance` and ``pump`` behave as in `Clock`: time jumps to its end first, then the calls that
    are due run.  `runFor` and `runUntil` go from call to call, and each call sees the time that it
    was scheduled for, so that one step is enough for a conversation of many datagrams.

    Calls at the same time run in the order in which they were scheduled.  A call that was moved by
    ``reset`` or ``delay`` keeps its order.

    An exception of a call is logged as a failure, as by a real reactor, and the calls after it run.
    Only an exception that is meant for the test is raised: KeyboardInterrupt, `LimitReached` of a
    ``runUntil`` within the call, and the exceptions by which pytest and Hypothesis end a test.
    """

    _log = Logger()

    def __init__(self) -> None:
        self._heap: list[_Entry] = []
        self._orders = count()
        self._outdated = 0

    @property
    def calls(self) -> list[DelayedCall]:  # type: ignore[override]
        """The pending delayed calls, the earliest first; each access makes a new list."""
        pending: set[_Call] = {
            call
            for when, _, call, arguments in self._heap.copy()
            if arguments is None and call.isDue(when)
        }
        return [call for _, _, call in sorted((c.getTime(), c.order, c) for c in pending)]

    def getDelayedCalls(self) -> Sequence[DelayedCall]:
        """
        The pending delayed calls, the earliest first.  Takes O(n log n).
        """
        return self.calls

    def callLater(
        self, delay: float, callable: Callable[..., object], *args: object, **kw: object
    ) -> DelayedCall:
        """
        Schedule a call.

        :param delay: seconds
        """
        when = self.rightNow + delay
        call = _Call(when, callable, args, kw, self._cancelled, self._moved, self.seconds)
        call.order = next(self._orders)
        heappush(self._heap, (when, call.order, call, None))
        return call

    def schedule(self, delay: float, function: Callable[..., object], *arguments: object) -> None:
        """
        Schedule a call that can't be cancelled or moved and isn't listed among the delayed calls.

        It needs one entry of the heap and no object besides.  `MemoryNetwork` schedules the arrival
        of each datagram in this way.

        :param delay: seconds
        """
        heappush(self._heap, (self.rightNow + delay, next(self._orders), function, arguments))

    def advance(self, amount: float) -> None:
        """
        Move time forward at once, then run the calls that are due.

        :param amount: seconds
        """
        self.rightNow += amount
        while self._runNext(self.rightNow):
            pass

    def runFor(self, seconds: float) -> None:
        """
        Let simulated time pass, from call to call.

        :param seconds: the simulated seconds that pass
        """
        end = self.rightNow + seconds
        while self._runNext(end):
            pass
        self.rightNow = max(self.rightNow, end)

    @overload
    def runUntil(self, condition: Deferred[_T], limit: float = 60.0) -> _T: ...

    @overload
    def runUntil(self, condition: Awaitable[_T], limit: float = 60.0) -> _T: ...

    @overload
    def runUntil(self, condition: Callable[[], object], limit: float = 60.0) -> None: ...

    def runUntil(
        self,
        condition: Deferred[_T] | Awaitable[_T] | Callable[[], object],
        limit: float = 60.0,
    ) -> _T | None:
        """
        Let simulated time pass, from call to call, until a condition is met.

        :param condition: a Deferred, which has to fire; a coroutine or another awaitable, which is
            awaited and has to end; or a function without arguments, which is called after each
            scheduled call and has to return something true
        :param limit: the simulated seconds within which the condition has to be met
        :return: the result of the Deferred or of the awaitable; None for a function
        :raises LimitReached: when the condition isn't met after ``limit`` seconds, or can't be met
            any more because nothing is scheduled.  A Deferred may still fire later, for others; a
            coroutine is cancelled, because nobody else waits for it.
        :raises TypeError: when a function returns an awaitable, which has to be passed itself
        :raises Exception: the exception that the Deferred or the awaitable failed with
        """
        name = repr(condition)
        if not isinstance(condition, Awaitable):
            self._runUntil(condition, limit, name)
            return None
        if isinstance(condition, Deferred):
            deferred: Deferred[_T] = condition
            return self._runUntilFired(deferred, limit, name)
        started: Deferred[_T] = Deferred.fromCoroutine(
            condition if isinstance(condition, Coroutine) else _waitFor(condition)
        )
        try:
            return self._runUntilFired(started, limit, name)
        finally:
            # This does nothing when the coroutine has ended.
            started.cancel()
            started.addErrback(lambda failure: failure.trap(CancelledError))

    def _runUntilFired(self, deferred: Deferred[_T], limit: float, name: str) -> _T:
        outcome: list[_T | Failure] = []
        waiting = True

        def fired(result: _T | Failure) -> _T | Failure | None:
            outcome.append(result)
            return None if waiting else result

        deferred.addBoth(fired)
        try:
            self._runUntil(lambda: outcome, limit, name)
        finally:
            waiting = False
        [result] = outcome
        if isinstance(result, Failure):
            result.raiseException()
        return result

    def _runUntil(self, condition: Callable[[], object], limit: float, name: str) -> None:
        start = self.rightNow
        while not (met := condition()):
            if self._runNext(start + limit):
                continue
            if not self._heap:
                raise LimitReached(f"{name} can't happen any more: nothing is scheduled")
            self.rightNow = max(self.rightNow, start + limit)
            raise LimitReached(f"{name} did not happen within {limit} simulated seconds")
        if isinstance(met, Awaitable):
            # Every awaitable is true, so a function that returns one would be met at once.
            if isinstance(met, Coroutine):
                met.close()
            raise TypeError(f"{name} returns {met!r}: pass that to runUntil, not the function")

    def _runNext(self, end: float) -> bool:
        """
        Run the earliest call, unless it is later than ``end``.

        The call sees its own time, or the present time if its own has passed.

        :return: whether there was such a call
        """
        while self._heap:
            # It is taken first and put back if it is too late: an earlier one could be scheduled by
            # a thread between a look at the first and its removal.
            entry = heappop(self._heap)
            when, order, function, arguments = entry
            if when > end:
                heappush(self._heap, entry)
                return False
            if arguments is not None:
                if when > self.rightNow:
                    self.rightNow = when
                try:
                    function(*arguments)
                except BaseException as error:
                    self._failed(function, error)
                return True
            call: _Call = function
            if not call.isDue(when):
                self._outdated -= 1
            elif call.delayed_time:
                # A call that is delayed again and again is moved only here, when its old time
                # comes, so that a delay costs no entry of the heap.
                call.activate_delay()
                heappush(self._heap, (call.time, order, call, None))
            else:
                if when > self.rightNow:
                    self.rightNow = when
                call.called = 1
                try:
                    call.func(*call.args, **call.kw)
                except BaseException as error:
                    self._failed(call, error)
                return True
        return False

    def _failed(self, call: object, error: BaseException) -> None:
        if stopsTest(error):
            raise error
        self._log.failure(
            "{call} raised an exception at {seconds} s", call=call, seconds=self.rightNow
        )

    def _cancelled(self, call: DelayedCall) -> None:
        # DelayedCall marks itself as cancelled only after it has called this.  The cleaning of the
        # heap would keep its entry without the mark.
        call.cancelled = 1
        self._addOutdated()

    def _moved(self, call: DelayedCall) -> None:
        assert isinstance(call, _Call)
        heappush(self._heap, (call.time, call.order, call, None))
        self._addOutdated()

    def _addOutdated(self) -> None:
        self._outdated += 1
        if self._outdated > _OUTDATED_ENTRIES and self._outdated * 2 > len(self._heap):
            # A thread, or the finalizer of an object, may schedule a call meanwhile.
            entries, self._heap = self._heap, []
            kept = [entry for entry in entries if entry[3] is not None or entry[2].isDue(entry[0])]
            self._heap += kept
            heapify(self._heap)
            self._outdated = 0


async def _waitFor(awaitable: Awaitable[_T]) -> _T:
    return await awaitable


def schedulerOf(clock: Clock) -> Callable[..., object]:
    """
    The cheapest way to schedule a call on a clock that is never cancelled or moved.

    :return: a function of the delay in seconds, the function to call and its arguments
    """
    return clock.schedule if isinstance(clock, SimulatedClock) else clock.callLater


__all__ = ["LimitReached", "SimulatedClock", "schedulerOf"]
