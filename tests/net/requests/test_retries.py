"""
The times of retries: after measured round trips, and in a reactor that was held up.
"""

from __future__ import annotations

from dwdht_twisted import Address
from tests.helpers.networks.requests import OTHER, PEER, RequestsTestCase


class RoundTripTests(RequestsTestCase):
    """
    Time-outs that follow measured round trips.
    """

    def pauseBeforeRetry(self, address: Address) -> float:
        """Return the seconds after which a request to an address is sent again."""
        before = len(self.sent)
        start = self.clock.seconds()
        request = self.send(address)
        self.clock.runUntil(lambda: len(self.sent) == before + 2)
        self.requests.cancel(request)
        return self.clock.seconds() - start

    def measure(self, address: Address, seconds: float) -> None:
        """Have an address answer a request after some seconds."""
        self.send(address)
        self.clock.runFor(seconds)
        self.assertTrue(self.answer(source=address))

    def test_fastPeerIsRetriedSooner(self) -> None:
        """
        A request to a peer that answers fast is retried sooner than one to an unknown peer.
        """
        unknown = self.pauseBeforeRetry(PEER)
        for _ in range(10):
            self.measure(PEER, 0.02)
        self.assertLess(self.pauseBeforeRetry(PEER), unknown)

    def test_slowPeerIsRetriedLater(self) -> None:
        """
        A request to a peer that answers after 0.4 seconds is retried later than that, and one to a
        fast peer sooner.
        """
        for _ in range(10):
            self.measure(PEER, 0.4)
            self.measure(OTHER, 0.02)
        self.assertGreater(self.pauseBeforeRetry(PEER), 0.4)
        self.assertLess(self.pauseBeforeRetry(OTHER), 0.4)

    def test_retriesComeInTheOrderOfDeadlines(self) -> None:
        """
        A request to a fast peer is retried before an older one to a slow peer.
        """
        for _ in range(20):
            self.measure(PEER, 0.45)
            self.measure(OTHER, 0.01)
        self.sent.clear()
        self.send(PEER)
        self.send(OTHER)
        self.clock.runUntil(lambda: len(self.sent) == 3)
        self.assertEqual(self.sent[2][1], OTHER)


class HeldUpTests(RequestsTestCase):
    """
    A reactor that was held up for 60 seconds, and runs its timers before it reads datagrams.
    """

    def test_unreadAnswerIsNotLate(self) -> None:
        """
        A request whose answer lay unread while the reactor was held up isn't late.
        """
        self.send()
        # The answer is read after the timer that is due, and before any timer that this one sets.
        self.clock.callLater(30.0, self.answer)
        self.clock.advance(60.0)
        self.assertEqual((self.late, self.failures), ([], []))

    def test_missingAnswerIsLate(self) -> None:
        """
        A request without an answer is late once the reactor has nothing more to read.
        """
        self.send()
        self.clock.advance(60.0)
        self.assertEqual(self.late, [1])
