"""
Scenarios for `asyncio_program`: tasks of asyncio that use nodes.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from threading import Thread
from typing import Any

from twisted.internet.defer import ensureDeferred
from twisted.internet.task import deferLater

from dwdht_twisted import (
    DHTNode,
    NodeDestroyed,
    NoResponse,
    Reply,
    Request,
    RequestTimeout,
    peers,
    values,
)
from dwdht_twisted.values import MemoryStore
from tests.helpers.networks.doubles import Consumer
from tests.helpers.processes.asyncio_program import COMMAND, TARGET, Program, running


async def everyDeferredIsAwaited(program: Program) -> None:
    """
    A task awaits each Deferred of the API, directly, by ``gather`` and by ``wait_for``. It reads
    streams in all ways.
    """
    members = [program.node()]
    members += [program.node(bootstrap=[members[0].address()]) for _ in range(3)]
    for node in members:
        store = MemoryStore(program.reactor)
        node.register(values.COMMAND, values.ValueHandler(store))
        node.register(COMMAND, query=lambda _: b"value", update=lambda _: b"taken")
    await asyncio.gather(*(node.ready() for node in members))
    for node in members:
        await node.bootstrap()
    first, second, third, _ = members

    pong = await first.ping(second.address())
    assert pong.contact.id == second.id
    pong = await first.holepunch(third.address(), second.address())
    assert pong.contact.id == third.id
    pongs = await asyncio.gather(*(first.ping(node.address()) for node in members[1:]))
    assert [pong.contact.id for pong in pongs] == [node.id for node in members[1:]]

    ids = {node.id for node in members}
    replies = await first.query(COMMAND, TARGET).collect()
    assert {reply.node.id for reply in replies} == ids
    replies = await asyncio.wait_for(first.update(COMMAND, TARGET, b"x").collect(), 5)
    assert {reply.node.id for reply in replies} == ids
    assert {reply.value for reply in replies} == {b"taken"}
    consumer = Consumer()
    await first.query(COMMAND, TARGET).startProducing(consumer)
    assert {reply.node.id for reply in consumer.items} == ids
    assert {reply.node.id async for reply in first.query(COMMAND, TARGET)} == ids
    reply = await anext(first.query(COMMAND, TARGET))
    assert reply.node.id in ids
    both = await asyncio.gather(
        first.query(COMMAND, TARGET).collect(), second.query(COMMAND, TARGET).collect()
    )
    assert [len(each) for each in both] == [4, 4]
    async with aclosing(first.query(COMMAND, TARGET)) as stream:
        async for _ in stream:
            break
    assert running(first)[0] == 0
    await stream.aclose()

    key = await values.put(first, b"value")
    assert await values.get(second, key) == b"value"
    for found in await asyncio.gather(values.get(first, key), values.get(third, key)):
        assert found == b"value"

    alone = program.node()
    await alone.ready()
    assert await alone.query("other", TARGET).collect() == []
    waiting = asyncio.ensure_future(program.node(bootstrap=program.silent()).ready())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting
    for node in members:
        await node.destroy()
        await node.destroy()


async def resultsStayWithTheirDeferreds(program: Program) -> None:
    """
    A Deferred that is awaited twice returns its result or raises its failure both times, as in a
    coroutine run by Twisted.
    """
    node = program.node(ephemeral=True)
    there = program.server(lambda _: b"value")
    query = node.query(COMMAND, TARGET, nodes=[there]).collect()
    first = await query
    assert len(first) == 1
    assert await query is first
    for again in await asyncio.gather(query, query):
        assert again is first

    ping = node.ping(program.silent()[0])
    for _ in range(2):
        try:
            await ping
        except RequestTimeout:
            continue
        raise AssertionError("no failure")

    waiting = node.query(COMMAND, TARGET, nodes=[there]).collect()
    both = await asyncio.gather(waiting, waiting)
    assert both[0] is both[1]

    async def twisteds() -> object:
        return await query

    assert await ensureDeferred(twisteds()).asFuture(program.loop) is first


async def failuresAreRaisedInTheTask(program: Program) -> None:
    """The failure of a Deferred is raised in the task that awaits it."""
    node = program.node(ephemeral=True)
    silent = program.silent()[0]

    async def read() -> None:
        async for _ in node.query(COMMAND, TARGET, nodes=[silent]):
            raise AssertionError("a reply of nobody")

    raised = await asyncio.gather(
        node.ping(silent),
        node.query(COMMAND, TARGET, nodes=[silent]).collect(),
        read(),
        return_exceptions=True,
    )
    assert [type(error) for error in raised] == [RequestTimeout, NoResponse, NoResponse], raised

    joining = program.node(bootstrap=[silent])
    waiting: list[Any] = [
        asyncio.ensure_future(joining.ready()),
        asyncio.ensure_future(joining.ping(silent)),
        asyncio.ensure_future(joining.query(COMMAND, TARGET).collect()),
    ]
    await asyncio.sleep(0.05)
    await joining.destroy()
    raised = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(error) for error in raised] == [NodeDestroyed] * 3, raised


async def cancellationStopsTheQuery(program: Program) -> None:
    """A query stops if ``wait_for`` times out or if the task that awaits it is cancelled."""
    node = program.node(ephemeral=True)
    silent = program.silent(5)

    def stream() -> Any:
        return node.query(COMMAND, TARGET, nodes=silent)

    async def iterate() -> None:
        async for _ in stream():
            raise AssertionError("a reply of nobody")

    async def collect() -> None:
        await stream().collect()

    async def consume() -> None:
        await stream().startProducing(Consumer())

    async def ping() -> None:
        await node.ping(silent[0])

    async def get() -> None:
        await values.get(program.node(bootstrap=silent), TARGET)

    for work in (iterate, collect, consume, ping, get):
        try:
            await asyncio.wait_for(work(), 0.05)
        except asyncio.TimeoutError:
            await asyncio.sleep(0.01)
        else:
            raise AssertionError(f"{work} was not cancelled")
        assert running(node) == (0, 0), (work, running(node))
        task = asyncio.ensure_future(work())
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0.01)
        assert task.cancelled()
        assert running(node) == (0, 0), (work, running(node))

    # A Deferred passed to `wait_for` directly is cancelled too.
    starts: list[Callable[[], Awaitable[Any]]] = [
        lambda: stream().collect(),
        lambda: stream().startProducing(Consumer()),
        lambda: stream().__anext__(),
        lambda: node.ping(silent[0]),
        lambda: node.holepunch(silent[0], silent[1]),
    ]
    for start in starts:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(start(), 0.05)
        await asyncio.sleep(0.01)
        assert running(node) == (0, 0), running(node)


async def twistedsCoroutinesAwaitWithinATask(program: Program) -> None:
    """
    A coroutine run by Twisted awaits Deferreds and reads streams, although a task called it. Both
    kinds of coroutines run at the same time.
    """
    server = program.node()
    server.register(COMMAND, query=lambda _: b"value")
    node = program.node(ephemeral=True)
    there = [server.address()]

    async def read() -> bytes | None:
        await node.ping(server.address())
        await deferLater(program.reactor, 0.01, lambda: None)
        await node.ping(server.address())
        async for reply in node.query(COMMAND, TARGET, nodes=there):
            return reply.value
        return None

    async def readInATask() -> bytes | None:
        await node.ping(server.address())
        await asyncio.sleep(0.01)
        # Twisted runs this coroutine, within the task.
        nested = ensureDeferred(read())
        async for reply in node.query(COMMAND, TARGET, nodes=there):
            assert reply.value == b"value"
        return await nested.asFuture(program.loop)

    twisteds = [ensureDeferred(read()).asFuture(program.loop) for _ in range(5)]
    asyncios = [asyncio.ensure_future(readInATask()) for _ in range(5)]
    assert await asyncio.gather(*twisteds, *asyncios) == [b"value"] * 10
    assert running(node) == (0, 0)


async def leftLoopsEnd(program: Program) -> None:
    """
    A stream ends if its loop in a task is left by ``break`` or ``return``. All of 50 streams do, in
    sequence and in parallel.
    """
    node = program.node(ephemeral=True)
    there = [program.server(lambda _: b"value"), *program.silent(10)]

    async def breaks() -> None:
        async for _ in node.query(COMMAND, TARGET, nodes=there):
            break

    async def returns() -> Reply | None:
        async for reply in node.query(COMMAND, TARGET, nodes=there):
            return reply
        return None

    for leave in (breaks, returns):
        for _ in range(50):
            await leave()
        await asyncio.sleep(0)
        assert running(node)[0] == 0, (leave, running(node))
        await asyncio.sleep(0.01)
        assert running(node) == (0, 0), (leave, running(node))
        await asyncio.gather(*(leave() for _ in range(50)))
        await asyncio.sleep(0.01)
        assert running(node) == (0, 0), (leave, running(node))


async def collectorInAThreadEndsStreams(program: Program) -> None:
    """
    Fifty streams in reference cycles end when the garbage collector runs in another thread, while
    asyncio's loop waits.
    """
    node = program.node(ephemeral=True)
    there = [program.server(lambda _: b"value"), *program.silent(3)]
    gc.collect()
    gc.disable()

    async def leave() -> None:
        stream = node.query(COMMAND, TARGET, nodes=there)
        stream.cycle = stream  # type: ignore[attr-defined]
        async for _ in stream:
            break

    for _ in range(50):
        await leave()
    assert running(node)[0] == 50, running(node)
    collector = Thread(target=gc.collect)
    collector.start()
    await asyncio.sleep(0.3)
    collector.join()
    assert running(node) == (0, 0), running(node)


async def waitingLoopIsKept(program: Program) -> None:
    """
    A loop in a task gets its reply although only the Deferred refers to the task and the garbage
    collector runs.
    """
    node = program.node(ephemeral=True)
    found: list[bytes | None] = []

    async def slow(_: Request) -> bytes:
        await asyncio.sleep(0.3)
        return b"value"

    there = [program.server(slow)]

    async def read() -> None:
        async for reply in node.query(COMMAND, TARGET, nodes=there):
            found.append(reply.value)

    # asyncio's loop has only a weak reference to a waiting task.
    program.loop.create_task(read())
    for _ in range(10):
        await asyncio.sleep(0.05)
        gc.collect()
    assert found == [b"value"], found
    assert running(node) == (0, 0)


async def cancelledTasksTakeFailures(program: Program) -> None:
    """
    A task is cancelled as its node is destroyed, or one turn before or after, while it waits for a
    Deferred or a stream that fails then.
    """

    async def loop(node: DHTNode) -> None:
        async for _ in node.query(COMMAND, TARGET):
            pass

    kinds: list[Callable[[DHTNode], Awaitable[object]]] = [
        lambda node: node.ready(),
        lambda node: node.query(COMMAND, TARGET).collect(),
        lambda node: node.ping(program.silent()[0]),
        lambda node: values.get(node, TARGET),
        lambda node: peers.lookUp(node, TARGET).collect(),
        loop,
    ]
    for wait in kinds:
        for turns in (0, 1, 2):
            node = DHTNode(program.reactor, bootstrap=program.silent())

            async def waitFor(node: DHTNode = node, wait: Any = wait) -> None:
                await wait(node)

            task = program.loop.create_task(waitFor())
            await asyncio.sleep(0.02)
            destroyed = node.destroy()
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await destroyed
            with suppress(asyncio.CancelledError, NodeDestroyed):
                await task
            del task
            gc.collect()
