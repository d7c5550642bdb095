"""
A node whose machine sleeps and wakes up, while others of its network have gone.
"""

from __future__ import annotations

from collections import Counter
from random import Random

from dwdht_twisted._core import wire
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import Contact, HostPort
from dwdht_twisted._net.upkeep import INTERVAL, SLEPT_AFTER
from tests.helpers.networks.nodes import NodeTestCase
from tests.helpers.networks.sleep import delay


class SleepTests(NodeTestCase):
    """
    A network of 40 nodes, of which one sleeps.
    """

    size = 40

    def setUp(self) -> None:
        super().setUp()
        self.draw = Random(17)
        self.others = self.swarm(self.size)
        self.host = self.network.reactor()
        self.sleeper = self.node(reactor=self.host, bootstrap=[self.bootstrap])
        self.clock.runUntil(self.sleeper.ready())
        self.clock.runFor(100)
        self.asker = self.peer(id=None, answers="pong")
        self.times: list[tuple[HostPort, float]] = []
        self.network.onDatagram = self.noteDatagram
        self.gone: set[bytes] = set()

    def noteDatagram(self, source: HostPort, to: HostPort, datagram: bytes) -> None:
        """Note a datagram, and the time of each datagram that the sleeper sends."""
        self.sent.append((source, to, datagram))
        if source == self.addressOf(self.sleeper):
            self.times.append((to, self.clock.seconds()))

    def lose(self, count: int) -> None:
        """Let other nodes go away without a word."""
        for node in self.draw.sample(self.others, count):
            self.others.remove(node)
            self.gone.add(node.id)
            self.clock.runUntil(node.destroy())

    def sleep(self, seconds: float, *, loses: int = 0) -> None:
        """
        Let the host of the sleeper sleep: no datagram reaches it, and its timers run when it wakes.

        :param loses: the number of other nodes that go away meanwhile
        """
        self.network.partition([self.host.host])
        wake = self.clock.seconds() + seconds
        delay(self.host, seconds)
        self.clock.runFor(seconds / 2)
        self.lose(loses)
        self.clock.runFor(wake - self.clock.seconds() - 1e-3)
        self.network.heal()
        self.wokeAt = wake

    def named(self, target: bytes) -> list[Contact]:
        """Ask the sleeper for the nodes closest to a target, and return those that it names."""
        before = len(self.asker.responses)
        self.asker.ask(self.addressOf(self.sleeper), wire.FIND_NODE, target)
        self.clock.runUntil(lambda: len(self.asker.responses) > before, limit=5)
        nodes = self.asker.responses[-1][0].nodes or b""
        contacts = map(wire.unpackContact, wire.splitContacts(nodes, K))
        return [each for each in contacts if each is not None]

    def test_noDeadContactIsNamed(self) -> None:
        """
        A node that has slept for a quarter of an hour, while half of the network has gone, names no
        node that has gone, from its first answer on. After 20 seconds it names as many as before.
        """
        self.sleep(900, loses=self.size // 2)
        while self.clock.seconds() < self.wokeAt + 120:
            named = self.named(self.target())
            self.assertEqual([each for each in named if each.id in self.gone], [])
            if self.clock.seconds() > self.wokeAt + 20:
                self.assertGreaterEqual(len(named), K)
            self.clock.runFor(0.25)

    def test_othersLearnOfNoDeadContact(self) -> None:
        """A node that joins through a node that has just woken up asks no node that has gone."""
        self.sleep(900, loses=self.size // 2)
        self.clock.runFor(0.1)
        gone = {each.address for each in self.sleeper.contacts() if each.id in self.gone}
        self.assertGreater(len(gone), 10)
        newcomer = self.node(bootstrap=[self.addressOf(self.sleeper)])
        self.clock.runFor(10)
        asked = {to for source, to, _ in self.sent if source == self.addressOf(newcomer)}
        self.assertEqual(asked & gone, set())

    def test_contactsAreAskedAnew(self) -> None:
        """
        After a sleep of two minutes, and of a quarter of an hour, all contacts are asked within 15
        seconds, at most 60 new ones in a second. Those that have gone are in the table no more
        after another 30 seconds.
        """
        for seconds in (120.0, 900.0):
            before = {each.address for each in self.sleeper.contacts()}
            self.sleep(seconds, loses=5)
            self.times.clear()
            self.clock.runFor(15)
            asked = self.firstRequests()
            self.assertLessEqual(before, asked.keys(), seconds)
            self.assertLessEqual(max(Counter(map(int, asked.values())).values()), 60)
            self.clock.runFor(30)
            self.assertEqual([each for each in self.sleeper.contacts() if each.id in self.gone], [])
            self.clock.runFor(100)

    def firstRequests(self) -> dict[HostPort, float]:
        """Return the time of the first request to each address since the sleeper woke up."""
        return dict(reversed(self.times))

    def test_lineComesBackLater(self) -> None:
        """
        A node that wakes up before its line does keeps its contacts, and names no node that has
        gone. Half a minute after its line came back, it names as many as before.
        """
        self.sleep(900, loses=10)
        self.network.partition([self.host.host])
        before = len(self.sleeper.contacts())
        self.clock.runFor(100)
        self.assertEqual(len(self.sleeper.contacts()), before)
        self.network.heal()
        healed = self.clock.seconds()
        while self.clock.seconds() < healed + 120:
            named = self.named(self.target())
            self.assertEqual([each for each in named if each.id in self.gone], [])
            self.clock.runFor(1)
        self.assertGreaterEqual(len(named), K)

    def test_clockStepIsNoSleep(self) -> None:
        """A step of the clock, and a sleep of less than a minute, change nothing."""
        for step in (3600.0, -3600.0, None):
            if step is None:
                self.sleep(SLEPT_AFTER - INTERVAL)
            else:
                self.host.setClock(step)
            for _ in range(100):
                self.assertGreaterEqual(len(self.named(self.target())), K)
                self.clock.runFor(0.2)

    def test_destroyedAfterWaking(self) -> None:
        """A node that is destroyed while it asks its contacts anew leaves no timer."""
        self.sleep(900, loses=10)
        self.clock.runFor(1.5)
        self.destroyAll()
