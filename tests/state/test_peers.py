"""
Announcements that the node of a `DHTService` keeps in the folder of its state.
"""

from __future__ import annotations

import os
from typing import Any

from twisted.logger import LogLevel

from dwdht_twisted import DHTNode, DHTService, peers
from dwdht_twisted._state import StateFolder
from dwdht_twisted._state.peers import PAUSES, PEERS_FILE
from tests.helpers.networks.services import BOOTSTRAP
from tests.state.test_service import StateTestCase


class PeersTests(StateTestCase):
    """
    A service in a network whose other node keeps no announcements.
    """

    def join(self, **options: Any) -> DHTService:
        """Return a started service whose node has joined, and is listed by the other one."""
        service = super().join(**options)
        # The other node asks an address that has another id now twice a minute at most.
        self.clock.runFor(40)
        return service

    def user(self) -> DHTNode:
        """Return a new node of the network."""
        user = DHTNode(self.network.reactor(), ephemeral=True, bootstrap=[BOOTSTRAP])
        self.addCleanup(user.destroy)
        return user

    def announce(self, port: int = 80) -> None:
        """Announce a port."""
        self.clock.runUntil(peers.announce(self.user(), "a topic", port))

    def found(self) -> set[int]:
        """Look the topic up, and return the ports."""
        stream = peers.lookUp(self.user(), "a topic")
        return {peer.address.port for peer in self.clock.runUntil(stream.collect())}

    def test_announcementsAreKept(self) -> None:
        """
        A service in another process names the peers of the one that was stopped, until their
        announcements end.
        """
        first = self.join()
        self.announce(80)
        self.clock.runFor(200)
        self.announce(81)
        self.stop(first)
        self.clock.runFor(100)
        self.join()
        self.assertEqual(self.found(), {80, 81})
        self.clock.runFor(60)
        self.assertEqual(self.found(), {81})
        self.clock.runFor(200)
        self.assertEqual(self.found(), set())

    def test_announcementsSurviveACrash(self) -> None:
        """Announcements are written within 120 seconds, so a crash doesn't lose them."""
        first = self.join()
        self.announce()
        self.clock.runFor(PAUSES[1] + 1)
        self.host.crash()
        first._run.keeper.folder.close()  # type: ignore[union-attr]
        self.host = self.network.reactor("10.0.9.9")
        self.join()
        # The other node asks the former address first, twice a minute at most.
        self.clock.runFor(60)
        self.assertEqual(self.found(), {80})

    def test_restartForgetsNothingNew(self) -> None:
        """A service that is started again names what it was told last."""
        service = self.join()
        self.announce(80)
        self.stop(service)
        service.startService()
        # The other node asks an address that has another id now twice a minute at most.
        self.clock.runFor(40)
        self.announce(81)
        self.assertEqual(self.found(), {80, 81})
        self.stop(service)

    def test_nothingIsWrittenWithoutAnnouncements(self) -> None:
        """A node that has no announcements, or keeps none, writes no file for them."""
        for isKeeping in (True, False):
            service = self.join(peers=isKeeping)
            self.clock.runFor(600)
            self.stop(service)
            self.assertFalse(os.path.exists(self.path / PEERS_FILE))

    def test_damagedFileIsSetAside(self) -> None:
        """A file without announcements is set aside, and the node goes on without it."""
        os.mkdir(self.path)
        folder = StateFolder(self.path)
        folder.write(PEERS_FILE, b"something else")
        folder.close()
        self.join()
        self.assertEqual(len(self.said(LogLevel.warn)), 1)
        self.announce()
        self.assertEqual(self.found(), {80})

    def test_failedWriteIsLoggedOnce(self) -> None:
        """A disk that fails is logged once, and so is its recovery."""
        service = self.join()
        self.announce()
        keeper = service._run.keeper  # type: ignore[union-attr]
        assert keeper is not None
        os.mkdir(self.path / f"{PEERS_FILE}.new")
        for _ in range(4):
            self.clock.runFor(130)
            self.announce()
        self.assertEqual(
            [line for line in self.said(LogLevel.warn) if "announcements" in line][1:], []
        )
        os.rmdir(self.path / f"{PEERS_FILE}.new")
        self.clock.runFor(130)
        self.assertEqual(
            self.said(LogLevel.info), ["recovered: the announcements are written again"]
        )
        self.stop(service)
