"""
The targets for the cost of the package, checked against the results of a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from dwdht_twisted._core.routing import K

from . import growth, internet, networks, serving, start
from .internet import ORIGINAL
from .results import OURS, Quantity, Results
from .subjects import DHT_RPC, ECHO, KADEMLIA
from .table import align, number


class Target(NamedTuple):
    """
    A target.

    :ivar claim: the quantity that must not exceed the limit
    :ivar measured: the result of the run
    :ivar limit: the highest value that meets the target
    """

    claim: str
    measured: float
    limit: float

    @property
    def isMet(self) -> bool:
        """Whether the target is met."""
        return self.measured <= self.limit


#: The limits of our median, each as a multiple of the median of another subject.
RATIOS: tuple[tuple[Quantity, str, str, float], ...] = (
    *(
        (serving.CPU, f"{kind}, {asker}", subject, limit)
        for asker in serving.ASKERS
        for kind, subject, limit in (
            ("ping", DHT_RPC, 0.75),
            ("find_node", DHT_RPC, 0.5),
            ("query", DHT_RPC, 0.5),
            ("find_node", ECHO, 2.3),
        )
    ),
    (networks.CPU, "query, 256 nodes", DHT_RPC, 0.67),
    (networks.CPU, "update, 256 nodes", DHT_RPC, 0.67),
    (networks.BUILD, "1000 nodes", DHT_RPC, 0.75),
    (networks.MEMORY, "1000 nodes", DHT_RPC, 1.0),
    *(
        (networks.CPU, f"{kind}, {size} nodes", KADEMLIA, 1.0)
        for size in (100, 256)
        for kind in ("put", "get")
    ),
    (internet.MEDIAN, internet.CASE, ORIGINAL, 0.5),
    (internet.TAIL, internet.CASE, ORIGINAL, 0.5),
)

#: The limits of our median, each in the unit of its quantity.
AMOUNTS: tuple[tuple[Quantity, str, float], ...] = (
    (start.IMPORT, "import", 150.0),
    (start.READY, "a node", 1.0),
)


def targets(results: Results) -> Iterator[Target]:
    """The targets for those quantities that the run has measured."""
    for quantity, case, subject, limit in RATIOS:
        ratio = results.ratio(quantity, case, subject)
        if ratio is not None:
            claim = f"{quantity.workload}: {quantity.name}, {case}, times that of {subject}"
            yield Target(claim, ratio, limit)
    for quantity, case, limit in AMOUNTS:
        summary = results.summary(quantity, case, OURS)
        if summary is not None:
            claim = f"{quantity.workload}: {quantity.name}, {case}, {quantity.unit}"
            yield Target(claim, summary.median, limit)
    yield from _growthTargets(results)


def _growthTargets(results: Results) -> Iterator[Target]:
    """Ten times as many nodes may add at most 20 requests, the number of nodes in one answer."""
    summaries = [
        results.summary(growth.REQUESTS, case, OURS) for case in results.cases(growth.REQUESTS)
    ]
    medians = [summary.median for summary in summaries if summary is not None]
    added = [larger - smaller for smaller, larger in pairwise(medians)]
    if added:
        yield Target("growth: requests that a tenfold of nodes adds, at the most", max(added), K)


def verdict(results: Results) -> str:
    """The targets as a table; empty when none of their quantities was measured."""
    rows = [["", "measured", "at most", ""]]
    for target in targets(results):
        missed = 100 * (target.measured / target.limit - 1) if target.limit > 0 else 100.0
        outcome = "met" if target.isMet else f"missed by {missed:.0f} %"
        rows.append([target.claim, number(target.measured), number(target.limit), outcome])
    return "\n".join(["Targets", *align(rows)]) if len(rows) > 1 else ""
