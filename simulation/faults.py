"""
Faults of a network and of its nodes: each begins, lasts for some time, and ends.

The trace of a run contains the ``repr`` of each fault, so a change of the name or the fields of a
fault changes the trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .combined import makeLiar
from .liars import Liar
from .members import Member
from .swarm import Swarm


class Fault:
    """One fault."""

    def begin(self, swarm: Swarm) -> None:
        """Cause the fault."""

    def end(self, swarm: Swarm) -> None:
        """Repair the fault, as far as it can be repaired."""


@dataclass
class Weather(Fault):
    """
    Datagrams are lost, duplicated, and held back.

    :ivar loss: the probability that a datagram is lost
    :ivar duplication: the probability that a datagram arrives twice
    :ivar reordering: the probability that a datagram is held back, so that others overtake it
    """

    loss: float
    duplication: float
    reordering: float

    def begin(self, swarm: Swarm) -> None:
        """Set the probabilities of the network."""
        self._set(swarm, self.loss, self.duplication, self.reordering)

    def end(self, swarm: Swarm) -> None:
        """Set the probabilities of the network to 0."""
        self._set(swarm, 0.0, 0.0, 0.0)

    def _set(self, swarm: Swarm, loss: float, duplication: float, reordering: float) -> None:
        swarm.network.loss = loss
        swarm.network.duplication = duplication
        swarm.network.reordering = reordering


@dataclass
class Partition(Fault):
    """
    The network is separated into two sides.

    :ivar members: the indices of the hosts on one side
    """

    members: Sequence[int]

    def begin(self, swarm: Swarm) -> None:
        """Separate the two sides."""
        swarm.partitions.cut(swarm.members[index].host for index in self.members)

    def end(self, swarm: Swarm) -> None:
        """End all partitions, also those of other faults."""
        swarm.partitions.heal()


@dataclass
class Crash(Fault):
    """
    Nodes crash, and are started again at the end of the fault.

    :ivar members: the indices of the members whose nodes crash
    :ivar isNew: whether the nodes are started again under new ids
    """

    members: Sequence[int]
    isNew: bool
    _down: list[Member] = field(default_factory=list, repr=False)

    def begin(self, swarm: Swarm) -> None:
        """Crash the running nodes."""
        self._down = [
            member
            for member in (swarm.members[index] for index in self.members)
            if member.node is not None
        ]
        for member in self._down:
            member.crash()

    def end(self, swarm: Swarm) -> None:
        """Start the nodes that crashed."""
        for member in self._down:
            member.start(isNew=self.isNew)


@dataclass
class Slowness(Fault):
    """
    The links of some hosts become slow.

    :ivar members: the indices of the hosts
    :ivar seconds: the time that each link adds to a datagram, beyond its own delay
    """

    members: Sequence[int]
    seconds: float
    _hosts: list[str] = field(default_factory=list, repr=False)

    def begin(self, swarm: Swarm) -> None:
        """Add to the delays of the links."""
        self._hosts = [swarm.members[index].host for index in self.members]
        for host in self._hosts:
            swarm.links.slowDown(host, self.seconds)

    def end(self, swarm: Swarm) -> None:
        """Remove the added delay from the links."""
        for host in self._hosts:
            swarm.links.slowDown(host, -self.seconds)


@dataclass
class Lies(Fault):
    """
    Liars join, and leave at the end of the fault.

    :ivar kind: the kind of the liars, as `makeLiar` reads it
    :ivar count: the number of liars
    """

    kind: str
    count: int
    _liars: list[Liar] = field(default_factory=list, repr=False)

    def begin(self, swarm: Swarm) -> None:
        """Let the liars join."""
        self._liars = [makeLiar(self.kind, swarm) for _ in range(self.count)]

    def end(self, swarm: Swarm) -> None:
        """Let the liars leave."""
        for liar in self._liars:
            liar.leave()
