"""
Lookups in a simulated network in which a quarter of the nodes has just died.

Two minutes after the last node has started, a quarter of the nodes ends at the same moment, without
notice.  Then some of the others make a lookup every ten seconds, for four minutes.  The first
lookup of each node is left out: the node can't know yet who is dead.

* *one target*: a node looks up the same target again and again.
* *drawn targets*: each lookup is for another target.

All datagrams of a lookup count, retries included.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from dwdht_twisted import DHTNode
from dwdht_twisted._core import wire
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import ID_BYTES

from .plan import Plan
from .population import PORT
from .results import OURS, Quantity, Results, percentile
from .settled import SettledNetwork

MEDIAN = Quantity("dead", "lookup p50", "ms")
TAIL = Quantity("dead", "lookup p99", "ms")
TO_DEAD = Quantity("dead", "datagrams of a lookup that go to the dead", "%")
SENT = Quantity("dead", "datagrams of a lookup", "datagrams")
FOUND = Quantity("dead", "of the 20 closest live nodes found", "%", isCost=False)

#: The cases, and whether each lookup is for another target.
CASES = {"one target": False, "drawn targets": True}

#: The share of the nodes that die, from 0 to 1.
DEAD = 0.25

#: The time from the last start to the death of the nodes, in simulated seconds.
SETTLING = 120.0

#: The time between the beginnings of two lookups of a node, in simulated seconds.
BETWEEN_LOOKUPS = 10.0


class Outcome(NamedTuple):
    """
    The outcome of a lookup.

    :ivar seconds: the time that it took
    :ivar sent: the number of datagrams that it sent
    :ivar toDead: how many of them went to dead nodes
    :ivar found: the share of the 20 closest live nodes that it found
    """

    seconds: float
    sent: int
    toDead: int
    found: float


class Survivors:
    """
    The network after the death of some of its nodes.

    :param size: the number of nodes before
    :param seed: the seed of everything random
    """

    def __init__(self, size: int, seed: int) -> None:
        self.random = Random(seed)
        self._settled = SettledNetwork(size, seed, SETTLING)
        self._dead = frozenset(self.random.sample(range(size), round(size * DEAD)))
        hosts = (self._settled.population.contact(number).host for number in self._dead)
        self._deadHosts = frozenset(hosts)
        for number in self._dead:
            self._settled.nodes[number].destroy()

    def draw(self, count: int) -> list[int]:
        """Draw the numbers of so many nodes that live."""
        living = [each for each in range(len(self._settled.nodes)) if each not in self._dead]
        return self.random.sample(living, count)

    def rest(self, seconds: float) -> None:
        """Let simulated time pass."""
        self._settled.clock.runFor(seconds)

    def lookUp(self, number: int, target: bytes) -> Outcome:
        """Let one node look up a target."""
        clock, network = self._settled.clock, self._settled.network
        host = self._settled.population.contact(number).host
        sent = toDead = 0

        def count(source: tuple[str, int], destination: tuple[str, int], data: bytes) -> None:
            nonlocal sent, toDead
            if source == (host, PORT) and wire.isRequest(data) and target in data:
                sent += 1
                toDead += destination[0] in self._deadHosts

        network.onDatagram = count
        begun = clock.seconds()
        node: DHTNode = self._settled.nodes[number]
        replies = clock.runUntil(node.query("note", target).collect())
        network.onDatagram = None
        closest = self._settled.population.closest(target, K + 1, self._dead)
        wanted = [each for each in closest if each != number][:K]
        ids = {reply.node.id for reply in replies}
        hits = sum(self._settled.population.contact(each).id in ids for each in wanted)
        return Outcome(clock.seconds() - begun, sent, toDead, hits / len(wanted))


def run(plan: Plan, results: Results) -> None:
    """Measure the lookups of both cases."""
    for number in range(plan.rounds):
        survivors = Survivors(plan.deadNodes, number)
        askers = survivors.draw(2 * plan.deadAskers)
        outcomes: dict[str, list[Outcome]] = {case: [] for case in CASES}
        targets = {asker: survivors.random.randbytes(ID_BYTES) for asker in askers}
        for turn in range(plan.deadLookups):
            for place, asker in enumerate(askers):
                case = list(CASES)[place % 2]
                if CASES[case]:
                    targets[asker] = survivors.random.randbytes(ID_BYTES)
                outcome = survivors.lookUp(asker, targets[asker])
                if turn:
                    outcomes[case].append(outcome)
            survivors.rest(BETWEEN_LOOKUPS)
        for case, done in outcomes.items():
            times = [each.seconds * 1e3 for each in done]
            sent = sum(each.sent for each in done)
            results.add(MEDIAN, case, OURS, percentile(times, 50))
            results.add(TAIL, case, OURS, percentile(times, 99))
            results.add(TO_DEAD, case, OURS, 100 * sum(each.toDead for each in done) / sent)
            results.add(SENT, case, OURS, sent / len(done))
            results.add(FOUND, case, OURS, 100 * sum(each.found for each in done) / len(done))
