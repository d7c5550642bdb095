"""
`peers.Announcer`, on networks in memory and in simulated time.
"""

from __future__ import annotations

from itertools import pairwise
from random import Random

from twisted.application.service import IService, MultiService
from twisted.logger import LogLevel, capturedLogs
from zope.interface.verify import verifyObject

from dwdht_twisted import Address, DHTNode, DHTService, peers
from dwdht_twisted.errors import InvalidAddress, InvalidTarget
from tests.helpers.networks.announcements import TOPIC, PeerNetworkTestCase

#: The seconds that an announcement lives, rounded up.
LIFETIME = 369


class AnnouncerTestCase(PeerNetworkTestCase):
    """
    A base for tests of an announcer in a network of members that keep announcements.
    """

    size = 8

    def setUp(self) -> None:
        self._announcers: list[peers.Announcer] = []
        super().setUp()
        captured = capturedLogs()
        self._events = captured.__enter__()
        self.addCleanup(captured.__exit__, None, None, None)

    def logged(self) -> list[tuple[LogLevel, str]]:
        """Return level and message of each event of an announcer so far."""
        return [
            (event["log_level"], event["log_format"].format(**event))
            for event in self._events
            if event.get("log_namespace", "").endswith("Announcer")
        ]

    def announcer(self, node: DHTNode | DHTService, port: int = 8080) -> peers.Announcer:
        """Return an announcer that is stopped at the end of the test."""
        announcer = peers.Announcer(node, TOPIC, port, random=Random(self.random.getrandbits(64)))
        self._announcers.append(announcer)
        return announcer

    def destroyAll(self) -> None:
        """Stop all announcers before their nodes are destroyed."""
        for announcer in self._announcers:
            self.clock.runUntil(announcer.stopService())
        super().destroyAll()

    def updates(self, node: DHTNode) -> list[float]:
        """Return the times of the updates that a node sends from now on."""
        source = self.addressOf(node)
        times: list[float] = []
        self.network.onDatagram = lambda sender, to, datagram: (
            times.append(self.clock.seconds())
            if sender == source and b"peers" in datagram and len(datagram) > 85
            else None
        )
        return times


class AnnouncerTests(AnnouncerTestCase):
    """
    An announcer with a node of its own.
    """

    def test_announcerProvidesIService(self) -> None:
        """An announcer provides ``IService``."""
        verifyObject(IService, self.announcer(self.user()))

    def test_wrongArgumentsAreRefused(self) -> None:
        """A wrong topic, port or local address raises an exception at once."""
        user = self.user()
        with self.assertRaises(InvalidTarget):
            peers.Announcer(user, b"short")
        with self.assertRaises(InvalidAddress):
            peers.Announcer(user, TOPIC, 65536)
        with self.assertRaises(InvalidAddress):
            peers.Announcer(user, TOPIC, localAddress=("10.0.0.1", 0))

    def test_portStaysAnnounced(self) -> None:
        """A port is found at any time of an hour, and each node keeps one announcement."""
        node = self.user()
        announcer = self.announcer(node)
        announcer.startService()
        self.clock.runFor(2)
        self.assertEqual(announcer.nodes, 8)
        seeker = self.user()
        expected = {Address(self.addressOf(node).host, 8080)}
        for _ in range(60):
            self.assertEqual(self.found(seeker), expected)
            self.clock.runFor(60)
        self.assertEqual([len(handler) for handler in self.handlers], [1] * 8)

    def test_pausesAreDrawn(self) -> None:
        """The pauses between announcements are 240 to 300 seconds, and not equal."""
        node = self.user()
        times = self.updates(node)
        self.announcer(node).startService()
        self.clock.runFor(3600)
        starts = [time for n, time in enumerate(times) if not n or time - times[n - 1] > 60]
        pauses = [after - before for before, after in pairwise(starts)]
        self.assertGreater(len(pauses), 10)
        self.assertGreaterEqual(min(pauses), 240)
        self.assertLess(max(pauses), 303)
        self.assertGreater(max(pauses) - min(pauses), 10)

    def test_stopTakesTheAnnouncementBack(self) -> None:
        """After the stop, the port is not found, and no timer is left."""
        announcer = self.announcer(self.user())
        announcer.startService()
        self.clock.runFor(2)
        self.clock.runUntil(announcer.stopService(), limit=5)
        self.assertEqual(announcer.nodes, 0)
        self.assertEqual(sum(map(len, self.handlers)), 0)

    def test_stopDuringTheFirstAnnouncement(self) -> None:
        """An announcer that is stopped at any time within its first second leaves nothing."""
        for delay in range(0, 1000, 40):
            announcer = self.announcer(self.user())
            announcer.startService()
            self.clock.runFor(delay / 1000)
            self.clock.runUntil(announcer.stopService(), limit=5.1)
            self.clock.runFor(2)
            self.assertEqual(sum(map(len, self.handlers)), 0, delay)

    def test_stopIsBounded(self) -> None:
        """A stop takes 5 seconds at most, although no node answers any more."""
        node = self.user()
        announcer = self.announcer(node)
        announcer.startService()
        self.clock.runFor(2)
        self.network.partition([self.addressOf(node).host])
        started = self.clock.seconds()
        self.clock.runUntil(announcer.stopService())
        self.assertLessEqual(self.clock.seconds() - started, 5.01)

    def test_stopWithoutAnnouncementIsImmediate(self) -> None:
        """An announcer that was not started, or has reached nobody, stops at once."""
        announcer = self.announcer(self.user())
        self.successResultOf(announcer.stopService())
        away = self.announcer(self.node(ephemeral=True, bootstrap=["10.9.9.9:1"]))
        away.startService()
        self.clock.runFor(30)
        self.assertEqual([level for level, _ in self.logged()], [LogLevel.warn])
        while away._work is not None:
            self.clock.runFor(1)
        self.successResultOf(away.stopService())

    def test_failureIsTriedAgain(self) -> None:
        """
        When the network is back after an hour, the port is announced again within 35 seconds. The
        failure and the recovery are logged once. A minute later, all nodes keep it again.
        """
        node = self.user()
        self.announcer(node).startService()
        self.clock.runFor(2)
        self.network.partition([self.addressOf(node).host])
        self.clock.runFor(3600)
        self.assertEqual(self.found(), set())
        self.network.heal()
        self.clock.runFor(35)
        self.assertEqual(len(self.found()), 1)
        self.clock.runFor(60)
        self.assertEqual([len(handler) for handler in self.handlers], [1] * 8)
        topic = TOPIC.hex()
        *logged, (level, recovery) = self.logged()
        self.assertEqual(level, LogLevel.info)
        self.assertRegex(recovery, f"^recovered: port 8080 is announced under {topic} on [1-8] nod")
        self.assertEqual(
            logged,
            [
                (LogLevel.info, f"port 8080 is announced under {topic} on 8 nodes"),
                (
                    LogLevel.warn,
                    f"announcement under {topic} failed; will go on trying: no node answered",
                ),
            ],
        )

    def test_shortFailureIsNotNoticed(self) -> None:
        """A network that is away for 40 seconds when an announcement is due loses no peer."""
        node = self.user()
        self.announcer(node).startService()
        self.clock.runFor(235)
        self.network.partition([self.addressOf(node).host])
        self.clock.runFor(80)
        self.network.heal()
        seeker = self.user()
        for _ in range(20):
            self.assertEqual(len(self.found(seeker)), 1)
            self.clock.runFor(10)

    def test_destroyedNodeEndsTheAnnouncer(self) -> None:
        """An announcer whose node was destroyed sets no further timer."""
        node = self.user()
        announcer = self.announcer(node)
        announcer.startService()
        self.clock.runFor(2)
        self.clock.runUntil(node.destroy())
        self.clock.runFor(600)
        [_, (_, message)] = self.logged()
        self.assertIn(f"announcements under {TOPIC.hex()} end: the node is destroyed", message)

    def test_restartAnnouncesAgain(self) -> None:
        """An announcer that is started while its stop goes on announces again."""
        announcer = self.announcer(self.user())
        announcer.startService()
        self.clock.runFor(2)
        stopped = announcer.stopService()
        announcer.startService()
        announcer.startService()
        self.clock.runUntil(stopped)
        self.clock.runFor(5)
        self.assertEqual(announcer.nodes, 8)
        self.assertEqual(len(self.found()), 1)


class ServiceTests(AnnouncerTestCase):
    """
    An announcer beside a `DHTService`.
    """

    def services(self, isFirst: bool) -> tuple[MultiService, DHTService, peers.Announcer]:
        """Return a running parent of a service with a node and of an announcer."""
        dht = DHTService(self.network.reactor(), port=7000, bootstrap=[self.bootstrap])
        announcer = self.announcer(dht)
        parent = MultiService()
        for child in (announcer, dht) if isFirst else (dht, announcer):
            child.setServiceParent(parent)
        parent.startService()
        self.clock.runFor(3)
        return parent, dht, announcer

    def test_stopWaitsForTheAnnouncer(self) -> None:
        """
        When the parent of both stops, the announcement is taken back before the node is destroyed,
        whichever of them was added first.
        """
        for isFirst in (True, False):
            parent, dht, announcer = self.services(isFirst)
            self.assertEqual(dht.node.address().port, 7000)
            self.assertGreaterEqual(announcer.nodes, 8)
            self.assertEqual(len(self.found()), 1)
            self.clock.runUntil(parent.stopService(), limit=6)
            self.assertEqual(sum(map(len, self.handlers)), 0)

    def test_announcerGoesOnWithTheNextNode(self) -> None:
        """
        When the service alone is stopped, the announcement is taken back. It is made again within
        25 seconds when the service has started again with another node.
        """
        parent, dht, _ = self.services(False)
        former = dht.node
        self.clock.runUntil(dht.stopService())
        self.assertEqual(self.found(), set())
        self.clock.runFor(60)
        dht.startService()
        self.assertIsNot(dht.node, former)
        self.clock.runFor(25)
        self.assertEqual(len(self.found()), 1)
        self.clock.runUntil(parent.stopService())
        self.assertEqual(sum(map(len, self.handlers)), 0)


class SimulationTests(PeerNetworkTestCase):
    """
    Announcers that come, go and crash in a network with loss.
    """

    size = 30

    def test_livingAnnouncersAreFound(self) -> None:
        """
        In two hours with 5 % loss, each look-up finds each announcer that has run for 10 seconds,
        and none that was stopped 10 seconds ago or has crashed 369 seconds ago.
        """
        self.network.loss = 0.05
        random = Random(18)
        seeker = self.user()
        living: dict[Address, tuple[peers.Announcer, DHTNode, float]] = {}
        gone: dict[Address, float] = {}
        crashed: list[peers.Announcer] = []
        for step in range(240):
            now = self.clock.seconds()
            if len(living) < 12 and random.random() < 0.5:
                node = self.user()
                announcer = peers.Announcer(node, TOPIC, 80, random=random)
                announcer.startService()
                living[Address(self.addressOf(node).host, 80)] = (announcer, node, now + 10)
            elif living and random.random() < 0.3:
                address = random.choice(list(living))
                announcer, node, _ = living.pop(address)
                if random.random() < 0.5:
                    self.clock.runUntil(announcer.stopService())
                    gone[address] = now + 10
                else:
                    gone[address] = now + LIFETIME
                    crashed.append(announcer)
                self.clock.runUntil(node.destroy())
            self.clock.runFor(30)
            now = self.clock.seconds()
            found = self.found(seeker)
            required = {each for each, (_, _, since) in living.items() if since < now}
            self.assertLessEqual(required, found, step)
            over = {each for each, until in gone.items() if until < now}
            self.assertEqual(found & over, set(), step)
        for announcer in [*crashed, *(announcer for announcer, _, _ in living.values())]:
            self.clock.runUntil(announcer.stopService())
