"""
A run: a network, its faults, its operations, and the checks of its invariants, from one seed.
"""

from __future__ import annotations

from random import Random
from time import perf_counter
from typing import NamedTuple

from .invariants import checkClosed, checkIdle, checkRecovered, checkShares, checkStep
from .schedule import Event, makeSchedule
from .swarm import Swarm
from .tally import Tally
from .workload import GET_DEADLINE, PUT_DEADLINE, RECOVERED_AFTER, Workload

#: The time during which there are faults, in simulated seconds.  Larger: a run takes longer.
#: Smaller: few long faults fit into a run.
DURATION = 900.0

#: The longest time between two checks, in simulated seconds.  Larger: a broken invariant is found
#: long after its cause, or is over by then.  Smaller: a run takes longer.
LONGEST_STEP = 30.0


class Outcome(NamedTuple):
    """
    The outcome of a run.

    :ivar seed: the seed that the run was made from
    :ivar nodes: the number of members
    :ivar troubles: a text for each broken invariant; empty when all held
    :ivar events: the number of beginnings and ends of faults
    :ivar tally: the outcomes of the operations
    :ivar simulated: the simulated time that passed, in seconds
    :ivar datagrams: the number of datagrams sent
    :ivar elapsed: the real time that passed, in seconds
    :ivar trace: a hash of all datagrams; equal runs have equal traces
    """

    seed: int
    nodes: int
    troubles: list[str]
    events: int
    tally: Tally
    simulated: float
    datagrams: int
    elapsed: float
    trace: str

    def __str__(self) -> str:
        verdict = "ok" if not self.troubles else f"{len(self.troubles)} BROKEN INVARIANTS"
        tally = self.tally
        longest = ", ".join(f"{kind} {took:.1f} s" for kind, took in sorted(tally.longest.items()))
        return (
            f"seed {self.seed}, {self.nodes} nodes: {verdict}; "
            f"{self.events} beginnings and ends of faults, "
            f"{sum(tally.ended.values())} operations (longest: {longest}), "
            f"{tally.placements.value:.1%} of the nodes that puts had to reach took the value, "
            f"{tally.retrievals.value:.1%} of the gets found their value at the first attempt, "
            f"{self.datagrams} datagrams in {self.simulated:.0f} simulated seconds, "
            f"took {self.elapsed:.1f} s, trace {self.trace}"
        )


def run(seed: int, nodes: int, duration: float = DURATION, private: str | None = None) -> Outcome:
    """
    Run one seed.

    The run ends at the first check that finds a broken invariant.

    :param nodes: the number of members
    :param duration: simulated seconds during which there are faults
    :param private: the kind of a private network, None for an open one
    """
    begun = perf_counter()
    swarm = Swarm(seed, private)
    workload = Workload(swarm, Random(f"{seed} workload"))
    events = makeSchedule(Random(f"{seed} schedule"), nodes, duration)
    applied = 0
    swarm.build(nodes)
    workload.start()
    start = swarm.clock.seconds()
    for event in events:
        _runUntil(swarm, workload, start + event.time)
        if swarm.record.troubles:
            break
        _apply(swarm, event)
        applied += 1
    if not swarm.record.troubles:
        _runUntil(swarm, workload, swarm.clock.seconds() + RECOVERED_AFTER)
    if not swarm.record.troubles:
        checkRecovered(swarm)
    workload.stop()
    if not swarm.record.troubles:
        swarm.clock.runFor(max(GET_DEADLINE, PUT_DEADLINE))
        checkIdle(swarm, workload)
        checkShares(swarm, workload)
    swarm.close()
    if not swarm.record.troubles:
        checkClosed(swarm)
    return Outcome(
        seed,
        nodes,
        swarm.record.troubles,
        applied,
        workload.tally,
        swarm.clock.seconds(),
        swarm.network.sent,
        perf_counter() - begun,
        swarm.record.trace,
    )


def _runUntil(swarm: Swarm, workload: Workload, end: float) -> None:
    """Let simulated time pass, and check the invariants, until one is found broken."""
    while swarm.clock.seconds() < end and not swarm.record.troubles:
        swarm.clock.runFor(min(LONGEST_STEP, end - swarm.clock.seconds()))
        checkStep(swarm, workload)


def _apply(swarm: Swarm, event: Event) -> None:
    swarm.record.note(f"{'begin' if event.begins else 'end'} {event.fault}")
    if event.begins:
        event.fault.begin(swarm)
    else:
        event.fault.end(swarm)
