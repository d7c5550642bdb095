"""
A `DHTService` on a network in memory, and its log messages.
"""

from __future__ import annotations

from typing import Any

from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import DHTNode
from dwdht_twisted.service import DHTService
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock
from dwdht_twisted.values import MemoryStore

#: The address of the other node.
BOOTSTRAP = "10.0.0.1:6620"

#: A command that the package doesn't define.
COMMAND = "echo"


class CountingStore(MemoryStore):
    """
    A store that counts the calls of `close`.

    :ivar closings: the number of calls
    """

    closings = 0

    def close(self) -> None:
        """Delete all values and count the call."""
        self.closings += 1
        super().close()


class ServiceTestCase(SynchronousTestCase):
    """
    A base for tests of a `DHTService` on a network with one other node.

    :ivar clock: the clock of the network
    :ivar bootstrap: the other node, at `BOOTSTRAP`
    :ivar host: the reactor of the service
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.network = MemoryNetwork(self.clock, seed=3)
        self.bootstrap = DHTNode(self.network.reactor("10.0.0.1"), id=bytes(32))
        self.bootstrap.listen(6620)
        self.host = self.network.reactor("10.0.0.2")
        captured = capturedLogs()
        self.events = captured.__enter__()
        self.seen = 0
        self.addCleanup(captured.__exit__, None, None, None)

    def service(self, **options: Any) -> DHTService:
        """Return a service on the second host."""
        options.setdefault("bootstrap", [BOOTSTRAP])
        return DHTService(self.host, **options)

    def start(self, **options: Any) -> DHTService:
        """Return a service that was started in the same way as by an application."""
        service = self.service(**options)
        service.privilegedStartService()
        service.startService()
        return service

    def logged(self, level: LogLevel | None = None) -> list[str]:
        """Return the messages that the service has logged since the last call."""
        said = [
            event["log_format"].format(**event)
            for event in self.events[self.seen :]
            if event.get("log_namespace", "").endswith("DHTService")
            and level in (None, event["log_level"])
        ]
        self.seen = len(self.events)
        return said
