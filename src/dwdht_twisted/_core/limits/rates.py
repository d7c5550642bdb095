"""
Rates: how often a host, or all hosts together, may make a node do something.

Each method that depends on time is told the time, in seconds.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from ..wire import isPublic, subnet
from .bounds import (
    RATE_LIMITED_HOSTS,
    REQUEST_BURST,
    REQUEST_RATE,
    RESERVE_PER_TOKEN,
    TOKENS_PER_HOST,
)
from .memory import RecentMap


class RateLimit(NamedTuple):
    """
    The rate at which requests of one host are served: a token bucket.

    :ivar rate: requests a second in the long run
    :ivar burst: requests at once after a pause
    :ivar loopback: whether it applies to this machine's own addresses too
    """

    rate: float = REQUEST_RATE
    burst: float = REQUEST_BURST
    loopback: bool = False


class TokenBucket:
    """
    Allows a burst, then a steady rate.

    :param rate: tokens a second
    :param burst: the tokens that it can hold; it starts full
    """

    __slots__ = ("_burst", "_filledAt", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._filledAt: float | None = None

    def take(self, now: float, leaving: float = 0.0) -> bool:
        """Take one token; False when fewer than ``leaving`` others would be left."""
        if self._filledAt is not None:
            # A clock that is set back must not empty the bucket, possibly for hours.
            gained = max(0.0, now - self._filledAt) * self._rate
            self._tokens = min(self._burst, self._tokens + gained)
        self._filledAt = now
        if self._tokens < 1.0 + leaving:
            return False
        self._tokens -= 1.0
        return True


class FairRate:
    """
    A token bucket shared by public /24 networks.

    A network that got n tokens in the last second gets another only while at least
    ``RESERVE_PER_TOKEN`` * n + 1 are left.  So a few hundred networks never take all tokens,
    however often they come.  One host gets `TOKENS_PER_HOST` only, and leaves the rest to its
    neighbours.

    A private or loopback address often stands for a whole network.  Such addresses have a bucket of
    their own, which they take from in the order in which they come.

    :param rate: the tokens a second, and at once, of each of the two buckets
    """

    __slots__ = ("_former", "_present", "_private", "_public", "_since")

    def __init__(self, rate: float) -> None:
        self._public = TokenBucket(rate, rate)
        self._private = TokenBucket(rate, rate)
        # The tokens that each host and network got in the present second, and in the one before.
        # The rate bounds the number of keys.
        self._present: Counter[str] = Counter()
        self._former: Counter[str] = Counter()
        self._since = 0.0

    def take(self, host: str, now: float) -> bool:
        """Take one token for a host; False when there is none for it."""
        if not isPublic(host):
            return self._private.take(now)
        age = now - self._since
        if not 0.0 <= age < 1.0:
            self._former = self._present if 1.0 <= age < 2.0 else Counter()
            self._present = Counter()
            self._since = now
            age = 0.0
        network = subnet(host)
        if self._taken(host, age) >= TOKENS_PER_HOST or not self._public.take(
            now, self._taken(network, age) * RESERVE_PER_TOKEN
        ):
            return False
        self._present[host] += 1
        self._present[network] += 1
        return True

    def _taken(self, hostOrSubnet: str, age: float) -> float:
        """
        The tokens that a host or a network got within the last second, approximately.

        :param age: seconds since the present second began
        """
        return self._present[hostOrSubnet] + self._former[hostOrSubnet] * (1.0 - age)


class RateLimiter:
    """
    A `TokenBucket` for each host, for as many hosts as `RATE_LIMITED_HOSTS` says.

    :param limit: the rate of each host
    """

    def __init__(self, limit: RateLimit) -> None:
        self.limit = limit
        # After this time an unused bucket is full again, and need not be remembered.
        refill = limit.burst / limit.rate
        self._buckets: RecentMap[str, TokenBucket] = RecentMap(RATE_LIMITED_HOSTS, refill)

    def allows(self, host: str, now: float) -> bool:
        """Count an event of ``host``; False when it is one too many."""
        bucket = self._buckets.get(host, now)
        if bucket is None:
            bucket = TokenBucket(self.limit.rate, self.limit.burst)
        self._buckets.put(host, bucket, now)
        return bucket.take(now)
