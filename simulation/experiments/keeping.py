"""
Values among nodes that come and go: those that a keeper keeps alive, and those that were put once.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from resource import getpagesize
from typing import NamedTuple

from dwdht_twisted import DHTError, DHTNode, NodeDestroyed
from dwdht_twisted._core.wire import isRequest, transactionId
from dwdht_twisted.values import (
    COMMAND,
    HandOver,
    Keeper,
    MemoryStore,
    ValueHandler,
    get,
    put,
)

from ..hosts import hostOf
from ..members import Member
from ..swarm import BOOTSTRAP_MEMBERS, Swarm

HOUR = 3600.0

#: The median of the times for which a node is up, in seconds.  They are exponential.
MEDIAN_SESSION = HOUR

#: The age at which stores drop a value, in seconds.  It is less than a day, so that values expire
#: within the experiment.
AGE = 6 * HOUR

#: The number of values that a keeper keeps alive.
KEPT = 50

#: The number of values that are put once at the start of each hour.
PUT_ONCE = 10

#: The number of hosts that are down at a time.  When a node leaves, one of them joins with a new
#: id, so the number of nodes stays the same.
SPARE_HOSTS = 20

#: The time after which memory is measured first, in hours.  By then, as many values expire as are
#: put, and the caches of the nodes are full.
SETTLED_AFTER = 7

#: The largest growth of the process from then on that counts as flat, in megabytes.
FLAT = 32.0

#: The time within which an operation has to end, in simulated seconds.
LIMIT = 60.0

#: The number of requests without an answer whose kind is remembered.  Larger: more memory is used
#: for requests to nodes that have left.  Smaller: some late answers count as upkeep.
MAXIMUM_ASKED = 20_000

#: A kind of traffic for each command.
KINDS = {
    b"values/hand-over": "hand-over",
    b"values": "puts",
    b"_find_node": "upkeep",
    b"_ping": "upkeep",
}


class KeepingMember(Member):
    """
    A member with a `MemoryStore`, which may hand values on.

    A bootstrap member keeps no values.

    :param swarm: its swarm
    """

    def __init__(self, swarm: KeepingSwarm, index: int) -> None:
        super().__init__(swarm, index)
        self.values: MemoryStore | None = None
        self.handOver: HandOver | None = None
        self._swarm = swarm

    def start(self, *, isNew: bool = True) -> None:
        """Start a node with a new id and an empty store."""
        super().start(isNew=isNew)
        assert self.node is not None
        self.node.unregister(COMMAND)
        if self.index < BOOTSTRAP_MEMBERS:
            return
        swarm = self._swarm
        self.values = MemoryStore(swarm.clock, maximumAge=swarm.age)
        self.node.register(COMMAND, ValueHandler(self.values))
        if swarm.handsOver:
            self.handOver = HandOver(self.node, self.values, swarm.clock, random=swarm.random)
            self.handOver.startService()

    def crash(self) -> None:
        """Stop the node without notice to others.  The values in its store are lost."""
        if self.handOver is not None:
            self.handOver.stopService()
        self.handOver = self.values = None
        super().crash()


class KeepingSwarm(Swarm):
    """
    A swarm whose members keep values, and whose traffic is counted.

    :param handsOver: whether the members hand values on
    :param age: the age at which their stores drop a value, in seconds
    :ivar bytes: the number of bytes of requests and answers, by their kind
    :ivar isChecking: whether the experiment itself asks for values
    """

    def __init__(self, seed: int, handsOver: bool, age: float) -> None:
        super().__init__(seed)
        self.handsOver = handsOver
        self.age = age
        self.bytes: Counter[str] = Counter()
        self.isChecking = False
        self._asked: dict[tuple[str, str, int], str] = {}
        self.network.onDatagram = self._count

    def addMember(self) -> Member:
        """Add a host, whose node isn't started yet."""
        member = KeepingMember(self, self.addHost())
        self.members.append(member)
        return member

    def _count(self, source: tuple[str, int], to: tuple[str, int], data: bytes) -> None:
        if isRequest(data):
            kind = next(kind for command, kind in KINDS.items() if command in data)
            if self.isChecking and kind == "puts":
                kind = "checks"
            self._asked[source[0], to[0], transactionId(data)] = kind
        else:
            kind = self._asked.pop((to[0], source[0], transactionId(data)), "upkeep")
        self.bytes[kind] += len(data)
        if len(self._asked) > MAXIMUM_ASKED:
            self._asked.clear()


class Keeping(NamedTuple):
    """
    Figures of values among nodes that come and go.

    :ivar handsOver: whether the nodes handed values on
    :ivar hours: the simulated hours
    :ivar nodes: the number of nodes that were up at any time
    :ivar left: the number of nodes that left
    :ivar kept: the number of times that a kept value was looked for, once an hour for each
    :ivar foundKept: how often it was found
    :ivar once: the same for values that were put once, before their time
    :ivar foundOnce: how often they were found
    :ivar late: the number of holders of values that were put once, after their time
    :ivar holders: the average number of holders of a kept value
    :ivar puts: the average number of puts of a kept value
    :ivar growth: the growth of the process after `SETTLED_AFTER` hours, in megabytes
    :ivar traffic: the bytes per second that a node sent, by their kind
    """

    handsOver: bool
    hours: int
    nodes: int
    left: int
    kept: int
    foundKept: int
    once: int
    foundOnce: int
    late: int
    holders: float
    puts: float
    growth: float
    traffic: dict[str, float]

    @property
    def isMet(self) -> bool:
        """
        Whether nothing outlived its time, and memory was flat; and with hand-over, whether all kept
        values were found.
        """
        isFound = self.foundKept == self.kept or not self.handsOver
        return isFound and self.late == 0 and self.growth < FLAT

    def __str__(self) -> str:
        traffic = ", ".join(f"{kind} {rate:.0f}" for kind, rate in sorted(self.traffic.items()))
        return (
            f"{self.hours} h, {self.nodes} nodes {'with' if self.handsOver else 'without'} "
            f"hand-over, {self.left} left: kept values found {self.foundKept} of {self.kept} "
            f"times, with {self.holders:.1f} holders and {self.puts:.1f} puts on average; values "
            f"put once found {self.foundOnce} of {self.once} times before their time, and "
            f"{self.late} holders after it; memory {self.growth:+.1f} MB; bytes a second sent by a "
            f"node: {traffic}"
        )


def keeping(
    seed: int = 1,
    nodes: int = 200,
    hours: int = 24,
    *,
    handsOver: bool = True,
    age: float = AGE,
) -> Keeping:
    """
    Let nodes come and go while a keeper keeps values alive, and others are put once.

    :param nodes: the number of nodes that are up at any time
    :param hours: the simulated hours
    :param handsOver: whether the nodes hand values on
    :param age: the age at which stores drop a value, in seconds
    """
    return _Experiment(KeepingSwarm(seed, handsOver, age), nodes).run(hours)


class _Experiment:
    """
    One run.

    :param swarm: the swarm, which is still empty
    :param nodes: the number of nodes that are up at any time, without bootstrap members
    """

    def __init__(self, swarm: KeepingSwarm, nodes: int) -> None:
        self._swarm = swarm
        self._nodes = nodes
        self._random = swarm.random
        self._left = 0
        # The keys of values that were put once, and the time at which they expire.
        self._expiring: dict[bytes, float] = {}
        self._counts: Counter[str] = Counter()
        swarm.build(BOOTSTRAP_MEMBERS + nodes)
        for member in swarm.members[BOOTSTRAP_MEMBERS:]:
            self._endLater(member)
        for _ in range(SPARE_HOSTS):
            swarm.addMember()
        reactor = swarm.network.reactor(hostOf(swarm.addHost()))
        bootstrap = [member.address for member in swarm.bootstraps]
        self._publisher = DHTNode(reactor, ephemeral=True, bootstrap=bootstrap, random=self._random)
        self._keeper = Keeper(
            self._publisher, reactor, age=swarm.age, random=self._random, onPut=self._onPut
        )

    def run(self, hours: int) -> Keeping:
        """Run the experiment, and return its figures."""
        swarm, clock = self._swarm, self._swarm.clock
        keys = [self._keeper.keep(self._random.randbytes(100)) for _ in range(KEPT)]
        self._keeper.startService()
        swarm.bytes.clear()
        growth = settled = 0.0
        started = clock.seconds()
        for hour in range(1, hours + 1):
            self._putOnce()
            clock.runFor(started + hour * HOUR - clock.seconds())
            self._check(keys)
            if hour == SETTLED_AFTER:
                settled = _megabytes()
        if settled:
            growth = _megabytes() - settled
        seconds = clock.seconds() - started
        traffic = {kind: count / seconds / self._nodes for kind, count in swarm.bytes.items()}
        clock.runUntil(self._keeper.stopService())
        self._publisher.destroy()
        swarm.close()
        assert not swarm.record.troubles, swarm.record.troubles[:3]
        counts = self._counts
        return Keeping(
            swarm.handsOver,
            hours,
            self._nodes,
            self._left,
            KEPT * hours,
            counts["kept"],
            counts["once asked"],
            counts["once"],
            counts["late"],
            counts["holders"] / (KEPT * hours),
            counts["put"] / KEPT,
            growth,
            traffic,
        )

    def _onPut(self, _: object) -> None:
        self._counts["put"] += 1

    def _endLater(self, member: Member) -> None:
        # An exponential time with this mean has the median that is wanted.
        lifetime = self._random.expovariate(0.6931 / MEDIAN_SESSION)
        self._swarm.clock.callLater(lifetime, self._replace, member)

    def _replace(self, member: Member) -> None:
        """Let a node leave, and another join."""
        down = [other for other in self._swarm.members if other.node is None]
        if not down or member.node is None:
            # The experiment has ended.
            return
        member.crash()
        self._left += 1
        other = self._random.choice(down)
        other.start(isNew=True)
        self._endLater(other)

    def _someNode(self) -> DHTNode:
        node = self._random.choice(self._swarm.joinedMembers()).node
        assert node is not None
        return node

    def _putOnce(self) -> None:
        clock = self._swarm.clock
        for _ in range(PUT_ONCE):
            try:
                key = clock.runUntil(put(self._someNode(), self._random.randbytes(100)), LIMIT)
            except DHTError:
                # The node has left meanwhile.
                continue
            self._expiring[key] = clock.seconds() + self._swarm.age

    def _check(self, keys: list[bytes]) -> None:
        """Look for all values."""
        swarm, counts = self._swarm, self._counts
        swarm.isChecking = True
        for key in keys:
            counts["holders"] += self._holders(key)
            counts["kept"] += self._isFound(key)
        for key, end in self._expiring.items():
            if swarm.clock.seconds() < end - LIMIT:
                counts["once asked"] += 1
                counts["once"] += self._isFound(key)
        # A put has its time when the first of its holders takes the value.
        swarm.clock.runFor(1.0)
        for key, end in self._expiring.items():
            if swarm.clock.seconds() > end:
                counts["late"] += self._holders(key)
        swarm.isChecking = False

    def _holders(self, key: bytes) -> int:
        stores = (getattr(member, "values", None) for member in self._swarm.members)
        return sum(store is not None and store.get(key) is not None for store in stores)

    def _isFound(self, key: bytes) -> bool:
        for _ in range(2):
            # The node that asks may leave before it has found the value.
            node = self._someNode()
            try:
                self._swarm.clock.runUntil(get(node, key), LIMIT)
            except NodeDestroyed:
                continue
            except DHTError:
                return False
            return True
        return False


def _megabytes() -> float:
    """The resident memory of this process, in megabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * getpagesize() / 1e6
