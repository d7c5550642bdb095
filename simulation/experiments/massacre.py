"""
The network after half of its nodes, including all bootstrap nodes, have crashed at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from dwdht_twisted import Contact, DHTError
from dwdht_twisted._net.upkeep import DEAD_GONE_AFTER, REFRESH_AFTER
from dwdht_twisted.values import get, put

from ..members import Member
from ..swarm import Swarm

#: The number of nodes that start after the massacre, while no bootstrap node is up.
LATECOMERS = 10

#: The time within which an operation has to end, in simulated seconds.  Larger: an operation that
#: hangs is found later.  Smaller: a slow operation ends the experiment.
LIMIT = 60.0

#: The time after which all nodes must be one network again, in simulated seconds after the return
#: of one bootstrap node.  By then, each node has looked up its own id through this bootstrap node.
UNITED_AFTER = REFRESH_AFTER + 120.0

#: The time between two checks of the tables, in simulated seconds.  Larger: the measured times are
#: less exact.  Smaller: the experiment takes longer.
STEP = 10.0


class Massacre(NamedTuple):
    """
    Figures of a massacre, in which half of the nodes crash at once.

    :ivar values: the number of values stored before the massacre
    :ivar foundAtOnce: the number of values found right after the massacre
    :ivar foundLater: the number of values found `DEAD_GONE_AFTER` seconds after the massacre
    :ivar dead: the number of dead contacts in all tables `DEAD_GONE_AFTER` seconds after the
        massacre
    :ivar goneAfter: the seconds from the massacre until no table had a dead contact
    :ivar isolated: the number of latecomers without a contact `UNITED_AFTER` seconds after the
        return of a bootstrap node
    :ivar joinedAfter: the seconds from this return until every latecomer had joined
    :ivar unitedAfter: the seconds from this return until every latecomer was in the table of a
        survivor
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
        """
        Whether all values were found, no dead contact remained, and no latecomer stayed isolated.
        """
        return (
            self.foundAtOnce == self.foundLater == self.values
            and self.dead == 0
            and self.isolated == 0
            and self.unitedAfter <= UNITED_AFTER
        )

    def __str__(self) -> str:
        return (
            f"half of the nodes crashed: {self.foundAtOnce} of {self.values} values found at once, "
            f"{self.foundLater} later; {self.dead} dead contacts in all tables after "
            f"{DEAD_GONE_AFTER:.0f} s, none after {self.goneAfter:.0f} s; after the return of a "
            f"bootstrap node {self.isolated} of {LATECOMERS} latecomers isolated: all had joined "
            f"after {self.joinedAfter:.0f} s, and were in tables of survivors after "
            f"{self.unitedAfter:.0f} s"
        )


def massacre(seed: int = 1, nodes: int = 500, values: int = 100) -> Massacre:
    """
    Crash half of the nodes, including all bootstrap nodes.  Then start new nodes, and at last one
    bootstrap node, which has its old id but an empty table.

    :param nodes: the number of nodes
    :param values: the number of values stored before the massacre
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
    crashedAt = swarm.clock.seconds()
    survivors = swarm.runningMembers()
    foundAtOnce = _countFound(swarm, survivors, keys)
    dead = _countDead(swarm, survivors)
    goneAfter = 0.0
    while swarm.clock.seconds() < crashedAt + DEAD_GONE_AFTER:
        swarm.clock.runFor(min(STEP, crashedAt + DEAD_GONE_AFTER - swarm.clock.seconds()))
        dead = _countDead(swarm, survivors)
        if dead:
            goneAfter = swarm.clock.seconds() - crashedAt + STEP
    foundLater = _countFound(swarm, survivors, keys)
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


def _countFound(swarm: Swarm, members: list[Member], keys: Iterable[bytes]) -> int:
    """Let a random member get each value, and count the values found."""
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


def _countDead(swarm: Swarm, members: Iterable[Member]) -> int:
    """Count the dead contacts in the tables of these members."""
    running = {member.address for member in swarm.runningMembers()}
    return sum(
        contact.address not in running for member in members for contact in _contacts(member)
    )


def _areKnown(members: Iterable[Member], others: Iterable[Member]) -> bool:
    """Whether each of the others is in the table of at least one of the members."""
    known = {contact for member in members for contact in _contacts(member)}
    return all(other.contact in known for other in others)


def _contacts(member: Member) -> list[Contact]:
    return [] if member.node is None else member.node.contacts()
