"""
Lookups among liars: one liar next to the target, or one liar in five nodes.
"""

from __future__ import annotations

from typing import NamedTuple

from dwdht_twisted import MalformedDatagram
from dwdht_twisted._core import wire
from dwdht_twisted._core.routing import K
from dwdht_twisted.values import COMMAND, keyOf

from ..combined import makeLiar
from ..liars import Liar, nextTo
from ..members import Member
from ..swarm import Swarm

#: The most requests that a lookup may send.  This is the promise that is measured.
MAXIMUM_REQUESTS = 200

#: The time that tables have to fill before the first lookup, in simulated seconds after the last
#: join.  Smaller: lookups that fail because of young tables are blamed on the liars.
SETTLING_TIME = 30.0

#: The time between the announcement of a liar and the lookup, in simulated seconds.  In this time,
#: every node has checked the id that the liar claims.  Smaller: the liar is in few tables, and the
#: experiment is too easy.
ANNOUNCEMENT_TIME = 40.0

#: The time within which an operation has to end, in simulated seconds.  Larger: an operation that
#: hangs is found later.  Smaller: a slow operation ends the experiment.
LIMIT = 60.0


class OneLiar(NamedTuple):
    """
    Figures of lookups for targets whose closest node is a liar.

    :ivar kind: the kind of the liar
    :ivar targets: the number of targets looked up
    :ivar reached: the number of targets for which all 20 closest honest nodes were reached
    :ivar fewest: the smallest number of these nodes that was reached for a target
    """

    kind: str
    targets: int
    reached: int
    fewest: int

    @property
    def isMet(self) -> bool:
        """Whether all closest honest nodes were reached for every target."""
        return self.reached == self.targets

    def __str__(self) -> str:
        return (
            f"one liar next to the target, {self.kind}: all {K} closest honest nodes reached for "
            f"{self.reached} of {self.targets} targets, and at least {self.fewest} for each"
        )


class FifthLiars(NamedTuple):
    """
    Figures of a network with one liar in five nodes.

    :ivar kind: the kind of the liars
    :ivar lookups: the number of values that were put and looked up
    :ivar found: the number of values that were found
    :ivar requests: the largest number of requests that a lookup sent
    :ivar updateRequests: the largest number of requests that an update sent, including its lookup
    :ivar holders: the average number of honest nodes that took a value
    """

    kind: str
    lookups: int
    found: int
    requests: int
    updateRequests: int
    holders: float

    @property
    def isMet(self) -> bool:
        """Whether 99 % of the values were found, with at most 200 requests for each lookup."""
        return self.found >= 0.99 * self.lookups and self.requests <= MAXIMUM_REQUESTS

    def __str__(self) -> str:
        return (
            f"one liar in five, {self.kind}: {self.found} of {self.lookups} values found, on "
            f"{self.holders:.1f} honest holders; at most {self.requests} requests for a lookup, "
            f"{self.updateRequests} for an update"
        )


class PutsAndFinds(NamedTuple):
    """
    Figures of values that were put and looked up.

    :ivar found: the number of values that were found
    :ivar requests: the largest number of requests that a lookup sent
    :ivar updateRequests: the largest number of requests that an update sent, including its lookup
    :ivar holders: the average number of honest nodes that took a value
    """

    found: int
    requests: int
    updateRequests: int
    holders: float


class Meter:
    """
    A context manager that counts the requests that a member sends for its lookups and updates.

    These are the requests of the command, and the pings that other nodes have to relay.

    :ivar count: the number of requests so far
    """

    def __init__(self, swarm: Swarm, member: Member) -> None:
        self._swarm = swarm
        self._host = member.host
        self.count = 0

    def __enter__(self) -> Meter:
        self._swarm.record.onRequest = self._countRequest
        return self

    def __exit__(self, *reason: object) -> None:
        self._swarm.record.onRequest = None

    def _countRequest(self, host: str, datagram: bytes) -> None:
        if host != self._host:
            return
        try:
            message = wire.decodeRequest(datagram)
        except MalformedDatagram:
            return
        self.count += message.command == COMMAND or message.forwardRequest is not None


def oneLiar(kind: str, seed: int = 1, nodes: int = 200, targets: int = 100) -> OneLiar:
    """
    Look up random targets.  Before each lookup, a liar takes an id next to the target and announces
    this id.

    :param kind: the kind of the liars, as `makeLiar` reads it
    :param nodes: the number of nodes, including the liar
    :param targets: the number of targets
    """
    swarm = Swarm(seed)
    swarm.build(nodes - 1)
    swarm.clock.runFor(SETTLING_TIME)
    counts = countReached(swarm, makeLiar(kind, swarm), targets)
    swarm.close()
    return OneLiar(kind, targets, counts.count(K), min(counts))


def countReached(swarm: Swarm, liar: Liar, targets: int) -> list[int]:
    """
    Look up random targets.  Before each lookup, a liar takes an id next to the target and announces
    this id.

    :param targets: the number of targets
    :return: for each target, the number of its 20 closest honest nodes that were reached
    """
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
    return counts


def fifthLiars(kind: str, seed: int = 1, nodes: int = 200, lookups: int = 100) -> FifthLiars:
    """
    Put values and look each of them up, in a network in which one node in five is a liar from the
    beginning.

    :param kind: the kind of the liars, as `makeLiar` reads it
    :param nodes: the number of nodes, including the liars
    :param lookups: the number of values
    """
    swarm = Swarm(seed)
    liars = nodes // 5
    swarm.build(nodes - liars, lambda: makeLiar(kind, swarm), liars)
    swarm.clock.runFor(SETTLING_TIME)
    figures = putAndFind(swarm, lookups)
    swarm.close()
    return FifthLiars(kind, lookups, *figures)


def putAndFind(swarm: Swarm, lookups: int) -> PutsAndFinds:
    """
    Put random values, and look each of them up from another node.

    :param lookups: the number of values
    """
    found = requests = updateRequests = holders = 0
    for _ in range(lookups):
        putter, getter = swarm.random.sample(swarm.members, 2)
        assert putter.node is not None and getter.node is not None
        value = swarm.random.randbytes(100)
        key = keyOf(value)
        with Meter(swarm, putter) as meter:
            swarm.clock.runUntil(
                putter.node.update(COMMAND, key, value, valueInQuery=False).collect(), LIMIT
            )
        updateRequests = max(updateRequests, meter.count)
        holders += sum(key in member.store.values for member in swarm.members)
        with Meter(swarm, getter) as meter:
            replies = swarm.clock.runUntil(getter.node.query(COMMAND, key).collect(), LIMIT)
        requests = max(requests, meter.count)
        found += key in getter.store.values or value in {reply.value for reply in replies}
    return PutsAndFinds(found, requests, updateRequests, holders / lookups)
