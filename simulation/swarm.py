"""
A network with all its hosts: honest members and liars.
"""

from __future__ import annotations

import gc
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable
from random import Random
from typing import Any, Protocol

from twisted.internet.protocol import DatagramProtocol

from dwdht_twisted import Address
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import distance
from dwdht_twisted.private import NetworkSecurity
from dwdht_twisted.testing import LimitReached, MemoryNetwork, SimulatedClock

from .hosts import AccessLinks, hostOf, vacantHost
from .members import Member
from .partitions import PartitionHistory
from .private import SealedPort, makeAdmission
from .record import Record

#: The number of members through which every other member joins.  Smaller: a single crash or
#: partition can keep all new members from joining.  Larger: joining is easier than in a real
#: network.
BOOTSTRAP_MEMBERS = 3

#: The time that resolving a name takes, in seconds.
NAME_LATENCY = 0.05

#: The time within which all members must have joined, in simulated seconds after the last start.
#: Larger: a network that never forms is reported later.  Smaller: slow but healthy joins are
#: reported.
JOIN_LIMIT = 120.0

#: The number of members on each side of a target, in the order of ids, among which the closest
#: members by XOR distance are searched.  Smaller: some of the closest members are missed, because
#: ids that are close by XOR can be far apart in the order of ids.  Larger: each search sorts more
#: members in vain.
_NEIGHBOURHOOD = 4 * K


class Hostile(Protocol):
    """
    The part of a hostile host that its swarm uses.

    :ivar id: its id, 32 bytes
    :ivar host: its IPv4 address
    """

    id: bytes
    host: str

    def leave(self) -> None:
        """Stop answering, and leave the swarm's list of liars."""


class Swarm:
    """
    A network with all its hosts, built from one seed.

    :param private: the kind of a private network, see `makeAdmission`; None for an open one

    :ivar seed: the seed of the run
    :ivar admission: makes the securities of the nodes
    :ivar random: the random numbers for choices of an experiment
    :ivar clock: the simulated time
    :ivar links: the delays of the hosts' links
    :ivar network: the network that the hosts are on
    :ivar members: the honest hosts, also those that are down
    :ivar liars: the hostile hosts that are up
    :ivar deadNames: the dead addresses of the names of bootstrap nodes
    :ivar partitions: the partitions of the network
    :ivar record: the trace of the run, and the invariants that it broke
    :ivar hostsOf: for each id, the hosts that its owner has had
    :ivar onBurst: None, or a function that lets a member begin so many operations at once
    """

    def __init__(self, seed: int, private: str | None = None) -> None:
        self.seed = seed
        self.admission = makeAdmission(private, seed)
        # The label is a part of each seed, so another label would change the trace of every run.
        self.random = Random(f"{seed} swarm")
        self.clock = SimulatedClock()
        self.links = AccessLinks(Random(f"{seed} lines"))
        self.network = MemoryNetwork(
            self.clock, seed=seed, latency=self.links, nameLatency=NAME_LATENCY
        )
        self.deadNames: set[str] = set()
        self.members: list[Member] = []
        self.liars: list[Hostile] = []
        self.partitions = PartitionHistory(self.network, self.clock)
        self.record = Record(self.clock)
        self.onBurst: Callable[[Member, int], object] | None = None
        self.hostsOf: defaultdict[bytes, set[str]] = defaultdict(set)
        self._hostCount = 0
        self._directory: list[tuple[bytes, Member]] = []
        self.network.onDatagram = self.record.datagramSent

    @property
    def bootstraps(self) -> list[Member]:
        """The first members, through which every other member joins."""
        return self.members[:BOOTSTRAP_MEMBERS]

    def bootstrapsOf(self, member: Member) -> list[str | Address]:
        """
        The ways in which a member knows the other bootstrap members: one by name, and the others by
        address.

        Each name has two addresses, and nobody is at the first of them.
        """
        named = member.index % BOOTSTRAP_MEMBERS
        return [
            f"{_nameOf(known)}:{known.address.port}" if known.index == named else known.address
            for known in self.bootstraps
            if known is not member
        ]

    def addMember(self) -> Member:
        """Add an honest host, whose node isn't started yet."""
        member = Member(self, self.addHost())
        self.members.append(member)
        self._setName(member)
        return member

    def move(self, member: Member) -> None:
        """
        Give a host an address that nobody has had, with another link.

        A name of the host leads to the new address.
        """
        before = member.host
        member.moveTo(hostOf(self.addHost()))
        self.hostsOf[member.id].add(member.host)
        self.partitions.moved(before, member.host)
        self._setName(member)

    def _setName(self, member: Member) -> None:
        if member.index < BOOTSTRAP_MEMBERS:
            dead = vacantHost(Random(f"{self.seed} name {member.index}"))
            self.deadNames.add(dead)
            self.network.addName(_nameOf(member), dead, member.host)

    def addHost(self) -> int:
        """
        Add a host with a link.

        :return: its index
        """
        index = self._hostCount
        self._hostCount += 1
        self.links.add(hostOf(index))
        return index

    def listen(
        self, host: str, port: int, protocol: DatagramProtocol, security: NetworkSecurity | None
    ) -> Any:
        """
        Open a port of a liar.  On a private network, the liar is a member that lies.

        :param security: that of the liar; None on an open network
        :return: has ``write`` and ``stopListening``
        """
        reactor = self.network.reactor(host)
        if security is None:
            return reactor.listenUDP(port, protocol)
        random = Random(f"{self.seed} seals of {host}:{port}")
        sealed = SealedPort(reactor, security, protocol, random=random)
        sealed.open(reactor, port)
        return sealed

    def build(self, count: int, liar: Callable[[], Hostile] | None = None, liars: int = 0) -> None:
        """
        Let hosts join one by one, and wait until all members have joined.

        The pauses between the joins are long enough for the tables to learn of each new node.

        :param count: how many members join
        :param liar: adds a liar, which joins by itself
        :param liars: how many liars join, spread evenly among the members
        :raises LimitReached: when a member hasn't joined `JOIN_LIMIT` seconds after the last start
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

    def runningMembers(self) -> list[Member]:
        """The members whose nodes run."""
        return [member for member in self.members if member.node is not None]

    def joinedMembers(self) -> list[Member]:
        """The members whose nodes run and have joined, and whose hosts are awake."""
        return [member for member in self.members if member.hasJoined and not member.isAsleep]

    def closestMembers(self, target: bytes, count: int = K) -> list[Member]:
        """The running members closest to a target, closest first."""
        if not self._directory:
            self._directory = sorted((member.id, member) for member in self.runningMembers())
        directory = self._directory
        middle = bisect_left(directory, target, key=lambda entry: entry[0])
        near = directory[max(0, middle - _NEIGHBOURHOOD) : middle + _NEIGHBOURHOOD]
        near.sort(key=lambda entry: distance(entry[0], target))
        return [member for _, member in near[:count]]

    def membersAmongClosest(self, target: bytes, count: int = K) -> list[Member]:
        """
        The members among the nodes closest to a target, closest first.

        :param count: how many nodes count as the closest; liars are nodes, too
        """
        ranked = [
            (distance(member.id, target), member) for member in self.closestMembers(target, count)
        ]
        liars = sorted(distance(liar.id, target) for liar in self.liars)
        return [
            member
            for rank, (far, member) in enumerate(ranked)
            if rank + bisect_left(liars, far) < count
        ]

    def started(self, member: Member) -> None:
        """Note the id of a member whose node was started."""
        self.hostsOf[member.id].add(member.host)
        self.membersChanged()

    def membersChanged(self) -> None:
        """Forget the order of the running members, because a node was started or crashed."""
        self._directory = []

    def close(self) -> None:
        """
        Destroy every node, and stop every liar.  Pending operations fail with `NodeDestroyed`.
        """
        for member in self.members:
            member.crash()
        for liar in list(self.liars):
            liar.leave()
        # A resolution that has begun can't be cancelled, so its timer outlives its node.
        self.clock.runFor(NAME_LATENCY)
        # A Deferred that failed without an errback logs its failure only when it is collected.
        # Collect it before the record stops observing the log.
        gc.collect()
        self.record.close()


def _nameOf(member: Member) -> str:
    """The name of a bootstrap member."""
    return f"bootstrap-{member.index}.example"
