"""
Lookups among liars whose behaviour is drawn from a seed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import Address

from ..amplification import Amplification, ForgingLiars, Unasked
from ..combined import CombinedLiar, addressesOf
from ..swarm import Swarm
from .lies import MAXIMUM_REQUESTS, SETTLING_TIME, OneLiar, countReached, putAndFind

#: The share of the values that must be found, and of the targets for which all 20 closest honest
#: nodes must be reached.
REQUIRED = 0.99

#: The number of single liars that join one network, one after the other.  Larger: contacts of
#: former liars fill the tables.  Smaller: more time goes into building networks.
LIARS_OF_NETWORK = 25

#: The most different combinations among the liars of one network.  Larger: each has fewer liars.
#: Smaller: combinations that work together are not tried.
VARIETY = 3


class CombinedFifth(NamedTuple):
    """
    Figures of a network with one combined liar in five nodes.

    :ivar seed: the seed of the network and of its liars
    :ivar lies: the combinations of the liars
    :ivar lookups: the number of values that were put and looked up
    :ivar found: the number of values that were found
    :ivar requests: the largest number of requests that a lookup sent
    :ivar holders: the average number of honest nodes that took a value
    :ivar planted: the number of contacts in tables of honest nodes at addresses where no node ever
        listened
    :ivar unasked: the bytes to addresses that had not asked
    """

    seed: int
    lies: tuple[str, ...]
    lookups: int
    found: int
    requests: int
    holders: float
    planted: int
    unasked: Unasked

    @property
    def isMet(self) -> bool:
        """
        Whether lookups kept to their bound, nothing was planted, all values were found, and nobody
        who had not asked was sent more than is promised.
        """
        return (
            self.found == self.lookups
            and self.requests <= MAXIMUM_REQUESTS
            and not self.planted
            and self.unasked.isMet
        )

    def __str__(self) -> str:
        return (
            f"seed {self.seed}, one liar in five: {self.found} of {self.lookups} values found, on "
            f"{self.holders:.1f} honest holders; at most {self.requests} requests for a lookup; "
            f"{self.planted} planted contacts; {self.unasked}; {' | '.join(self.lies)}"
        )


class Totals(NamedTuple):
    """
    Figures over all seeds.

    :ivar networks: the number of networks with one liar in five
    :ivar lookups: the number of values put in them
    :ivar found: the number of values found
    :ivar requests: the largest number of requests of a lookup
    :ivar planted: the number of contacts at addresses where no node ever listened
    :ivar unasked: the bytes to addresses that had not asked, in the worst network
    :ivar liars: the number of single liars
    :ivar targets: the number of targets next to which a single liar stood
    :ivar reached: the number of these targets whose 20 closest honest nodes were all reached
    """

    networks: int
    lookups: int
    found: int
    requests: int
    planted: int
    unasked: Unasked
    liars: int
    targets: int
    reached: int

    @property
    def isMet(self) -> bool:
        """Whether the promises are kept."""
        return (
            self.found >= REQUIRED * self.lookups
            and self.reached >= REQUIRED * self.targets
            and self.requests <= MAXIMUM_REQUESTS
            and not self.planted
            and self.unasked.isMet
        )

    def __str__(self) -> str:
        return (
            f"{self.networks} networks with one combined liar in five: {self.found} of "
            f"{self.lookups} values found, at most {self.requests} requests for a lookup, "
            f"{self.planted} planted contacts; {self.unasked}; {self.liars} single liars: all {K} "
            f"closest honest nodes reached for {self.reached} of {self.targets} targets"
        )


def total(fifths: Iterable[CombinedFifth], ones: Iterable[OneLiar]) -> Totals:
    """Add up the figures of all seeds."""
    networks, single = list(fifths), list(ones)
    return Totals(
        len(networks),
        sum(each.lookups for each in networks),
        sum(each.found for each in networks),
        max((each.requests for each in networks), default=0),
        sum(each.planted for each in networks),
        Unasked.worst(each.unasked for each in networks),
        len(single),
        sum(each.targets for each in single),
        sum(each.reached for each in single),
    )


def fifthCombined(seed: int, nodes: int = 200, lookups: int = 20) -> CombinedFifth:
    """
    Put values and look each of them up, in a network in which one node in five is a combined liar
    from the beginning.

    The liars have one to `VARIETY` combinations.  They forge requests from the time when all nodes
    have joined.

    :param nodes: the number of nodes, including the liars
    :param lookups: the number of values
    """
    swarm = Swarm(seed)
    amplification = Amplification(swarm)
    count = nodes // 5
    liars: list[CombinedLiar] = []
    variety = 1 + seed % VARIETY

    def addLiar() -> CombinedLiar:
        liar = CombinedLiar(swarm, label=f"{seed}.{len(liars) % variety}")
        liars.append(liar)
        return liar

    swarm.build(nodes - count, addLiar, count)
    ForgingLiars(swarm, liars, amplification)
    swarm.clock.runFor(SETTLING_TIME)
    figures = putAndFind(swarm, lookups)
    listening = {member.address for member in swarm.members}.union(*map(addressesOf, liars))
    planted = _countPlanted(swarm, listening)
    lies = tuple(str(liar.combination) for liar in liars[:variety])
    swarm.close()
    return CombinedFifth(
        seed,
        lies,
        lookups,
        figures.found,
        figures.requests,
        figures.holders,
        planted,
        amplification.figures(),
    )


def singleLiars(seeds: Sequence[int], nodes: int = 200, targets: int = 4) -> list[OneLiar]:
    """
    Let combined liars join a network of honest nodes, one after the other.  Before each lookup, the
    liar takes an id next to the target and announces this id.

    :param seeds: the seeds of the liars; the first is also that of the network
    :param nodes: the number of nodes, including a liar
    :param targets: the number of targets for each liar
    """
    swarm = Swarm(seeds[0])
    swarm.build(nodes - 1)
    swarm.clock.runFor(SETTLING_TIME)
    figures = [_singleLiar(swarm, seed, targets) for seed in seeds]
    swarm.close()
    return figures


def _singleLiar(swarm: Swarm, seed: int, targets: int) -> OneLiar:
    liar = CombinedLiar(swarm, label=f"{seed}")
    counts = countReached(swarm, liar, targets)
    liar.leave()
    return OneLiar(f"seed {seed}, {liar.combination}", targets, counts.count(K), min(counts))


def _countPlanted(swarm: Swarm, listening: set[Address]) -> int:
    """Count the contacts in tables of honest nodes at addresses where no node listened."""
    return sum(
        contact.address not in listening
        for member in swarm.runningMembers()
        if member.node is not None
        for contact in member.node.contacts()
    )
