"""
A store that keeps values in memory.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from itertools import islice
from typing import Any, NamedTuple

from zope.interface import implementer

from ..._clock import clockOf
from ..._storage import IMeasuredStore, ISharedStore, StoredValue, StoreUsage
from .bounds import (
    DEFAULT_MAXIMUM_AGE,
    DEFAULT_MAXIMUM_BYTES,
    checkBounds,
    checkedCost,
    checkedLifetime,
    checkedLimit,
    checkEntry,
    checkKey,
    entryCost,
    withPublisher,
)
from .ordered import OrderedKeys
from .shares import OWN, Ranking, Shares


class _Entry(NamedTuple):
    value: bytes
    publishers: tuple[str, ...]


@implementer(ISharedStore, IMeasuredStore)
class MemoryStore:
    """
    Keeps values in memory, until the process ends.

    :param reactor: provides the time
    :param maximumBytes: the size limit of the store, in bytes; an entry counts for its key, its
        value and 256 bytes more
    :param maximumAge: how long the store keeps a value, in seconds; it may be infinite
    :raises ValueError: when a limit isn't a number above 0
    """

    def __init__(
        self,
        reactor: Any,
        *,
        maximumBytes: int = DEFAULT_MAXIMUM_BYTES,
        maximumAge: float = DEFAULT_MAXIMUM_AGE,
    ) -> None:
        checkBounds(maximumBytes, maximumAge)
        self._seconds: Callable[[], float] = clockOf(reactor).seconds
        self._maximumBytes = maximumBytes
        self._maximumAge = maximumAge
        self._clear()

    def _clear(self) -> None:
        self._entries: dict[bytes, _Entry] = {}
        self._keys = OrderedKeys()
        self._expiries: Ranking[bytes] = Ranking()
        self._shares = Shares()
        # The keys that count for each publisher, the oldest first.
        self._held: dict[str, OrderedDict[bytes, None]] = {}

    def __len__(self) -> int:
        """The number of values, including expired values that are not dropped yet."""
        return len(self._entries)

    def put(
        self,
        key: bytes,
        value: bytes,
        *,
        publisher: str | None = None,
        lifetime: float | None = None,
    ) -> None:
        """
        Store a value.

        A full store drops expired values first.  After that, it drops the oldest value of whoever
        holds the largest share, until the new value fits.

        :param key: 32 bytes
        :param publisher: the IPv4 host that the value counts for; None is this node itself.  A
            value that several hosts put counts for the first of them, until it would be dropped.
        :param lifetime: the seconds until the value expires; at most, and by default, the age limit
        :raises InvalidTarget: when the key isn't 32 bytes
        :raises TypeError: when the value isn't bytes
        :raises ValueError: when the lifetime isn't above 0, or the publisher isn't an IPv4 host
        :raises ValueTooLarge: when the value wouldn't fit even into an empty store; nothing is
            dropped then
        """
        checkEntry(key, value, publisher)
        now = self._seconds()
        expires = now + checkedLifetime(lifetime, self._maximumAge)
        cost = checkedCost(key, value, self._maximumBytes)
        self._dropExpired(now)
        earlier = self._drop(key)
        publishers = withPublisher(earlier.publishers if earlier else (), publisher or OWN)
        self._shares.add(publishers[0], cost)
        self._makeRoom(publishers[0], cost)
        self._entries[key] = _Entry(value, publishers)
        self._held.setdefault(publishers[0], OrderedDict())[key] = None
        self._expiries.set(key, expires)
        self._keys.add(key)

    def get(self, key: bytes) -> bytes | None:
        """
        :param key: 32 bytes
        :return: the value, or None when the store has none or the value has expired
        :raises InvalidTarget: when the key isn't 32 bytes
        """
        checkKey(key)
        self._dropExpired(self._seconds())
        entry = self._entries.get(key)
        return None if entry is None else entry.value

    def remaining(self, key: bytes) -> float | None:
        """
        :param key: 32 bytes
        :return: the seconds until the value expires, or None when the store has no value
        :raises InvalidTarget: when the key isn't 32 bytes
        """
        checkKey(key)
        now = self._seconds()
        self._dropExpired(now)
        return self._expiries.rank(key) - now if key in self._entries else None

    def entries(self, after: bytes = b"", limit: int = 100) -> list[StoredValue]:
        """
        List values in the order of their keys.

        :param after: only values with greater keys are listed
        :param limit: the most values that are listed
        :raises TypeError: when ``after`` isn't bytes
        :raises ValueError: when the limit isn't a whole number of at least 0
        """
        most = checkedLimit(after, limit)
        now = self._seconds()
        self._dropExpired(now)
        return [self._listed(key, now) for key in islice(self._keys.after(after), most)]

    def usage(self) -> StoreUsage:
        """How full the store is, without values that have expired."""
        self._dropExpired(self._seconds())
        shares = self._shares
        return StoreUsage(len(self._entries), shares.total, self._maximumBytes, shares.most)

    def close(self) -> None:
        """Drop all values.  A closed store is empty, and may be used again."""
        self._clear()

    def _listed(self, key: bytes, now: float) -> StoredValue:
        value, publishers = self._entries[key]
        return StoredValue(key, value, self._expiries.rank(key) - now, publishers[0] or None)

    def _makeRoom(self, putter: str, cost: int) -> None:
        """Drop values until the store keeps its limit.  A new value is counted already."""
        shares = self._shares
        isCounted = True
        while shares.total + (0 if isCounted else cost) > self._maximumBytes:
            publisher = shares.largest(putter)
            if publisher in self._held:
                self._dropFor(publisher)
            else:
                # Only the new value counts for this publisher, so make room among the others.
                shares.add(putter, -cost)
                isCounted = False
        if not isCounted:
            shares.add(putter, cost)

    def _dropFor(self, publisher: str) -> None:
        """Drop the oldest value of a publisher, or let it count for the next that put it."""
        key = next(iter(self._held[publisher]))
        value, publishers = self._entries[key]
        if len(publishers) == 1:
            self._drop(key)
            return
        self._uncount(key, value, publisher)
        self._entries[key] = _Entry(value, publishers[1:])
        self._shares.add(publishers[1], entryCost(key, value))
        self._held.setdefault(publishers[1], OrderedDict())[key] = None

    def _drop(self, key: bytes) -> _Entry | None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._uncount(key, entry.value, entry.publishers[0])
            self._expiries.discard(key)
            self._keys.remove(key)
        return entry

    def _uncount(self, key: bytes, value: bytes, publisher: str) -> None:
        self._shares.add(publisher, -entryCost(key, value))
        held = self._held[publisher]
        del held[key]
        if not held:
            del self._held[publisher]

    def _dropExpired(self, now: float) -> None:
        while (key := self._expiries.first()) is not None and self._expiries.rank(key) <= now:
            self._drop(key)


__all__ = ["MemoryStore"]
