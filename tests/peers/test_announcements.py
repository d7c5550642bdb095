"""
The bounds of the announcements that a node keeps, and which of them give way.
"""

from __future__ import annotations

import tracemalloc
from collections import Counter
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted.peers import announcements as module
from dwdht_twisted.peers.announcements import Announcement, Announcements
from dwdht_twisted.peers.bounds import (
    ANNOUNCEMENT_LIFETIME,
    ANNOUNCEMENTS_PER_HOST,
    ANNOUNCEMENTS_PER_TOPIC,
    HOST_ANNOUNCEMENTS_PER_TOPIC,
    MAXIMUM_ANNOUNCEMENTS,
)

#: The most bytes that one announcement may take up.
BYTES_PER_ANNOUNCEMENT = 1000


def topic(number: int) -> bytes:
    """Return one of many topics."""
    return number.to_bytes(32, "big")


def host(number: int) -> bytes:
    """Return one of many hosts."""
    return (0x0A000000 + number).to_bytes(4, "big")


def address(number: int, port: int = 1) -> bytes:
    """Return the compact address of a port of a host."""
    return host(number) + port.to_bytes(2, "big")


class AnnouncementsTestCase(SynchronousTestCase):
    """
    A base for tests of `Announcements`.
    """

    def setUp(self) -> None:
        self.announcements = Announcements()

    def put(self, of: bytes, about: bytes, now: float = 0.0, local: bytes | None = None) -> bool:
        """Keep an announcement of the port of a node."""
        return self.announcements.put(of, about, about, local, now)

    def hosts(self) -> Counter[bytes]:
        """Return the number of announcements of each host."""
        return Counter(each.peer[:4] for each in self.announcements)

    def kept(self) -> set[tuple[bytes, bytes]]:
        """Return topic and peer of each announcement."""
        return {(each.topic, each.peer) for each in self.announcements}


class ExpiryTests(AnnouncementsTestCase):
    """
    The end of announcements.
    """

    def test_announcementEnds(self) -> None:
        """An announcement ends 368.64 seconds after it was last made."""
        self.put(topic(1), address(1))
        self.put(topic(1), address(2), 100.0)
        self.put(topic(1), address(1), 200.0)
        self.assertEqual(len(self.announcements.of(topic(1), 468.63)), 2)
        (left,) = self.announcements.of(topic(1), 468.65)
        self.assertEqual(left.peer, address(1))
        self.assertEqual(self.announcements.of(topic(1), 200.0 + ANNOUNCEMENT_LIFETIME), [])
        self.assertEqual(len(self.announcements), 0)

    def test_discardedPeerIsGone(self) -> None:
        """A discarded announcement is gone, and others of its host and topic stay."""
        for port in (1, 2):
            self.put(topic(1), address(1, port))
        self.announcements.discard(topic(1), address(1, 1))
        self.announcements.discard(topic(1), address(9, 1))
        self.announcements.discard(topic(9), address(1, 1))
        self.assertEqual(self.kept(), {(topic(1), address(1, 2))})
        self.assertFalse(self.announcements.isSender(address(1, 1), 0.0))
        self.assertTrue(self.announcements.isSender(address(1, 2), 0.0))


class FairnessTests(AnnouncementsTestCase):
    """
    The announcements that give way.
    """

    def test_hostDisplacesItsOwnOldest(self) -> None:
        """A host with more than its bound loses its oldest announcements, and nobody else's."""
        self.put(topic(0), address(2))
        for number in range(ANNOUNCEMENTS_PER_HOST + 10):
            self.put(topic(number), address(1))
        kept = {each.topic for each in self.announcements if each.peer == address(1)}
        self.assertEqual(kept, {topic(n) for n in range(10, ANNOUNCEMENTS_PER_HOST + 10)})
        self.assertIn((topic(0), address(2)), self.kept())

    def test_renewalMakesAnAnnouncementTheNewest(self) -> None:
        """An announcement that was renewed is not the oldest of its host any more."""
        for number in [*range(ANNOUNCEMENTS_PER_HOST), 0, ANNOUNCEMENTS_PER_HOST]:
            self.put(topic(number), address(1))
        kept = {each.topic for each in self.announcements}
        self.assertIn(topic(0), kept)
        self.assertNotIn(topic(1), kept)

    def test_fullTopicDisplacesItsGreediestHost(self) -> None:
        """In a full topic, the host with the most announcements of the topic loses its oldest."""
        for number in range(ANNOUNCEMENTS_PER_TOPIC - 40):
            self.put(topic(1), address(number))
        for port in range(1, 201):
            self.put(topic(1), address(5000, port))
        counts = self.hosts()
        self.assertEqual(counts[host(5000)], 40)
        self.assertEqual(len(self.announcements), ANNOUNCEMENTS_PER_TOPIC)
        self.put(topic(1), address(6000))
        self.assertEqual(self.hosts()[host(5000)], 39)
        self.assertEqual(self.hosts()[host(6000)], 1)

    def test_hostHasABoundUnderOneTopic(self) -> None:
        """Of 100 announcements of a host under one topic, the newest 64 are kept."""
        self.put(topic(2), address(1))
        for port in range(100):
            self.put(topic(1), address(1, port))
        kept = {each.peer for each in self.announcements.of(topic(1), 0.0)}
        first = 100 - HOST_ANNOUNCEMENTS_PER_TOPIC
        self.assertEqual(kept, {address(1, port) for port in range(first, 100)})
        self.assertEqual(len(self.announcements), HOST_ANNOUNCEMENTS_PER_TOPIC + 1)

    def test_newcomerGivesWayToEquals(self) -> None:
        """In a topic that is full of hosts with one announcement, a further one is not kept."""
        for number in range(ANNOUNCEMENTS_PER_TOPIC):
            self.assertTrue(self.put(topic(1), address(number)))
        self.assertFalse(self.put(topic(1), address(9999)))
        self.assertTrue(self.put(topic(1), address(0)))
        self.assertNotIn((topic(1), address(9999)), self.kept())

    def test_portsOfLoopbackAreHosts(self) -> None:
        """Each port of a loopback host has the bound of a host."""
        for port in (1, 2):
            for number in range(ANNOUNCEMENTS_PER_HOST):
                self.put(topic(number), b"\x7f\0\0\x01" + port.to_bytes(2, "big"))
        self.assertEqual(len(self.announcements), 2 * ANNOUNCEMENTS_PER_HOST)

    def test_rulesHoldInAnyOrder(self) -> None:
        """
        After each of 4,000 random changes, the indices agree with the announcements, and no bound
        is exceeded.
        """
        random = Random(18)
        now = 0.0
        self.patchBounds(total=60, perHost=12, perTopic=20)
        for number in range(4000):
            of, about = topic(random.randrange(6)), address(random.randrange(12), 1 + number % 3)
            before = self.kept()
            if random.random() < 0.15:
                self.announcements.discard(of, about)
                self.assertEqual(self.kept(), before - {(of, about)})
            else:
                now += random.choice((0.0, 0.0, 1.0, 40.0))
                isKept = self.put(of, about, now)
                self.assertEqual((of, about) in self.kept(), isKept)
            self.assertIndicesAgree()

    def patchBounds(self, total: int, perHost: int, perTopic: int) -> None:
        """Use smaller bounds in this test."""
        self.patch(module, "MAXIMUM_ANNOUNCEMENTS", total)
        self.patch(module, "ANNOUNCEMENTS_PER_HOST", perHost)
        self.patch(module, "ANNOUNCEMENTS_PER_TOPIC", perTopic)

    def assertIndicesAgree(self) -> None:
        """Require that all ways to an announcement lead to the same ones, within the bounds."""
        everyone = list(self.announcements)
        self.assertLessEqual(len(everyone), 60)
        self.assertEqual(len(everyone), len(self.kept()))
        self.assertEqual(everyone, sorted(everyone, key=lambda each: each.expires))
        ofTopics = Counter(each.topic for each in everyone)
        self.assertLessEqual(max(ofTopics.values(), default=0), 20)
        self.assertLessEqual(max(self.hosts().values(), default=0), 12)
        for of, count in ofTopics.items():
            self.assertEqual(len(self.announcements.of(of, 0.0)), count)
        senders = {each.sender for each in everyone}
        for number in range(12):
            for port in (1, 2, 3):
                about = address(number, port)
                self.assertEqual(self.announcements.isSender(about, 0.0), about in senders)


class FloodTests(AnnouncementsTestCase):
    """
    1,000,000 announcements from 1,000 hosts for 10,000 topics.
    """

    def flood(self, topics: int) -> set[tuple[bytes, bytes]]:
        """
        Offer the announcements, and those of 100 other hosts before, amid and after them.

        :return: topic and peer of each announcement of the other hosts
        """
        random = Random(18)
        honest = [(topic(number % 7 % topics), address(100_000 + number)) for number in range(100)]
        waiting = list(honest)
        for number in range(1_000_000 if topics > 1 else 50_000):
            if number % (20_000 if topics > 1 else 1000) == 0:
                self.assertTrue(self.put(*waiting.pop()))
            about = address(random.randrange(1000), random.randrange(1, 65536))
            self.put(topic(random.randrange(topics)), about)
        for each in waiting:
            self.assertTrue(self.put(*each))
        return set(honest)

    def test_floodIsBounded(self) -> None:
        """
        No bound is exceeded, the hosts share the places evenly, and the announcements of the others
        are all kept.
        """
        honest = self.flood(topics=10_000)
        self.assertEqual(len(self.announcements), MAXIMUM_ANNOUNCEMENTS)
        counts = self.hosts()
        flooding = [counts[host(number)] for number in range(1000)]
        self.assertLessEqual(max(flooding), ANNOUNCEMENTS_PER_HOST)
        self.assertLessEqual(max(flooding) - min(flooding), 1)
        self.assertLessEqual(honest, self.kept())

    def test_floodOfOneTopicIsBounded(self) -> None:
        """The same is true of the places of one topic."""
        honest = self.flood(topics=1)
        self.assertEqual(len(self.announcements), ANNOUNCEMENTS_PER_TOPIC)
        counts = self.hosts()
        flooding = [counts[host(number)] for number in range(1000)]
        self.assertLessEqual(max(flooding) - min(flooding), 1)
        self.assertLessEqual(honest, self.kept())

    def test_memoryIsBounded(self) -> None:
        """An announcement takes up less than 1,000 bytes of memory."""
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        before, _ = tracemalloc.get_traced_memory()
        for number in range(10_000):
            self.put(topic(number // 6), address(number % 1000, number + 1), local=address(1))
        after, _ = tracemalloc.get_traced_memory()
        self.assertLess((after - before) / 10_000, BYTES_PER_ANNOUNCEMENT)


class RestoringTests(AnnouncementsTestCase):
    """
    Announcements of an earlier run.
    """

    def test_restoredAnnouncementsEndInTime(self) -> None:
        """Restored announcements end at their times, whatever their order was."""
        ends = [30.0, 10.0, 20.0]
        self.announcements.restore(
            Announcement(topic(n), address(n), address(n), local=None, expires=end)
            for n, end in enumerate(ends)
        )
        self.put(topic(3), address(3), 5.0)
        for now, count in ((9.9, 4), (10.0, 3), (20.0, 2), (30.0, 1)):
            self.announcements.expire(now)
            self.assertEqual(len(self.announcements), count)
