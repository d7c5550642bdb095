"""
How well updates and queries do on a bad network.
"""

from __future__ import annotations

from typing import NamedTuple

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from dwdht_twisted import DHTError
from dwdht_twisted.values import get, keyOf, put

from ..swarm import Swarm

#: What happens to datagrams.
LOSS = 0.2
DUPLICATION = 0.1
REORDERING = 0.2

#: The pause between the beginnings of two operations, in seconds.
PAUSE = 0.2

#: How long all may take after the last has begun, in seconds.
LIMIT = 60.0


class Loss(NamedTuple):
    """
    Figures of a network that loses, doubles and reorders datagrams.

    :ivar operations: how many updates there were, and how many queries
    :ivar updates: how many of the updates were taken by some node
    :ivar queries: how many of the queries found what was stored
    :ivar taken: how many nodes took an update, on average
    :ivar runs: how often a node's handler ran for an update that it took, at most
    """

    operations: int
    updates: int
    queries: int
    taken: float
    runs: int

    @property
    def isMet(self) -> bool:
        """Whether all succeeded, and each handler ran once."""
        return self.updates == self.queries == self.operations and self.runs == 1

    def __str__(self) -> str:
        return (
            f"{LOSS:.0%} loss, {DUPLICATION:.0%} duplication, {REORDERING:.0%} reordering: "
            f"{self.updates} of {self.operations} updates taken, by {self.taken:.1f} nodes on "
            f"average, {self.queries} of {self.operations} queries answered; a handler ran "
            f"{self.runs} times for an update at most"
        )


def loss(seed: int = 1, nodes: int = 200, operations: int = 1000) -> Loss:
    """
    Put as many values, and get each of them, several at once, on a network that is bad for all of
    that time.
    """
    swarm = Swarm(seed)
    swarm.build(nodes)
    network = swarm.network
    network.loss, network.duplication, network.reordering = LOSS, DUPLICATION, REORDERING
    values = [swarm.random.randbytes(100) for _ in range(operations)]
    succeeded = {"put": 0, "get": 0}

    def count(name: str, operation: Deferred[bytes]) -> None:
        def ended(outcome: bytes | Failure) -> None:
            if isinstance(outcome, Failure):
                outcome.trap(DHTError)
            else:
                succeeded[name] += 1

        operation.addBoth(ended)

    for value in values:
        node = swarm.random.choice(swarm.members).node
        assert node is not None
        count("put", put(node, value))
        swarm.clock.runFor(PAUSE)
    swarm.clock.runFor(LIMIT)
    for value in values:
        node = swarm.random.choice(swarm.members).node
        assert node is not None
        count("get", get(node, keyOf(value)))
        swarm.clock.runFor(PAUSE)
    swarm.clock.runFor(LIMIT)
    runs = [times for member in swarm.members for times in member.store.runs.values()]
    swarm.close()
    return Loss(
        operations, succeeded["put"], succeeded["get"], len(runs) / operations, max(runs, default=0)
    )
