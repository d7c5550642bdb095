"""
A queue of calls that wait for a disk.  Threads of the reactor run them, a group at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from ..._awaitable import AwaitableDeferred
from ...errors import StoreFailed

#: The most results that are given in one turn of the reactor.  Larger: datagrams that come
#: meanwhile wait for longer.  Smaller: a busy store needs more turns.
RESULTS_PER_TURN = 2

Result = TypeVar("Result")
Subject = TypeVar("Subject")


class _Waiting(NamedTuple):
    result: Deferred[Any]
    call: Callable[..., Any]
    isAlone: bool


class Lane(Generic[Subject]):
    """
    Runs calls in a thread of the reactor, in the order in which they were made.

    One thread at a time runs calls.  All calls that have come in the meantime are the next group,
    so a thread that waits for a disk waits once for the whole group.

    :param reactor: provides the threads, and receives the results
    :param perform: runs a group, in a thread.  It returns the result of each call, which is a
        Failure if the call fails alone.  Or it raises an exception, with which each call of the
        group fails.
    :param most: the most calls of a group

    When no thread can be started, each call of the group fails with `StoreFailed`.
    """

    def __init__(
        self,
        reactor: Any,
        perform: Callable[[Sequence[Callable[[Subject], Any]]], list[Any]],
        most: int,
    ) -> None:
        self._reactor = reactor
        self._perform = perform
        self._most = most
        self._waiting: deque[_Waiting] = deque()
        # The results that have not been given yet.
        self._ended: deque[tuple[Deferred[Any], Any]] = deque()
        self._isRunning = False

    @property
    def isBusy(self) -> bool:
        """Whether a call is run or waits."""
        return self._isRunning or bool(self._waiting)

    def add(self, call: Callable[[Subject], Result]) -> Deferred[Result]:
        """
        Run a call in a group.

        :return: fires with the result.  If it is cancelled before its turn, the call isn't run.
        """
        return self._add(call, isAlone=False)

    def addAlone(self, call: Callable[[], Result]) -> Deferred[Result]:
        """Run a call by itself, after all earlier ones and before all later ones."""
        return self._add(call, isAlone=True)

    def _add(self, call: Callable[..., Result], *, isAlone: bool) -> Deferred[Result]:
        result: AwaitableDeferred[Result] = AwaitableDeferred()
        self._waiting.append(_Waiting(result, call, isAlone))
        # While results are given, more calls are likely to follow: let them go together.
        if not self._isRunning and not self._ended:
            self._next()
        return result

    def _next(self) -> None:
        group: list[_Waiting] = []
        while self._waiting and len(group) < self._most:
            if group and self._waiting[0].isAlone:
                break
            waiting = self._waiting.popleft()
            if not waiting.result.called:
                group.append(waiting)
                if waiting.isAlone:
                    break
        if group:
            self._isRunning = True
            pool = self._reactor.getThreadPool()
            try:
                running = deferToThreadPool(self._reactor, pool, self._run, group)
            except Exception as error:
                # The limit of threads is that of the machine or the container, and may pass.
                failed = StoreFailed(f"the store has no thread: {error}")
                failed.__cause__ = error
                # Not at once: each group that waits would end within the end of the one before.
                self._reactor.callFromThread(self._end, Failure(failed), group)
            else:
                running.addBoth(self._end, group)

    def _run(self, group: list[_Waiting]) -> list[Any]:
        if group[0].isAlone:
            return [group[0].call()]
        return self._perform([each.call for each in group])

    def _end(self, outcome: list[Any] | Failure, group: list[_Waiting]) -> None:
        # A call of the group may have been cancelled meanwhile.  The thread was busy until it had
        # finished, so the next group begins only now.
        self._isRunning = False
        self._next()
        isGiving = bool(self._ended)
        for place, waiting in enumerate(group):
            result = outcome if isinstance(outcome, Failure) else outcome[place]
            self._ended.append((waiting.result, result))
        if not isGiving:
            self._give()

    def _give(self) -> None:
        for _ in range(min(RESULTS_PER_TURN, len(self._ended))):
            waiting, result = self._ended[0]
            waiting.callback(result)
            self._ended.popleft()
        if self._ended:
            # Not callLater: it would be late after the clock of the machine was set back.
            self._reactor.callFromThread(self._give)
        elif not self._isRunning:
            self._next()


__all__ = ["Lane"]
