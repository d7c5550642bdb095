"""
Updates and queries on a network that loses, duplicates and reorders datagrams.
"""

from __future__ import annotations

from typing import NamedTuple

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from dwdht_twisted import DHTError
from dwdht_twisted.values import get, keyOf, put

from ..swarm import Swarm

#: The probability that a datagram is lost: the highest one for which the promise holds.
LOSS = 0.2

#: The probability that a datagram arrives twice.  It is high enough to reveal a handler that runs
#: twice for one update.
DUPLICATION = 0.1

#: The probability that a datagram is held back, so that others overtake it.
REORDERING = 0.2

#: The time between the beginnings of two operations, in simulated seconds.  Larger: operations
#: don't overlap.  Smaller: more operations overlap than a network has to bear.
PAUSE = 0.2

#: The time within which all operations have to end, in simulated seconds after the beginning of the
#: last one.  Larger: the experiment takes longer.  Smaller: operations that retry often count as
#: failed.
LIMIT = 60.0


class Loss(NamedTuple):
    """
    Figures of updates and queries on a bad network.

    :ivar operations: the number of updates; there are as many queries
    :ivar updates: the number of updates that at least one node took
    :ivar queries: the number of queries that found the stored value
    :ivar taken: the average number of nodes that took an update
    :ivar runs: the largest number of times that a node ran its handler for one update
    """

    operations: int
    updates: int
    queries: int
    taken: float
    runs: int

    @property
    def isMet(self) -> bool:
        """Whether all operations succeeded, and no handler ran twice for an update."""
        return self.updates == self.queries == self.operations and self.runs == 1

    def __str__(self) -> str:
        return (
            f"{LOSS:.0%} loss, {DUPLICATION:.0%} duplication, {REORDERING:.0%} reordering: "
            f"{self.updates} of {self.operations} updates taken, by {self.taken:.1f} nodes on "
            f"average; {self.queries} of {self.operations} queries found the value; a handler ran "
            f"at most {self.runs} times for an update"
        )


def loss(seed: int = 1, nodes: int = 200, operations: int = 1000) -> Loss:
    """
    Put values, and then get each of them, with several operations at once.  The network is bad all
    the time.

    :param nodes: the number of nodes
    :param operations: the number of values
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
