"""
How much is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """
    :ivar rounds: how often each measurement is made
    :ivar contacts: how many contacts the serving node is offered
    :ivar requests: how many requests it serves in a row
    :ivar roundTrips: how many it serves one at a time
    :ivar sizes: how many nodes the networks have
    :ivar operations: how many operations of each kind a network does
    :ivar idleSeconds: how long an idle network is watched, in seconds
    :ivar internetNodes: how many nodes the simulated internet has
    :ivar internetAskers: how many of them look up
    :ivar internetLookups: how many lookups they do together
    :ivar populations: how many nodes there are where the growth of lookups is measured
    :ivar lookups: how many lookups that takes each
    """

    rounds: int = 3
    contacts: int = 1000
    requests: int = 12800
    roundTrips: int = 1280
    sizes: tuple[int, ...] = (100, 256, 1000)
    operations: int = 100
    idleSeconds: float = 1.0
    internetNodes: int = 1000
    internetAskers: int = 10
    internetLookups: int = 300
    populations: tuple[int, ...] = (100, 1000, 10000)
    lookups: int = 100

    def turn(self, subjects: Sequence[T], round: int) -> list[T]:
        """The subjects in the order of one round: each comes first in turn."""
        first = round % len(subjects) if subjects else 0
        return [*subjects[first:], *subjects[:first]]


#: Less of everything: enough to see that all works, not enough to quote.
QUICK = Plan(
    rounds=1,
    contacts=250,
    requests=1920,
    roundTrips=320,
    sizes=(100,),
    operations=25,
    idleSeconds=0.5,
    internetNodes=250,
    internetAskers=4,
    internetLookups=40,
    populations=(100, 1000),
    lookups=25,
)

#: How many nodes are simulated only on demand.
FULL_POPULATION = 100_000
