"""
Networks of nodes of this package in simulated time, which have settled.
"""

from __future__ import annotations

from random import Random

from dwdht_twisted import DHTNode
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock

from .population import PORT, Population

#: The time that a datagram is under way, in seconds.
LATENCY = 0.02

#: The time between the starts of two nodes, in simulated seconds.
BETWEEN_STARTS = 0.05


class SettledNetwork:
    """
    A network that was built one node after the other, by way of an ephemeral bootstrap server.

    :param size: the number of nodes beside the bootstrap server
    :param seed: the seed of ids and of everything random
    :param settling: the time from the last start on, in simulated seconds

    :ivar clock: the simulated time
    :ivar network: the network
    :ivar population: the ids and addresses of the nodes
    :ivar nodes: the nodes, by their numbers in the population
    """

    def __init__(self, size: int, seed: int, settling: float) -> None:
        self.clock = SimulatedClock()
        self.network = MemoryNetwork(self.clock, seed=seed, latency=LATENCY)
        self.population = Population(size, seed)
        server = self.network.reactor()
        DHTNode(server, ephemeral=True, random=Random(f"{seed} server")).listen(PORT)
        self.nodes = [self._start(server.host, number, seed) for number in range(size)]
        self.clock.runFor(settling)

    def _start(self, server: str, number: int, seed: int) -> DHTNode:
        contact = self.population.contact(number)
        node = DHTNode(
            self.network.reactor(contact.host),
            bootstrap=[(server, PORT)],
            id=contact.id,
            random=Random(f"{seed} {number}"),
        )
        node.listen(PORT)
        self.clock.runFor(BETWEEN_STARTS)
        return node
