"""
Rates: how often one host, or all hosts together, may make a node do something.

The argument ``now`` is the present time, in seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from typing import Generic, NamedTuple, TypeVar

from ..wire import isPublic, subnet
from .bounds import (
    RATE_LIMITED_HOSTS,
    REQUEST_BURST,
    REQUEST_RATE,
    RESERVE_PER_TOKEN,
    TOKENS_PER_HOST,
)

Key = TypeVar("Key", bound=Hashable)

#: A token counts as added this part of it too early, because times are rounded.
ROUNDING = 0.01


class RateLimit(NamedTuple):
    """
    The limit on the requests of one host.

    :ivar rate: the requests per second that are served in the long run
    :ivar burst: the requests that are served at once, after a pause
    :ivar loopback: whether the limit applies to the loopback addresses of this machine too
    """

    rate: float = REQUEST_RATE
    burst: float = REQUEST_BURST
    loopback: bool = False


class TokenBucket:
    """
    Allows a burst, then a steady rate.

    :param rate: the tokens that are added per second
    :param burst: the most tokens in the bucket, which starts full
    """

    __slots__ = ("_burst", "_filledAt", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._filledAt: float | None = None

    def take(self, now: float, leaving: float = 0.0) -> bool:
        """
        Take one token, if there are enough.

        :param leaving: the tokens that must be left afterwards
        :return: whether a token was taken
        """
        if self._filledAt is not None:
            # Without max, a clock that is set back would empty the bucket, possibly for hours.
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
    however many requests they send.  One host gets at most ``perHost`` tokens in a second.
    The other tokens of its network are left to the other hosts of the network.

    Private and loopback addresses share a second bucket.  In this bucket an address has no limit of
    its own, because one private address often stands for a whole network.

    :param rate: the rate of each of the two buckets, in tokens per second, and its burst
    :param perHost: the most tokens that one public host gets in a second
    """

    __slots__ = ("_former", "_perHost", "_present", "_private", "_public", "_since")

    def __init__(self, rate: float, perHost: float = TOKENS_PER_HOST) -> None:
        self._perHost = perHost
        self._public = TokenBucket(rate, rate)
        self._private = TokenBucket(rate, rate)
        # The number of tokens that each host and each network got, in the present second and in the
        # second before.  The rate bounds the number of keys.
        self._present: Counter[str] = Counter()
        self._former: Counter[str] = Counter()
        self._since = 0.0

    def take(self, host: str, now: float) -> bool:
        """
        Take one token for a host.

        :return: whether a token was taken
        """
        if not isPublic(host):
            return self._private.take(now)
        age = now - self._since
        if not 0.0 <= age < 1.0:
            self._former = self._present if 1.0 <= age < 2.0 else Counter()
            self._present = Counter()
            self._since = now
            age = 0.0
        network = subnet(host)
        if self._taken(host, age) >= self._perHost or not self._public.take(
            now, self._taken(network, age) * RESERVE_PER_TOKEN
        ):
            return False
        self._present[host] += 1
        self._present[network] += 1
        return True

    def _taken(self, hostOrSubnet: str, age: float) -> float:
        """
        The approximate number of tokens that a host or a network got within the last second.

        :param age: the seconds since the present second began
        """
        return self._present[hostOrSubnet] + self._former[hostOrSubnet] * (1.0 - age)


class TokenBuckets(Generic[Key]):
    """
    A token bucket for each key.

    Each datagram passes here.  So a bucket is a single number, the time at which it will be full
    again (the generic cell rate algorithm, ITU-T I.371), and not a `TokenBucket`.

    The buckets are in two dictionaries, recent and former ones.  When there are ``maximum`` recent
    ones, they become the former ones, and the former ones are forgotten.  A forgotten bucket is
    full again.

    :param rate: the tokens that are added to a bucket per second
    :param burst: the most tokens in a bucket, which starts full
    :param maximum: the number of recent buckets
    """

    __slots__ = ("_former", "_interval", "_longest", "_maximum", "_recent")

    def __init__(self, rate: float, burst: float, maximum: int) -> None:
        self._interval = 1.0 / rate
        # A bucket has a token while it will be full again within this time, in seconds.
        self._longest = (burst - 1.0 + ROUNDING) * self._interval
        self._maximum = maximum
        self._recent: dict[Key, float] = {}
        self._former: dict[Key, float] = {}

    def __len__(self) -> int:
        return len(self._recent) + len(self._former)

    def take(self, key: Key, now: float) -> bool:
        """
        Take a token out of the bucket of a key, if there is one.

        :return: whether a token was taken
        """
        fullAt = self._recent.get(key)
        if fullAt is None:
            fullAt = self._former.get(key, now)
            if len(self._recent) >= self._maximum:
                self._former, self._recent = self._recent, {}
        left = fullAt - now
        if left <= 0.0 or left > self._longest + 2.0 * self._interval:
            # The bucket is full, or the clock was set back.
            fullAt = now
        elif left > self._longest:
            self._recent[key] = fullAt
            return self.isExempt(key)
        self._recent[key] = fullAt + self._interval
        return True

    def isExempt(self, key: Key) -> bool:
        """Whether an empty bucket stops nothing of this key.  A subclass may decide so."""
        return False


class RateLimiter(TokenBuckets[str]):
    """
    Limits the rate of each host.  It remembers the last `RATE_LIMITED_HOSTS` hosts, and up to as
    many others.

    :param limit: the rate of each host
    """

    __slots__ = ("limit",)

    def __init__(self, limit: RateLimit) -> None:
        super().__init__(limit.rate, limit.burst, RATE_LIMITED_HOSTS)
        self.limit = limit

    #: Count an event of a host, and return whether it is within the rate of the host.
    allows = TokenBuckets.take
