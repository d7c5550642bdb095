"""
How other nodes see the address of this one.

Each pong says from which address its ping came.  A single node may lie, and somebody may run many
nodes in one network.  So each network has one view, and the address is only known when most of many
networks agree on it.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple, TypeVar

from ..doubts import lineOf
from ..wire import HostPort, isPublic, subnet

#: The fewest views from public networks that settle the address.  With fewer, two liars would do.
FEWEST_VIEWS = 3

#: The number of views that are asked for before the address is settled, if there are as many
#: networks.  With a third of all networks lying, and all of them alike, the liars have 60 % of 32
#: views once in a million times.  Smaller: liars settle the address more often.  Larger: a node
#: sends more pings at its start.
VIEWS_WANTED = 32

#: The share of the views that must agree.
AGREEMENT = 0.6

#: The most views that are kept, one of each network.  The oldest go first.  Larger: a change of the
#: address is noticed later.
MAXIMUM_VIEWS = 64

#: How long a view counts, in seconds: longer than two pings of a contact are apart.
VIEW_LASTS = 1800.0

_Value = TypeVar("_Value")


class Opinion(NamedTuple):
    """
    What most other nodes say.

    :ivar host: this node's IPv4 address as most see it; None when they don't agree
    :ivar port: its port as most see it; None when they don't agree, which is the case when a NAT
        gives each peer another port
    :ivar views: the number of networks that were asked
    """

    host: str | None
    port: int | None
    views: int


class Views:
    """
    The addresses at which others see this node.

    A node on the public internet can't say how this node looks from its own private network, nor
    the other way round.  So a view counts only if observer and address are reached by the same
    line.

    The arguments ``now`` are times in seconds.
    """

    __slots__ = ("_views",)

    def __init__(self) -> None:
        # For each network: the time of its latest view, and the address.  The oldest is first.
        self._views: dict[str, tuple[float, HostPort]] = {}

    def saw(self, observer: HostPort, seen: HostPort, now: float) -> None:
        """Note that an observer sees this node at an address."""
        line = lineOf(observer)
        if lineOf(seen) != line:
            return
        network = subnet(observer[0]) if isPublic(observer[0]) else f"{line} {observer}"
        self._views.pop(network, None)
        self._views[network] = (now, (seen[0], seen[1]))
        if len(self._views) > MAXIMUM_VIEWS:
            del self._views[next(iter(self._views))]

    def forget(self) -> None:
        """Forget all views, because the address may have changed."""
        self._views.clear()

    def opinion(self, now: float, *, line: str = "public") -> Opinion:
        """
        What most of the observers on one line say.

        :param line: ``"public"``, ``"private"`` or ``"loopback"``
        """
        views = [
            seen
            for at, seen in self._views.values()
            if now - at <= VIEW_LASTS and lineOf(seen) == line
        ]
        if len(views) < (FEWEST_VIEWS if line == "public" else 1):
            return Opinion(None, None, len(views))
        host = _most([seen[0] for seen in views])
        ports = [seen[1] for seen in views if seen[0] == host]
        return Opinion(host, None if host is None else _most(ports), len(views))

    def latest(self, host: str) -> float:
        """The time of the latest view that sees this node at a host."""
        times = (at for at, seen in self._views.values() if seen[0] == host)
        return max(times, default=float("-inf"))

    def contradicting(self, host: str, now: float) -> int:
        """The number of public networks that see this node at another host than this one."""
        return sum(
            seen[0] != host
            for at, seen in self._views.values()
            if now - at <= VIEW_LASTS and isPublic(seen[0])
        )


def _most(values: list[_Value]) -> _Value | None:
    [(value, count)] = Counter(values).most_common(1)
    return value if count >= AGREEMENT * len(values) else None
