"""
Scenarios for `asyncio_program`: handlers in a program that uses asyncio.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from dwdht_twisted import DHTNode, DHTService, MemoryStore, Request, UpdateRefused
from tests.helpers.processes.asyncio_program import COMMAND, TARGET, Program, running


async def handlersMayAwaitAnything(program: Program) -> None:
    """
    Handlers that await futures, Deferreds or both answer queries and updates with their values.
    """
    loop, reactor = program.loop, program.reactor
    inner = program.node()
    inner.register(COMMAND, query=lambda _: b"inner")
    asker = program.node(ephemeral=True)

    def returnsFuture(_: Request) -> Awaitable[bytes]:
        future: asyncio.Future[bytes] = loop.create_future()
        loop.call_later(0.02, future.set_result, b"value")
        return future

    def returnsTask(_: Request) -> Awaitable[bytes]:
        return loop.create_task(asyncio.sleep(0.02, b"value"))

    async def sleeps(_: Request) -> bytes:
        return await asyncio.sleep(0.02, b"value")

    async def sleepsInTime(_: Request) -> bytes:
        return await asyncio.wait_for(asyncio.sleep(0.02, b"value"), 5)

    async def timesOut(_: Request) -> bytes:
        try:
            await asyncio.wait_for(asyncio.sleep(60), 0.02)
        except asyncio.TimeoutError:
            return b"value"
        return b"no time-out"

    async def gathers(_: Request) -> bytes:
        parts = await asyncio.gather(
            asyncio.sleep(0.02, b"va"),
            deferLater(reactor, 0.02, lambda: b"lu").asFuture(loop),
            asyncio.to_thread(lambda: b"e"),
        )
        return b"".join(parts)

    async def awaitsDeferred(_: Request) -> bytes:
        return await deferLater(reactor, 0.02, lambda: b"value")

    async def mixes(_: Request) -> bytes:
        first = await deferLater(reactor, 0.01, lambda: b"va")
        second = await asyncio.sleep(0.01, b"lu")
        [reply] = await asker.query(COMMAND, TARGET, nodes=[inner.address()]).collect()
        assert reply.value == b"inner"
        third = await deferLater(reactor, 0.01, lambda: b"e")
        await asyncio.sleep(0)
        return first + second + third

    async def catchesDeferredsError(_: Request) -> bytes:
        try:
            await deferLater(reactor, 0.01, lambda: 1 / 0)
        except ZeroDivisionError:
            await asyncio.sleep(0.01)
        try:
            await asker.ping(program.silent()[0]).addTimeout(0.02, reactor)
        except Exception:
            return b"value"
        return b"no error"

    async def runsTwistedsCoroutine(_: Request) -> bytes:
        async def twisteds() -> bytes:
            await deferLater(reactor, 0.01, lambda: None)
            [reply] = await asker.query(COMMAND, TARGET, nodes=[inner.address()]).collect()
            assert reply.value == b"inner"
            return b"value"

        return await Deferred.fromCoroutine(twisteds())

    async def readsAStream(_: Request) -> bytes:
        async for reply in asker.query(COMMAND, TARGET, nodes=[inner.address()]):
            await asyncio.sleep(0.01)
            assert reply.value == b"inner"
            return b"value"
        return b"no reply"

    def returnsDeferred(_: Request) -> Deferred[bytes]:
        return deferLater(reactor, 0.02, lambda: b"value")

    def returnsDeferredOfAFuture(_: Request) -> Deferred[bytes]:
        return Deferred.fromFuture(loop.create_task(asyncio.sleep(0.02, b"value")))

    async def looksAtItsTask(_: Request) -> bytes:
        await deferLater(reactor, 0.01, lambda: None)
        return b"value" if asyncio.current_task() is not None else b"no task"

    for handle in (
        returnsFuture,
        returnsTask,
        sleeps,
        sleepsInTime,
        timesOut,
        gathers,
        awaitsDeferred,
        mixes,
        catchesDeferredsError,
        runsTwistedsCoroutine,
        readsAStream,
        returnsDeferred,
        returnsDeferredOfAFuture,
        looksAtItsTask,
    ):
        there = program.server(handle, handle)
        stream = asker.update(COMMAND, TARGET, b"x", nodes=[there], query=True)
        found = [reply.value for reply in await stream.collect()]
        assert found == [b"value", b"value"], (handle, found)


async def handlersOfTheAskerAwaitToo(program: Program) -> None:
    """A lone member runs its own handler, which awaits a future."""

    async def sleeps(_: Request) -> bytes:
        return await asyncio.sleep(0.02, b"own")

    node = program.node()
    node.register(COMMAND, query=sleeps, update=sleeps)
    stream = node.update(COMMAND, TARGET, b"x", query=True)
    assert [reply.value for reply in await stream.collect()] == [b"own", b"own"]


async def failingHandlersAreAnswered(program: Program) -> None:
    """
    Handlers that fail after they awaited a future are answered without a value and run once. A
    refused update is refused.
    """
    runs: list[str] = []

    async def fails(_: Request) -> bytes:
        runs.append("query")
        await asyncio.sleep(0.01)
        raise ZeroDivisionError

    async def timesOut(_: Request) -> bytes:
        runs.append("query")
        await asyncio.wait_for(asyncio.sleep(60), 0.01)
        return b"late"

    async def cancels(_: Request) -> bytes:
        runs.append("query")
        await asyncio.sleep(0.01)
        raise asyncio.CancelledError

    async def refuses(_: Request) -> None:
        runs.append("update")
        await asyncio.sleep(0.01)
        raise UpdateRefused

    asker = program.node(ephemeral=True)
    for handle in (fails, timesOut, cancels):
        there = program.server(handle, refuses)
        stream = asker.query(COMMAND, TARGET, nodes=[there])
        [reply] = await asyncio.wait_for(stream.collect(), 1)
        assert reply.value is None, handle
        assert runs == ["query"], (handle, runs)
        runs.clear()
        assert len(program.failures) == 1, (handle, program.failures)
        program.failures.clear()

    there = program.server(lambda _: None, refuses)
    stream = asker.update(COMMAND, TARGET, b"x", nodes=[there])
    with suppress(Exception):
        await asyncio.wait_for(stream.collect(), 1)
    assert (stream.commits, stream.errors, runs) == (0, 1, ["update"])


async def destroyedNodeCancelsItsTasks(program: Program) -> None:
    """
    Destroying a node cancels a handler that awaits a future, and a future that a handler returned.
    """
    ended: list[str] = []
    future: asyncio.Future[bytes] = program.loop.create_future()

    async def waits(_: Request) -> bytes:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        return b"late"

    server = program.node()
    server.register(COMMAND, query=waits)
    server.register("future", query=lambda _: future)
    asker = program.node(ephemeral=True)
    asked = [
        asyncio.ensure_future(asker.query(name, TARGET, nodes=[server.address()]).collect())
        for name in (COMMAND, "future")
    ]
    await asyncio.sleep(0.2)
    assert server._parts.responder.commands.runner.atWork >= 2
    await server.destroy()
    await asyncio.sleep(0.05)
    assert set(ended) == {"cancelled"}, ended
    assert future.cancelled()
    for each in asked:
        each.cancel()
        with suppress(asyncio.CancelledError):
            await each
    assert running(asker) == (0, 0)


async def oneFutureServesSeveralRequests(program: Program) -> None:
    """A future that a handler returns for 3 requests answers all of them."""
    future: asyncio.Future[bytes] = program.loop.create_future()
    there = program.server(lambda _: future)
    asker = program.node(ephemeral=True)
    queries = [asker.query(COMMAND, TARGET, nodes=[there]).collect() for _ in range(3)]
    program.loop.call_later(0.1, future.set_result, b"value")
    for replies in await asyncio.gather(*queries):
        assert [reply.value for reply in replies] == [b"value"], replies


async def stopWaitsForAnything(program: Program) -> None:
    """
    The stop of a service waits for futures, coroutines and Deferreds, those of the functions before
    the stop and that of its store. One that fails or is cancelled is logged and holds up nothing.
    """
    loop, reactor = program.loop, program.reactor
    ended: list[str] = []

    async def sleeps(name: str) -> None:
        await asyncio.sleep(0.05)
        ended.append(name)

    async def mixes() -> None:
        await deferLater(reactor, 0.01, lambda: None)
        await sleeps("mixed")

    def returnsDeferred() -> Deferred[None]:
        return deferLater(reactor, 0.05, lambda: ended.append("Deferred"))

    async def fails() -> None:
        await asyncio.sleep(0.01)
        raise ZeroDivisionError

    async def cancels() -> None:
        await asyncio.sleep(0.01)
        raise asyncio.CancelledError

    class Store(MemoryStore):
        def close(self) -> Awaitable[None]:  # type: ignore[override]
            return loop.create_task(sleeps("store"))

    task = loop.create_task(sleeps("task"))
    service = DHTService(reactor, interface="127.0.0.1", store=lambda: Store(reactor))
    service.startService()
    service.callBeforeStop(lambda: task)
    service.callBeforeStop(lambda: sleeps("coroutine"))
    service.callBeforeStop(lambda: loop.create_task(sleeps("late task")))
    service.callBeforeStop(lambda: ended.append("nothing"))
    for function in (mixes, returnsDeferred, fails, cancels):
        service.callBeforeStop(function)
    await service.stopService()
    assert sorted(ended[:-1]) == [
        "Deferred",
        "coroutine",
        "late task",
        "mixed",
        "nothing",
        "task",
    ], ended
    assert ended[-1] == "store", ended
    assert len(program.failures) == 2, program.failures
    program.failures.clear()


def simulationWithinALoop() -> None:
    """
    Handlers that are coroutines run in a simulation, inside of a running loop of asyncio.

    The simulation doesn't use ``asyncioreactor``, although it is imported.
    """
    from dwdht_twisted.testing import MemoryNetwork, SimulatedClock

    async def main() -> None:
        clock = SimulatedClock()
        network = MemoryNetwork(clock)
        server, asker = DHTNode(network.reactor()), DHTNode(network.reactor(), ephemeral=True)

        async def later(_: Request) -> bytes:
            return await deferLater(clock, 0.1, lambda: b"value")

        server.register(COMMAND, query=later)
        server.listen(7000)
        there = [("10.0.0.1", 7000)]
        [reply] = clock.runUntil(asker.query(COMMAND, TARGET, nodes=there).collect(), limit=1)
        assert reply.value == b"value", reply

    asyncio.run(main())
