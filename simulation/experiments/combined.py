"""
Lookups among liars whose behaviour is drawn from a seed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import Address
from dwdht_twisted.values import COMMAND, keyOf

from ..combined import CombinedLiar, addressesOf
from ..liars import nextTo
from ..swarm import Swarm
from .lies import ANNOUNCEMENT_TIME, LIMIT, MAXIMUM_REQUESTS, SETTLING_TIME, Meter

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
    """

    seed: int
    lies: tuple[str, ...]
    lookups: int
    found: int
    requests: int
    holders: float
    planted: int

    @property
    def isMet(self) -> bool:
        """Whether lookups kept to their bound, nothing was planted, and all values were found."""
        return self.found == self.lookups and self.requests <= MAXIMUM_REQUESTS and not self.planted

    def __str__(self) -> str:
        return (
            f"seed {self.seed}, one liar in five: {self.found} of {self.lookups} values found, on "
            f"{self.holders:.1f} honest holders; at most {self.requests} requests for a lookup; "
            f"{self.planted} planted contacts; {' | '.join(self.lies)}"
        )


class CombinedOne(NamedTuple):
    """
    Figures of lookups for targets whose closest node is a combined liar.

    :ivar seed: the seed of the liar
    :ivar lie: the combination of the liar
    :ivar targets: the number of targets
    :ivar reached: the number of targets for which all 20 closest honest nodes were reached
    :ivar fewest: the smallest number of these nodes that was reached for a target
    """

    seed: int
    lie: str
    targets: int
    reached: int
    fewest: int

    @property
    def isMet(self) -> bool:
        """Whether all closest honest nodes were reached for every target."""
        return self.reached == self.targets

    def __str__(self) -> str:
        return (
            f"seed {self.seed}, one liar next to the target: all {K} closest honest nodes reached "
            f"for {self.reached} of {self.targets} targets, and at least {self.fewest} for each; "
            f"{self.lie}"
        )


class Totals(NamedTuple):
    """
    Figures over all seeds.

    :ivar networks: the number of networks with one liar in five
    :ivar lookups: the number of values put in them
    :ivar found: the number of values found
    :ivar requests: the largest number of requests of a lookup
    :ivar planted: the number of contacts at addresses where no node ever listened
    :ivar liars: the number of single liars
    :ivar targets: the number of targets next to which a single liar stood
    :ivar reached: the number of these targets whose 20 closest honest nodes were all reached
    """

    networks: int
    lookups: int
    found: int
    requests: int
    planted: int
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
        )

    def __str__(self) -> str:
        return (
            f"{self.networks} networks with one combined liar in five: {self.found} of "
            f"{self.lookups} values found, at most {self.requests} requests for a lookup, "
            f"{self.planted} planted contacts; {self.liars} single liars: all {K} closest honest "
            f"nodes reached for {self.reached} of {self.targets} targets"
        )


def total(fifths: Iterable[CombinedFifth], ones: Iterable[CombinedOne]) -> Totals:
    """Add up the figures of all seeds."""
    networks, single = list(fifths), list(ones)
    return Totals(
        len(networks),
        sum(each.lookups for each in networks),
        sum(each.found for each in networks),
        max((each.requests for each in networks), default=0),
        sum(each.planted for each in networks),
        len(single),
        sum(each.targets for each in single),
        sum(each.reached for each in single),
    )


def fifthCombined(seed: int, nodes: int = 200, lookups: int = 20) -> CombinedFifth:
    """
    Put values and look each of them up, in a network in which one node in five is a combined liar
    from the beginning.

    The liars have one to `VARIETY` combinations.

    :param nodes: the number of nodes, including the liars
    :param lookups: the number of values
    """
    swarm = Swarm(seed)
    count = nodes // 5
    liars: list[CombinedLiar] = []
    variety = 1 + seed % VARIETY

    def addLiar() -> CombinedLiar:
        liar = CombinedLiar(swarm, label=f"{seed}.{len(liars) % variety}")
        liars.append(liar)
        return liar

    swarm.build(nodes - count, addLiar, count)
    swarm.clock.runFor(SETTLING_TIME)
    found = requests = holders = 0
    for _ in range(lookups):
        putter, getter = swarm.random.sample(swarm.members, 2)
        assert putter.node is not None and getter.node is not None
        value = swarm.random.randbytes(100)
        key = keyOf(value)
        swarm.clock.runUntil(putter.node.update(COMMAND, key, value).collect(), LIMIT)
        holders += sum(key in member.store.values for member in swarm.members)
        with Meter(swarm, getter) as meter:
            replies = swarm.clock.runUntil(getter.node.query(COMMAND, key).collect(), LIMIT)
        requests = max(requests, meter.count)
        found += key in getter.store.values or value in {reply.value for reply in replies}
    listening = {member.address for member in swarm.members}.union(*map(addressesOf, liars))
    planted = _countPlanted(swarm, listening)
    lies = tuple(str(liar.combination) for liar in liars[:variety])
    swarm.close()
    return CombinedFifth(seed, lies, lookups, found, requests, holders / lookups, planted)


def singleLiars(seeds: Sequence[int], nodes: int = 200, targets: int = 4) -> list[CombinedOne]:
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


def _singleLiar(swarm: Swarm, seed: int, targets: int) -> CombinedOne:
    liar = CombinedLiar(swarm, label=f"{seed}")
    counts = []
    for _ in range(targets):
        target = swarm.random.randbytes(32)
        liar.moveTo(nextTo(target, 1))
        swarm.clock.runFor(ANNOUNCEMENT_TIME)
        asker = swarm.random.choice(swarm.members)
        assert asker.node is not None
        replies = swarm.clock.runUntil(asker.node.query(COMMAND, target).collect(), LIMIT)
        reached = {reply.node for reply in replies} | {asker.contact}
        holders = swarm.closestMembers(target)
        counts.append(len(reached & {member.contact for member in holders}))
    liar.leave()
    return CombinedOne(seed, str(liar.combination), targets, counts.count(K), min(counts))


def _countPlanted(swarm: Swarm, listening: set[Address]) -> int:
    """Count the contacts in tables of honest nodes at addresses where no node listened."""
    return sum(
        contact.address not in listening
        for member in swarm.runningMembers()
        if member.node is not None
        for contact in member.node.contacts()
    )
