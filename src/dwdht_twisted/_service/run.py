"""
One run of a `DHTService`, from a start to its stop.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger

from .._awaitable import toDeferred
from .._clock import reactorOf
from .._state import StateKeeper
from ..interfaces import ICommandHandler, IValueStore, ValueStore
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
    :ivar own: the commands and handlers that the service has registered
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
        self.own: list[tuple[str, ICommandHandler]] = []
        self.beforeStop: list[Callable[[], Awaitable[object] | None]] = []
        self.madeStore: IValueStore | ValueStore | None = None
        self.keeper: StateKeeper | None = None
        self.handOver: HandOver | None = None
        self.web: WebServer | None = None
        self.summary: Summary | None = None
        self.monitor: NodeMonitor | None = None
        self.startedAt: float | None = None

    def register(self, command: str, handler: ICommandHandler) -> None:
        """Register a handler of the service, unless the user has registered one."""
        if not self.node._commands.has(command):
            self.node.register(command, handler)
            self.own.append((command, handler))


async def _call(function: Callable[[], object], reactor: Any) -> None:
    """Call a function, and wait for what it returns: nothing, or any awaitable."""
    result = function()
    if isinstance(result, Awaitable):
        await toDeferred(result, reactor)


async def end(run: Run, keeper: Keeper, clock: Any, log: Logger) -> None:
    """
    End a run, and release everything.

    :param keeper: puts values again while the service runs
    :param clock: the clock of the node
    :param log: where the end is logged
    """
    node, reactor = run.node, reactorOf(clock)
    for watch in (run.monitor, run.summary):
        if watch is not None:
            watch.stop()
    if run.beforeStop:
        ends = [Deferred.fromCoroutine(_call(function, reactor)) for function in run.beforeStop]
        for each in ends:
            each.addErrback(lambda reason: log.failure("a part failed to stop", reason))
        await gatherResults(ends)
    for command, handler in run.own:
        # A user may have unregistered the handler already, or put another in its place.
        with suppress(KeyError):
            node.unregister(command, handler)
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
            await _call(run.madeStore.close, reactor)
    finally:
        if run.keeper is not None:
            run.keeper.close()
    if run.startedAt is not None:
        counts = node.counters.asDict()
        log.info(
            "stopped after {seconds:.0f} s, with {contacts} contacts; {counts}",
            seconds=clock.seconds() - run.startedAt,
            contacts=contacts,
            counts=", ".join(f"{name} {count}" for name, count in counts.items() if count)
            or "all counters are 0",
            **counts,
        )
