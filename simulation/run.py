"""
One run: a network, its faults, what is asked of it, and what must hold, all from one seed.
"""

from __future__ import annotations

from random import Random
from time import perf_counter
from typing import NamedTuple

from .invariants import checkClosed, checkIdle, checkRecovered, checkShares, checkStep
from .schedule import Event, makeSchedule
from .swarm import Swarm
from .workload import GET_DEADLINE, PUT_DEADLINE, RECOVERED_AFTER, Workload

#: For how long faults befall a network, in seconds.
DURATION = 900.0

#: The time between two checks when nothing happens, in seconds.
LONGEST_STEP = 30.0


class Outcome(NamedTuple):
    """
    What came of a run.

    :ivar seed: what it was made from, with
    :ivar nodes: the number of nodes
    :ivar troubles: the breaches of invariants, in words; none when all is well
    :ivar events: how many faults began and ended
    :ivar operations: how many operations ended, by kind and outcome
    :ivar longest: the time that the longest operation of each kind took, in seconds
    :ivar placed: the share of the nodes that puts had to reach that took the value
    :ivar gotten: the share of the gets that found a value at once, of those that had to
    :ivar simulated: how much time passed in the network, in seconds
    :ivar datagrams: how many were sent
    :ivar elapsed: how long the run took, in seconds
    :ivar trace: a hash over every datagram: equal runs have equal traces
    """

    seed: int
    nodes: int
    troubles: list[str]
    events: int
    operations: dict[str, int]
    longest: dict[str, float]
    placed: float
    gotten: float
    simulated: float
    datagrams: int
    elapsed: float
    trace: str

    def __str__(self) -> str:
        verdict = "ok" if not self.troubles else f"{len(self.troubles)} TROUBLES"
        longest = ", ".join(f"{name} {took:.1f} s" for name, took in sorted(self.longest.items()))
        return (
            f"seed {self.seed}, {self.nodes} nodes: {verdict}; {self.events} events, "
            f"{sum(self.operations.values())} operations (longest: {longest}), "
            f"{self.placed:.1%} of places taken, {self.gotten:.1%} of gets at once, "
            f"{self.datagrams} datagrams in {self.simulated:.0f} simulated seconds, "
            f"took {self.elapsed:.1f} s, trace {self.trace}"
        )


def run(seed: int, nodes: int, duration: float = DURATION) -> Outcome:
    """
    Run one seed.

    It stops at the first step that breaks an invariant.

    :param nodes: the number of nodes
    :param duration: for how long faults befall them, in seconds
    """
    begun = perf_counter()
    swarm = Swarm(seed)
    workload = Workload(swarm, Random(f"{seed} workload"))
    events = makeSchedule(Random(f"{seed} schedule"), nodes, duration)
    happened = 0
    swarm.build(nodes)
    workload.start()
    start = swarm.clock.seconds()
    for event in events:
        _runUntil(swarm, workload, start + event.time)
        if swarm.troubles:
            break
        _happen(swarm, event)
        happened += 1
    if not swarm.troubles:
        _runUntil(swarm, workload, swarm.clock.seconds() + RECOVERED_AFTER)
    if not swarm.troubles:
        checkRecovered(swarm)
    workload.stop()
    if not swarm.troubles:
        swarm.clock.runFor(max(GET_DEADLINE, PUT_DEADLINE))
        checkIdle(swarm, workload)
        checkShares(swarm, workload)
    swarm.close()
    if not swarm.troubles:
        checkClosed(swarm)
    return Outcome(
        seed,
        nodes,
        swarm.troubles,
        happened,
        dict(workload.counts),
        workload.longest,
        workload.placed.value,
        workload.gotten.value,
        swarm.clock.seconds(),
        swarm.network.sent,
        perf_counter() - begun,
        swarm.trace,
    )


def _runUntil(swarm: Swarm, workload: Workload, end: float) -> None:
    """Let time pass, and check what must hold, until something is wrong."""
    while swarm.clock.seconds() < end and not swarm.troubles:
        swarm.clock.runFor(min(LONGEST_STEP, end - swarm.clock.seconds()))
        checkStep(swarm, workload)


def _happen(swarm: Swarm, event: Event) -> None:
    swarm.note(f"{'begin' if event.isBegin else 'end'} {event.fault}")
    if event.isBegin:
        event.fault.begin(swarm)
    else:
        event.fault.end(swarm)
