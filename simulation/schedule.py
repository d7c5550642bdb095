"""
Schedules of faults, drawn from a seed before a run begins.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from .combined import COMBINED
from .faults import Crash, Fault, Lies, Partition, Slowness, Weather
from .liars import KINDS
from .machines import Burst, ClockStep, LineDown, NewAddress, SilentNames, Sleep


class Event(NamedTuple):
    """
    The beginning or the end of a fault.

    :ivar time: seconds after the start of the schedule
    :ivar begins: whether the fault begins at this time; otherwise it ends
    :ivar fault: the fault
    """

    time: float
    begins: bool
    fault: Fault


class Track(NamedTuple):
    """
    A sequence of faults of one kind, of which at most one lasts at a time.

    :ivar draw: draws a fault; its second argument is the number of members
    :ivar pause: the mean time from the end of a fault to the beginning of the next, in seconds
    :ivar shortest: the shortest time that a fault lasts, in seconds
    :ivar longest: the longest time that a fault lasts, in seconds
    """

    draw: Callable[[Random, int], Fault]
    pause: float
    shortest: float
    longest: float


def _weather(random: Random, members: int) -> Fault:
    # Operations are promised to succeed with losses up to 20 %, see `experiments.loss`.
    return Weather(
        loss=random.choice([0.0, 0.02, 0.1, 0.2]),
        duplication=random.choice([0.0, 0.02, 0.1]),
        reordering=random.choice([0.0, 0.1, 0.3]),
    )


def _partition(random: Random, members: int) -> Fault:
    # One side has 5 % to 50 % of the members, so the other side is at least as large.
    share = random.uniform(0.05, 0.5)
    return Partition(_sample(random, members, share))


def _crash(random: Random, members: int) -> Fault:
    share = random.choice([0.01, 0.03, 0.1, 0.2])
    return Crash(_sample(random, members, share), isNew=random.random() < 0.5)


def _slowness(random: Random, members: int) -> Fault:
    return Slowness(_sample(random, members, random.uniform(0, 0.1)), random.uniform(0.1, 0.5))


def _lies(random: Random, members: int) -> Fault:
    # In a large network, fewer than one liar for 20 members.  `experiments.lies` measures more
    # liars.
    limit = max(2, min(members // 20, 50))
    # Half of the liars behave as a combination says, which the seed draws.
    kind = random.choice(list(KINDS))
    if random.random() < 0.5:
        kind = f"{COMBINED} {random.getrandbits(32)}"
    return Lies(kind, random.randrange(1, limit))


#: The most members whose clocks are set, or that sleep, at once.  Larger: a run of a large network
#: takes longer, because each of them searches the timers of all.
MACHINES = 200


def _lineDown(random: Random, members: int) -> Fault:
    return LineDown(_sample(random, members, random.uniform(0, 0.05)))


def _sleep(random: Random, members: int) -> Fault:
    return Sleep(_sample(random, members, random.uniform(0, min(0.05, MACHINES / members))))


def _clockStep(random: Random, members: int) -> Fault:
    return ClockStep(
        _sample(random, members, random.uniform(0, min(0.2, MACHINES / members))),
        random.choice([-86400.0, -3600.0, -60.0, -2.0, 2.0, 60.0, 3600.0, 86400.0]),
    )


def _newAddress(random: Random, members: int) -> Fault:
    return NewAddress(_sample(random, members, random.uniform(0, 0.03)))


def _silentNames(random: Random, members: int) -> Fault:
    return SilentNames()


def _burst(random: Random, members: int) -> Fault:
    # More than the 64 queries that run at once.
    return Burst(random.randrange(members), random.choice([100, 200, 400]))


#: The sequences of faults, which run side by side.  On average, a fault lasts two to five times as
#: long as the pause before it.  So faults of several kinds overlap most of the time.
TRACKS = (
    Track(_weather, pause=20, shortest=10, longest=120),
    Track(_partition, pause=120, shortest=20, longest=400),
    Track(_crash, pause=30, shortest=5, longest=120),
    Track(_crash, pause=60, shortest=60, longest=600),
    Track(_slowness, pause=40, shortest=20, longest=200),
    Track(_lies, pause=60, shortest=60, longest=300),
    Track(_lineDown, pause=120, shortest=60, longest=400),
    Track(_sleep, pause=120, shortest=20, longest=600),
    Track(_clockStep, pause=60, shortest=5, longest=200),
    Track(_newAddress, pause=120, shortest=10, longest=60),
    Track(_silentNames, pause=120, shortest=20, longest=200),
    Track(_burst, pause=120, shortest=10, longest=60),
)

#: The share of the schedules without partitions, from 0 to 1.  For a long time after a partition,
#: the tables are checked less strictly.  Larger: fewer runs have partitions.  Smaller: fewer runs
#: check the tables strictly.
UNPARTITIONED = 0.5


def makeSchedule(random: Random, members: int, duration: float) -> list[Event]:
    """
    Draw the faults of a run.

    :param members: the number of members
    :param duration: the time by which all faults have ended, in seconds
    :return: the beginnings and ends of the faults, in the order of time
    """
    events: list[Event] = []
    isUnpartitioned = random.random() < UNPARTITIONED
    for track in TRACKS:
        if isUnpartitioned and track.draw is _partition:
            continue
        time = random.expovariate(1 / track.pause)
        while time < duration:
            fault = track.draw(random, members)
            end = time + random.uniform(track.shortest, track.longest)
            events.append(Event(time, True, fault))
            events.append(Event(min(end, duration), False, fault))
            time = end + random.expovariate(1 / track.pause)
    events.sort(key=lambda event: event.time)
    return events


def _sample(random: Random, members: int, share: float) -> list[int]:
    return random.sample(range(members), max(1, round(members * share)))
