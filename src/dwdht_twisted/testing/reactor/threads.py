"""
The threads of a host's reactor.  Their work is done at once, and its results come on the next turn
of the clock.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import current_thread, main_thread
from typing import Any

from twisted.internet import threads

from .core import CoreReactor, HostNetwork
from .events import Trigger
from .threadpool import ImmediateThreadPool, replaceThreadPool

#: The most threads of a host's pool; a real reactor has the same maximum.  The pool has no threads,
#: so the number limits nothing.  Programs may read it.
MAXIMUM_THREADS = 10


class ThreadedReactor(CoreReactor):
    """
    The methods of ``IReactorThreads`` for one host.

    A function that is called in a thread runs at once, in the thread of the test.  A function that
    is passed to `callFromThread` runs on the next turn of the clock.  So the results of
    ``deferToThreadPool`` and of database pools come later than the call, as with real threads, and
    in a fixed order.
    """

    __slots__ = ("_threadPool",)

    def __init__(self, network: HostNetwork, host: str) -> None:
        super().__init__(network, host)
        self._threadPool: ImmediateThreadPool | None = None

    def callWhenRunning(
        self, callable: Callable[..., Any], *args: object, **kwargs: object
    ) -> Trigger | None:
        """
        Call a function at once, because the reactor runs from the beginning.

        The function may be a method that starts the thread pool of its object, as in
        ``ConnectionPool`` of ``twisted.enterprise.adbapi``.  The pool of the object is first
        replaced by one without threads.

        :return: None; after the end of the host, a trigger that never runs
        """
        replaceThreadPool(callable)
        return super().callWhenRunning(callable, *args, **kwargs)

    def callFromThread(self, callable: Callable[..., Any], *args: object, **kwargs: object) -> None:
        """
        Call a function on the next turn of the clock.  Functions are called in the order in which
        they were passed.

        :raises RuntimeError: when ``blockingCallFromThread`` calls this method; it would block the
            thread that has to run the function
        """
        if (
            getattr(callable, "__module__", None) == threads.__name__
            and current_thread() is main_thread()
        ):
            raise RuntimeError(
                "blockingCallFromThread would never return: the threads of a simulated host run in "
                "the thread of the test"
            )
        self._callSoon(partial(callable, *args, **kwargs))

    def callInThread(self, callable: Callable[..., Any], *args: object, **kwargs: object) -> None:
        """
        Call a function at once.  An exception that it raises is logged.
        """
        self.getThreadPool().callInThread(callable, *args, **kwargs)

    def getThreadPool(self) -> ImmediateThreadPool:
        """
        The pool of the host, which is made at the first call and stopped by the shutdown.
        """
        if self._threadPool is None:
            self._threadPool = pool = ImmediateThreadPool(0, MAXIMUM_THREADS, self.host)
            super().callWhenRunning(pool.start)
            self.addSystemEventTrigger("during", "shutdown", pool.stop)
        return self._threadPool

    def suggestThreadPoolSize(self, size: int) -> None:
        """
        Set the maximum number of threads that the pool reports.  It has no threads in any case.
        """
        self.getThreadPool().adjustPoolsize(maxthreads=size)


__all__ = ["ThreadedReactor"]
