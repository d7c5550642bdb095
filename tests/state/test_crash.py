"""
A simulated host that ends releases the folders that its process had locked, as an operating system
does.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import DHTService, values
from dwdht_twisted.errors import CannotOpenState
from dwdht_twisted.testing import HostReactor, MemoryNetwork, SimulatedClock


class EndOfAHostTests(SynchronousTestCase):
    """
    A member with a state, on a host that ends without stopping it.
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.network = MemoryNetwork(self.clock, seed=1, latency=0.04)
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.first = DHTService(self.network.reactor("10.0.0.1"), port=6620)
        self.first.startService()
        self.service = self.member()

    def tearDown(self) -> None:
        for service in (self.first, self.service):
            self.clock.runUntil(service.stopService())

    @property
    def host(self) -> HostReactor:
        """The reactor of the host that runs."""
        return self.network.reactor("10.0.0.2")

    def member(self) -> DHTService:
        """Start a member on the host."""
        service = DHTService(
            self.host, port=6620, bootstrap=["10.0.0.1:6620"], state=self.folder / "member"
        )
        service.startService()
        self.clock.runUntil(service.node.ready())
        return service

    def test_killedMemberStartsAgain(self) -> None:
        """A member whose host is killed, or shut down, starts again as the same member."""
        id = self.service.node.id
        key = self.clock.runUntil(values.put(self.first.node, b"value"))
        for end in (HostReactor.crash, lambda host: self.clock.runUntil(host.shutDown())):
            with self.assertRaises(CannotOpenState):
                self.member()
            host = self.host
            end(host)
            self.assertEqual(host.openFiles, set())
            self.service = self.member()
            self.assertEqual(self.service.node.id, id)
            self.assertEqual(self.clock.runUntil(values.get(self.first.node, key)), b"value")

    def test_deadMemberWritesNothing(self) -> None:
        """What is left of a killed member doesn't write into the state of its successor."""
        dead = self.service
        self.host.crash()
        self.service = self.member()
        dead.stopService()
        self.clock.runFor(600)
        kept = (self.folder / "member" / "node").read_bytes()
        dead.stopService()
        self.assertEqual((self.folder / "member" / "node").read_bytes(), kept)

    def test_keeper(self) -> None:
        """A keeper with a folder of its own on a host that was killed starts again."""
        path = self.folder / "keeper"
        for _ in range(2):
            node = self.service.node
            keeper = values.Keeper(node, self.host, state=path)
            keeper.startService()
            self.assertEqual(len(self.host.openFiles), 2)
            self.host.crash()
            self.service = self.member()
        self.clock.runUntil(self.service.stopService())
        self.assertEqual(self.host.openFiles, set())
