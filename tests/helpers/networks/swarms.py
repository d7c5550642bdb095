"""
A simulated network of members, for tests of the simulation.
"""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from simulation.swarm import Swarm
from simulation.workload import Workload


class SwarmTestCase(SynchronousTestCase):
    """
    A base for tests with a settled network of 25 members.

    :ivar swarm: the network
    :ivar workload: the puts, gets and pings of its members, of which none was begun
    """

    def setUp(self) -> None:
        self.swarm = Swarm(1)
        self.addCleanup(self.swarm.close)
        self.swarm.build(25)
        self.swarm.clock.runFor(120)
        self.workload = Workload(self.swarm, Random(1))
