"""
A store that keeps values in memory.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from zope.interface import implementer

from ..interfaces import IValueStore
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
    :param maximumBytes: the size that it may reach, in bytes; each entry counts 256 bytes beside
        its key and value
    :param maximumAge: how long it keeps a value, in seconds
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
        self._seconds: Callable[[], float] = reactor.seconds
        self._maximumBytes = maximumBytes
        self._maximumAge = maximumAge
        self._bytes = 0
        # By key: when it was put, and the value.  The order is that of the times, because put()
        # removes an entry before it adds it again, so the first entry is always the oldest.
        self._entries: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()

    def __len__(self) -> int:
        """The number of values, including those that are too old and not dropped yet."""
        return len(self._entries)

    def put(self, key: bytes, value: bytes) -> None:
        """
        Store a value.  Values that are too old are dropped, and then the oldest until it fits.

        :param key: 32 bytes
        :raises ValueTooLarge: when it wouldn't fit the empty store; nothing is dropped then
        """
        cost = checkedCost(key, value, self._maximumBytes)
        self._drop(key)
        self._dropUntil(self._maximumBytes - cost)
        self._entries[key] = (self._seconds(), value)
        self._bytes += cost

    def get(self, key: bytes) -> bytes | None:
        """
        :param key: 32 bytes
        :return: the value, or None when there is none or it is too old
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
        """Drop the oldest entries until none is too old and the rest has at most so many bytes."""
        expired = self._seconds() - self._maximumAge
        while self._entries:
            oldest, (stored, _) = next(iter(self._entries.items()))
            if self._bytes <= bytesLeft and stored > expired:
                return
            self._drop(oldest)


__all__ = ["MemoryStore"]
