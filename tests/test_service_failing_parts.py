"""
Starts of a `DHTService` in which each of its parts fails in turn.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import TestCase

from dwdht_twisted import DHTNode
from dwdht_twisted._service import start
from dwdht_twisted.errors import CannotListen, CannotOpenState, CannotOpenStore
from dwdht_twisted.service import DHTService
from dwdht_twisted.values import HandOver, Keeper
from dwdht_twisted.web.server import WebServer
from dwdht_twisted.web.settings import HTTPSettings
from tests.helpers.networks.services import CountingStore, ServiceTestCase

PORT, WEB_PORT = 7000, 8080

#: The classes of the error that says that an earlier run is still being released.
RELEASING = (CannotListen, CannotOpenState)

#: Makes a part fail, and ends when it works again.
Fault = Callable[[], Any]


class FailingPartTests(ServiceTestCase):
    """
    A service with all parts, one of which fails.
    """

    def setUp(self) -> None:
        super().setUp()
        self.state = Path(self.mktemp())
        self.token = Path(self.mktemp())
        self.token.write_text("a token that nobody knows")
        self.made: list[CountingStore] = []

    def make(self) -> CountingStore:
        """Return a new store."""
        self.made.append(CountingStore(self.clock))
        return self.made[-1]

    def service(self, **options: Any) -> DHTService:
        """Return a service with all parts."""
        return super().service(
            port=PORT,
            http=HTTPSettings(f"tcp:{WEB_PORT}", tokenFile=str(self.token)),
            state=self.state,
            store=self.make,
            summary=60,
            **options,
        )

    # Faults that come before the ports are opened.

    @contextmanager
    def fileInPlaceOfState(self) -> Iterator[None]:
        """The state is a file."""
        aside = self.state.with_name("aside")
        if self.state.exists():
            self.state.rename(aside)
        self.state.write_text("")
        yield
        self.state.unlink()
        if aside.exists():
            aside.rename(self.state)

    @contextmanager
    def stateInUse(self) -> Iterator[None]:
        """Another service uses the state."""
        other = DHTService(self.network.reactor("10.0.0.3"), state=self.state, store=None)
        other.startService()
        yield
        self.clock.runUntil(other.stopService())

    @contextmanager
    def missingToken(self) -> Iterator[None]:
        """The file of the token of HTTP is missing."""
        text = self.token.read_text()
        self.token.unlink()
        yield
        self.token.write_text(text)

    @contextmanager
    def takenWebPort(self) -> Iterator[None]:
        """Another server has the port of HTTP."""
        port: Any = self.host.listenTCP(
            WEB_PORT, Factory.forProtocol(Protocol), interface="127.0.0.1"
        )
        yield
        self.clock.runUntil(port.stopListening())

    @contextmanager
    def failingStore(self) -> Iterator[None]:
        """The store can't be made."""
        with patch.object(CountingStore, "__init__", side_effect=CannotOpenStore("disk gone")):
            yield

    @contextmanager
    def wrongStore(self) -> Iterator[None]:
        """What makes the store returns something else."""
        with patch.object(CountingStore, "put", None):
            yield
        # It was not taken for a store, so it isn't closed.
        self.made.clear()

    # Faults that come when the UDP port can't be opened, or later.

    @contextmanager
    def takenPort(self) -> Iterator[None]:
        """Another node has the UDP port."""
        other = DHTNode(self.host)
        other.listen(PORT)
        yield
        self.clock.runUntil(other.destroy())

    def assertReleased(self, service: DHTService) -> None:
        """Require that no port, no timer, no store and no file is left open."""
        self.clock.runFor(0)
        for clock in (service._clock, service.node.clock):
            self.assertEqual(clock.getDelayedCalls(), [])
        self.assertEqual([host for host, _ in self.network.ports if host == "10.0.0.2"], [])
        self.assertEqual([store.closings for store in self.made], [1] * len(self.made))
        DHTNode(self.host).listen(PORT).stopListening()
        web: Any = self.host.listenTCP(
            WEB_PORT, Factory.forProtocol(Protocol), interface="127.0.0.1"
        )
        self.clock.runUntil(web.stopListening())
        self.clock.runFor(0)

    def assertStarts(self, service: DHTService) -> None:
        """Require that a service starts at once, joins, and stops."""
        service.startService()
        self.assertEqual(service.node.address().port, PORT)
        self.clock.runUntil(service.node.ready())
        self.clock.runUntil(service.stopService())
        self.assertReleased(service)

    def test_startCanBeRepeatedAtOnce(self) -> None:
        """
        A start that fails before a port is opened can be repeated at once, without a turn of the
        reactor in between.
        """
        for fault, error in (
            (self.fileInPlaceOfState, CannotOpenState),
            (self.stateInUse, CannotOpenState),
            (self.missingToken, CannotListen),
            (self.takenWebPort, CannotListen),
            (self.failingStore, CannotOpenStore),
            (self.wrongStore, ValueError),
            (self.failing(Keeper, "startService"), OSError),
            (self.failing(HandOver, "startService"), OSError),
            (self.failing(start, "ValueHandler"), OSError),
            (self.failing(start, "makeServer"), OSError),
        ):
            service = self.service()
            for _ in range(2):
                with fault():
                    with self.assertRaises(error) as first:
                        service.startService()
                    # The second error has no other reason.
                    with self.assertRaises(error) as second:
                        service.startService()
                    self.assertIs(type(first.exception), type(second.exception))
                    self.assertNotIn("released", str(second.exception))
                self.assertFalse(service.running)
                self.assertStarts(service)

    def test_laterFaultReleasesEverything(self) -> None:
        """
        A start that fails after a port was opened releases everything. A start before that has
        ended fails with an error that says so, and works afterwards.
        """
        for fault in (
            self.takenPort,
            self.failing(WebServer, "serve"),
            self.failing(start, "NodeMonitor"),
            self.failing(start, "Summary"),
            self.failing(DHTNode, "_resume"),
        ):
            for isPrivileged in (False, True) if fault != self.takenPort else (False,):
                service = self.service()
                if isPrivileged:
                    service.privilegedStartService()
                with fault(), self.assertRaises((OSError, CannotListen)):
                    service.startService()
                self.assertFalse(service.running)
                if fault != self.takenPort:
                    with self.assertRaisesRegex(RELEASING, "still being released.*stopService"):
                        service.startService()
                self.clock.runUntil(service.stopService())
                self.assertReleased(service)
                self.assertStarts(service)

    def test_faultAfterThePrivilegedStart(self) -> None:
        """
        A start that fails when the ports are open already releases them. A start before that has
        ended fails with an error that says so, and works afterwards.
        """
        for fault in (self.fileInPlaceOfState, self.stateInUse, self.failingStore, self.wrongStore):
            service = self.service()
            service.privilegedStartService()
            with fault(), self.assertRaises((CannotOpenState, CannotOpenStore, ValueError)):
                service.startService()
            with self.assertRaisesRegex(RELEASING, "still being released.*stopService"):
                service.startService()
            self.clock.runUntil(service.stopService())
            self.assertReleased(service)
            self.assertStarts(service)

    def test_slowStoreKeepsTheStateForAWhile(self) -> None:
        """
        While the store of a failed start is closed, the state is in use. The error of a second
        start says that the earlier one is still being released.
        """
        service = self.service()
        closed: Deferred[None] = Deferred()
        with patch.object(CountingStore, "close", lambda _: closed):
            with self.failing(Keeper, "startService")(), self.assertRaises(OSError):
                service.startService()
            with self.assertRaisesRegex(CannotOpenState, "in use.*still being released"):
                service.startService()
            closed.callback(None)
        self.made.clear()
        self.assertStarts(service)

    def failing(self, owner: Any, name: str) -> Fault:
        """Return a fault: a part of the program raises an exception."""
        return lambda: patch.object(owner, name, side_effect=OSError("out of order"))


class LoopbackTests(TestCase):
    """
    Failed starts on real ports of the operating system.
    """

    async def test_failedStartCanBeRepeatedAtOnce(self) -> None:
        """A start that fails for its certificate or its state opens no real port."""
        from twisted.internet import reactor

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        for options in (
            dict[str, Any](http="ssl:0:privateKey=missing.pem"),
            dict[str, Any](state="/dev/null"),
        ):
            service = DHTService(reactor, port=port, interface="127.0.0.1", **options)
            for _ in range(2):
                with self.assertRaises((CannotListen, CannotOpenState)) as caught:
                    service.startService()
                self.assertNotIn("in use", str(caught.exception))
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
                    again.bind(("127.0.0.1", port))
            await service.stopService()
