"""
What is asked of a network while it suffers: values are put and got, nodes are pinged.

Every operation has a deadline, every value that some node still holds has to be found, and a value
that is put has to come to the nodes that are closest to its key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from dwdht_twisted import DHTError, NodeDestroyed
from dwdht_twisted._net.upkeep.upkeep import DEAD_GONE_AFTER, REFRESH_AFTER
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

#: How many nodes fewer than should take a value at most, and how many of those that should miss it,
#: when nothing is lost, nobody lies, and the member's line isn't slow: on a slow one, among many
#: dead contacts, a lookup may spend its budget before it has found 20 nodes.
TAKEN_SLACK = 3
MISSED_SLACK = 10

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


class Share:
    """
    How many things came out as they should.

    :ivar right: those that did
    :ivar of: all of them
    """

    def __init__(self) -> None:
        self.right = 0
        self.of = 0

    def add(self, right: int, of: int) -> None:
        """Count some more."""
        self.right += right
        self.of += of

    @property
    def value(self) -> float:
        """This share, from 0 to 1; 1 when there was nothing."""
        return self.right / self.of if self.of else 1.0


class Workload:
    """
    The operations of one run.

    :ivar counts: how many operations ended, by kind and outcome
    :ivar longest: the time that the longest operation of each kind took, in seconds
    :ivar placed: how many of the nodes that a put had to reach took the value, over all puts in
        whatever weather
    :ivar gotten: how many gets found a value at once, of those that had to
    """

    def __init__(self, swarm: Swarm, random: Random) -> None:
        self.counts: Counter[str] = Counter()
        self.longest: dict[str, float] = {}
        self.placed = Share()
        self.gotten = Share()
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
        """Begin to ask, and go on until `stop`."""
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
        """Let a member put a value; it has to come to those closest to its key."""
        key = keyOf(value)
        assert member.node is not None
        self._put.add(key)
        before = [
            each
            for each in self._closest(member, key)
            if each.member is not member and each.member.hasJoined
        ]
        wasCalm = self._isCalm(member)

        def ended(outcome: object) -> None:
            holders = [
                Holder(each, each.lives) for each in self._swarm.members if key in each.store.values
            ]
            after = self._closest(member, key)
            due = [each for each in before if each in after]
            self._judge(member, outcome, due, holders, wasCalm and self._isCalm(member))
            if isinstance(outcome, Failure):
                return
            if not holders and not self._swarm.liars:
                self._swarm.trouble(f"{member} put a value that nobody holds")
            if holders:
                self._values[key] = holders
                if len(self._values) > VALUES:
                    del self._values[next(iter(self._values))]

        self._begin("put", PUT_DEADLINE, member, put(member.node, value), ended)

    def _judge(
        self,
        member: Member,
        outcome: object,
        due: list[Holder],
        holders: list[Holder],
        isCalm: bool,
    ) -> None:
        """
        Look whether a value that was put is where it should be.

        :param due: who was among those closest to its key from the beginning to the end
        :param holders: who has taken it
        """
        reached = sum(each in holders for each in due)
        self.placed.add(reached, len(due))
        if not isCalm:
            return
        if isinstance(outcome, Failure):
            if len(due) > MISSED_SLACK:
                self._swarm.trouble(f"{member} could not put a value: {outcome.getErrorMessage()}")
        elif len(holders) < len(due) - TAKEN_SLACK:
            self._swarm.trouble(f"{len(holders)} took a value of {member}, not {len(due)}")
        elif reached < len(due) - MISSED_SLACK:
            self._swarm.trouble(
                f"{reached} of the {len(due)} closest took a value of {member}, as did "
                f"{len(holders) - reached} others"
            )

    def get(self, member: Member, key: bytes, tries: int = TRIES) -> None:
        """
        Let a member get a value; it has to find it, if a holder is there all the while.

        :param tries: how often it may try: whatever is lost may be that one holder's answer
        """
        assert member.node is not None
        before = self._findable(member, key)
        life = member.lives

        def ended(outcome: object) -> None:
            holders = [each for each in self._findable(member, key) if each in before]
            if holders and tries == TRIES:
                self.gotten.add(not isinstance(outcome, Failure), 1)
            if not isinstance(outcome, Failure):
                if not isinstance(outcome, bytes) or keyOf(outcome) != key:
                    self._swarm.trouble(f"{member} got a wrong value")
                return
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
        """Who holds a value, and can be found by a member."""
        closest = self._closest(member, key)
        return [holder for holder in self._values.get(key, ()) if holder in closest]

    def _closest(self, member: Member, key: bytes) -> list[Holder]:
        """
        Where a lookup of a member has to lead.

        A node is found as long as it is one of the 20 closest, liars counted, and was on the
        member's side of all partitions for long enough that the tables know each other.  Who is on
        the smaller side of a partition knows too few that can be reached, and need find nobody.
        Where tables don't tell all of the network for a while, what they tell has to be enough.
        """
        swarm = self._swarm
        if swarm.isMinor(member.host):
            return []
        closest = swarm.closestOfAll(key)
        if swarm.wasTorn(RECOVERED_AFTER):
            reached = reach(swarm, member, key)
            closest = [each for each in closest if each in reached]
        return [
            Holder(each, each.lives)
            for each in closest
            if not swarm.wasCut(member.host, each.host, RECOVERED_AFTER)
        ]

    def _isCalm(self, member: Member) -> bool:
        """Whether no datagram is lost, nobody lies, and the member's line is as it was drawn."""
        swarm = self._swarm
        return not swarm.network.loss and not swarm.liars and not swarm.lines.isSlow(member.host)

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
