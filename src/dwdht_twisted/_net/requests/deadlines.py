"""
The deadlines of requests: a heap, with one reactor timer for all deadlines.

It is a heap and not a queue, because the time-outs of addresses differ.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

from twisted.internet.interfaces import IDelayedCall, IReactorTime

#: If the timer is late by more than this number of seconds, the reactor was busy meanwhile, and may
#: not have read the answers that have arrived.
HELD_UP = 0.02


class Deadlines:
    """
    Calls a function for each request whose deadline has passed.

    The heap holds transaction ids, not requests, so ended requests can be freed.  When a request
    ends or is sent again, its old entry stays in the heap.  The old entry is skipped later.

    :param clock: calls later
    :param deadlineOf: returns the present deadline of a transaction id, or None when its request
        has ended
    :param passed: called with each transaction id whose deadline has passed
    """

    def __init__(
        self,
        clock: IReactorTime,
        deadlineOf: Callable[[int], float | None],
        passed: Callable[[int], None],
    ) -> None:
        self._clock = clock
        self._deadlineOf = deadlineOf
        self._passed = passed
        self._heap: list[tuple[float, int]] = []
        self._timer: IDelayedCall | None = None
        self._timerAt = 0.0
        self._wasHeldUp = False

    def add(self, deadline: float, transactionId: int, now: float) -> None:
        """Add a deadline."""
        heappush(self._heap, (deadline, transactionId))
        self._wakeAt(deadline, now)

    def stop(self) -> None:
        """Forget all deadlines and stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._heap.clear()

    def _wakeAt(self, deadline: float, now: float) -> None:
        if self._timer is not None:
            if deadline >= self._timerAt:
                return
            # Make a new timer.  Resetting a timer to an earlier time is slow, because the reactor
            # searches all its timers.
            self._timer.cancel()
        self._timer = self._clock.callLater(deadline - now, self._wake)
        self._timerAt = deadline

    def _wake(self) -> None:
        self._timer = None
        now = self._clock.seconds()
        if now - self._timerAt > HELD_UP and not self._wasHeldUp:
            # The reactor calls timers before it reads sockets.  Wait until it has read once,
            # because answers may be waiting in the socket.
            self._wasHeldUp = True
            self._wakeAt(now, now)
            return
        self._wasHeldUp = False
        heap = self._heap
        while heap:
            deadline, transactionId = heap[0]
            if self._deadlineOf(transactionId) != deadline:
                heappop(heap)
            elif deadline <= now:
                heappop(heap)
                self._passed(transactionId)
            else:
                self._wakeAt(deadline, now)
                break
