"""
The thread pool of a host.  It does its work at once, so that a test stays deterministic.
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

    As in any pool, work that is added before the start is done at the start.  Work that is added
    after the stop is never done.
    """

    _log = Logger()

    def __init__(self, minthreads: int = 5, maxthreads: int = 20, name: str | None = None) -> None:
        super().__init__(minthreads, maxthreads, name)
        self._early: list[Callable[[], None]] = []

    def start(self) -> None:
        """
        Do the work that was added so far.  From now on, do all work at once.
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
        Set the numbers of threads that the pool reports.  No thread is started.
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
    Replace the thread pool of an object by one without threads, if the pool isn't started yet.

    ``twisted.enterprise.adbapi.ConnectionPool`` needs this: although it takes a reactor, it has a
    thread pool of its own.  Its constructor passes the method that starts this pool to the reactor.

    :param method: a method of the object; any other function is ignored
    """
    owner: Any = getattr(method, "__self__", None)
    pool = getattr(owner, "threadpool", None)
    if type(pool) is ThreadPool and not pool.started:
        owner.threadpool = ImmediateThreadPool(pool.min, pool.max, pool.name)


__all__ = ["ImmediateThreadPool", "replaceThreadPool"]
