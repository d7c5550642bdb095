"""
The text in which announcements are kept while a node is stopped.
"""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted.peers.announcements import Announcement
from dwdht_twisted.peers.bounds import ANNOUNCEMENT_LIFETIME
from dwdht_twisted.peers.record import decode, encode


def fieldsOf(announcement: Announcement) -> tuple[object, ...]:
    """Return all attributes of an announcement but its end."""
    return (announcement.topic, announcement.peer, announcement.sender, announcement.local)


class RecordTests(SynchronousTestCase):
    """
    Announcements that are written at the time 1,000 of the node and 5,000 of the machine.
    """

    def setUp(self) -> None:
        random = Random(18)
        self.kept = []
        for number in range(200):
            peer, sender, local = (
                bytes((10, 0, 0, number)) + random.randrange(1, 65536).to_bytes(2, "big")
                for _ in range(3)
            )
            left = random.uniform(0.01, ANNOUNCEMENT_LIFETIME)
            self.kept.append(
                Announcement(
                    random.randbytes(32),
                    peer,
                    sender,
                    local=local if number % 2 else None,
                    expires=1000 + left,
                )
            )
        self.text = encode(self.kept, 1000.0, 5000.0)

    def test_writtenAnnouncementsAreRead(self) -> None:
        """All announcements are read, and end after the same time, whatever the node's clock is."""
        found = decode(self.text, 70.0, 5000.0)
        assert found is not None
        for each, written in zip(found, self.kept, strict=True):
            self.assertEqual(fieldsOf(each), fieldsOf(written))
            self.assertAlmostEqual(each.expires - 70, written.expires - 1000, 2)

    def test_timeOfTheStopCounts(self) -> None:
        """Announcements that have ended meanwhile are left out, and the others end in time."""
        found = decode(self.text, 70.0, 5100.0)
        assert found is not None
        expected = [each for each in self.kept if each.expires > 1100]
        self.assertEqual(list(map(fieldsOf, found)), list(map(fieldsOf, expected)))
        for each, written in zip(found, expected, strict=True):
            self.assertAlmostEqual(each.expires - 70, written.expires - 1100, 2)
        self.assertEqual(decode(self.text, 70.0, 6000.0), [])

    def test_clockThatWasSetBackEndsNothing(self) -> None:
        """If the clock was set back meanwhile, no announcement lives for longer than its rest."""
        found = decode(self.text, 70.0, 10.0)
        assert found is not None
        self.assertEqual(len(found), 200)
        self.assertLessEqual(max(each.expires for each in found), 70 + ANNOUNCEMENT_LIFETIME)

    def test_otherTextsAreRefused(self) -> None:
        """Of 2,000 damaged texts, each is read in part or refused without an exception."""
        random = Random(18)
        for _ in range(2000):
            text = bytearray(self.text[:2000])
            for _ in range(random.randrange(1, 5)):
                text[random.randrange(len(text))] = random.getrandbits(8)
            found = decode(bytes(text), 70.0, 5000.0)
            for each in found or []:
                self.assertEqual((len(each.topic), len(each.peer), len(each.sender)), (32, 6, 6))
                self.assertNotEqual(each.peer[4:], b"\0\0")
                self.assertLessEqual(each.expires, 70 + ANNOUNCEMENT_LIFETIME)
        for other in (b"", b"5000", b"nan\n", b"x\n", b"\xff\n", b"5000\n1 2 3 4 5\n"):
            self.assertIn(decode(other, 70.0, 5000.0), (None, []))
