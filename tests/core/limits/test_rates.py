"""
`TokenBucket`, and `RateLimiter`, which limits each host by a bucket of its own.
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
    A `TokenBucket` and its rate and burst.
    """

    def test_newBucketHoldsABurst(self) -> None:
        """Of 5 requests at once, a new bucket with a burst of 3 lets 3 through and refuses 2."""
        bucket = TokenBucket(rate=1.0, burst=3.0)
        self.assertEqual([bucket.take(50.0) for _ in range(5)], [True] * 3 + [False] * 2)

    def test_emptyBucketFillsAtItsRate(self) -> None:
        """An empty bucket with a rate of 2 lets one request through every half a second."""
        bucket = TokenBucket(rate=2.0, burst=1.0)
        self.assertTrue(bucket.take(0.0))
        self.assertFalse(bucket.take(0.25))
        self.assertTrue(bucket.take(0.5))
        self.assertFalse(bucket.take(0.75))

    def test_pauseSavesUpOneBurst(self) -> None:
        """
        After a pause of a million seconds, a bucket with a burst of 2 lets 2 requests through and
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
        In any interval, a bucket lets through at most its burst plus its rate times the length of
        the interval.
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
        """No request is refused if the requests come no faster than the rate."""
        bucket = TokenBucket(rate=1.0, burst=1.0)
        now = 0.0
        for wait in waits:
            now += 1.0 + wait
            self.assertTrue(bucket.take(now))

    def test_bucketGoesOnAfterAClockSetBack(self) -> None:
        """After its clock was set back, a bucket goes on filling from the new time."""
        bucket = TokenBucket(rate=1.0, burst=2.0)
        bucket.take(5000.0)
        self.assertTrue(bucket.take(1000.0))
        self.assertFalse(bucket.take(1000.0))
        self.assertTrue(bucket.take(1001.0))

    def test_requestLeavesReservedTokens(self) -> None:
        """
        A request that must leave 2 tokens is refused while the bucket holds 2. A request without
        this condition is let through.
        """
        bucket = TokenBucket(rate=1.0, burst=3.0)
        self.assertTrue(bucket.take(0.0, leaving=2.0))
        self.assertFalse(bucket.take(0.0, leaving=2.0))
        self.assertTrue(bucket.take(0.0))


class RateLimiterTests(SynchronousTestCase):
    """
    A `RateLimiter` and the hosts that it remembers.
    """

    def test_eachHostHasItsOwnLimit(self) -> None:
        """
        The requests of a host that exceeds its limit don't count towards another host's limit.
        """
        limiter = RateLimiter(RateLimit(rate=1.0, burst=2.0))
        self.assertEqual([limiter.allows("a", 0.0) for _ in range(3)], [True, True, False])
        self.assertEqual([limiter.allows("b", 0.0) for _ in range(3)], [True, True, False])

    def test_defaultLimitSparesLookups(self) -> None:
        """
        By default, a host gets 100 requests through at once, far more than a lookup sends to one
        node. Loopback addresses are exempt.
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
        A limiter forgets quiet hosts. It still decides each request like a token bucket that is
        kept for its host forever.
        """
        limiter = RateLimiter(RateLimit(rate, burst))
        buckets = {host: TokenBucket(rate, burst) for host in "abc"}
        now = 0.0
        for host, wait in requests:
            now += wait
            self.assertEqual(limiter.allows(host, now), buckets[host].take(now))

    def test_limitedHostIsRememberedAmong4095Others(self) -> None:
        """
        A host over its limit is still refused after requests of 4,095 other hosts, one fewer than
        `RATE_LIMITED_HOSTS`.
        """
        limiter = RateLimiter(RateLimit(rate=1.0, burst=2.0))
        limiter.allows("a", 0.0)
        limiter.allows("a", 0.0)
        for number in range(RATE_LIMITED_HOSTS - 1):
            limiter.allows(f"host {number}", 0.0)
        self.assertFalse(limiter.allows("a", 0.0))

    def test_memoryIsBounded(self) -> None:
        """Of 20,000 hosts, at most 8,192 are remembered, twice `RATE_LIMITED_HOSTS`."""
        limiter = RateLimiter(RateLimit())
        for number in range(20_000):
            limiter.allows(f"host {number}", 0.0)
        self.assertLessEqual(len(limiter), 2 * RATE_LIMITED_HOSTS)

    def test_busyHostIsRememberedInAFlood(self) -> None:
        """
        A host that keeps asking is refused throughout a flood of 8,192 other hosts, twice
        `RATE_LIMITED_HOSTS`.
        """
        limiter = RateLimiter(RateLimit(rate=1.0, burst=2.0))
        limiter.allows("a", 0.0)
        limiter.allows("a", 0.0)
        for number in range(2 * RATE_LIMITED_HOSTS):
            limiter.allows(f"host {number}", 0.0)
            if number % 1000 == 0:
                self.assertFalse(limiter.allows("a", 0.0))
