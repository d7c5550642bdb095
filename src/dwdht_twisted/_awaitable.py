"""
Awaiting across Twisted and asyncio.

Under ``asyncioreactor`` two kinds of coroutines run in one process:

- Twisted drives the coroutines of ``Deferred.fromCoroutine``.  They may await Deferreds.
- An asyncio task drives the other coroutines.  They may await futures.

The Deferreds of this package can be awaited in both kinds.
"""

from __future__ import annotations

import sys
from asyncio import AbstractEventLoop, CancelledError, Future, current_task, get_running_loop
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from typing import Any, Generic, TypeVar

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

Result = TypeVar("Result")

_COROUTINE_FLAGS = CO_COROUTINE | CO_GENERATOR | CO_ASYNC_GENERATOR


class AwaitableDeferred(Deferred[Result]):
    """
    A Deferred that can also be awaited in an asyncio task.
    """

    def __await__(self) -> Generator[Any, Any, Result]:
        steps = super().__await__()
        loop = _loopOfTask()
        return steps if loop is None else _runInTask(_generatorOf(steps), loop)


def awaitable(deferred: Deferred[Result]) -> AwaitableDeferred[Result]:
    """
    Return a Deferred with the outcome of ``deferred`` that can be awaited in an asyncio task too.

    Cancelling the result cancels ``deferred``.
    """
    result: AwaitableDeferred[Result] = AwaitableDeferred(lambda _: deferred.cancel())
    deferred.addCallbacks(result.callback, result.errback)
    return result


def fromCoroutine(coroutine: Coroutine[Any, Any, Result]) -> AwaitableDeferred[Result]:
    """
    Run a coroutine as ``Deferred.fromCoroutine`` does, and return a Deferred that can also be
    cancelled while the coroutine runs, by code that it calls.

    Then the Deferred fails at once, and the coroutine ends as soon as it waits for something.
    """
    run = _Run(coroutine)
    work = Deferred.fromCoroutine(run.toItsEnd())

    def cancel(_: object) -> None:
        if run.isRunning:
            run.isCancelled = True
        else:
            work.cancel()

    result: AwaitableDeferred[Result] = AwaitableDeferred(cancel)

    def ended(outcome: Result | Failure) -> None:
        if not result.called:
            result.callback(outcome)

    work.addBoth(ended)
    return result


class _Run(Generic[Result]):
    """
    One run of a coroutine.

    :ivar isRunning: whether the coroutine runs at the moment, and does not wait
    :ivar isCancelled: whether the coroutine is cancelled when it waits next
    """

    def __init__(self, coroutine: Coroutine[Any, Any, Result]) -> None:
        self._steps = coroutine.__await__()
        self.isRunning = False
        self.isCancelled = False

    async def toItsEnd(self) -> Result:
        """Run the coroutine, and return its result."""
        return await self

    def __await__(self) -> Generator[Any, Any, Result]:
        self.isRunning = True
        return _drive(self._steps, self._wait)

    def _wait(self, deferred: Deferred[Any]) -> Generator[Any, Any, Any]:
        self.isRunning = False
        try:
            if self.isCancelled:
                self.isCancelled = False
                deferred.addErrback(lambda _: None)
                deferred.cancel()
                raise defer.CancelledError
            return (yield deferred)
        finally:
            self.isRunning = True


def toDeferred(given: Awaitable[Result], reactor: object) -> Deferred[Result]:
    """
    Run an awaitable, for example a coroutine or a future, and return a Deferred of its result.

    :param reactor: the reactor of the node.  On an ``asyncioreactor`` the awaitable runs in a task
        of its own and may await futures and Deferreds.  On any other reactor it may await only
        Deferreds.
    """
    if isinstance(given, Deferred):
        return given
    loop = _loopOf(reactor)
    if loop is None:
        return Deferred.fromCoroutine(_resultOf(given))
    return Deferred.fromFuture(loop.create_task(_resultOf(_InTask(given, loop))))


class _InTask(Generic[Result]):
    """
    An awaitable for an asyncio task.  Unlike others, it may await Deferreds as well as futures.
    """

    def __init__(self, given: Awaitable[Result], loop: AbstractEventLoop) -> None:
        self._given = given
        self._loop = loop

    def __await__(self) -> Generator[Any, Any, Result]:
        return _runInTask(_resultOf(self._given).__await__(), self._loop)


def _runInTask(
    steps: Generator[Any, Any, Result], loop: AbstractEventLoop
) -> Generator[Any, Any, Result]:
    """
    Run the steps of an awaitable in an asyncio task.

    The steps yield futures and Deferreds.  The task waits for each of them to fire.
    """

    def wait(given: Any) -> Generator[Any, Any, Any]:
        if isinstance(given, Deferred):
            return (yield from _firingOf(given, loop))
        return (yield given)

    return _drive(steps, wait)


def _drive(
    steps: Generator[Any, Any, Result], wait: Callable[[Any], Generator[Any, Any, Any]]
) -> Generator[Any, Any, Result]:
    """
    Run the steps of an awaitable, and return its result.

    :param wait: waits for what a step has yielded, and returns what the next step is given.  What
        it raises is raised in the next step.
    """
    resume: Callable[[Any], Any] = steps.send
    argument: Any = None
    while True:
        try:
            waitedFor = resume(argument)
        except StopIteration as stop:
            result: Result = stop.value
            return result
        try:
            argument = yield from wait(waitedFor)
            resume = steps.send
        except BaseException as error:
            resume, argument = steps.throw, error


def _firingOf(
    deferred: Deferred[Any], loop: AbstractEventLoop
) -> Generator[Future[None], None, None]:
    """
    Wait in an asyncio task until a Deferred fires.  The Deferred keeps its result.

    ``Deferred.asFuture`` would take the result away from the coroutine that awaits the Deferred.
    Cancelling the task cancels the Deferred.
    """
    future: Future[None] = loop.create_future()

    def fired(result: object) -> object:
        if not future.done():
            future.set_result(None)
        return result

    deferred.addBoth(fired)
    try:
        yield from future
    except CancelledError:
        # The coroutine is told of the cancellation, so drop the error of the Deferred.  It may have
        # fired in the same turn of the loop.
        deferred.addErrback(lambda _: None)
        deferred.cancel()
        raise


def _generatorOf(steps: Iterator[Any]) -> Generator[Any, Any, Any]:
    """The steps of an awaitable, with ``throw``.  Deferreds of Twisted 24.7 have none."""
    return (yield from steps)


async def _resultOf(given: Awaitable[Result]) -> Result:
    return await given


def _loopOf(reactor: object) -> AbstractEventLoop | None:
    """
    The asyncio loop that runs a reactor; None for a reactor of another kind.

    A simulated reactor may be used within a running loop.  The loop is not the reactor's own, so a
    task of the loop would not run during the simulation.
    """
    module = sys.modules.get("twisted.internet.asyncioreactor")
    if module is None or not isinstance(reactor, module.AsyncioSelectorReactor):
        return None
    return get_running_loop()


def _loopOfTask() -> AbstractEventLoop | None:
    """
    The running loop if an asyncio task drives the present coroutine; None if Twisted drives it.

    A task may run while Twisted drives the coroutine, because the task may have called a function
    that runs a coroutine of Twisted.  So the first stack frame below the coroutines decides: it
    belongs either to Twisted or to the task.
    """
    try:
        if current_task() is None:
            return None
    except RuntimeError:
        # There is no running loop.
        return None
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_code.co_flags & _COROUTINE_FLAGS:
        frame = frame.f_back
    return None if frame.f_globals is vars(defer) else get_running_loop()


__all__ = ["AwaitableDeferred", "awaitable", "fromCoroutine", "toDeferred"]
