"""
The requests of a lookup as the network grows.

`Lookup` of the package is measured, without the Twisted layer: its requests are answered from the
routing tables of simulated nodes, see `benchmarks.population`.  Every answer takes the same time,
so answers arrive in the order of the requests.

A contact in the table of the asker is one hop away, the contacts that it names are two hops away,
and so on.  The hops of a lookup are the hops to the closest node that the lookup has found.
"""

from __future__ import annotations

from collections import deque
from random import Random
from typing import NamedTuple

from dwdht_twisted._core.lookup import Candidate, Lookup
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import ID_BYTES, ResponseMessage

from .plan import Plan
from .population import Population
from .results import OURS, Quantity, Results

REQUESTS = Quantity("growth", "requests per lookup", "requests")
HOPS = Quantity("growth", "hops per lookup", "hops")
FOUND = Quantity("growth", "of the 20 closest nodes found", "%", isCost=False)


class Outcome(NamedTuple):
    """
    The cost and the result of a lookup.

    :ivar requests: the number of nodes that were asked
    :ivar hops: the hops to the closest node that was found
    :ivar found: the share of the k closest nodes that were found
    """

    requests: int
    hops: int
    found: float


def run(plan: Plan, results: Results) -> None:
    """Measure lookups among each number of nodes."""
    for number in range(plan.rounds):
        for size in plan.populations:
            population = Population(size, number)
            random = Random(number)
            outcomes = [
                lookUp(population, random.randrange(size), random.randbytes(ID_BYTES))
                for _ in range(plan.lookups)
            ]
            count = len(outcomes)
            case = f"{size:,} nodes"
            results.add(REQUESTS, case, OURS, sum(each.requests for each in outcomes) / count)
            results.add(HOPS, case, OURS, sum(each.hops for each in outcomes) / count)
            results.add(FOUND, case, OURS, 100 * sum(each.found for each in outcomes) / count)


def lookUp(population: Population, asker: int, target: bytes) -> Outcome:
    """Let one node look up a target."""
    own = population.table(asker)
    lookup = Lookup(target, own.id)
    lookup.addContacts(own.closestCompact(target))
    underWay: deque[Candidate] = deque()
    hops: dict[Candidate, int] = {}
    while True:
        while (candidate := lookup.next()) is not None:
            underWay.append(candidate)
            hops[candidate] = 1 + min((hops[name] for name in candidate.namedBy), default=0)
        if lookup.isOver:
            break
        candidate = underWay.popleft()
        assert candidate.id is not None
        table = population.table(population.number(candidate.id))
        answer = ResponseMessage(0, candidate.id, table.closestCompact(target))
        lookup.answered(candidate, answer)
    found = lookup.closest()
    closest = {population.contact(each).id for each in population.closest(target, K + 1)}
    closest.discard(own.id)
    wanted = min(K, len(population) - 1)
    hits = sum(candidate.id in closest for candidate in found)
    return Outcome(len(hops), hops[found[0]], hits / wanted)
