"""
A clock that goes on when the clock of the machine is set.

A reactor of Twisted takes its time from ``time.time``, and each of its timers has an absolute
time.  So after the clock of the machine was set back by an hour, every timer is an hour late.
After it was set forward, every timer is early.  `MonotonicClock` counts the seconds since the start
of the machine instead, including those that the machine slept.  It has one timer in the reactor for
all of its calls, and this timer is set again after the clock of the machine was set.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heappush
from itertools import count
from threading import Thread
from typing import Any, Protocol

from twisted.internet.base import DelayedCall
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

from . import ReactorClock

#: The time between two looks at the clock of the machine, in seconds.  Larger: after the clock was
#: set back, timers are late by up to this time.  Smaller: an idle process wakes up more often.
WATCH_INTERVAL = 1.0

#: The smallest change of the clock of the machine that is noticed, in seconds.  Timers are late by
#: at most this time because of smaller ones.  Smaller: a clock that is adjusted slowly, by 0.5 ms a
#: second (adjtime), causes work.
LEAST_STEP = 0.1

#: A call is made up to this number of seconds early, because the two clocks are rounded
#: differently.  Larger: deadlines that are checked again have not passed yet.  Smaller: some timers
#: fire twice.
ROUNDING = 1e-6

#: The number of outdated entries that may always stay in a heap; see `MonotonicClock`.  Larger:
#: outdated entries take up more memory.  Smaller: a small heap is rebuilt at nearly every
#: cancellation.
OUTDATED_ENTRIES = 64


class Watch(Protocol):
    """Calls `MonotonicClock.setAgain` of each of its clocks soon after the machine's was set."""

    def add(self, clock: MonotonicClock, /) -> None:
        """Watch the machine's clock for a clock that has a timer."""

    def discard(self, clock: MonotonicClock, /) -> None:
        """Watch for it no more."""


class _Call(DelayedCall):
    """
    A delayed call.

    :ivar order: the order of its entry in the heap.  A call that was moved has two entries, and the
        earlier one has another order.
    """

    order: int


@implementer(IReactorTime)
class MonotonicClock(ReactorClock):
    """
    Tells the time and calls functions later, whatever happens to the clock of the machine.

    The calls are kept in a heap.  An entry whose call was cancelled or moved is outdated.  The heap
    is rebuilt when more than `OUTDATED_ENTRIES`, and more than half of all entries, are outdated.

    :param reactor: wakes the clock
    :param seconds: tells the time, in seconds
    :param watch: watches the clock of the machine
    :ivar seconds: tells the time, in seconds since any moment
    :ivar callFromThread: that of the reactor
    """

    def __init__(self, reactor: Any, seconds: Callable[[], float], watch: Watch) -> None:
        self.seconds = seconds
        self.callFromThread: Callable[..., object] = reactor.callFromThread
        self.reactor = reactor
        self._watch = watch
        self._heap: list[tuple[float, int, _Call]] = []
        self._orders = count()
        self._outdated = 0
        self._timer: IDelayedCall | None = None
        self._timerAt = 0.0
        self._ahead = 0.0

    def callLater(
        self, delay: float, callable: Callable[..., object], *args: object, **kwargs: object
    ) -> DelayedCall:
        """
        Schedule a call.

        :param delay: seconds, not negative
        """
        now = self.seconds()
        call = _Call(
            now + delay, callable, args, kwargs, self._cancelled, self._moved, self.seconds
        )
        self._push(call)
        if self._timer is None or call.time < self._timerAt:
            self._wakeAt(call.time, delay, now)
        return call

    def getDelayedCalls(self) -> Sequence[IDelayedCall]:
        """The pending calls, in no order."""
        return [call for _, order, call in self._heap if order == call.order and call.active()]

    def setAgain(self) -> None:
        """Set the timer in the reactor again.  The clock of the machine was set."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._arm()

    def isStepped(self) -> bool:
        """
        Whether the clock of the machine was set after the timer in the reactor.  Any thread may
        call this method.
        """
        ahead: float = self.reactor.seconds() - self.seconds()
        return abs(ahead - self._ahead) > LEAST_STEP

    def _push(self, call: _Call) -> None:
        call.order = next(self._orders)
        heappush(self._heap, (call.time, call.order, call))

    def _wakeAt(self, when: float, delay: float, now: float) -> None:
        if self._timer is None:
            self._watch.add(self)
        else:
            self._timer.cancel()
        self._ahead = self.reactor.seconds() - now
        self._timer = self.reactor.callLater(max(0.0, delay), self._wake)
        self._timerAt = when

    def _arm(self) -> None:
        """Set the timer for the first call.  There is no timer now."""
        self._dropOutdated()
        if self._heap:
            now = self.seconds()
            when = self._heap[0][0]
            self._wakeAt(when, when - now, now)
        else:
            self._watch.discard(self)

    def _wake(self) -> None:
        """Make the first call if it is due."""
        self._timer = None
        self._dropOutdated()
        due: _Call | None = None
        if self._heap and self._heap[0][0] <= self.seconds() + ROUNDING:
            due = heappop(self._heap)[2]
        # Set the timer before the call: the call may raise an exception, which the reactor logs.
        self._arm()
        if due is not None:
            due.called = 1
            due.func(*due.args, **due.kw)

    def _dropOutdated(self) -> None:
        """Make the first entry that of a call that is pending."""
        heap = self._heap
        while heap:
            _, order, call = heap[0]
            if order != call.order or call.cancelled:
                heappop(heap)
                self._outdated -= 1
            elif call.delayed_time:
                heappop(heap)
                call.activate_delay()
                self._push(call)
            else:
                break

    def _cancelled(self, call: DelayedCall) -> None:
        # DelayedCall sets this mark only after it has called this method.
        call.cancelled = 1
        self._addOutdated()

    def _moved(self, call: DelayedCall) -> None:
        assert isinstance(call, _Call)
        self._push(call)
        self._addOutdated()
        if self._timer is None or call.time < self._timerAt:
            now = self.seconds()
            self._wakeAt(call.time, call.time - now, now)

    def _addOutdated(self) -> None:
        self._outdated += 1
        heap = self._heap
        if self._outdated == len(heap):
            # No call is left, so no timer may be left either.
            heap.clear()
            self._outdated = 0
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._watch.discard(self)
        elif self._outdated > OUTDATED_ENTRIES and self._outdated * 2 > len(heap):
            heap[:] = [entry for entry in heap if entry[1] == entry[2].order and entry[2].active()]
            heapify(heap)
            self._outdated = 0


class WatchThread:
    """
    Looks at the clock of the machine every second, in a thread.

    A timer of the reactor can't do this, because after the clock was set back, it is late itself.
    """

    def __init__(self) -> None:
        self._clocks: set[MonotonicClock] = set()
        self._thread: Thread | None = None

    def add(self, clock: MonotonicClock, /) -> None:
        """Watch the machine's clock for a clock that has a timer."""
        self._clocks.add(clock)
        # A process that has forked has no thread any more.
        if self._thread is None or not self._thread.is_alive():
            self._thread = Thread(target=self._run, name="watch of the clock", daemon=True)
            self._thread.start()

    def discard(self, clock: MonotonicClock, /) -> None:
        """Watch for it no more."""
        self._clocks.discard(clock)

    def _run(self) -> None:
        while True:
            time.sleep(WATCH_INTERVAL)
            for clock in tuple(self._clocks):
                if clock.isStepped():
                    clock.callFromThread(clock.setAgain)


#: The thread for all clocks of the process.
WATCH = WatchThread()
