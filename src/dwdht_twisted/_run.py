"""
One run of a `DHTService`, from a start to its stop.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ._monitor import NodeMonitor
from ._state import StateKeeper
from .interfaces import IValueStore, ValueStore
from .node import DHTNode
from .values import HandOver


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
        self.monitor: NodeMonitor | None = None
        self.startedAt: float | None = None
