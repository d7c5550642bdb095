"""
The extent of a run: the number of rounds, nodes and operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """
    The extent of a run.

    :ivar rounds: the number of times that each measurement is made
    :ivar contacts: serving: the number of contacts that introduce themselves to the node
    :ivar requests: serving: the number of requests without a pause
    :ivar roundTrips: serving: the number of requests one at a time
    :ivar sizes: networks: the numbers of nodes
    :ivar operations: networks: the number of operations of each kind
    :ivar idleSeconds: networks: the time that an idle network is measured, in seconds
    :ivar internetNodes: internet: the number of nodes
    :ivar internetAskers: internet: the number of nodes that make lookups
    :ivar internetLookups: internet: the number of lookups, of all askers together
    :ivar populations: growth: the numbers of nodes
    :ivar lookups: growth: the number of lookups for each number of nodes
    :ivar idleNodes: idle: the number of nodes
    :ivar idleSimulatedSeconds: idle: the time that our nodes are counted, in simulated seconds
    :ivar idleRealSeconds: idle: the time that the other subjects are counted, in seconds
    :ivar deadNodes: dead: the number of nodes, of which a quarter dies
    :ivar deadAskers: dead: the number of nodes that make lookups, in each of the two cases
    :ivar deadLookups: dead: the number of lookups of each of them
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
    idleNodes: int = 200
    idleSimulatedSeconds: float = 3600.0
    idleRealSeconds: float = 240.0
    deadNodes: int = 1000
    deadAskers: int = 5
    deadLookups: int = 24

    def turn(self, subjects: Sequence[T], round: int) -> list[T]:
        """The subjects in the order of a round.  Each subject comes first in one of the rounds."""
        first = round % len(subjects) if subjects else 0
        return [*subjects[first:], *subjects[:first]]


#: A plan for a run of less than a minute: it shows that everything works, but its results vary too
#: much to be quoted.
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
    idleNodes=50,
    idleSimulatedSeconds=600.0,
    idleRealSeconds=5.0,
    deadNodes=100,
    deadAskers=2,
    deadLookups=8,
)

#: The number of nodes that are simulated with ``--full`` only.
FULL_POPULATION = 100_000
