"""
Threads of a host: their work is done at once, so that a test stays deterministic.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from ..failures import failuresLogged, stopsTest


class ImmediateThreadPool(ThreadPool):
    """
    A pool without threads: it does its work at once, in the thread of its caller.

    As in any pool, work that it gets before it is started is done at its start, and work that it
    gets after it was stopped is never done.
    """

    _log = Logger()

    def __init__(self, minthreads: int = 5, maxthreads: int = 20, name: str | None = None) -> None:
        super().__init__(minthreads, maxthreads, name)
        self._early: list[Callable[[], None]] = []

    def start(self) -> None:
        """
        Do the work that there is, and from now on all work at once.
        """
        self.joined = False
        self.started = True
        early, self._early = self._early, []
        for work in early:
            work()

    def stop(self) -> None:
        """
        Do no work from now on.
        """
        self.joined = True
        self.started = False

    def adjustPoolsize(self, minthreads: int | None = None, maxthreads: int | None = None) -> None:
        """
        Remember how many threads there should be, and start none.
        """
        minthreads = self.min if minthreads is None else minthreads
        maxthreads = self.max if maxthreads is None else maxthreads
        assert 0 <= minthreads <= maxthreads, f"{minthreads} to {maxthreads} threads can't be"
        self.min = minthreads
        self.max = maxthreads

    def startAWorker(self) -> None:
        """Start no thread."""

    def stopAWorker(self) -> None:
        """Stop no thread, because there is none."""

    def callInThreadWithCallback(
        self,
        onResult: Callable[[bool, Any], object] | None,
        func: Callable[..., Any],
        *args: Any,
        **kw: Any,
    ) -> None:
        """
        Call a function.

        :param onResult: called with True and the function's result, or with False and its failure;
            None to log the failure
        """
        if self.joined:
            return
        work = partial(self._do, onResult, partial(func, *args, **kw))
        if self.started:
            work()
        else:
            self._early.append(work)

    def _do(
        self, onResult: Callable[[bool, Any], object] | None, function: Callable[[], Any]
    ) -> None:
        if onResult is None:
            with failuresLogged(self._log, "{function} raised an exception", function=function):
                function()
            return
        isSuccess = True
        try:
            result = function()
        except BaseException as error:
            if stopsTest(error):
                raise
            isSuccess = False
            result = Failure()
        with failuresLogged(self._log, "{function} raised an exception", function=onResult):
            onResult(isSuccess, result)


def replaceThreadPool(method: Callable[..., object]) -> None:
    """
    Give an object a pool without threads in place of one of its own that isn't started yet.

    ``twisted.enterprise.adbapi.ConnectionPool`` needs this: it takes a reactor, and yet has threads
    of its own.  Its constructor gives its reactor the method that starts them.

    :param method: a method of the object; any other function is ignored
    """
    owner: Any = getattr(method, "__self__", None)
    pool = getattr(owner, "threadpool", None)
    if type(pool) is ThreadPool and not pool.started:
        owner.threadpool = ImmediateThreadPool(pool.min, pool.max, pool.name)


__all__ = ["ImmediateThreadPool", "replaceThreadPool"]
