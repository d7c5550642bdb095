"""
A network of nodes that are started, crash and are started again, and the record of what they do.
"""

from __future__ import annotations

import gc
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable
from hashlib import blake2b
from math import inf
from random import Random
from struct import Struct
from typing import TYPE_CHECKING

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from dwdht_twisted import Address, Contact, DHTNode, IValueStore, NodeDestroyed
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import distance, isRequest
from dwdht_twisted.testing import LimitReached, MemoryNetwork, SimulatedClock
from dwdht_twisted.values import COMMAND, ValueHandler

from .hosts import PORT, Lines, hostOf

if TYPE_CHECKING:
    from .liars import Liar

#: How many members every other member joins through.
BOOTSTRAP_MEMBERS = 3

#: How long a whole network may take until all of its members have joined, in seconds.
JOIN_LIMIT = 120.0

# A number of nodes on each side of a target, among which the closest by XOR nearly always are.
_NEIGHBOURHOOD = 4 * K

_packTime = Struct(">d").pack


@implementer(IValueStore)
class CountingStore:
    """
    Keeps values, and counts how often each was put.

    :ivar values: by key
    :ivar runs: how often the update handler ran for each key
    """

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.runs: Counter[bytes] = Counter()

    def put(self, key: bytes, value: bytes) -> None:
        """Keep a value."""
        self.values[key] = value
        self.runs[key] += 1

    def get(self, key: bytes) -> bytes | None:
        """Give a value."""
        return self.values.get(key)

    def close(self) -> None:
        """There is nothing to release."""


class Member:
    """
    A host that runs a node, or did.

    :ivar host: its address
    :ivar node: None while it is down
    :ivar store: what it keeps for others, while it runs
    :ivar lives: how often it was started
    :ivar hasJoined: whether its node was ready once in this life
    """

    def __init__(self, swarm: Swarm, index: int) -> None:
        self.index = index
        self.host = hostOf(index)
        self.address = Address(self.host, PORT)
        self.node: DHTNode | None = None
        self.store = CountingStore()
        self.id = b""
        self.lives = 0
        self.hasJoined = False
        self._swarm = swarm

    def __repr__(self) -> str:
        return f"<Member {self.index} {self.host} {self.id.hex()[:8]}>"

    @property
    def contact(self) -> Contact:
        """Who it is, or was when it was up."""
        return Contact(self.id, self.host, PORT)

    def start(self, *, isNew: bool = False) -> None:
        """
        Run a node.

        :param isNew: whether it gets an id that it never had
        """
        swarm = self._swarm
        random = Random(f"{swarm.seed} member {self.index} {self.lives}")
        self.lives += 1
        self.hasJoined = False
        self.store = CountingStore()
        node = DHTNode(
            swarm.network.reactor(self.host),
            bootstrap=[known.address for known in swarm.bootstraps if known is not self],
            id=None if isNew or not self.id else self.id,
            random=random,
        )
        node.register(COMMAND, ValueHandler(self.store))
        self.node = node
        self.id = node.id
        node.listen(PORT)
        self._awaitReady(node)
        swarm.changed()

    def crash(self) -> None:
        """Let the node vanish with all that it kept, without a word to others."""
        node, self.node = self.node, None
        if node is not None:
            self.hasJoined = False
            self.store = CountingStore()
            node.destroy()
            self._swarm.changed()

    def _awaitReady(self, node: DHTNode) -> None:
        def joined(_: None) -> None:
            if self.node is node:
                self.hasJoined = True

        def failed(reason: Failure) -> None:
            if not reason.check(NodeDestroyed):
                self._awaitReady(node)

        node.ready().addCallbacks(joined, failed)


@implementer(ILogObserver)
class _FailureObserver:
    """
    Hears what is logged as a failure or as an error.

    :param heard: called with it, in words
    """

    def __init__(self, heard: Callable[[str], None]) -> None:
        self._heard = heard

    def __call__(self, event: LogEvent) -> None:
        """Take an event."""
        failure = event.get("log_failure")
        if failure is not None or event.get("log_level", LogLevel.debug) >= LogLevel.error:
            self._heard(f"logged: {formatEvent(event)} {failure or ''}")


class _Cut:
    """A partition, and when it was healed."""

    def __init__(self, hosts: frozenset[str]) -> None:
        self.hosts = hosts
        self.healedAt = inf


class Swarm:
    """
    A network with all its members, from one seed.

    :ivar members: honest hosts, those that are down too; the first are the bootstrap members
    :ivar liars: the hostile hosts that are up
    :ivar troubles: what broke an invariant, in words
    :ivar onRequest: None, or called with the host and the datagram of each request that is sent
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = Random(f"{seed} swarm")
        self.clock = SimulatedClock()
        self.lines = Lines(Random(f"{seed} lines"))
        self.network = MemoryNetwork(self.clock, seed=seed, latency=self.lines)
        self.members: list[Member] = []
        self.bootstraps: list[Member] = []
        self.liars: list[Liar] = []
        self.troubles: list[str] = []
        self.onRequest: Callable[[str, bytes], object] | None = None
        self._hosts = 0
        self._cuts: list[_Cut] = []
        self._directory: list[tuple[bytes, Member]] = []
        self._trace = blake2b(digest_size=16)
        self.network.onDatagram = self._sent
        self._failures = _FailureObserver(self.trouble)
        globalLogPublisher.addObserver(self._failures)

    # Hosts.

    def addMember(self) -> Member:
        """A new honest host, that doesn't run yet."""
        member = Member(self, self.newHost())
        self.members.append(member)
        if len(self.bootstraps) < BOOTSTRAP_MEMBERS:
            self.bootstraps.append(member)
        return member

    def newHost(self) -> int:
        """The index of a host that nobody has."""
        index = self._hosts
        self._hosts += 1
        self.lines.add(hostOf(index))
        return index

    def build(self, count: int, liar: Callable[[], Liar] | None = None, liars: int = 0) -> None:
        """
        Let hosts join, one by one, slowly enough that the network can take them in.

        :param count: how many honest ones
        :param liar: makes a hostile one, which joins by itself
        :param liars: how many of those, spread evenly among the others
        """
        start = len(self.members)
        for index in range(start, start + count):
            self.addMember().start()
            if liar is not None and index * liars // count != (index + 1) * liars // count:
                liar()
            self.clock.runFor(max(0.005, min(0.5, 5 / (index + 1))))
        limit = self.clock.seconds() + JOIN_LIMIT
        while not all(member.hasJoined for member in self.members if member.node is not None):
            if self.clock.seconds() > limit:
                raise LimitReached(f"not all members joined within {JOIN_LIMIT} seconds")
            self.clock.runFor(0.5)

    def alive(self) -> list[Member]:
        """The members that run."""
        return [member for member in self.members if member.node is not None]

    def joined(self) -> list[Member]:
        """The members that run and have joined."""
        return [member for member in self.members if member.hasJoined]

    def closest(self, target: bytes, count: int = K) -> list[Member]:
        """The running members that are truly closest to a target, closest first."""
        if not self._directory:
            self._directory = sorted((member.id, member) for member in self.alive())
        directory = self._directory
        middle = bisect_left(directory, target, key=lambda place: place[0])
        near = directory[max(0, middle - _NEIGHBOURHOOD) : middle + _NEIGHBOURHOOD]
        near.sort(key=lambda place: distance(place[0], target))
        return [member for _, member in near[:count]]

    def closestOfAll(self, target: bytes, count: int = K) -> list[Member]:
        """The members among the nodes closest to a target, where liars take places as well."""
        found = [(distance(member.id, target), member) for member in self.closest(target, count)]
        liars = sorted(distance(liar.id, target) for liar in self.liars)
        return [
            member
            for rank, (far, member) in enumerate(found)
            if rank + bisect_left(liars, far) < count
        ]

    def changed(self) -> None:
        """Somebody has come or gone."""
        self._directory = []

    # Partitions.

    def cut(self, hosts: Iterable[str]) -> None:
        """Let nothing pass between some hosts and all others."""
        self._cuts.append(_Cut(frozenset(hosts)))
        self.network.partition(self._cuts[-1].hosts)

    def heal(self) -> None:
        """Let everything pass again."""
        for cut in self._cuts:
            cut.healedAt = min(cut.healedAt, self.clock.seconds())
        self.network.heal()

    def isMinor(self, host: str) -> bool:
        """Whether a host is on the smaller side of a partition."""
        return any(
            cut.healedAt == inf and (host in cut.hosts) is (2 * len(cut.hosts) < len(self.members))
            for cut in self._cuts
        )

    def wasCut(self, one: str, other: str, lately: float) -> bool:
        """
        Whether nothing passes between two hosts, or has not for some time.

        :param lately: up to how long ago, in seconds
        """
        return any((one in cut.hosts) is not (other in cut.hosts) for cut in self._lateCuts(lately))

    def wasTorn(self, lately: float) -> bool:
        """
        Whether there is a partition, or was one.

        :param lately: up to how long ago, in seconds
        """
        return bool(self._lateCuts(lately))

    def _lateCuts(self, lately: float) -> list[_Cut]:
        since = self.clock.seconds() - lately
        return [cut for cut in self._cuts if cut.healedAt > since]

    # The end.

    def close(self) -> None:
        """Let every node go, for good; what is pending fails with `NodeDestroyed`."""
        for member in self.members:
            member.crash()
        for liar in list(self.liars):
            liar.leave()
        self.clock.runFor(0)
        gc.collect()
        globalLogPublisher.removeObserver(self._failures)

    # The record.

    @property
    def trace(self) -> str:
        """A hash over every datagram sent so far, its time and its way, and every note."""
        return self._trace.hexdigest()

    def note(self, text: str) -> None:
        """Make something a part of the trace."""
        self._trace.update(_packTime(self.clock.seconds()) + text.encode())

    def trouble(self, text: str) -> None:
        """An invariant is broken."""
        self.troubles.append(f"at {self.clock.seconds():.1f} s: {text}")

    def _sent(self, source: tuple[str, int], destination: tuple[str, int], data: bytes) -> None:
        self._trace.update(
            b"%b%b%b%b"
            % (
                _packTime(self.clock.rightNow),
                source[0].encode(),
                destination[0].encode(),
                data,
            )
        )
        if self.onRequest is not None and data and isRequest(data):
            self.onRequest(source[0], data)
