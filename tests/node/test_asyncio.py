"""
Nodes in programs that use asyncio. Each program is a process with a real ``asyncioreactor``.
"""

from __future__ import annotations

import sys

from tests.helpers.processes.programs import ROOT, ProgramTestCase


class AsyncioTests(ProgramTestCase):
    """
    The scenarios of `asyncio_handlers` and `asyncio_tasks`, in `tests.helpers.processes`.
    """

    async def assertRuns(self, *command: str) -> None:
        """Require that a program ends with status 0 and writes nothing to standard error."""
        environment = {"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
        program = await self.finish(sys.executable, *command, environment=environment)
        self.assertEqual(program.exitCode, 0, program.errorText)
        self.assertEqual(program.errorText, "")

    async def assertScenario(self, module: str, name: str) -> None:
        """Require that a scenario runs to its end."""
        await self.assertRuns("-m", "tests.helpers.processes.asyncio_program", module, name)

    async def test_handlersAwaitFuturesAndDeferreds(self) -> None:
        """
        Handlers return or await futures, tasks, Deferreds and mixtures of these, 14 kinds in all.
        Each answers a query and an update with its value.
        """
        await self.assertScenario("asyncio_handlers", "handlersMayAwaitAnything")

    async def test_ownHandlerAwaitsAFuture(self) -> None:
        """The handler of a member that is alone in its network may await a future."""
        await self.assertScenario("asyncio_handlers", "handlersOfTheAskerAwaitToo")

    async def test_failingHandlersAreAnsweredWithoutAValue(self) -> None:
        """
        If a handler fails after it has awaited a future, the query is answered without a value, and
        the handler runs once. An update that is refused after such a wait has one error and no
        commit.
        """
        await self.assertScenario("asyncio_handlers", "failingHandlersAreAnswered")

    async def test_destroyedNodeCancelsTheTasksOfItsHandlers(self) -> None:
        """
        `DHTNode.destroy` cancels a future that a handler awaits and a future that a handler
        returned.
        """
        await self.assertScenario("asyncio_handlers", "destroyedNodeCancelsItsTasks")

    async def test_stopOfAServiceWaitsForAnything(self) -> None:
        """
        The stop of a service waits for the futures, tasks, coroutines and Deferreds of the
        functions before it, and then for that of its store.
        """
        await self.assertScenario("asyncio_handlers", "stopWaitsForAnything")

    async def test_oneFutureAnswersSeveralRequests(self) -> None:
        """A future that a handler returns for 3 requests answers all of them."""
        await self.assertScenario("asyncio_handlers", "oneFutureServesSeveralRequests")

    async def test_everyDeferredIsAwaitedInATask(self) -> None:
        """
        A task can await every Deferred and stream of the API: directly, by ``gather`` and by
        ``wait_for``.
        """
        await self.assertScenario("asyncio_tasks", "everyDeferredIsAwaited")

    async def test_awaitedResultsStayWithTheirDeferreds(self) -> None:
        """
        A Deferred can be awaited twice, or by two tasks at once. Each await gets the result or
        raises the failure.
        """
        await self.assertScenario("asyncio_tasks", "resultsStayWithTheirDeferreds")

    async def test_failuresAreRaisedInTheTask(self) -> None:
        """If a Deferred or a stream fails, the task that awaits it gets the exception."""
        await self.assertScenario("asyncio_tasks", "failuresAreRaisedInTheTask")

    async def test_cancelledTaskStopsItsQuery(self) -> None:
        """A query and its requests stop when ``wait_for`` times out or the task is cancelled."""
        await self.assertScenario("asyncio_tasks", "cancellationStopsTheQuery")

    async def test_failureOfACancelledTaskIsNotLogged(self) -> None:
        """
        If a task is cancelled in the same turn as the Deferred fails that it waits for, nothing is
        logged. This holds for each kind of Deferred and stream.
        """
        await self.assertScenario("asyncio_tasks", "cancelledTasksTakeFailures")

    async def test_coroutinesOfTwistedAwaitWithinATask(self) -> None:
        """
        A coroutine that Twisted runs can await Deferreds and streams, although a task called it.
        """
        await self.assertScenario("asyncio_tasks", "twistedsCoroutinesAwaitWithinATask")

    async def test_leftLoopsInTasksEnd(self) -> None:
        """
        A stream ends when its loop in a task is left by ``break`` or ``return``. This holds for
        each of 50 streams.
        """
        await self.assertScenario("asyncio_tasks", "leftLoopsEnd")

    async def test_collectionInAThreadEndsStreams(self) -> None:
        """
        Fifty unused streams in reference cycles all end when another thread runs the garbage
        collector.
        """
        await self.assertScenario("asyncio_tasks", "collectorInAThreadEndsStreams")

    async def test_waitingLoopInATaskIsKept(self) -> None:
        """
        A task that waits for a reply in a loop is not collected, although nothing else refers to
        it.
        """
        await self.assertScenario("asyncio_tasks", "waitingLoopIsKept")

    async def test_simulationRunsWithinAnotherLoop(self) -> None:
        """
        Handlers that are coroutines run in a simulation inside of ``asyncio.run``, even if
        ``asyncioreactor`` is imported.
        """
        module = "tests.helpers.processes.asyncio_handlers"
        await self.assertRuns("-c", f"import {module} as it; it.simulationWithinALoop()")
