"""
Handshakes of a network by certificate, on a network that loses, duplicates and reorders datagrams.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from dwdht_twisted.private.bounds import HANDSHAKE_DEADLINE
from dwdht_twisted.testing import LimitReached, MemoryNetwork, SimulatedClock

from ..certified_hosts import areLinked, makeAuthority, makeHost, makeMember

#: The probabilities of the faults of each datagram.
LOSS = DUPLICATION = REORDERING = 0.2

#: The shortest and the longest latency, in seconds, one way.
LATENCIES = 0.01, 0.15

#: The longest time between the two beginnings of a pair of which both begin, in seconds.
LONGEST_BETWEEN = 0.3

#: The number of members that are paired with each other.
MEMBERS = 8


class Handshakes(NamedTuple):
    """
    Figures of handshakes on a bad network.

    :ivar handshakes: the number of pairs
    :ivar ended: the number of pairs in which both ends were associated within the deadline
    :ivar median: the median time of a handshake, in seconds
    :ivar longest: the longest time, in seconds
    """

    handshakes: int
    ended: int
    median: float
    longest: float

    @property
    def isMet(self) -> bool:
        """Whether all handshakes succeeded within their deadline."""
        return self.ended == self.handshakes

    def __str__(self) -> str:
        return (
            f"{LOSS:.0%} loss, {DUPLICATION:.0%} duplication, {REORDERING:.0%} reordering: "
            f"{self.ended} of {self.handshakes} handshakes within {HANDSHAKE_DEADLINE:g} s; "
            f"median {self.median:.2f} s, longest {self.longest:.2f} s"
        )


def handshakes(seed: int = 1, nodes: int = 1000) -> Handshakes:
    """
    Let pairs of members associate, half of them with both ends beginning at nearly the same time.

    The random numbers in the hellos are those of OpenSSL, so two runs differ a little.

    :param nodes: the number of pairs
    """
    random = Random(seed)
    members = [makeMember(makeAuthority()) for _ in range(MEMBERS)]
    times = []
    for number in range(nodes):
        clock = SimulatedClock()
        network = MemoryNetwork(
            clock,
            seed=random.getrandbits(32),
            latency=lambda random, source, destination: random.uniform(*LATENCIES),
            loss=LOSS,
            duplication=DUPLICATION,
            reordering=REORDERING,
        )
        chosen = random.sample(members, 2)
        one = makeHost(network, "10.0.0.1", chosen[0])
        two = makeHost(network, "10.0.0.2", chosen[1])
        one.layer.send(b"\0\1", two.address)
        if number % 2:
            clock.runFor(random.uniform(0, LONGEST_BETWEEN))
            two.layer.send(b"\0\1", one.address)
        try:
            clock.runUntil(lambda: areLinked(one, two), limit=HANDSHAKE_DEADLINE)  # noqa: B023
            times.append(clock.seconds())
        except LimitReached:
            pass
        one.layer.stop()
        two.layer.stop()
    times.sort()
    return Handshakes(nodes, len(times), times[len(times) // 2], times[-1])
