"""
A clock of simulated time that is fast enough for a hundred thousand timers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from heapq import heapify, heappop, heappush
from itertools import count
from math import isnan
from typing import Any, TypeAlias, TypeVar, overload

from twisted.internet.base import DelayedCall
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import Logger
from twisted.python.failure import Failure

from .arguments import checkDelay, checkSeconds, isNumber
from .failures import LimitReached, stopsTest

_T = TypeVar("_T")

#: The number of outdated entries that may always stay in the heap.  An entry is outdated when its
#: call was cancelled or moved.  The heap is rebuilt when more entries than this number, and more
#: than half of all entries, are outdated.  Larger: outdated entries take up more memory.  Smaller:
#: a small heap is rebuilt at nearly every cancellation.
_OUTDATED_ENTRIES = 64

#: An entry of the heap has four items: the time of the call, the order of scheduling, a function or
#: a `_Call`, and arguments.  The order decides between calls at the same time.  The arguments are
#: those of a function.  They are None for a `_Call`, which holds its own arguments.
_Entry: TypeAlias = tuple[float, int, Any, "tuple[Any, ...] | None"]


class _Call(DelayedCall):
    """
    A delayed call of a `SimulatedClock`.

    :ivar order: the order of scheduling, which decides between calls at the same time
    """

    order: int

    def isDue(self, when: float) -> bool:
        """
        Whether the call is pending and is still scheduled for this time.
        """
        return self.time == when and not self.cancelled and not self.called


class SimulatedClock(Clock):
    """
    A ``Clock`` whose calls are kept in a heap, so that scheduling one among n costs O(log n).

    `advance` and ``pump`` behave as in ``Clock``: time first jumps to the end of the step, then all
    due calls run.  `runFor` and `runUntil` go from call to call instead.  Each call sees the time
    for which it was scheduled, so one step is enough for a conversation of many datagrams.

    Calls at the same time run in the order in which they were scheduled.  A call that was moved by
    ``reset`` or ``delay`` keeps its order.

    An exception of a call is logged as a failure, as by a real reactor, and later calls still run.
    Only exceptions that are meant for the test are raised: KeyboardInterrupt, `LimitReached` of a
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
        :raises AssertionError: when it is below 0 or NaN, as a real reactor does
        """
        checkDelay(delay)
        when = self.rightNow + delay
        call = _Call(when, callable, args, kw, self._cancelled, self._moved, self.seconds)
        call.order = next(self._orders)
        heappush(self._heap, (when, call.order, call, None))
        return call

    def schedule(self, delay: float, function: Callable[..., object], *arguments: object) -> None:
        """
        Schedule a call that can't be cancelled or moved and isn't listed among the delayed calls.

        The call needs one entry of the heap and no further object.  `MemoryNetwork` schedules the
        arrival of each datagram in this way.

        :param delay: seconds
        """
        heappush(self._heap, (self.rightNow + delay, next(self._orders), function, arguments))

    def advance(self, amount: float) -> None:
        """
        Move time forward at once, then run the calls that are due.

        :param amount: seconds
        :raises ValueError: when it isn't a finite number from 0 on
        """
        checkSeconds("what the clock advances", amount)
        self.rightNow += amount
        while self._runNext(self.rightNow):
            pass

    def runFor(self, seconds: float) -> None:
        """
        Let simulated time pass, from call to call.

        :param seconds: the simulated seconds that pass; none do if this is negative
        :raises ValueError: when it isn't a finite number
        """
        checkSeconds("the time that passes", seconds, isPositive=False)
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

        :param condition: a Deferred that has to fire; a coroutine or another awaitable that has to
            end; or a function without arguments that has to return something true.  The function is
            called after each scheduled call.
        :param limit: the simulated seconds within which the condition has to be met
        :return: the result of the Deferred or of the awaitable; None for a function
        :raises LimitReached: when the condition isn't met after ``limit`` seconds, or can't be met
            any more because nothing is scheduled.  A Deferred is left as it is and may fire later.
            A coroutine is cancelled, because nothing else waits for it.
        :raises TypeError: when the condition is none of these, or a function returns an awaitable;
            pass the awaitable itself instead
        :raises ValueError: when the limit is no number
        :raises Exception: the exception that the Deferred or the awaitable failed with
        """
        if not isNumber(limit) or isnan(limit):
            raise ValueError(f"a limit is a number of simulated seconds, not {limit!r}")
        name = repr(condition)
        if not callable(condition) and not isinstance(condition, Awaitable):
            raise TypeError(f"a condition is a Deferred, a coroutine or a function, not {name}")
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
            # cancel() does nothing if the coroutine has ended.
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
            # Every awaitable is true, so a condition that returns one would be met at once.
            if isinstance(met, Coroutine):
                met.close()
            raise TypeError(f"{name} returns {met!r}: pass that to runUntil, not the function")

    def _runNext(self, end: float) -> bool:
        """
        Run the earliest call, unless it is later than ``end``.

        The call sees the time for which it was scheduled, or the present time if this is later.

        :return: whether a call was run
        """
        while self._heap:
            # Remove the entry first, and put it back if it is too late.  Between a look at the
            # first entry and its removal, a thread could schedule an earlier one.
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
                # A delayed call gets its new entry only here, when its old time comes.  So a call
                # that is delayed again and again doesn't need an entry for each delay.
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
        # DelayedCall sets this mark only after it has called this method.  Without the mark, a
        # rebuild of the heap would keep the entry of the call.
        call.cancelled = 1
        self._addOutdated()

    def _moved(self, call: DelayedCall) -> None:
        assert isinstance(call, _Call)
        heappush(self._heap, (call.time, call.order, call, None))
        self._addOutdated()

    def _addOutdated(self) -> None:
        self._outdated += 1
        if self._outdated > _OUTDATED_ENTRIES and self._outdated * 2 > len(self._heap):
            # Empty the heap first: a thread or a finalizer may schedule a call during the rebuild.
            entries, self._heap = self._heap, []
            kept = [entry for entry in entries if entry[3] is not None or entry[2].isDue(entry[0])]
            self._heap += kept
            heapify(self._heap)
            self._outdated = 0


async def _waitFor(awaitable: Awaitable[_T]) -> _T:
    return await awaitable


def schedulerOf(clock: Clock) -> Callable[..., object]:
    """
    Return the cheapest method of a clock to schedule calls that are never cancelled or moved.

    :return: it takes the delay in seconds, the function to call, and the arguments of the function
    """
    return clock.schedule if isinstance(clock, SimulatedClock) else clock.callLater


__all__ = ["LimitReached", "SimulatedClock", "schedulerOf"]
