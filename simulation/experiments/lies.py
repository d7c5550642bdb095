"""
How well lookups do among liars: one next to the target, and one node in five.
"""

from __future__ import annotations

from typing import NamedTuple

from dwdht_twisted import MalformedDatagram
from dwdht_twisted._core import wire
from dwdht_twisted._core.routing import K
from dwdht_twisted.values import COMMAND, keyOf

from ..liars import KINDS, nextTo
from ..swarm import Member, Swarm

#: How many requests a lookup may send.
MOST_REQUESTS = 200

#: How long a network may settle once it is built, and once a liar has announced itself, in seconds.
SETTLE = 30.0
NOTICE = 40.0

#: How long one operation may take, in seconds.
LIMIT = 60.0


class OneLiar(NamedTuple):
    """
    Figures of lookups for targets that a liar stands next to.

    :ivar kind: what the liar does
    :ivar targets: how many targets were looked up
    :ivar reached: for how many of them the 20 closest honest nodes were reached
    :ivar fewest: how many of these were reached at least
    """

    kind: str
    targets: int
    reached: int
    fewest: int

    @property
    def isMet(self) -> bool:
        """Whether all were reached, each time."""
        return self.reached == self.targets

    def __str__(self) -> str:
        return (
            f"one liar next to the target, {self.kind}: all {K} true holders reached "
            f"for {self.reached} of {self.targets} targets, at least {self.fewest}"
        )


class FifthLiars(NamedTuple):
    """
    Figures of a network with one liar in five nodes.

    :ivar kind: what the liars do
    :ivar lookups: how many values were put and looked up
    :ivar found: how many of them were found
    :ivar requests: the most requests that one lookup sent
    :ivar updateRequests: the most that one update sent, with the lookup that it begins with
    :ivar holders: how many honest nodes took a value, on average
    """

    kind: str
    lookups: int
    found: int
    requests: int
    updateRequests: int
    holders: float

    @property
    def isMet(self) -> bool:
        """Whether 99 of 100 values were found, and no lookup sent more than 200 requests."""
        return self.found >= 0.99 * self.lookups and self.requests <= MOST_REQUESTS

    def __str__(self) -> str:
        return (
            f"one liar in five, {self.kind}: {self.found} of {self.lookups} values found, on "
            f"{self.holders:.1f} honest holders; at most {self.requests} requests for a lookup, "
            f"{self.updateRequests} for an update"
        )


class Meter:
    """
    Counts the requests that a member sends for its lookups and updates: those of the command, and
    the pings that others are to relay.
    """

    def __init__(self, swarm: Swarm, member: Member) -> None:
        self._swarm = swarm
        self._host = member.host
        self.count = 0

    def __enter__(self) -> Meter:
        self._swarm.onRequest = self._sent
        return self

    def __exit__(self, *reason: object) -> None:
        self._swarm.onRequest = None

    def _sent(self, host: str, datagram: bytes) -> None:
        if host != self._host:
            return
        try:
            message = wire.decodeRequest(datagram)
        except MalformedDatagram:
            return
        self.count += message.command == COMMAND or message.forwardRequest is not None


def oneLiar(kind: str, seed: int = 1, nodes: int = 200, targets: int = 100) -> OneLiar:
    """
    Look up random targets, each with a liar next to it that all nodes have heard of.

    :param nodes: how many there are, with the liar
    """
    swarm = Swarm(seed)
    swarm.build(nodes - 1)
    swarm.clock.runFor(SETTLE)
    liar = KINDS[kind](swarm)
    counts = []
    for _ in range(targets):
        target = swarm.random.randbytes(32)
        liar.moveTo(nextTo(target, 1))
        swarm.clock.runFor(NOTICE)
        asker = swarm.random.choice(swarm.members)
        assert asker.node is not None
        replies = swarm.clock.runUntil(asker.node.query(COMMAND, target).collect(), LIMIT)
        reached = {reply.node for reply in replies} | {asker.contact}
        holders = swarm.closest(target)
        counts.append(len(reached & {member.contact for member in holders}))
    swarm.close()
    return OneLiar(kind, targets, counts.count(K), min(counts))


def fifthLiars(kind: str, seed: int = 1, nodes: int = 200, lookups: int = 100) -> FifthLiars:
    """
    Put values and look each of them up, in a network where one node in five has lied from the
    beginning.

    :param nodes: how many there are, with the liars
    """
    swarm = Swarm(seed)
    liars = nodes // 5
    swarm.build(nodes - liars, lambda: KINDS[kind](swarm), liars)
    swarm.clock.runFor(SETTLE)
    found = requests = updateRequests = holders = 0
    for _ in range(lookups):
        putter, getter = swarm.random.sample(swarm.members, 2)
        assert putter.node is not None and getter.node is not None
        value = swarm.random.randbytes(100)
        key = keyOf(value)
        with Meter(swarm, putter) as meter:
            swarm.clock.runUntil(putter.node.update(COMMAND, key, value).collect(), LIMIT)
        updateRequests = max(updateRequests, meter.count)
        holders += sum(key in member.store.values for member in swarm.members)
        with Meter(swarm, getter) as meter:
            replies = swarm.clock.runUntil(getter.node.query(COMMAND, key).collect(), LIMIT)
        requests = max(requests, meter.count)
        found += key in getter.store.values or value in {reply.value for reply in replies}
    swarm.close()
    return FifthLiars(kind, lookups, found, requests, updateRequests, holders / lookups)
