"""
What is asked of a network while it suffers: values are put and got, nodes are pinged.

Every operation has a deadline, and every value that some node still holds has to be found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from dwdht_twisted import DHTError, NodeDestroyed
from dwdht_twisted.upkeep import DEAD_GONE_AFTER, REFRESH_AFTER
from dwdht_twisted.values import get, keyOf, put

from .reach import reach
from .swarm import Member, Swarm

#: How long a ping, a lookup, and an update may take, in seconds.
PING_DEADLINE = 15.0
GET_DEADLINE = 45.0
PUT_DEADLINE = 60.0

#: How often a member tries to get a value that is there.
TRIES = 3

#: The mean pause between two operations, in seconds.
PAUSE = 2.0

#: How many values are kept in mind, to be got again.
VALUES = 200


#: This long after the last fault, in seconds, tables hold nobody dead, and know their neighbours.
RECOVERED_AFTER = max(DEAD_GONE_AFTER, REFRESH_AFTER + 60.0)


class Holder(NamedTuple):
    """
    A member that took a value, in one of its lives.
    """

    member: Member
    life: int

    @property
    def isThere(self) -> bool:
        """Whether it has the value still."""
        return self.member.lives == self.life and self.member.node is not None


class Workload:
    """
    The operations of one run.

    :ivar counts: how many operations ended, by kind and outcome
    :ivar longest: the time that the longest operation of each kind took, in seconds
    """

    def __init__(self, swarm: Swarm, random: Random) -> None:
        self.counts: Counter[str] = Counter()
        self.longest: dict[str, float] = {}
        self._swarm = swarm
        self._random = random
        self._values: dict[bytes, list[Holder]] = {}
        self._put: set[bytes] = set()
        self._running = 0
        self._isStopped = False

    @property
    def running(self) -> int:
        """How many operations have not ended."""
        return self._running

    @property
    def keys(self) -> list[bytes]:
        """The keys of the values that are kept in mind."""
        return list(self._values)

    def wasPut(self, key: bytes) -> bool:
        """Whether an honest member has put a value under a key."""
        return key in self._put

    def start(self) -> None:
        """Begin to ask, and go on until L{stop}."""
        self._isStopped = False
        self._swarm.clock.schedule(self._random.expovariate(1 / PAUSE), self._next)

    def stop(self) -> None:
        """Ask no more."""
        self._isStopped = True

    def _next(self) -> None:
        if self._isStopped:
            return
        self._swarm.clock.schedule(self._random.expovariate(1 / PAUSE), self._next)
        joined = self._swarm.joined()
        if not joined:
            return
        member = self._random.choice(joined)
        draw = self._random.random()
        if draw < 0.3 or not self._values:
            self.put(member, self._random.randbytes(self._random.randrange(8, 400)))
        elif draw < 0.9:
            self.get(member, self._random.choice(list(self._values)))
        else:
            self.ping(member, self._random.choice(self._swarm.members))

    # Operations.

    def put(self, member: Member, value: bytes) -> None:
        """Let a member put a value."""
        key = keyOf(value)
        assert member.node is not None
        self._put.add(key)

        def ended(outcome: object) -> None:
            holders = [
                Holder(each, each.lives) for each in self._swarm.members if key in each.store.values
            ]
            if isinstance(outcome, Failure):
                return
            if not holders and not self._swarm.liars:
                self._swarm.trouble(f"{member} put a value that nobody holds")
            if holders:
                self._values[key] = holders
                if len(self._values) > VALUES:
                    del self._values[next(iter(self._values))]

        self._begin("put", PUT_DEADLINE, member, put(member.node, value), ended)

    def get(self, member: Member, key: bytes, tries: int = TRIES) -> None:
        """
        Let a member get a value; it has to find it, if a holder is there all the while.

        :param tries: how often it may try: whatever is lost may be that one holder's answer
        """
        assert member.node is not None
        before = self._findable(member, key)
        life = member.lives

        def ended(outcome: object) -> None:
            if not isinstance(outcome, Failure):
                if not isinstance(outcome, bytes) or keyOf(outcome) != key:
                    self._swarm.trouble(f"{member} got a wrong value")
                return
            holders = [each for each in self._findable(member, key) if each in before]
            if not holders or not Holder(member, life).isThere:
                return
            if tries > 1:
                self.get(member, key, tries - 1)
            else:
                self._swarm.trouble(
                    f"{member} did not find {key.hex()[:8]}, which {len(holders)} of "
                    f"{len(self._values.get(key, ()))} holders have: {outcome.getErrorMessage()}"
                )

        self._begin("get", GET_DEADLINE, member, get(member.node, key), ended)

    def ping(self, member: Member, other: Member) -> None:
        """Let a member ping another."""
        assert member.node is not None
        self._begin("ping", PING_DEADLINE, member, member.node.ping(other.address), _ignore)

    def _findable(self, member: Member, key: bytes) -> list[Holder]:
        """
        Who holds a value, and can be found by a member.

        A holder is found as long as it is one of the 20 closest nodes, liars counted, and was on
        the member's side of all partitions for long enough that the tables know each other.  Who is
        on the smaller side of a partition knows too few that can be reached, and need find nobody.
        Where tables don't tell all of the network for a while, what they tell has to be enough.
        """
        swarm = self._swarm
        if swarm.isMinor(member.host):
            return []
        closest = set(swarm.closestOfAll(key))
        if swarm.wasTorn(RECOVERED_AFTER):
            closest &= reach(swarm, member, key)
        return [
            holder
            for holder in self._values.get(key, ())
            if holder.isThere
            and holder.member in closest
            and not swarm.wasCut(member.host, holder.member.host, RECOVERED_AFTER)
        ]

    def _begin(
        self,
        name: str,
        deadline: float,
        member: Member,
        operation: Deferred[Any],
        ended: Callable[[object], None],
    ) -> None:
        clock = self._swarm.clock
        begun = clock.seconds()
        isOver = False
        self._running += 1

        def done(outcome: object) -> None:
            nonlocal isOver
            isOver = True
            self._running -= 1
            took = clock.seconds() - begun
            self.longest[name] = max(took, self.longest.get(name, 0.0))
            result = "done"
            if isinstance(outcome, Failure):
                result = type(outcome.value).__name__
                if not outcome.check(DHTError):
                    self._swarm.trouble(f"{name} of {member} failed with {outcome}")
            self.counts[f"{name} {result}"] += 1
            self._swarm.note(f"{name} {member.index} {result}")
            if not (isinstance(outcome, Failure) and outcome.check(NodeDestroyed)):
                ended(outcome)

        def check() -> None:
            if not isOver:
                self._swarm.trouble(f"{name} of {member} has not ended after {deadline} s")

        clock.schedule(deadline, check)
        operation.addBoth(done)


def _ignore(outcome: object) -> None:
    """A ping may fail: its target may be down."""
