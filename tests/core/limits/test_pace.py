"""
The pace of a node's own requests.
"""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.limits import Pace, RateLimit, RateLimiter
from dwdht_twisted._core.limits.bounds import PACE_BURST, PACE_RATE, PACED_ADDRESSES
from dwdht_twisted._core.limits.pace import PACE_INTERVAL

PEER = ("10.0.0.9", 9)


class PaceTests(SynchronousTestCase):
    """
    `Pace`, with the time as an argument.
    """

    def setUp(self) -> None:
        self.pace = Pace()

    def taken(self, now: float, tries: int = 1000, address: tuple[str, int] = PEER) -> int:
        """Return how many of ``tries`` requests to an address are allowed at a time."""
        return sum(self.pace.take(address, now) for _ in range(tries))

    def test_burstThenRate(self) -> None:
        """An address gets 256 requests at once, then 90 a second, and 256 again after a pause."""
        for start in (0.0, 100.0, 1.7e9):
            self.assertEqual(self.taken(start), PACE_BURST)
            self.assertEqual(self.taken(start), 0)
            later = sum(self.taken(start + step / 1000) for step in range(1, 10_001))
            self.assertIn(later, (10 * PACE_RATE, 10 * PACE_RATE + 1))

    def test_refusedRequestIsAllowedAfterTheInterval(self) -> None:
        """Each refused request is allowed after a ninetieth of a second."""
        self.taken(0.0)
        for number in range(1, 100):
            self.assertTrue(self.pace.take(PEER, number * PACE_INTERVAL + 1e-9))
            self.assertFalse(self.pace.take(PEER, number * PACE_INTERVAL + 1e-9))

    def test_allowedRequestsAreServedByDefault(self) -> None:
        """
        A node with the default rate limit serves all requests that the pace allows, at times drawn
        from a seed, although each of them is delayed by up to 0.2 seconds.
        """
        random = Random(16)
        for _ in range(20):
            self.pace, limiter, now = Pace(), RateLimiter(RateLimit()), 0.0
            arrivals = []
            for _ in range(4000):
                now += random.choice((0.0, 0.0001, 0.005, 0.02))
                if random.random() < 0.001:
                    now += random.random() * 5
                if self.pace.take(PEER, now):
                    arrivals.append(now + random.random() * 0.2)
            for arrival in sorted(arrivals):
                self.assertTrue(limiter.allows(PEER[0], arrival))

    def test_addressesHaveTheirOwnPace(self) -> None:
        """Another host, and another port of the host, have bursts of their own."""
        for address in (PEER, ("10.0.0.8", 9), ("10.0.0.9", 8)):
            self.assertEqual(self.taken(0.0, address=address), PACE_BURST)

    def test_loopbackHasNoPace(self) -> None:
        """A loopback address gets all of 10,000 requests at once."""
        self.assertEqual(self.taken(0.0, 10_000, ("127.0.0.1", 9)), 10_000)

    def test_clockThatIsSetBackHoldsNothingUp(self) -> None:
        """After the clock was set back by an hour, an address gets its burst at once."""
        self.taken(10_000.0)
        self.assertEqual(self.taken(6400.0), PACE_BURST)

    def test_memoryIsBounded(self) -> None:
        """
        Of 100,000 addresses, at most 4,096 are remembered. The address that is asked again and
        again is not forgotten.
        """
        self.taken(0.0)
        for number in range(100_000):
            self.pace.take((f"10.1.{number >> 8 & 255}.{number & 255}", 1 + (number >> 16)), 0.0)
            if not number % 1000:
                self.assertFalse(self.pace.take(PEER, 0.0))
        self.assertLessEqual(len(self.pace), PACED_ADDRESSES)
