"""
Faults of single machines, of their lines and of their names: each begins, lasts for some time, and
ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .faults import Fault
from .members import Member
from .swarm import NAME_LATENCY, Swarm

#: The time that resolving a name takes while the name servers are silent, in seconds.  A node waits
#: 10 seconds.  Larger: more timers of given-up resolutions are left.  Smaller: a node that waits
#: too long goes unreported.
SILENT_NAME_LATENCY = 30.0


@dataclass
class LineDown(Fault):
    """
    The lines of some hosts are down, each host's own one.

    :ivar members: the indices of the members
    """

    members: Sequence[int]

    def begin(self, swarm: Swarm) -> None:
        """Take each host off the network."""
        for index in self.members:
            swarm.partitions.takeOff(swarm.members[index].host)

    def end(self, swarm: Swarm) -> None:
        """Put the hosts back."""
        for index in self.members:
            swarm.partitions.putBack(swarm.members[index].host)


@dataclass
class Sleep(Fault):
    """
    Some hosts sleep.  They miss all datagrams, and their timers wait.

    :ivar members: the indices of the members
    """

    members: Sequence[int]

    def begin(self, swarm: Swarm) -> None:
        """Let the hosts fall asleep."""
        for index in self.members:
            swarm.partitions.takeOff(swarm.members[index].host)
            swarm.members[index].fallAsleep()

    def end(self, swarm: Swarm) -> None:
        """Wake the hosts up."""
        for index in self.members:
            swarm.partitions.putBack(swarm.members[index].host)
            swarm.members[index].wakeUp()


@dataclass
class ClockStep(Fault):
    """
    The clocks of some hosts are set, and set back to the right time at the end of the fault.

    :ivar members: the indices of the members
    :ivar seconds: the step, below 0 when the clocks are set back
    """

    members: Sequence[int]
    seconds: float
    _set: list[Member] = field(default_factory=list, repr=False)

    def begin(self, swarm: Swarm) -> None:
        """Set the clocks of the hosts that are awake."""
        self._set = [
            member
            for member in (swarm.members[index] for index in self.members)
            if not member.isAsleep
        ]
        for member in self._set:
            member.reactor.setClock(self.seconds)
            if swarm.admission.refusesClock(self.seconds):
                swarm.partitions.takeOff(member.host, isRefused=True)

    def end(self, swarm: Swarm) -> None:
        """Set the clocks to the right time, on hosts that are asleep when they wake up."""
        for member in self._set:
            if member.isAsleep:
                member.wrongBy += self.seconds
            else:
                member.reactor.setClock(-self.seconds)
            if swarm.admission.refusesClock(self.seconds):
                swarm.partitions.putBack(member.host, isRefused=True)


@dataclass
class NewAddress(Fault):
    """
    Some hosts get other addresses, and keep them.  Their nodes go on.

    :ivar members: the indices of the members
    """

    members: Sequence[int]

    def begin(self, swarm: Swarm) -> None:
        """Give each host an address that nobody has had."""
        for index in self.members:
            swarm.move(swarm.members[index])


@dataclass
class SilentNames(Fault):
    """The name servers of all hosts are silent."""

    def begin(self, swarm: Swarm) -> None:
        """Let no resolution that begins from now on end in time."""
        swarm.network.nameLatency = SILENT_NAME_LATENCY

    def end(self, swarm: Swarm) -> None:
        """Let names be resolved again."""
        swarm.network.nameLatency = NAME_LATENCY


@dataclass
class Burst(Fault):
    """
    A member begins many puts and gets at once, if its node has joined.

    :ivar member: the index of the member
    :ivar count: the number of operations
    """

    member: int
    count: int

    def begin(self, swarm: Swarm) -> None:
        """Begin the operations."""
        member = swarm.members[self.member]
        if swarm.onBurst is not None and member.hasJoined and not member.isAsleep:
            swarm.onBurst(member, self.count)
