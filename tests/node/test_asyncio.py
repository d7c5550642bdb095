"""
Nodes in programs on asyncio, each in a process of its own with a real ``asyncioreactor``.
"""

from __future__ import annotations

import sys

from tests.helpers.processes.programs import ROOT, ProgramTestCase


class AsyncioTests(ProgramTestCase):
    """
    The scenarios of `tests.helpers.processes.asyncio_scenarios`.
    """

    async def assertRuns(self, *command: str) -> None:
        """Require that a program ends with status 0, and writes nothing to standard error."""
        environment = {"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
        program = await self.finish(sys.executable, *command, environment=environment)
        self.assertEqual(program.exitCode, 0, program.errorText)
        self.assertEqual(program.errorText, "")

    async def assertScenario(self, name: str) -> None:
        """Require that a scenario runs to its end."""
        await self.assertRuns("-m", "tests.helpers.processes.asyncio_program", name)

    async def test_handlersAwaitFuturesAndDeferreds(self) -> None:
        """
        Handlers that return or await futures, tasks, Deferreds and mixtures of these, 14 in all,
        give their values to a query and to an update.
        """
        await self.assertScenario("handlersMayAwaitAnything")

    async def test_ownHandlerAwaitsAFuture(self) -> None:
        """
        The own handler of a lone member may await a future.
        """
        await self.assertScenario("handlersOfTheAskerAwaitToo")

    async def test_failingHandlersAreAnsweredWithoutAValue(self) -> None:
        """
        A handler that raises, times out or cancels itself after it has awaited a future is answered
        without a value, and runs once; one that refuses an update then refuses it.
        """
        await self.assertScenario("failingHandlersAreAnswered")

    async def test_destroyedNodeCancelsTheTasksOfItsHandlers(self) -> None:
        """
        A handler that awaits a future, and a future that a handler returned, are cancelled when the
        node is destroyed.
        """
        await self.assertScenario("destroyedNodeCancelsItsTasks")

    async def test_oneFutureAnswersSeveralRequests(self) -> None:
        """
        A future that a handler returns for 3 requests answers each of them.
        """
        await self.assertScenario("oneFutureServesSeveralRequests")

    async def test_everyDeferredIsAwaitedInATask(self) -> None:
        """
        Each Deferred and stream of the API is awaited in a task: alone, by ``gather`` and by
        ``wait_for``.
        """
        await self.assertScenario("everyDeferredIsAwaited")

    async def test_awaitedResultsStayWithTheirDeferreds(self) -> None:
        """
        A Deferred that a task awaits twice, or two tasks at once, gives its result each time, and
        raises its failure each time.
        """
        await self.assertScenario("resultsStayWithTheirDeferreds")

    async def test_failuresAreRaisedInTheTask(self) -> None:
        """
        What a Deferred or a stream fails with is raised where a task awaits it.
        """
        await self.assertScenario("failuresAreRaisedInTheTask")

    async def test_cancelledTaskStopsItsQuery(self) -> None:
        """
        The time-out of ``wait_for`` and the cancellation of a task stop the query and its requests.
        """
        await self.assertScenario("cancellationStopsTheQuery")

    async def test_coroutinesOfTwistedAwaitWithinATask(self) -> None:
        """
        A coroutine that Twisted drives awaits Deferreds and streams, although a task called it.
        """
        await self.assertScenario("twistedsCoroutinesAwaitWithinATask")

    async def test_leftLoopsInTasksEnd(self) -> None:
        """
        50 of 50 streams have ended whose loop in a task was left by ``break``, and by ``return``.
        """
        await self.assertScenario("leftLoopsEnd")

    async def test_collectionInAThreadEndsStreams(self) -> None:
        """
        50 of 50 streams that only cycles hold end when another thread runs the garbage collector.
        """
        await self.assertScenario("collectorInAThreadEndsStreams")

    async def test_waitingLoopInATaskIsKept(self) -> None:
        """
        A loop that waits for a reply in a task that nothing else refers to is never collected.
        """
        await self.assertScenario("waitingLoopIsKept")

    async def test_simulationRunsWithinAnotherLoop(self) -> None:
        """
        Handlers that are coroutines run in a simulation that is used within ``asyncio.run``, also
        where ``asyncioreactor`` is imported.
        """
        module = "tests.helpers.processes.asyncio_scenarios"
        await self.assertRuns("-c", f"import {module} as it; it.simulationWithinALoop()")
