"""
Which faults befall a network, and when: drawn from a seed, before anything runs.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from .faults import Crash, Fault, Lies, Partition, Slowness, Weather
from .liars import KINDS


class Event(NamedTuple):
    """
    The beginning or the end of a fault.

    :ivar time: seconds after the faults begin
    :ivar isBegin: whether it begins
    """

    time: float
    isBegin: bool
    fault: Fault


class Track(NamedTuple):
    """
    A line of faults of one kind, one after the other.

    :ivar draw: gives a fault, for a network of so many members
    :ivar pause: the mean time between two of them, in seconds
    :ivar shortest: how long they last at least, in seconds
    :ivar longest: how long they last at most
    """

    draw: Callable[[Random, int], Fault]
    pause: float
    shortest: float
    longest: float


def _weather(random: Random, members: int) -> Fault:
    return Weather(
        loss=random.choice([0.0, 0.02, 0.1, 0.2]),
        duplication=random.choice([0.0, 0.02, 0.1]),
        reordering=random.choice([0.0, 0.1, 0.3]),
    )


def _partition(random: Random, members: int) -> Fault:
    share = random.uniform(0.05, 0.5)
    return Partition(_some(random, members, share))


def _crash(random: Random, members: int) -> Fault:
    share = random.choice([0.01, 0.03, 0.1, 0.2])
    return Crash(_some(random, members, share), isNew=random.random() < 0.5)


def _slowness(random: Random, members: int) -> Fault:
    return Slowness(_some(random, members, random.uniform(0, 0.1)), random.uniform(0.1, 0.5))


def _lies(random: Random, members: int) -> Fault:
    most = max(2, min(members // 20, 50))
    return Lies(random.choice(list(KINDS)), random.randrange(1, most))


#: The lines of faults that run beside each other.
TRACKS = (
    Track(_weather, pause=20, shortest=10, longest=120),
    Track(_partition, pause=120, shortest=20, longest=400),
    Track(_crash, pause=30, shortest=5, longest=120),
    Track(_crash, pause=60, shortest=60, longest=600),
    Track(_slowness, pause=40, shortest=20, longest=200),
    Track(_lies, pause=60, shortest=60, longest=300),
)

#: The share of the schedules that have no partitions.
WHOLE = 0.5


def makeSchedule(random: Random, members: int, duration: float) -> list[Event]:
    """
    Draw the faults of a run, in the order of time.

    :param members: how many hosts there are to suffer them
    :param duration: when all of them are over, in seconds
    """
    events: list[Event] = []
    # For a long time after a partition less is asked of a network than of one that stays whole.
    isWhole = random.random() < WHOLE
    for track in TRACKS:
        if isWhole and track.draw is _partition:
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


def _some(random: Random, members: int, share: float) -> list[int]:
    return random.sample(range(members), max(1, round(members * share)))
