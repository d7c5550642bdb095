"""
What remains when half of the nodes are killed at once, the bootstrap nodes among them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from dwdht_twisted import Contact, DHTError
from dwdht_twisted._net.upkeep.upkeep import DEAD_GONE_AFTER, REFRESH_AFTER
from dwdht_twisted.values import get, put

from ..swarm import Member, Swarm

#: How many nodes start after the massacre, when no bootstrap node is there.
LATECOMERS = 10

#: How long one operation may take, in seconds.
LIMIT = 60.0

#: After this long, in seconds, all nodes are one network again when one of their bootstrap nodes is
#: back: by then each has looked for its neighbours by way of that one.
UNITED_AFTER = REFRESH_AFTER + 120.0

#: How often the network is looked at meanwhile, in seconds.
STEP = 10.0


class Massacre(NamedTuple):
    """
    Figures of a massacre.

    :ivar values: how many values were stored before it
    :ivar foundAtOnce: how many of them were found right after it
    :ivar foundLater: how many were found once the dead were forgotten
    :ivar dead: how many dead contacts all tables held after `DEAD_GONE_AFTER` seconds
    :ivar goneAfter: after how many seconds there were none
    :ivar isolated: how many latecomers knew nobody at last, a bootstrap node being back
    :ivar joinedAfter: after how many seconds each of them had joined
    :ivar unitedAfter: after how many seconds each of them was found by a survivor
    """

    values: int
    foundAtOnce: int
    foundLater: int
    dead: int
    goneAfter: float
    isolated: int
    joinedAfter: float
    unitedAfter: float

    @property
    def isMet(self) -> bool:
        """Whether all values were found, no dead contact remained, and nobody stayed isolated."""
        return (
            self.foundAtOnce == self.foundLater == self.values
            and self.dead == 0
            and self.isolated == 0
            and self.unitedAfter <= UNITED_AFTER
        )

    def __str__(self) -> str:
        return (
            f"half of the nodes killed: {self.foundAtOnce} of {self.values} values found at once, "
            f"{self.foundLater} later; {self.dead} dead contacts in all tables after "
            f"{DEAD_GONE_AFTER:.0f} s, none after {self.goneAfter:.0f} s; {self.isolated} of "
            f"{LATECOMERS} latecomers isolated once a bootstrap node was back: all had joined "
            f"after {self.joinedAfter:.0f} s, and were found by the survivors after "
            f"{self.unitedAfter:.0f} s"
        )


def massacre(seed: int = 1, nodes: int = 500, values: int = 100) -> Massacre:
    """
    Kill half of the nodes, with all bootstrap nodes; then let others start, and let one bootstrap
    node come back under its id, knowing nobody.
    """
    swarm = Swarm(seed)
    swarm.build(nodes)
    swarm.clock.runFor(60)
    keys = []
    for _ in range(values):
        node = swarm.random.choice(swarm.members).node
        assert node is not None
        keys.append(swarm.clock.runUntil(put(node, swarm.random.randbytes(100)), LIMIT))
    others = swarm.members[len(swarm.bootstraps) :]
    victims = swarm.random.sample(others, nodes // 2 - len(swarm.bootstraps))
    for member in [*swarm.bootstraps, *victims]:
        member.crash()
    killedAt = swarm.clock.seconds()
    survivors = swarm.alive()
    foundAtOnce = _find(swarm, survivors, keys)
    dead = _dead(swarm, survivors)
    goneAfter = 0.0
    while swarm.clock.seconds() < killedAt + DEAD_GONE_AFTER:
        swarm.clock.runFor(min(STEP, killedAt + DEAD_GONE_AFTER - swarm.clock.seconds()))
        dead = _dead(swarm, survivors)
        if dead:
            goneAfter = swarm.clock.seconds() - killedAt + STEP
    foundLater = _find(swarm, survivors, keys)
    latecomers = [swarm.addMember() for _ in range(LATECOMERS)]
    for member in latecomers:
        member.start()
    swarm.clock.runFor(120)
    swarm.bootstraps[0].start()
    returnedAt = swarm.clock.seconds()
    joinedAfter = unitedAfter = 0.0
    while swarm.clock.seconds() < returnedAt + UNITED_AFTER:
        swarm.clock.runFor(STEP)
        if not all(member.hasJoined for member in latecomers):
            joinedAfter = swarm.clock.seconds() - returnedAt + STEP
        if not _areKnown(survivors, latecomers):
            unitedAfter = swarm.clock.seconds() - returnedAt + STEP
    isolated = sum(not _contacts(member) for member in latecomers)
    swarm.close()
    return Massacre(
        values, foundAtOnce, foundLater, dead, goneAfter, isolated, joinedAfter, unitedAfter
    )


def _find(swarm: Swarm, members: list[Member], keys: Iterable[bytes]) -> int:
    """How many values some member gets."""
    found = 0
    for key in keys:
        node = swarm.random.choice(members).node
        assert node is not None
        try:
            swarm.clock.runUntil(get(node, key), LIMIT)
        except DHTError:
            continue
        found += 1
    return found


def _dead(swarm: Swarm, members: Iterable[Member]) -> int:
    """How many contacts of these members are down."""
    running = {member.address for member in swarm.alive()}
    return sum(
        contact.address not in running for member in members for contact in _contacts(member)
    )


def _areKnown(members: Iterable[Member], others: Iterable[Member]) -> bool:
    """Whether each of the others is known by one of the members at least."""
    known = {contact for member in members for contact in _contacts(member)}
    return all(other.contact in known for other in others)


def _contacts(member: Member) -> list[Contact]:
    return [] if member.node is None else member.node.contacts()
