"""
A store that keeps values in memory.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from zope.interface import implementer

from ..._clock import clockOf
from ...interfaces import IValueStore
from .bounds import (
    DEFAULT_MAXIMUM_AGE,
    DEFAULT_MAXIMUM_BYTES,
    checkBounds,
    checkedCost,
    entryCost,
)


@implementer(IValueStore)
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
        # For each key: the time at which its value was put, and the value.  The first entry is
        # always the oldest, because put() removes the entry of a key before it adds a new one.
        self._entries: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()

    def __len__(self) -> int:
        """The number of values, including expired values that are not dropped yet."""
        return len(self._entries)

    def put(self, key: bytes, value: bytes) -> None:
        """
        Store a value.

        Expired values are dropped first, and then the oldest values until the new one fits.

        :param key: 32 bytes
        :raises ValueTooLarge: when the value wouldn't fit even into an empty store; nothing is
            dropped then
        """
        cost = checkedCost(key, value, self._maximumBytes)
        self._drop(key)
        self._dropUntil(self._maximumBytes - cost)
        self._entries[key] = (self._seconds(), value)
        self._bytes += cost

    def get(self, key: bytes) -> bytes | None:
        """
        :param key: 32 bytes
        :return: the value, or None when the store has none or the value has expired
        """
        entry = self._entries.get(key)
        if entry is None:
            return None
        stored, value = entry
        if self._seconds() - stored >= self._maximumAge:
            self._drop(key)
            return None
        return value

    def close(self) -> None:
        """Drop all values.  A closed store is empty, and may be used again."""
        self._entries.clear()
        self._bytes = 0

    def _drop(self, key: bytes) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= entryCost(key, entry[1])

    def _dropUntil(self, bytesLeft: int) -> None:
        """Drop the oldest entries until none has expired and at most ``bytesLeft`` bytes remain."""
        expired = self._seconds() - self._maximumAge
        while self._entries:
            oldest, (stored, _) = next(iter(self._entries.items()))
            if self._bytes <= bytesLeft and stored > expired:
                return
            self._drop(oldest)


__all__ = ["MemoryStore"]
