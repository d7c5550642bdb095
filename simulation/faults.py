"""
What goes wrong in a network: each fault begins, lasts a while, and ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .hosts import hostOf
from .liars import KINDS, Liar
from .swarm import Member, Swarm


class Fault:
    """One fault, that knows how to begin and how to end."""

    def begin(self, swarm: Swarm) -> None:
        """Do the harm."""

    def end(self, swarm: Swarm) -> None:
        """Undo it, as far as it can be undone."""


@dataclass
class Weather(Fault):
    """
    Datagrams are lost, doubled, and held back.

    :ivar loss: a probability, as are the others
    """

    loss: float
    duplication: float
    reordering: float

    def begin(self, swarm: Swarm) -> None:
        """Let it get worse."""
        self._set(swarm, self.loss, self.duplication, self.reordering)

    def end(self, swarm: Swarm) -> None:
        """Let it clear up."""
        self._set(swarm, 0.0, 0.0, 0.0)

    def _set(self, swarm: Swarm, loss: float, duplication: float, reordering: float) -> None:
        swarm.network.loss = loss
        swarm.network.duplication = duplication
        swarm.network.reordering = reordering


@dataclass
class Partition(Fault):
    """
    The network falls apart into two.

    :ivar members: the indices of those on the far side
    """

    members: Sequence[int]

    def begin(self, swarm: Swarm) -> None:
        """Cut."""
        swarm.cut(hostOf(index) for index in self.members)

    def end(self, swarm: Swarm) -> None:
        """Heal."""
        swarm.heal()


@dataclass
class Crash(Fault):
    """
    Nodes vanish, and are started again at the end.

    :ivar members: the indices of those that crash
    :ivar isNew: whether they come back under new ids
    """

    members: Sequence[int]
    isNew: bool
    _down: list[Member] = field(default_factory=list, repr=False)

    def begin(self, swarm: Swarm) -> None:
        """Crash those that run."""
        self._down = [
            member
            for member in (swarm.members[index] for index in self.members)
            if member.node is not None
        ]
        for member in self._down:
            member.crash()

    def end(self, swarm: Swarm) -> None:
        """Start those that crashed."""
        for member in self._down:
            member.start(isNew=self.isNew)


@dataclass
class Slowness(Fault):
    """
    The lines of some hosts get slow.

    :ivar members: the indices of these hosts
    :ivar seconds: by how much
    """

    members: Sequence[int]
    seconds: float

    def begin(self, swarm: Swarm) -> None:
        """Slow them down."""
        for index in self.members:
            swarm.lines.slowDown(hostOf(index), self.seconds)

    def end(self, swarm: Swarm) -> None:
        """Let them be as fast as they were."""
        for index in self.members:
            swarm.lines.slowDown(hostOf(index), -self.seconds)


@dataclass
class Lies(Fault):
    """
    Liars come, and leave again.

    :ivar kind: what they do
    :ivar count: how many
    """

    kind: str
    count: int
    _liars: list[Liar] = field(default_factory=list, repr=False)

    def begin(self, swarm: Swarm) -> None:
        """Let them join."""
        self._liars = [KINDS[self.kind](swarm) for _ in range(self.count)]

    def end(self, swarm: Swarm) -> None:
        """Let them fall silent."""
        for liar in self._liars:
            liar.leave()
