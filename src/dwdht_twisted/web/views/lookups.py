"""
The lookups of a node that are shown: those that run, and the latest that have ended.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ...interfaces import IDHTNode, LookupStep
from ..bounds import LOOKUPS_SHOWN, NODES_SHOWN


class ShownLookup:
    """
    One lookup.

    :param step: its first step
    :ivar isOver: whether it has ended
    """

    def __init__(self, step: LookupStep) -> None:
        self._first = step
        self._nodes: dict[tuple[str, int], dict[str, Any]] = {}
        self._endedAt: float | None = None
        self._reason = ""

    @property
    def isOver(self) -> bool:
        """Whether it has ended."""
        return self._endedAt is not None

    def add(self, step: LookupStep) -> None:
        """Take a further step."""
        if step.kind == "ended":
            self._endedAt, self._reason = step.time, step.reason
            return
        node = step.node
        if node is None:
            return
        shown = self._nodes.get(node.address)
        if shown is None:
            if len(self._nodes) >= NODES_SHOWN:
                return
            shown = self._nodes[node.address] = {"host": node.host, "port": node.port}
        shown["id"] = None if node.id is None else node.id.hex()
        shown["state"] = f"update {step.kind}" if step.isUpdate else step.kind
        shown["hops"] = step.hops
        shown["at"] = round(step.time - self._first.time, 4)

    def describe(self, now: float) -> dict[str, Any]:
        """
        The lookup as JSON.

        :param now: the time of the node, in seconds
        """
        first, endedAt = self._first, self._endedAt
        return {
            "number": first.lookup,
            "command": first.command,
            "target": first.target.hex(),
            "startedAgo": round(now - first.time, 3),
            "seconds": round((now if endedAt is None else endedAt) - first.time, 4),
            "isOver": self.isOver,
            "reason": self._reason,
            "nodes": list(self._nodes.values()),
        }


class ShownLookups:
    """
    Watches the lookups of a node.
    """

    def __init__(self) -> None:
        self._lookups: OrderedDict[int, ShownLookup] = OrderedDict()
        self._end: Callable[[], None] | None = None

    def start(self, node: IDHTNode) -> None:
        """Watch a node."""
        self._end = node.watchLookups(self._add)

    def stop(self) -> None:
        """End the watch."""
        if self._end is not None:
            self._end()

    def describe(self, now: float) -> list[dict[str, Any]]:
        """
        The lookups as JSON, the first to start first.

        :param now: the time of the node, in seconds
        """
        return [each.describe(now) for each in self._lookups.values()]

    def _add(self, step: LookupStep) -> None:
        lookup = self._lookups.get(step.lookup)
        if lookup is not None:
            lookup.add(step)
        elif step.kind == "started":
            while len(self._lookups) >= LOOKUPS_SHOWN:
                self._lookups.popitem(last=False)
            self._lookups[step.lookup] = ShownLookup(step)
