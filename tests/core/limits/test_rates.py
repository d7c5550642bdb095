"""
Rates: `TokenBucket`, and one for each host in `RateLimiter`.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.limits import RateLimit, RateLimiter, TokenBucket
from dwdht_twisted._core.limits.bounds import RATE_LIMITED_HOSTS
from tests.helpers.strategies import pauses, thorough


class TokenBucketTests(SynchronousTestCase):
    """
    A `TokenBucket`.
    """

    def test_newBucketHoldsABurst(self) -> None:
        """
        A new bucket with a burst of 3 lets 3 requests through at once, and refuses the next 2.
        """
        bucket = TokenBucket(rate=1.0, burst=3.0)
        self.assertEqual([bucket.take(50.0) for _ in range(5)], [True] * 3 + [False] * 2)

    def test_emptyBucketFillsAtItsRate(self) -> None:
        """
        An empty bucket with a rate of 2 lets a request through after half a second, and none
        earlier.
        """
        bucket = TokenBucket(rate=2.0, burst=1.0)
        self.assertTrue(bucket.take(0.0))
        self.assertFalse(bucket.take(0.25))
        self.assertTrue(bucket.take(0.5))
        self.assertFalse(bucket.take(0.75))

    def test_pauseSavesUpOneBurst(self) -> None:
        """
        A bucket with a burst of 2 lets 2 requests through after a pause of a million seconds, and
        refuses the third.
        """
        bucket = TokenBucket(rate=10.0, burst=2.0)
        bucket.take(0.0)
        self.assertEqual([bucket.take(1e6) for _ in range(3)], [True, True, False])

    @thorough
    @given(
        st.sampled_from([0.25, 1.0, 4.0]),
        st.sampled_from([1.0, 3.0, 8.0]),
        st.lists(pauses, max_size=60),
    )
    def test_bucketNeverExceedsBurstAndRate(
        self, rate: float, burst: float, waits: list[float]
    ) -> None:
        """
        A bucket lets through at most a burst and what its rate gives, in every stretch of time.
        """
        bucket = TokenBucket(rate, burst)
        now = 1000.0
        taken = []
        for wait in waits:
            now += wait
            if bucket.take(now):
                taken.append(now)
        for first in range(len(taken)):
            for last in range(first, len(taken)):
                allowed = burst + rate * (taken[last] - taken[first])
                self.assertTrue(last - first + 1 <= allowed)

    @thorough
    @given(st.lists(pauses, max_size=60))
    def test_requestsBelowTheRateAreNeverRefused(self, waits: list[float]) -> None:
        """Requests that come no faster than the rate are never refused."""
        bucket = TokenBucket(rate=1.0, burst=1.0)
        now = 0.0
        for wait in waits:
            now += 1.0 + wait
            self.assertTrue(bucket.take(now))

    def test_bucketGoesOnAfterAClockSetBack(self) -> None:
        """A bucket goes on filling from the new time after its clock was set back."""
        bucket = TokenBucket(rate=1.0, burst=2.0)
        bucket.take(5000.0)
        self.assertTrue(bucket.take(1000.0))
        self.assertFalse(bucket.take(1000.0))
        self.assertTrue(bucket.take(1001.0))

    def test_requestLeavesReservedTokens(self) -> None:
        """
        A request that has to leave 2 tokens is refused while only 2 are left, and one that needn't
        is not.
        """
        bucket = TokenBucket(rate=1.0, burst=3.0)
        self.assertTrue(bucket.take(0.0, leaving=2.0))
        self.assertFalse(bucket.take(0.0, leaving=2.0))
        self.assertTrue(bucket.take(0.0))


class RateLimiterTests(SynchronousTestCase):
    """
    A `RateLimiter`.
    """

    def test_eachHostHasItsOwnLimit(self) -> None:
        """A host over its limit uses up nothing of another host's."""
        limiter = RateLimiter(RateLimit(rate=1.0, burst=2.0))
        self.assertEqual([limiter.allows("a", 0.0) for _ in range(3)], [True, True, False])
        self.assertEqual([limiter.allows("b", 0.0) for _ in range(3)], [True, True, False])

    def test_defaultLimitSparesLookups(self) -> None:
        """
        The default limit lets 100 requests of a host through at once, far more than a lookup sends
        one node, and exempts loopback.
        """
        limiter = RateLimiter(RateLimit())
        self.assertTrue(all(limiter.allows("a", 0.0) for _ in range(100)))
        self.assertFalse(limiter.limit.loopback)

    @thorough
    @given(
        st.sampled_from([0.5, 1.0, 4.0]),
        st.sampled_from([1.0, 3.0]),
        st.lists(st.tuples(st.sampled_from("abc"), pauses), max_size=80),
    )
    def test_limiterBehavesLikeABucketForEachHost(
        self, rate: float, burst: float, requests: list[tuple[str, float]]
    ) -> None:
        """
        A limiter, which forgets quiet hosts, decides like a token bucket that is kept for each
        host.
        """
        limiter = RateLimiter(RateLimit(rate, burst))
        buckets = {host: TokenBucket(rate, burst) for host in "abc"}
        now = 0.0
        for host, wait in requests:
            now += wait
            self.assertEqual(limiter.allows(host, now), buckets[host].take(now))

    def test_limitedHostIsRememberedAmongHostsThatFit(self) -> None:
        """
        A host over its limit is refused after requests of `RATE_LIMITED_HOSTS` - 1, 4,095, other
        hosts.
        """
        limiter = RateLimiter(RateLimit(rate=1.0, burst=2.0))
        limiter.allows("a", 0.0)
        limiter.allows("a", 0.0)
        for number in range(RATE_LIMITED_HOSTS - 1):
            limiter.allows(f"host {number}", 0.0)
        self.assertFalse(limiter.allows("a", 0.0))

    def test_busyHostIsRememberedInAFlood(self) -> None:
        """
        A host that goes on asking is refused throughout a flood of twice as many hosts as are
        remembered, 8,192.
        """
        limiter = RateLimiter(RateLimit(rate=1.0, burst=2.0))
        limiter.allows("a", 0.0)
        limiter.allows("a", 0.0)
        for number in range(2 * RATE_LIMITED_HOSTS):
            limiter.allows(f"host {number}", 0.0)
            if number % 1000 == 0:
                self.assertFalse(limiter.allows("a", 0.0))
