"""
The times of retries: after measured round trips, and in a reactor that was blocked.
"""

from __future__ import annotations

from dwdht_twisted import Address
from tests.helpers.networks.requests import OTHER, PEER, RequestsTestCase


class RoundTripTests(RequestsTestCase):
    """
    Time-outs that follow the measured round trips.
    """

    def pauseBeforeRetry(self, address: Address) -> float:
        """Return the seconds between the first transmission to an address and the second."""
        before = len(self.sent)
        start = self.clock.seconds()
        request = self.send(address)
        self.clock.runUntil(lambda: len(self.sent) == before + 2)
        self.requests.cancel(request)
        return self.clock.seconds() - start

    def measure(self, address: Address, seconds: float) -> None:
        """Have an address answer a request after this number of seconds."""
        self.send(address)
        self.clock.runFor(seconds)
        self.assertTrue(self.answer(source=address))

    def test_fastPeerIsRetriedSooner(self) -> None:
        """A request to a fast peer is retried sooner than a request to an unknown peer."""
        unknown = self.pauseBeforeRetry(PEER)
        for _ in range(10):
            self.measure(PEER, 0.02)
        self.assertLess(self.pauseBeforeRetry(PEER), unknown)

    def test_slowPeerIsRetriedLater(self) -> None:
        """
        A request to a peer that answers after 0.4 seconds is retried after more than 0.4 seconds. A
        request to a fast peer is retried sooner.
        """
        for _ in range(10):
            self.measure(PEER, 0.4)
            self.measure(OTHER, 0.02)
        self.assertGreater(self.pauseBeforeRetry(PEER), 0.4)
        self.assertLess(self.pauseBeforeRetry(OTHER), 0.4)

    def test_retriesComeInTheOrderOfDeadlines(self) -> None:
        """A request to a fast peer is retried before an older request to a slow peer."""
        for _ in range(20):
            self.measure(PEER, 0.45)
            self.measure(OTHER, 0.01)
        self.sent.clear()
        self.send(PEER)
        self.send(OTHER)
        self.clock.runUntil(lambda: len(self.sent) == 3)
        self.assertEqual(self.sent[2][1], OTHER)


class BlockedReactorTests(RequestsTestCase):
    """
    A reactor that was blocked for 60 seconds, and then runs its timers before it reads datagrams.
    """

    def test_unreadAnswerIsNotLate(self) -> None:
        """A request isn't late if its answer waited unread while the reactor was blocked."""
        self.send()
        # The answer is read after the timer that is due, and before any timer that this timer sets.
        self.clock.callLater(30.0, self.answer)
        self.clock.advance(60.0)
        self.assertEqual((self.late, self.failures), ([], []))

    def test_missingAnswerIsLate(self) -> None:
        """A request without an answer is late when the reactor has read all datagrams."""
        self.send()
        self.clock.advance(60.0)
        self.assertEqual(self.late, [1])

    def test_missingAnswerIsLateInABlockedReactor(self) -> None:
        """
        A request without an answer is late when the reactor has read all datagrams once, even if
        the reactor is blocked again meanwhile.
        """
        seen: list[list[int]] = []

        def block() -> None:
            seen.append(list(self.late))
            self.clock.advance(60.0)

        self.send()
        # The deadline is noticed at 60 seconds for the first time, and at 120 for the second.
        self.clock.callLater(30.0, block)
        self.clock.callLater(100.0, block)
        self.clock.advance(60.0)
        self.assertEqual(seen, [[], [1]])
