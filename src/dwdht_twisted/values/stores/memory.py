"""
A store that keeps values in memory.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from zope.interface import implementer

from ..._clock import clockOf
from ...interfaces import ISharedStore, StoredValue
from .bounds import (
    DEFAULT_MAXIMUM_AGE,
    DEFAULT_MAXIMUM_BYTES,
    checkBounds,
    checkedCost,
    checkedLifetime,
    entryCost,
)


@implementer(ISharedStore)
class MemoryStore:
    """
    Keeps values in memory, until the process ends.

    :param reactor: provides the time
    :param maximumBytes: the size limit of the store, in bytes; an entry counts for its key, its
        value and 256 bytes more
    :param maximumAge: how long the store keeps a value, in seconds
    :raises ValueError: when a limit isn't above 0
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
        self._bytes = 0
        # The expiry time, value and publisher of each key, the oldest first.
        self._entries: OrderedDict[bytes, tuple[float, bytes, str | None]] = OrderedDict()

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

        Expired values are dropped first, and then the oldest values until the new one fits.

        :param key: 32 bytes
        :param publisher: the IPv4 host that the value counts for; None is this node itself
        :param lifetime: the seconds until the value expires; at most, and by default, the age limit
        :raises ValueError: when the lifetime isn't above 0
        :raises ValueTooLarge: when the value wouldn't fit even into an empty store; nothing is
            dropped then
        """
        expires = self._seconds() + checkedLifetime(lifetime, self._maximumAge)
        cost = checkedCost(key, value, self._maximumBytes)
        self._drop(key)
        self._dropUntil(self._maximumBytes - cost)
        self._entries[key] = (expires, value, publisher)
        self._bytes += cost

    def get(self, key: bytes) -> bytes | None:
        """
        :param key: 32 bytes
        :return: the value, or None when the store has none or the value has expired
        """
        return None if self.remaining(key) is None else self._entries[key][1]

    def remaining(self, key: bytes) -> float | None:
        """
        :param key: 32 bytes
        :return: the seconds until the value expires, or None when the store has no value
        """
        entry = self._entries.get(key)
        if entry is None:
            return None
        seconds = entry[0] - self._seconds()
        if seconds <= 0:
            self._drop(key)
            return None
        return seconds

    def entries(self, after: bytes = b"", limit: int = 100) -> list[StoredValue]:
        """
        List values in the order of their keys.

        :param after: only values with greater keys are listed
        :param limit: the most values that are listed
        """
        now = self._seconds()
        listed = sorted(
            StoredValue(key, value, expires - now, publisher)
            for key, (expires, value, publisher) in self._entries.items()
            if key > after and expires > now
        )
        return listed[:limit]

    def close(self) -> None:
        """Drop all values.  A closed store is empty, and may be used again."""
        self._entries.clear()
        self._bytes = 0

    def _drop(self, key: bytes) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= entryCost(key, entry[1])

    def _dropUntil(self, bytesLeft: int) -> None:
        """Drop expired entries, and the oldest until at most ``bytesLeft`` bytes remain."""
        now = self._seconds()
        for key, entry in list(self._entries.items()):
            if self._bytes <= bytesLeft and entry[0] > now:
                continue
            self._drop(key)


__all__ = ["MemoryStore"]
