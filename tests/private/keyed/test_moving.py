"""
An open network becomes a private one, node by node.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import DHTService, ValueNotFound, values
from dwdht_twisted.private import newNetworkKey
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock

#: The members of the network.
MEMBERS = 8

#: The ports of the bootstrap servers: that of the open network, and that of the private one.
OPEN, PRIVATE = 6620, 6621


class MovingTests(SynchronousTestCase):
    """
    Members with a state, which are started again with a key and another bootstrap server.
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.network = MemoryNetwork(self.clock, seed=1, latency=0.04)
        self.keys = {OPEN: None, PRIVATE: newNetworkKey()}
        self.services: list[DHTService] = []
        for port, key in self.keys.items():
            host = self.network.reactor("10.0.0.1")
            self.start(DHTService(host, port=port, ephemeral=True, networkKey=key))
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.members = [self.member(number, OPEN) for number in range(MEMBERS)]

    def tearDown(self) -> None:
        for service in self.services:
            self.clock.runUntil(service.stopService())

    def start(self, service: DHTService) -> DHTService:
        """Start a service, which is stopped at the end."""
        service.startService()
        self.services.append(service)
        return service

    def member(self, number: int, bootstrap: int) -> DHTService:
        """Start a member of the network of a bootstrap server."""
        member = DHTService(
            self.network.reactor(f"10.0.1.{number}"),
            port=6620,
            bootstrap=[f"10.0.0.1:{bootstrap}"],
            state=self.folder / str(number),
            networkKey=self.keys[bootstrap],
        )
        self.start(member)
        self.clock.runUntil(member.node.ready(), limit=600)
        return member

    def move(self, number: int) -> None:
        """Start an open member again as a private one."""
        id = self.members[number].node.id
        self.clock.runUntil(self.members[number].stopService())
        self.services.remove(self.members[number])
        self.members[number] = self.member(number, PRIVATE)
        self.assertEqual(self.members[number].node.id, id)

    def test_valuesAreFoundOnBothSides(self) -> None:
        """
        Both networks find an earlier value during the move, and a later one is found on one side.
        At the end everybody finds both.
        """
        first, last = 0, MEMBERS - 1
        early = self.clock.runUntil(values.put(self.members[first].node, b"early"))
        for number in range(MEMBERS // 2):
            self.move(number)
        late = self.clock.runUntil(values.put(self.members[first].node, b"late"))
        for side in (first, last):
            found = self.clock.runUntil(values.get(self.members[side].node, early))
            self.assertEqual(found, b"early")
        with self.assertRaises(ValueNotFound):
            self.clock.runUntil(values.get(self.members[last].node, late))
        for number in range(MEMBERS // 2, MEMBERS):
            self.move(number)
        for key, value in ((early, b"early"), (late, b"late")):
            for member in self.members:
                self.assertEqual(self.clock.runUntil(values.get(member.node, key)), value)
