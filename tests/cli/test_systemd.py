"""
What a node tells systemd.
"""

from __future__ import annotations

import atexit
import os
import socket
from collections.abc import Callable
from tempfile import TemporaryDirectory
from typing import Any

from dwdht_twisted._cli.systemd import SOCKET_VARIABLE, NotifyingService, notify
from tests.helpers.networks.nodes import NodeTestCase


class StartingReactor:
    """
    A reactor that does not run yet.

    :ivar functions: what is called when it runs
    :ivar stops: how often it was stopped
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self.functions: list[Callable[[], object]] = []
        self.stops = 0

    def stop(self) -> None:
        """Count the call."""
        self.stops += 1

    def callWhenRunning(self, function: Callable[[], object]) -> None:
        """Call a function later."""
        self.functions.append(function)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)


class NotifyTests(NodeTestCase):
    """
    A service with a socket of systemd.
    """

    def setUp(self) -> None:
        super().setUp()
        self.receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.receiver.close)
        self.receiver.setblocking(False)

    def listen(self, path: str) -> None:
        """Receive at a path, which the environment names."""
        self.receiver.bind(path.replace("@", "\0", 1))
        self.patch(os, "environ", {**os.environ, SOCKET_VARIABLE: path})

    def received(self) -> list[str]:
        """Return the messages since the last call."""
        messages = []
        while True:
            try:
                messages.append(self.receiver.recv(4096).decode())
            except BlockingIOError:
                return messages

    def test_serviceTellsItsStates(self) -> None:
        """A service tells that it is ready, each state of its health, and that it stops."""
        # The path of a socket has at most 108 bytes.
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.listen(f"{folder.name}/socket")
        server = self.node(ephemeral=True)
        service = NotifyingService(
            self.network.reactor("10.9.9.9"), bootstrap=[self.addressOf(server)]
        )
        service.startService()
        [first] = self.received()
        self.assertEqual(first.splitlines()[0], "READY=1")
        self.clock.runUntil(service.node.ready())
        other = self.node(bootstrap=[self.addressOf(server)])
        self.clock.runUntil(lambda: service.node.contacts() and other.contacts())
        self.clock.runFor(30)
        self.network.partition(["10.9.9.9"])
        self.clock.runFor(30)
        self.network.heal()
        self.clock.runFor(30)
        states = [message.split(":")[0] for message in self.received()]
        self.assertEqual(states, ["STATUS=online", "STATUS=offline", "STATUS=online"])
        self.clock.runUntil(service.stopService())
        self.assertEqual(self.received(), ["STOPPING=1"])

    def test_readyWhenTheReactorRuns(self) -> None:
        """
        A service that starts before the reactor runs, as under twistd, tells that it is ready when
        the reactor runs: only then are signals handled. A service that was stopped before tells
        nothing of the kind.
        """
        self.listen(f"@dwdht-ready-{os.getpid()}")
        for isStopped in (False, True):
            reactor = StartingReactor(self.network.reactor("10.9.9.9"))
            service = NotifyingService(reactor)
            service.startService()
            self.assertEqual([each for each in self.received() if "READY" in each], [])
            if isStopped:
                self.clock.runUntil(service.stopService())
            for function in reactor.functions:
                function()
            told = [each.splitlines()[0] for each in self.received()]
            self.assertEqual(told, ["STOPPING=1"] if isStopped else ["READY=1"])
            if not isStopped:
                self.clock.runUntil(service.stopService())
                self.received()

    def test_lostPortEndsTheProcess(self) -> None:
        """A service whose port is closed from outside stops the reactor; the status will be 1."""
        ends: list[Callable[[], object]] = []
        self.patch(atexit, "register", ends.append)
        statuses: list[int] = []
        self.patch(os, "_exit", statuses.append)
        reactor = StartingReactor(self.network.reactor("10.9.9.9"))
        service = NotifyingService(reactor)
        service.startService()
        self.clock.runFor(60)
        self.assertEqual(reactor.stops, 0)
        transport: Any = service.node.transport
        transport.stopListening()
        self.clock.runFor(1)
        self.assertEqual(reactor.stops, 1)
        for end in ends:
            end()
        self.assertEqual(statuses, [1])
        self.clock.runUntil(service.stopService())
        self.assertEqual(reactor.stops, 1)

    def test_abstractNames(self) -> None:
        """A socket may have a name in the abstract namespace, which begins with an @."""
        self.listen(f"@dwdht-{os.getpid()}")
        notify("READY=1")
        self.assertEqual(self.received(), ["READY=1"])

    def test_withoutASocketNothingIsSent(self) -> None:
        """A missing variable, a wrong one, and a socket that nobody reads are passed over."""
        for value in ("", "relative", "/nowhere/socket", "@nobody"):
            self.patch(os, "environ", {**os.environ, SOCKET_VARIABLE: value})
            notify("READY=1")
        self.patch(os, "environ", {})
        notify("READY=1")
