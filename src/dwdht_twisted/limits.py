"""
Bounds for what the network may make a node remember and do.

Pure: each method that depends on time is told the time, in seconds.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

from .contact import Source, isLoopback, isPublic, subnet

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")


class RateLimit(NamedTuple):
    """
    How many requests of one host are served: a token bucket.

    :ivar rate: requests a second in the long run
    :ivar burst: requests at once after a pause
    :ivar loopback: whether it applies to this machine's own addresses too
    """

    rate: float = 100.0
    burst: float = 300.0
    loopback: bool = False


class TokenBucket:
    """
    Lets through a burst, then a steady rate.

    :param rate: tokens a second
    :param burst: tokens that it can hold; it starts full
    """

    __slots__ = ("_burst", "_filledAt", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._filledAt: float | None = None

    def take(self, now: float, leaving: float = 0.0) -> bool:
        """Take one token; False when fewer than C{leaving} others would be left."""
        if self._filledAt is not None:
            # A clock that is set back must not empty the bucket, let alone for hours.
            gained = max(0.0, now - self._filledAt) * self._rate
            self._tokens = min(self._burst, self._tokens + gained)
        self._filledAt = now
        if self._tokens < 1.0 + leaving:
            return False
        self._tokens -= 1.0
        return True


class FairRate:
    """
    A L{TokenBucket} that public /24 networks share: the more one has had, the more it leaves.

    So a few hundred networks never take all of it, however often they come.  One host of a network
    gets a few only, so that it doesn't use up the share of its neighbours.  A private or loopback
    address is often that of a whole network: those have a bucket of their own, and share nothing.

    :param rate: tokens a second, and how many at once, in each of the two buckets
    """

    #: How many tokens a network leaves for each that it has had within a second.
    LEFT = 16.0

    #: How many a host gets within a second.
    OF_HOST = 8.0

    __slots__ = ("_former", "_present", "_private", "_public", "_since")

    def __init__(self, rate: float) -> None:
        self._public = TokenBucket(rate, rate)
        self._private = TokenBucket(rate, rate)
        # What each host and network has had in this second, and in the one before: there are no
        # more of them than tokens.
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
        if self._had(host, age) >= self.OF_HOST or not self._public.take(
            now, self._had(network, age) * self.LEFT
        ):
            return False
        self._present[host] += 1
        self._present[network] += 1
        return True

    def _had(self, source: str, age: float) -> float:
        """About how many a host or a network has had within the last second."""
        return self._present[source] + self._former[source] * (1.0 - age)


class RecentMap(Generic[Key, Item]):
    """
    A dictionary that forgets: at most so many items, each for so long after it was put.

    :param maximum: items; the one that was put first makes room
    :param lifetime: seconds
    """

    __slots__ = ("_items", "_lifetime", "_maximum")

    def __init__(self, maximum: int, lifetime: float) -> None:
        self._maximum = maximum
        self._lifetime = lifetime
        self._items: OrderedDict[Key, tuple[float, Item]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._items)

    def get(self, key: Key, now: float) -> Item | None:
        """The item of C{key}, or None when it was never put or is forgotten."""
        found = self._items.get(key)
        if found is None:
            return None
        expires, item = found
        if expires <= now:
            del self._items[key]
            return None
        return item

    def put(self, key: Key, item: Item, now: float) -> None:
        """Remember an item, from now on."""
        items = self._items
        items.pop(key, None)
        while items:
            oldest = next(iter(items))
            if len(items) < self._maximum and items[oldest][0] > now:
                break
            del items[oldest]
        items[key] = (now + self._lifetime, item)

    def replace(self, key: Key, item: Item) -> None:
        """Change an item that is there; it is remembered no longer than it was."""
        expires, _ = self._items[key]
        self._items[key] = (expires, item)

    def discard(self, key: Key) -> None:
        """Forget an item, if it is there."""
        self._items.pop(key, None)


class RateLimiter:
    """
    A L{TokenBucket} for each host, as many as are worth remembering.

    :param limit: what each host is allowed
    """

    #: How many hosts are remembered.  The rest start over with a full bucket.
    MAXIMUM_HOSTS = 4096

    def __init__(self, limit: RateLimit) -> None:
        self.limit = limit
        # After this long an untouched bucket is full again, and says nothing.
        refill = limit.burst / limit.rate
        self._buckets: RecentMap[str, TokenBucket] = RecentMap(self.MAXIMUM_HOSTS, refill)

    def allows(self, host: str, now: float) -> bool:
        """Count a request of C{host}; False when it is one too many."""
        bucket = self._buckets.get(host, now)
        if bucket is None:
            bucket = TokenBucket(self.limit.rate, self.limit.burst)
        self._buckets.put(host, bucket, now)
        return bucket.take(now)


class Admission:
    """
    Which requests are served: those within what their host is allowed, and within what all
    strangers are allowed together.

    A stranger is an address that has not shown that it receives what is sent there.  A flood from
    forged addresses consists of strangers.  It keeps newcomers waiting, and nobody else.

    :param limit: what each host is allowed
    :param isProven: whether an address has shown that
    """

    #: How many requests a second all strangers together are allowed, and how many at once: a small
    #: part of what a node can serve.
    STRANGERS = 5000.0

    def __init__(self, limit: RateLimit, isProven: Callable[[Source], bool]) -> None:
        self._sparesLoopback = not limit.loopback
        self._isProven = isProven
        self._hosts = RateLimiter(limit)
        allowed = max(self.STRANGERS, limit.rate)
        self._strangers = TokenBucket(allowed, allowed)

    def admits(self, address: Source, now: float) -> bool:
        """Count a request; False when it is one too many."""
        host = address[0]
        if self._sparesLoopback and isLoopback(host):
            return True
        # First what the host is allowed, so that one host can't use up the share of strangers.
        return self._hosts.allows(host, now) and (
            self._isProven(address) or self._strangers.take(now)
        )
