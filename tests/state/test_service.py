"""
A `DHTService` that keeps its state in a folder.
"""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

from twisted.logger import LogLevel

from dwdht_twisted import DHTNode, MemoryStore, values
from dwdht_twisted._state.keeper import LONGEST_PAUSE, SHORTEST_PAUSE
from dwdht_twisted.errors import CannotListen, CannotOpenState, ValueNotFound
from dwdht_twisted.service import DHTService
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.services import COMMAND, ServiceTestCase


class StateTestCase(ServiceTestCase):
    """
    A base for tests of a service with a folder that doesn't exist yet.
    """

    def setUp(self) -> None:
        super().setUp()
        self.path = Path(self.mktemp())
        self.draw = Random(17)

    def service(self, **options: Any) -> DHTService:
        options.setdefault("state", self.path)
        options.setdefault("random", Random(self.draw.getrandbits(64)))
        return super().service(**options)

    def join(self, **options: Any) -> DHTService:
        """Return a started service whose node has joined."""
        service = self.start(**options)
        self.clock.runUntil(service.node.ready())
        return service

    def stop(self, service: DHTService) -> None:
        """Stop a service, and wait until it has stopped."""
        self.clock.runUntil(service.stopService())

    def said(self, level: LogLevel) -> list[str]:
        """Return the messages about the state since the last call."""
        said = [
            event["log_format"].format(**event)
            for event in self.events[self.seen :]
            if event.get("log_namespace", "").split(".")[1:2] in (["_state"], ["_files"])
            and event["log_level"] == level
        ]
        self.seen = len(self.events)
        return said


class IdTests(StateTestCase):
    """
    The id of a node.
    """

    def test_idIsKept(self) -> None:
        """A member and an ephemeral node keep their ids over stops and starts."""
        for ephemeral in (False, True):
            self.path = Path(self.mktemp())
            ids = set()
            for _ in range(3):
                service = self.join(ephemeral=ephemeral)
                ids.add(service.node.id)
                self.stop(service)
                service.startService()
                ids.add(service.node.id)
                self.stop(service)
            self.assertEqual(len(ids), 1)

    def test_idIsKeptFromTheStart(self) -> None:
        """A node whose process is killed right after its first start keeps its id."""
        first = self.start()
        self.host.crash()
        self.host = self.network.reactor("10.0.0.3")
        # The lock of a killed process ends with it.
        first._run.keeper.folder.close()  # type: ignore[union-attr]
        self.assertEqual(self.start().node.id, first.node.id)

    def test_othersSeeTheId(self) -> None:
        """Other nodes list a restarted node under its former id."""
        first = self.join()
        self.stop(first)
        self.join()
        self.clock.runFor(30)
        self.assertEqual([each.id for each in self.bootstrap.contacts()], [first.node.id])

    def test_givenIdWins(self) -> None:
        """An id that is given is used and kept in place of the former id, and this is logged."""
        former = self.join().node.id
        self.tearDownService()
        service = self.join(id=b"\xab" * 32)
        self.assertEqual(service.node.id, b"\xab" * 32)
        (line,) = self.said(LogLevel.info)
        self.assertIn(former.hex(), line)
        self.assertIn("ab" * 32, line)
        self.stop(service)
        self.assertEqual(self.join().node.id, b"\xab" * 32)
        self.assertEqual(self.said(LogLevel.info), [])

    def tearDownService(self) -> None:
        """Stop the service that runs."""
        self.stop(self.running)

    def start(self, **options: Any) -> DHTService:
        self.running = super().start(**options)
        return self.running


class StartTests(StateTestCase):
    """
    Starts, and starts that fail.
    """

    def test_nodeStaysTheSame(self) -> None:
        """The node before the first start is the node of the first run, with its handlers."""
        self.stop(self.join())
        service = self.service()
        node = service.node
        node.register(COMMAND, Handler(lambda _: b"here"))
        service.privilegedStartService()
        service.startService()
        self.assertIs(service.node, node)
        self.clock.runUntil(node.ready())
        asked = self.bootstrap.query(COMMAND, bytes(32), nodes=[("10.0.0.2", node.address().port)])
        replies = self.clock.runUntil(asked.collect())
        self.assertEqual([reply.value for reply in replies], [b"here"])

    def test_folderIsOpenedWithoutPrivileges(self) -> None:
        """
        ``privilegedStartService`` opens the port and nothing else. The node sends nothing before
        ``startService``, which opens the folder.
        """
        sent: list[object] = []
        service = self.service(port=100)
        self.network.onDatagram = lambda *datagram: sent.append(datagram)
        service.privilegedStartService()
        self.assertEqual(service.node.address().port, 100)
        self.clock.runFor(60)
        self.assertFalse(self.path.exists())
        self.assertEqual(sent, [])
        service.startService()
        self.clock.runUntil(service.node.ready())
        self.assertTrue(self.path.exists())

    def test_heldNodeCanStop(self) -> None:
        """A service whose port is open can be stopped before the folder was opened."""
        service = self.service(port=100)
        service.privilegedStartService()
        self.stop(service)
        self.assertEqual(list(self.network.ports), [("10.0.0.1", 6620)])
        self.assertFalse(self.path.exists())

    def test_secondServiceIsRefused(self) -> None:
        """A second service on the folder is refused and leaves no port; the first goes on."""
        first = self.join()
        with self.assertRaises(CannotOpenState):
            self.start()
        self.clock.runFor(1)
        self.assertEqual(len(self.network.ports), 2)
        self.clock.runUntil(first.node.ping("10.0.0.1:6620"))
        self.stop(first)
        self.join()

    def test_failedStartFreesTheFolder(self) -> None:
        """After a start that failed because the port is taken, another service may start."""
        taken = DHTNode(self.host)
        taken.listen(7000)
        with self.assertRaises(CannotListen):
            self.service(port=7000).startService()
        self.clock.runFor(1)
        self.join()

    def test_stoppedServiceFreesTheFolder(self) -> None:
        """A stopped service leaves the folder to another one, and can start again after it."""
        first, second = self.service(), self.service()
        for service in (first, second, first):
            service.startService()
            self.clock.runUntil(service.node.ready())
            self.stop(service)

    def test_damageIsSetAside(self) -> None:
        """
        A node whose file was cut in half starts with a new id and joins. The file is set aside,
        which is logged in one line.
        """
        first = self.join()
        self.stop(first)
        file = self.path / "node"
        half = file.read_bytes()[: file.stat().st_size // 2]
        file.write_bytes(half)
        self.said(LogLevel.warn)
        service = self.join()
        self.assertNotEqual(service.node.id, first.node.id)
        self.assertEqual(len(self.said(LogLevel.warn)), 1)
        self.assertEqual((self.path / "node.damaged-1").read_bytes(), half)

    def test_otherContentIsSetAside(self) -> None:
        """A file that is whole and holds no id and contacts is set aside too."""
        service = self.join()
        service._run.keeper.folder.write("node", b"{}")  # type: ignore[union-attr]
        self.host.crash()
        service._run.keeper.folder.close()  # type: ignore[union-attr]
        self.host = self.network.reactor("10.0.0.3")
        self.said(LogLevel.warn)
        self.join()
        self.assertEqual(len(self.said(LogLevel.warn)), 1)
        self.assertTrue((self.path / "node.damaged-1").exists())


class WritingTests(StateTestCase):
    """
    When the state is written.
    """

    #: What identifies the file that was seen last: its inode, and the time of its last change.
    last = (0, 0)

    def others(self, count: int) -> None:
        """Let nodes join."""
        for _ in range(count):
            node = DHTNode(self.network.reactor(), bootstrap=["10.0.0.1:6620"])
            node.listen()
            self.clock.runUntil(node.ready())

    def writes(self, seconds: float) -> list[float]:
        """Let time pass, and return the times at which the file was seen to be replaced."""
        times: list[float] = []
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end:
            self.clock.runFor(1)
            status = os.stat(self.path / "node")
            if (status.st_ino, status.st_mtime_ns) != self.last:
                self.last = status.st_ino, status.st_mtime_ns
                times.append(self.clock.seconds())
        return times

    def test_changesAreWritten(self) -> None:
        """
        Contacts that are found are in the file a minute later. While nothing changes, the file is
        not written. While nodes join all the time, it is written at most each few minutes.
        """
        self.join()
        # The id was written at the start.
        self.assertEqual(len(self.writes(60)), 2)
        self.assertEqual(self.writes(3600), [])
        times: list[float] = []
        for _ in range(30):
            self.others(1)
            times += self.writes(60)
        pauses = [later - earlier for earlier, later in pairwise(times)]
        self.assertGreater(len(times), 3)
        self.assertGreaterEqual(min(pauses), SHORTEST_PAUSE - 2)
        self.assertLess(max(pauses), LONGEST_PAUSE + 2)
        # They are drawn.
        self.assertGreater(len({round(pause) for pause in pauses}), len(pauses) / 2)

    def test_stopWrites(self) -> None:
        """The contacts at the stop are in the file."""
        service = self.join()
        self.others(5)
        self.clock.runFor(5)
        contacts = service.node.contacts()
        self.assertGreater(len(contacts), 2)
        self.stop(service)
        text = (self.path / "node").read_text()
        for contact in contacts:
            self.assertIn(f'"{contact.host}"', text)

    def test_failureIsSaidOnce(self) -> None:
        """
        While the file can't be written, the node goes on, and this is logged once. It is logged
        when the file is written again.
        """
        service = self.join()
        self.clock.runFor(60)
        self.said(LogLevel.warn)
        obstacle = self.path / "node.new"
        obstacle.mkdir()
        self.others(2)
        self.clock.runFor(3 * LONGEST_PAUSE)
        (line,) = self.said(LogLevel.warn)
        self.assertIn(str(self.path), line)
        obstacle.rmdir()
        self.clock.runFor(LONGEST_PAUSE)
        self.assertEqual(len(self.said(LogLevel.info)), 1)
        self.clock.runUntil(service.node.ping("10.0.0.1:6620"))

    def test_stopGoesOnWithoutWriting(self) -> None:
        """A stop at which the file can't be written releases everything, and logs the failure."""
        service = self.join()
        (self.path / "node.new").mkdir()
        self.said(LogLevel.warn)
        self.stop(service)
        self.assertEqual(len(self.said(LogLevel.warn)), 1)
        (self.path / "node.new").rmdir()
        self.join()


class StoreTests(StateTestCase):
    """
    The values of a service with a state.
    """

    def put(self, service: DHTService) -> bytes:
        """Store a value on the service's node, by way of the other node."""
        return self.clock.runUntil(values.put(self.bootstrap, b"value"))

    def test_valuesAreKeptInTheFolder(self) -> None:
        """Values outlive a restart, in the file ``values.sqlite`` of the folder."""
        service = self.join(port=7000)
        key = self.put(service)
        self.stop(service)
        self.assertTrue((self.path / "values.sqlite").exists())
        self.join(port=7000)
        self.assertEqual(self.clock.runUntil(values.get(self.bootstrap, key)), b"value")

    def test_givenStoreWins(self) -> None:
        """A store that is given is used, and None keeps no values."""
        store = MemoryStore(self.clock)
        service = self.join(port=7000, store=store)
        key = self.put(service)
        self.assertEqual(store.get(key), b"value")
        self.stop(service)
        self.join(port=7000, store=None)
        with self.assertRaises(ValueNotFound):
            self.clock.runUntil(values.get(self.bootstrap, key))
        self.assertFalse((self.path / "values.sqlite").exists())

    def test_withoutStateNothingIsKept(self) -> None:
        """A service without a state and without a store keeps no values."""
        self.join(port=7000, state=None)
        with self.assertRaises(ValueNotFound):
            self.clock.runUntil(values.get(self.bootstrap, bytes(32)))
