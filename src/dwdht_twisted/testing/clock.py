"""
A clock that simulates time for a hundred thousand timers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any, TypeAlias, TypeVar, overload

from twisted.internet.base import DelayedCall
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

_T = TypeVar("_T")

#: Below this many outdated entries the heap isn't worth cleaning.
_FEW = 64

#: When, in which place among the calls of that time, what, and with which arguments.  A
#: `DelayedCall` has its own arguments, and None here.
_Entry: TypeAlias = tuple[float, int, Any, "tuple[Any, ...] | None"]


class _Call(DelayedCall):
    """A delayed call that knows its place among those of the same time."""

    place: int

    def isDue(self, when: float) -> bool:
        """Whether it is pending, and the entry for this time is the one that it runs by."""
        return self.time == when and not self.cancelled and not self.called


class LimitReached(AssertionError):
    """
    What a simulation waited for didn't happen in the simulated time that it was given.
    """


class SimulatedClock(Clock):
    """
    A `Clock` whose calls are kept in a heap, so that scheduling one among n costs O(log n).

    `advance` and ``pump`` do what they do in `Clock`: time jumps to its end first, then the calls
    that are due run.  `runFor` and `runUntil` go from call to call, and each call sees the time
    that it was scheduled for, so that a conversation of many datagrams takes one step.

    Calls at the same time run in the order in which they were scheduled; one that was moved by
    ``reset`` or ``delay`` keeps the place that it had from the beginning.
    """

    def __init__(self) -> None:
        self._heap: list[_Entry] = []
        self._places = count()
        self._outdated = 0

    @property
    def calls(self) -> list[DelayedCall]:  # type: ignore[override]
        """The pending delayed calls, the earliest first; a list of its own at each access."""
        pending: set[_Call] = {
            call
            for when, _, call, arguments in self._heap
            if arguments is None and call.isDue(when)
        }
        return [call for _, _, call in sorted((c.getTime(), c.place, c) for c in pending)]

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
        call.place = next(self._places)
        heappush(self._heap, (when, call.place, call, None))
        return call

    def schedule(self, delay: float, function: Callable[..., object], *arguments: object) -> None:
        """
        Schedule a call that can't be cancelled or moved and isn't among the delayed calls.

        It costs one entry of the heap: what a datagram under way is made of.

        :param delay: seconds
        """
        heappush(self._heap, (self.rightNow + delay, next(self._places), function, arguments))

    def advance(self, amount: float) -> None:
        """
        Move time forward at once, then run what is due.

        :param amount: seconds
        """
        self.rightNow += amount
        while self._runNext(self.rightNow):
            pass

    def runFor(self, seconds: float) -> None:
        """
        Let simulated time pass, from call to call.

        :param seconds: how much
        """
        end = self.rightNow + seconds
        while self._runNext(end):
            pass
        self.rightNow = max(self.rightNow, end)

    @overload
    def runUntil(self, condition: Deferred[_T], limit: float = 60.0) -> _T: ...

    @overload
    def runUntil(self, condition: Callable[[], object], limit: float = 60.0) -> None: ...

    def runUntil(
        self, condition: Deferred[_T] | Callable[[], object], limit: float = 60.0
    ) -> _T | None:
        """
        Let simulated time pass, from call to call, until something has happened.

        :param condition: a Deferred that is to fire, or a function without arguments that is to
            give something true; it is asked after each call
        :param limit: how many seconds may pass
        :return: the result of the Deferred
        :raises LimitReached: when it hasn't happened after ``limit`` seconds, or can't happen any
            more since nothing is scheduled.  A Deferred is left as it is.
        :raises Exception: what the Deferred failed with
        """
        if not isinstance(condition, Deferred):
            self._runUntil(condition, limit, repr(condition))
            return None
        outcome: list[_T | Failure] = []
        waiting = True

        def fired(result: _T | Failure) -> _T | Failure | None:
            outcome.append(result)
            return None if waiting else result

        condition.addBoth(fired)
        try:
            self._runUntil(lambda: outcome, limit, repr(condition))
        finally:
            waiting = False
        [result] = outcome
        if isinstance(result, Failure):
            result.raiseException()
        return result

    def _runUntil(self, condition: Callable[[], object], limit: float, name: str) -> None:
        start = self.rightNow
        while not condition():
            if self._runNext(start + limit):
                continue
            if not self._heap:
                raise LimitReached(f"nothing is scheduled that could bring about {name}")
            self.rightNow = max(self.rightNow, start + limit)
            raise LimitReached(f"{limit} simulated seconds did not bring about {name}")

    def _runNext(self, end: float) -> bool:
        """
        Run the earliest call, unless it is later than ``end``, at its own time or now if that has
        passed.

        :return: whether there was one
        """
        heap = self._heap
        while heap:
            when, place, function, arguments = heap[0]
            if when > end:
                return False
            heappop(heap)
            if arguments is not None:
                if when > self.rightNow:
                    self.rightNow = when
                function(*arguments)
                return True
            call: _Call = function
            if not call.isDue(when):
                self._outdated -= 1
            elif call.delayed_time:
                # A call that is put off again and again is only moved here, when its turn comes.
                call.activate_delay()
                heappush(heap, (call.time, place, call, None))
            else:
                if when > self.rightNow:
                    self.rightNow = when
                call.called = 1
                call.func(*call.args, **call.kw)
                return True
        return False

    def _cancelled(self, call: DelayedCall) -> None:
        # DelayedCall marks itself only after this, and the cleaning has to see it.
        call.cancelled = 1
        self._addOutdated()

    def _moved(self, call: DelayedCall) -> None:
        assert isinstance(call, _Call)
        heappush(self._heap, (call.time, call.place, call, None))
        self._addOutdated()

    def _addOutdated(self) -> None:
        self._outdated += 1
        if self._outdated > _FEW and self._outdated * 2 > len(self._heap):
            self._heap[:] = [
                entry for entry in self._heap if entry[3] is not None or entry[2].isDue(entry[0])
            ]
            heapify(self._heap)
            self._outdated = 0


__all__ = ["LimitReached", "SimulatedClock"]
