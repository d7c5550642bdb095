"""
The operations of a network during faults: puts, gets and pings.

- Each operation has to end before its deadline.
- A value that a reachable node still holds has to be found.
- A value that is put has to reach the nodes closest to its key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from dwdht_twisted import DHTError, NodeDestroyed
from dwdht_twisted._core.limits.bounds import QUERY_WINDOW
from dwdht_twisted._net.upkeep import DEAD_GONE_AFTER, REFRESH_AFTER
from dwdht_twisted.values import get, keyOf, put

from .members import Member
from .reach import findReachable
from .swarm import Swarm
from .tally import Tally

#: The time within which a ping has to end, in seconds.  A ping that is never answered fails after
#: 12 seconds.  Larger: a ping that hangs is reported later.  Smaller: an unanswered ping is
#: reported as hanging.
PING_DEADLINE = 15.0

#: The time within which a get has to end, in seconds.  Larger: a get that hangs is reported later.
#: Smaller: a lookup that waits for many dead contacts is reported as hanging.
GET_DEADLINE = 45.0

#: The time within which a put has to end, in seconds.  It is longer than `GET_DEADLINE`, because
#: the updates follow the lookup.
PUT_DEADLINE = 60.0

#: The error of a sum of simulated times, in seconds.
ROUNDING = 1e-6

#: The number of attempts to get a value that has to be found.  Larger: gets that fail now and then
#: go unreported.  Smaller: if a value has a single holder, the loss of its answer is reported.
GET_ATTEMPTS = 3

#: The mean pause between the beginnings of two operations, in seconds.  Larger: fewer operations
#: meet a fault.  Smaller: a run takes longer.
MEAN_PAUSE = 2.0

#: The number of values that are remembered for later gets.  Larger: more gets are for old values
#: whose holders have crashed.  Smaller: values from before a long fault are forgotten during the
#: fault.
REMEMBERED_VALUES = 200

#: The allowed shortfall of an undisturbed put, in nodes: the nodes that it had to reach, less all
#: nodes that took its value.  Larger: updates to too few nodes go unreported.  Smaller: healthy
#: puts during crashes are reported.
TAKEN_SLACK = 3

#: The number of nodes that an undisturbed put had to reach and may miss, if other nodes took its
#: value instead.  Larger: updates to wrong nodes go unreported.  Smaller: healthy puts during
#: crashes are reported.
MISSED_SLACK = 10

#: The time after the last fault until all tables have recovered, in seconds.  The upkeep of a node
#: removes dead contacts within `DEAD_GONE_AFTER` seconds.  It looks for neighbours at most a minute
#: after `REFRESH_AFTER` seconds.
RECOVERED_AFTER = max(DEAD_GONE_AFTER, REFRESH_AFTER + 60.0)


#: The time after a host is back on the network, or has another address, until its node can do all
#: that others can, in seconds.  A node reaches its contacts within 120 seconds after its line is
#: back.
BACK_AFTER = 120.0

#: The time after a host is back on the network, or has another address, until lookups of all others
#: have to find its node, in seconds.
FINDABLE_AFTER = 180.0


class Holder(NamedTuple):
    """
    A member that took a value.

    :ivar member: the member
    :ivar incarnation: the incarnation of the member when it took the value
    """

    member: Member
    incarnation: int

    @property
    def stillHolds(self) -> bool:
        """Whether the member hasn't crashed since it took the value."""
        return self.member.incarnation == self.incarnation and self.member.node is not None


class Workload:
    """
    The operations of one run, which begin at random times, and the checks of their outcomes.

    :ivar tally: the outcomes so far
    :ivar running: the number of operations that haven't ended
    """

    def __init__(self, swarm: Swarm, random: Random) -> None:
        self.tally = Tally()
        self.running = 0
        self._swarm = swarm
        self._random = random
        self._values: dict[bytes, list[Holder]] = {}
        # For each key, the member that puts its value and its host at the beginning; None once it
        # has ended at the same host.
        self._puts: dict[bytes, tuple[Member, str] | None] = {}
        self._isStopped = False
        # The operations of each member that haven't ended.
        self._runningOf: Counter[Member] = Counter()
        swarm.onBurst = self.burst

    def wasPut(self, key: bytes) -> bool:
        """Whether a member has put a value under this key."""
        return key in self._puts

    def mayRunTwice(self, key: bytes) -> bool:
        """
        Whether the member that has put a value got another address meanwhile.

        Its retries then come from an address that has sent no update.
        """
        begun = self._puts[key]
        return begun is not None and begun[0].host != begun[1]

    def start(self) -> None:
        """Begin operations until `stop` is called."""
        self._isStopped = False
        self._scheduleNext()

    def stop(self) -> None:
        """Begin no more operations."""
        self._isStopped = True

    def _scheduleNext(self) -> None:
        pause = self._random.expovariate(1 / MEAN_PAUSE)
        self._swarm.clock.schedule(pause, self._beginNext)

    def _beginNext(self) -> None:
        if self._isStopped:
            return
        self._scheduleNext()
        joined = self._swarm.joinedMembers()
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

    def burst(self, member: Member, count: int) -> None:
        """
        Let a member begin many operations at once, half of them puts.

        :param count: how many
        """
        for number in range(count):
            if number % 2 and self._values:
                self.get(member, self._random.choice(list(self._values)))
            else:
                self.put(member, self._random.randbytes(self._random.randrange(8, 400)))

    def put(self, member: Member, value: bytes) -> None:
        """
        Let a member put a value, and check that it reaches the nodes closest to its key.
        """
        key = keyOf(value)
        assert member.node is not None
        host = member.host
        self._puts[key] = (member, host)
        # The member itself is one of them when it is among the closest.
        before = [each for each in self._findableHolders(member, key) if each.member.hasJoined]
        wasUndisturbed = self._isUndisturbed(member)

        def ended(outcome: object) -> None:
            if member.host == host:
                self._puts[key] = None
            holders = [
                Holder(each, each.incarnation)
                for each in self._swarm.members
                if key in each.store.values
            ]
            after = self._findableHolders(member, key)
            due = [each for each in before if each in after]
            isUndisturbed = wasUndisturbed and self._isUndisturbed(member)
            self._checkPlacement(member, outcome, due, holders, isUndisturbed)
            if isinstance(outcome, Failure):
                return
            if not holders and not self._swarm.liars:
                self._swarm.record.addTrouble(f"{member} put a value that no member holds")
            if holders:
                self._values[key] = holders
                if len(self._values) > REMEMBERED_VALUES:
                    del self._values[next(iter(self._values))]

        self._watch("put", PUT_DEADLINE, member, put(member.node, value), ended)

    def _checkPlacement(
        self,
        member: Member,
        outcome: object,
        due: list[Holder],
        holders: list[Holder],
        isUndisturbed: bool,
    ) -> None:
        """
        Check that a value that was put has reached the nodes that it had to reach.

        :param due: the nodes that were among the closest to the key both when the put began and
            when it ended
        :param holders: the nodes that took the value
        """
        reached = sum(each in holders for each in due)
        self.tally.placements.add(reached, len(due))
        if not isUndisturbed:
            return
        addTrouble = self._swarm.record.addTrouble
        if isinstance(outcome, Failure):
            if len(due) > MISSED_SLACK:
                addTrouble(
                    f"{member} could not put a value without losses, liars or a slow link: "
                    f"{outcome.getErrorMessage()}"
                )
        elif len(holders) < len(due) - TAKEN_SLACK:
            addTrouble(
                f"a value of {member} was taken by {len(holders)} nodes; "
                f"the {len(due)} closest to its key were up and reachable"
            )
        elif reached < len(due) - MISSED_SLACK:
            addTrouble(
                f"a value of {member} was taken by {reached} of the {len(due)} nodes closest to "
                f"its key, and by {len(holders) - reached} others"
            )

    def get(self, member: Member, key: bytes, attempts: int = GET_ATTEMPTS) -> None:
        """
        Let a member get a value, and check that it is found.

        The value has to be found if one of its holders could be found both when the get began and
        when it ended.

        :param attempts: how often the member may try; one attempt isn't enough, because a loss may
            hit the answer of the only holder
        """
        assert member.node is not None
        before = self._valueHolders(member, key)
        incarnation = member.incarnation

        def ended(outcome: object) -> None:
            holders = [each for each in self._valueHolders(member, key) if each in before]
            addTrouble = self._swarm.record.addTrouble
            if holders and attempts == GET_ATTEMPTS:
                self.tally.retrievals.add(not isinstance(outcome, Failure), 1)
            if not isinstance(outcome, Failure):
                if not isinstance(outcome, bytes) or keyOf(outcome) != key:
                    addTrouble(f"{member} got a wrong value, whose hash is not its key")
                return
            if not holders or not Holder(member, incarnation).stillHolds:
                return
            if attempts > 1:
                self.get(member, key, attempts - 1)
            else:
                addTrouble(
                    f"{member} did not find the value of {key.hex()[:8]} in {GET_ATTEMPTS} "
                    f"attempts, but {len(holders)} of its {len(self._values.get(key, ()))} "
                    f"holders were up and reachable: {outcome.getErrorMessage()}"
                )

        self._watch("get", GET_DEADLINE, member, get(member.node, key), ended)

    def ping(self, member: Member, other: Member) -> None:
        """Let a member ping another.  The ping may fail, because the other may be down."""
        assert member.node is not None
        ping = member.node.ping(other.address)
        self._watch("ping", PING_DEADLINE, member, ping, lambda outcome: None)

    def _valueHolders(self, member: Member, key: bytes) -> list[Holder]:
        """The holders of a value that a lookup of a member has to find."""
        findable = self._findableHolders(member, key)
        return [holder for holder in self._values.get(key, ()) if holder in findable]

    def _findableHolders(self, member: Member, key: bytes) -> list[Holder]:
        """
        The nodes that a lookup of a member for a key has to find, each as a possible holder.

        - A lookup has to find a node if it is one of the 20 closest; liars count as nodes.
        - A node that a partition has separated from the member has to be found only
          `RECOVERED_AFTER` seconds after the end of the partition.
        - Until `RECOVERED_AFTER` seconds after the end of any partition, only nodes that a perfect
          lookup finds have to be found.
        - A member on the smaller side of a partition need not find any node, because most of its
          contacts are out of reach.
        - A member that was off the network, or at another address, has to find nodes `BACK_AFTER`
          seconds later, and has to be found `FINDABLE_AFTER` seconds later.
        """
        swarm = self._swarm
        if swarm.partitions.wasOff(member.host, BACK_AFTER):
            return []
        if swarm.partitions.isInMinority(member.host, len(swarm.members)):
            return []
        closest = swarm.membersAmongClosest(key)
        if swarm.partitions.existed(RECOVERED_AFTER):
            reachable = findReachable(swarm, member, key)
            closest = [each for each in closest if each in reachable]
        return [
            Holder(each, each.incarnation)
            for each in closest
            if not swarm.partitions.separated(member.host, each.host, RECOVERED_AFTER)
            and not swarm.partitions.wasOff(each.host, FINDABLE_AFTER)
        ]

    def _isUndisturbed(self, member: Member) -> bool:
        """
        Whether there is no loss, no liar, and no added delay of the member's link.

        On a slow link a lookup among many dead contacts may spend its budget before it has found
        20 nodes.
        """
        swarm = self._swarm
        return not swarm.network.loss and not swarm.liars and not swarm.links.isSlow(member.host)

    def _watch(
        self,
        name: str,
        deadline: float,
        member: Member,
        operation: Deferred[Any],
        ended: Callable[[object], None],
    ) -> None:
        """
        Count an operation that has begun, and check that it ends before its deadline.

        The time that the host of the member sleeps doesn't count.  Where a member runs more
        operations than its node does at once, each further round of them has as much time again.

        :param ended: called with the result or the Failure, unless the member has crashed
        """
        clock = self._swarm.clock
        record = self._swarm.record
        begun = clock.seconds()
        isOver = False
        self.running += 1
        deadline *= 1 + self._runningOf[member] // QUERY_WINDOW
        self._runningOf[member] += 1
        slept = member.slept

        def done(outcome: object) -> None:
            nonlocal isOver
            isOver = True
            self.running -= 1
            self._runningOf[member] -= 1
            result = "done"
            if isinstance(outcome, Failure):
                result = type(outcome.value).__name__
                if not outcome.check(DHTError):
                    record.addTrouble(f"{name} of {member} failed with an unknown error: {outcome}")
            self.tally.addEnded(name, result, clock.seconds() - begun)
            record.note(f"{name} {member.index} {result}")
            if not (isinstance(outcome, Failure) and outcome.check(NodeDestroyed)):
                ended(outcome)

        def check() -> None:
            if isOver:
                return
            left = begun + deadline + member.slept - slept - clock.seconds()
            if left > ROUNDING:
                # While the host sleeps, the time that is left stays the same.  Look once a second.
                clock.schedule(max(left, 1.0) if member.isAsleep else left, check)
            else:
                record.addTrouble(f"{name} of {member} has not ended after {deadline} s")

        clock.schedule(deadline, check)
        operation.addBoth(done)
