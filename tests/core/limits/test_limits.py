"""
Tests for `dwdht_twisted.limits`.
"""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.limits import (
    Admission,
    FairRate,
    RateLimit,
    RateLimiter,
    RecentMap,
    TokenBucket,
)
from dwdht_twisted._core.limits.bounds import (
    RATE_LIMITED_HOSTS,
    STRANGER_REQUEST_RATE,
    TOKENS_PER_HOST,
)
from tests.helpers.strategies import thorough

#: Pauses in seconds, in steps that floating point numbers hold exactly.
pauses = st.integers(0, 80).map(lambda eighths: eighths / 8)


class TokenBucketTests(SynchronousTestCase):
    """
    Tests for `TokenBucket`.
    """

    def test_burst(self) -> None:
        """A new bucket lets through a burst at once, and then nothing."""
        bucket = TokenBucket(rate=1.0, burst=3.0)
        self.assertEqual([bucket.take(50.0) for _ in range(5)], [True] * 3 + [False] * 2)

    def test_rate(self) -> None:
        """An empty bucket fills at its rate."""
        bucket = TokenBucket(rate=2.0, burst=1.0)
        self.assertTrue(bucket.take(0.0))
        self.assertFalse(bucket.take(0.25))
        self.assertTrue(bucket.take(0.5))
        self.assertFalse(bucket.take(0.75))

    def test_pause(self) -> None:
        """However long the pause, no more than a burst is saved up."""
        bucket = TokenBucket(rate=10.0, burst=2.0)
        bucket.take(0.0)
        self.assertEqual([bucket.take(1e6) for _ in range(3)], [True, True, False])

    @thorough
    @given(
        st.sampled_from([0.25, 1.0, 4.0]),
        st.sampled_from([1.0, 3.0, 8.0]),
        st.lists(pauses, max_size=60),
    )
    def test_bound(self, rate: float, burst: float, waits: list[float]) -> None:
        """In no stretch of time more is let through than a burst and what the rate gives."""
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
    def test_slow(self, waits: list[float]) -> None:
        """Who stays under the rate is never refused."""
        bucket = TokenBucket(rate=1.0, burst=1.0)
        now = 0.0
        for wait in waits:
            now += 1.0 + wait
            self.assertTrue(bucket.take(now))

    def test_clockSetBack(self) -> None:
        """When the clock is set back, the bucket goes on from the new time."""
        bucket = TokenBucket(rate=1.0, burst=2.0)
        bucket.take(5000.0)
        self.assertTrue(bucket.take(1000.0))
        self.assertFalse(bucket.take(1000.0))
        self.assertTrue(bucket.take(1001.0))

    def test_leaving(self) -> None:
        """Whoever has to leave some is refused while there are others left."""
        bucket = TokenBucket(rate=1.0, burst=3.0)
        self.assertTrue(bucket.take(0.0, leaving=2.0))
        self.assertFalse(bucket.take(0.0, leaving=2.0))
        self.assertTrue(bucket.take(0.0))


class FairRateTests(SynchronousTestCase):
    """
    Tests for `FairRate`, at 500 a second.
    """

    def setUp(self) -> None:
        self.rate = FairRate(500.0)

    def taken(self, hosts: Iterable[str], now: float) -> int:
        """How many of these hosts are let through at once."""
        return sum([self.rate.take(host, now) for host in hosts])

    def test_network(self) -> None:
        """A public network takes its share of what there is, whichever of its hosts come."""
        hosts = [f"8.8.8.{number % 256}" for number in range(1000)]
        self.assertEqual(self.taken(hosts, 0.0), 30)
        taken = sum([self.taken(hosts, 1.0 + tenth / 10) for tenth in range(100)])
        self.assertTrue(250 <= taken <= 320, taken)

    def test_host(self) -> None:
        """A public host takes a part of that, and leaves the rest to its neighbours."""
        for tenth in range(50):
            taken = self.taken(["8.8.8.1"] * 10, tenth / 10)
            self.assertTrue(taken <= TOKENS_PER_HOST, taken)
            self.assertEqual(self.taken([f"8.8.8.{2 + tenth}"], tenth / 10), 1)

    def test_many(self) -> None:
        """However often networks come, others find something left while they are few enough."""
        for networks in (9, 100, 300):
            refused = 0
            for moment in range(300):
                now = networks * 100.0 + moment / 100
                for number in range(50):
                    network = (moment * 50 + number) % networks
                    self.rate.take(f"8.{network >> 8}.{network & 255}.{number}", now)
                newcomer = f"9.{networks & 255}.{moment & 255}.1"
                refused += not self.rate.take(newcomer, now)
            self.assertEqual(refused, 0, networks)

    def test_private(self) -> None:
        """
        A private or loopback address is let through as far as the rate goes, and takes nothing from
        the public ones.
        """
        self.assertEqual(self.taken(["127.0.0.1"] * 300 + ["10.0.0.1"] * 300, 0.0), 500)
        self.assertEqual(
            self.taken([f"8.{number >> 8}.{number & 255}.1" for number in range(600)], 0.0), 500
        )

    def test_rate(self) -> None:
        """All together are let through at the rate."""
        hosts = [f"8.{number >> 8}.{number & 255}.1" for number in range(2000)]
        self.assertEqual(self.taken(hosts, 0.0), 500)
        self.assertEqual(self.taken(hosts[1000:], 0.5), 250)

    def test_clock(self) -> None:
        """When the clock is set, to whichever side, networks start over."""
        for now in (5000.0, 10.0, 1e9):
            self.assertEqual(self.taken(["8.8.8.8"] * 100, now), TOKENS_PER_HOST)


class RecentMapTests(SynchronousTestCase):
    """
    Tests for `RecentMap`.
    """

    def test_kept(self) -> None:
        """An item is there until its lifetime is over."""
        recent: RecentMap[str, int] = RecentMap(10, 5.0)
        recent.put("a", 1, 100.0)
        self.assertEqual(recent.get("a", 104.5), 1)
        self.assertIsNone(recent.get("a", 105.0))

    def test_absent(self) -> None:
        """What was never put is not there."""
        recent: RecentMap[str, int] = RecentMap(10, 5.0)
        self.assertIsNone(recent.get("a", 0.0))

    def test_readingIsNotPutting(self) -> None:
        """To read an item doesn't prolong its life."""
        recent: RecentMap[str, int] = RecentMap(10, 5.0)
        recent.put("a", 1, 0.0)
        recent.get("a", 4.0)
        self.assertIsNone(recent.get("a", 6.0))

    def test_discard(self) -> None:
        """An item can be forgotten early, and to forget it twice does no harm."""
        recent: RecentMap[str, int] = RecentMap(10, 5.0)
        recent.put("a", 1, 0.0)
        recent.discard("a")
        recent.discard("a")
        self.assertIsNone(recent.get("a", 0.0))
        self.assertEqual(len(recent), 0)

    def test_expiredMakeRoom(self) -> None:
        """Items that are over leave when others come, so that none waits to be asked for."""
        recent: RecentMap[int, int] = RecentMap(100, 5.0)
        for key in range(50):
            recent.put(key, key, 0.0)
        recent.put(50, 50, 5.0)
        self.assertEqual(len(recent), 1)

    @thorough
    @given(
        st.integers(1, 4),
        st.lists(
            st.tuples(st.sampled_from(["put", "get", "discard"]), st.integers(0, 6), pauses),
            max_size=80,
        ),
    )
    def test_model(self, maximum: int, steps: list[tuple[str, int, float]]) -> None:
        """It is a list in the order of putting, cut to its maximum and its lifetime."""
        lifetime = 20.0
        recent: RecentMap[int, int] = RecentMap(maximum, lifetime)
        model: list[tuple[int, int, float]] = []
        now = 0.0
        for number, (action, key, wait) in enumerate(steps):
            now += wait
            model = [item for item in model if item[2] + lifetime > now]
            if action == "put":
                recent.put(key, number, now)
                model = [item for item in model if item[0] != key]
                model = [*model, (key, number, now)][-maximum:]
            elif action == "discard":
                recent.discard(key)
                model = [item for item in model if item[0] != key]
            expected = {item[0]: item[1] for item in model}
            self.assertEqual(recent.get(key, now), expected.get(key))
            self.assertTrue(len(recent) <= maximum)
        for key in range(7):
            expected = {item[0]: item[1] for item in model}
            self.assertEqual(recent.get(key, now), expected.get(key))


class RateLimiterTests(SynchronousTestCase):
    """
    Tests for `RateLimiter`.
    """

    def test_eachHost(self) -> None:
        """A host that asks too much doesn't use up what another may."""
        limiter = RateLimiter(RateLimit(rate=1.0, burst=2.0))
        self.assertEqual([limiter.allows("a", 0.0) for _ in range(3)], [True, True, False])
        self.assertEqual([limiter.allows("b", 0.0) for _ in range(3)], [True, True, False])

    def test_defaults(self) -> None:
        """By default the limit is far above what a lookup asks of one node, and spares loopback."""
        limiter = RateLimiter(RateLimit())
        self.assertTrue(all(limiter.allows("a", 0.0) for _ in range(100)))
        self.assertFalse(limiter.limit.loopback)

    @thorough
    @given(
        st.sampled_from([0.5, 1.0, 4.0]),
        st.sampled_from([1.0, 3.0]),
        st.lists(st.tuples(st.sampled_from("abc"), pauses), max_size=80),
    )
    def test_model(self, rate: float, burst: float, requests: list[tuple[str, float]]) -> None:
        """To forget hosts that have been quiet changes nothing for them."""
        limiter = RateLimiter(RateLimit(rate, burst))
        buckets = {host: TokenBucket(rate, burst) for host in "abc"}
        now = 0.0
        for host, wait in requests:
            now += wait
            self.assertEqual(limiter.allows(host, now), buckets[host].take(now))

    def test_manyHosts(self) -> None:
        """A host that goes on asking is remembered through a flood of fewer hosts than fit."""
        limiter = RateLimiter(RateLimit(rate=1.0, burst=2.0))
        limiter.allows("a", 0.0)
        limiter.allows("a", 0.0)
        for number in range(RATE_LIMITED_HOSTS - 1):
            limiter.allows(f"host {number}", 0.0)
        self.assertFalse(limiter.allows("a", 0.0))

    def test_busyHostOutlivesFlood(self) -> None:
        """The hosts that asked last are remembered, however many came before."""
        limiter = RateLimiter(RateLimit(rate=1.0, burst=2.0))
        limiter.allows("a", 0.0)
        limiter.allows("a", 0.0)
        for number in range(2 * RATE_LIMITED_HOSTS):
            limiter.allows(f"host {number}", 0.0)
            if number % 1000 == 0:
                self.assertFalse(limiter.allows("a", 0.0))


class AdmissionTests(SynchronousTestCase):
    """
    Tests for `Admission`.
    """

    def setUp(self) -> None:
        self.contact = ("8.8.8.8", 80)
        self.admission = Admission(RateLimit(), self.contact.__eq__)
        self.allowed = int(STRANGER_REQUEST_RATE)

    def flood(self, requests: int, hosts: int, now: float = 0.0) -> int:
        """Have so many requests come from so many hosts in turn; give how many are served."""
        addresses = ((f"9.9.{n % hosts >> 8}.{n % hosts & 255}", 80) for n in range(requests))
        return sum(self.admission.admits(address, now) for address in addresses)

    def test_strangers(self) -> None:
        """Strangers are allowed so many requests a second, all of them together."""
        self.assertEqual(self.flood(2 * self.allowed, 20_000), self.allowed)
        self.assertEqual(self.flood(2 * self.allowed, 20_000, 1.0), self.allowed)

    def test_strangersAgain(self) -> None:
        """A stranger that was served before is a stranger still."""
        self.assertEqual(self.flood(2 * self.allowed, 1000), self.allowed)

    def test_proven(self) -> None:
        """A flood of strangers keeps out nobody whose address is proven."""
        self.flood(20_000, 20_000)
        self.assertFalse(self.admission.admits(("7.7.7.7", 80), 0.0))
        self.assertTrue(self.admission.admits(self.contact, 0.0))

    def test_oneHost(self) -> None:
        """A host that asks too much doesn't use up what strangers may."""
        burst = int(RateLimit().burst)
        self.assertEqual(self.flood(2 * self.allowed, 1), burst)
        self.assertTrue(self.admission.admits(("7.7.7.7", 80), 0.0))

    def test_each(self) -> None:
        """Nobody is served more than a host may ask, proven or not."""
        admission = Admission(RateLimit(rate=1.0, burst=2.0), self.contact.__eq__)
        for address in (self.contact, ("7.7.7.7", 80)):
            served = [admission.admits(address, 0.0) for _ in range(3)]
            self.assertEqual(served, [True, True, False])

    def test_loopback(self) -> None:
        """This machine's own addresses are exempt, unless the limit is for them too."""
        for loopback, expected in ((False, [True, True, True]), (True, [True, True, False])):
            limit = RateLimit(rate=1.0, burst=2.0, loopback=loopback)
            admission = Admission(limit, self.contact.__eq__)
            served = [admission.admits(("127.0.0.1", 80), 0.0) for _ in range(3)]
            self.assertEqual(served, expected)
