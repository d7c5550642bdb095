"""
One run of a `DHTService`, from a start to its stop.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from twisted.internet.defer import gatherResults, maybeDeferred
from twisted.logger import Logger

from .._state import StateKeeper
from ..interfaces import IValueStore, ValueStore
from ..node import DHTNode
from ..values import HandOver, Keeper
from .monitor import NodeMonitor
from .summary import Summary

if TYPE_CHECKING:
    from ..web.server import WebServer


class Run:
    """
    One run of a service, with everything that the service must release at its end.

    :ivar node: the node of the run
    :ivar isListening: whether the service has opened the port of the node
    :ivar kept: the commands whose handlers the service has registered
    :ivar beforeStop: the functions of `DHTService.callBeforeStop`
    :ivar madeStore: the store that the service has made, or None
    :ivar keeper: the keeper of the node's state; None without a state, and before the start
    :ivar handOver: hands the values of the store on; None without a store that lists its values
    :ivar web: serves the node over HTTP; None if it is not served, and before the port is open
    :ivar summary: sums up what the node does; None if it does not, and before the start
    :ivar monitor: the monitor of the node; None before the node has started
    :ivar startedAt: the time at which the node started, in seconds; None before the start
    """

    def __init__(self, node: DHTNode) -> None:
        self.node = node
        self.isListening = False
        self.kept: list[str] = []
        self.beforeStop: list[Callable[[], Awaitable[object]]] = []
        self.madeStore: IValueStore | ValueStore | None = None
        self.keeper: StateKeeper | None = None
        self.handOver: HandOver | None = None
        self.web: WebServer | None = None
        self.summary: Summary | None = None
        self.monitor: NodeMonitor | None = None
        self.startedAt: float | None = None


async def end(run: Run, keeper: Keeper, seconds: Callable[[], float], log: Logger) -> None:
    """
    End a run, and release everything.

    :param keeper: puts values again while the service runs
    :param seconds: tells the time
    :param log: where the end is logged
    """
    node = run.node
    for watch in (run.monitor, run.summary):
        if watch is not None:
            watch.stop()
    if run.beforeStop:
        ends = [maybeDeferred(function) for function in run.beforeStop]
        for each in ends:
            each.addErrback(lambda reason: log.failure("a part failed to stop", reason))
        await gatherResults(ends)
    for command in run.kept:
        # A user may have unregistered the handler already.
        with suppress(KeyError):
            node.unregister(command)
    contacts = len(node.contacts())
    if run.web is not None:
        await run.web.stop()
    written = None if run.keeper is None else run.keeper.stop()
    await keeper.stopService()
    if run.handOver is not None:
        await run.handOver.stopService()
    await node.destroy()
    try:
        if written is not None:
            await written
        if run.madeStore is not None:
            await maybeDeferred(run.madeStore.close)
    finally:
        if run.keeper is not None:
            run.keeper.close()
    if run.startedAt is not None:
        counts = node.counters.asDict()
        log.info(
            "stopped after {seconds:.0f} s, with {contacts} contacts; {counts}",
            seconds=seconds() - run.startedAt,
            contacts=contacts,
            counts=", ".join(f"{name} {count}" for name, count in counts.items() if count)
            or "all counters are 0",
            **counts,
        )
