"""
The hosts that a node has sent to lately.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.standing import RecentHosts
from dwdht_twisted._core.standing.recent import MAXIMUM_HOSTS, OPEN_FOR


class RecentHostsTests(SynchronousTestCase):
    """
    Tests of `RecentHosts`.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.recent = RecentHosts(self.clock.seconds)

    def test_hostIsRecentForTheStatedTime(self) -> None:
        """A host is recent until the stated time after the last datagram to it, tidied or not."""
        sent: list[str] = []
        send = self.recent.recording(lambda datagram, address: sent.append(address[0]))
        send(b"", ("1.1.1.1", 1))
        self.clock.advance(OPEN_FOR / 2)
        send(b"", ("1.1.1.1", 2))
        self.assertEqual(sent, ["1.1.1.1"] * 2)
        self.assertFalse(self.recent.has("2.2.2.2"))
        for isRecent in (True, False):
            self.clock.advance(OPEN_FOR - 1 if isRecent else 2)
            self.assertEqual(self.recent.has("1.1.1.1"), isRecent)
            self.recent.tidy()
            self.assertEqual(self.recent.has("1.1.1.1"), isRecent)
        self.assertEqual(self.recent._sentAt, {})

    def test_earlierDatagramsCanBeLeftOut(self) -> None:
        """A host to which nothing was sent since a given time is not recent since then."""
        self.recent.add("1.1.1.1")
        self.clock.advance(10)
        self.recent.add("2.2.2.2")
        self.assertFalse(self.recent.has("1.1.1.1", since=5))
        self.assertTrue(self.recent.has("2.2.2.2", since=5))

    def test_forgottenHostsCountAsRecent(self) -> None:
        """
        When there were too many hosts, their number stays bounded, and every host is recent until
        those that were forgotten would not be any more.
        """
        for number in range(MAXIMUM_HOSTS + 10):
            self.recent.add(str(number))
        self.assertEqual(len(self.recent._sentAt), MAXIMUM_HOSTS)
        self.assertTrue(self.recent.has("another"))
        self.clock.advance(OPEN_FOR + 1)
        self.assertFalse(self.recent.has("another"))
