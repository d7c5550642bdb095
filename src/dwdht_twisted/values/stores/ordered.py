"""
Keys in their order, for a store in memory that lists its values in pages.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator

#: The most keys of a chunk.  Larger: adding a key moves more of them.  Smaller: there are more
#: chunks, and adding a chunk moves more of those.
CHUNK_KEYS = 1024


class OrderedKeys:
    """
    A sorted set of keys.

    The keys are in chunks of up to `CHUNK_KEYS`, so that adding one to a million takes a few
    microseconds.  One list of all would have to move half of its keys each time.
    """

    __slots__ = ("_chunks", "_lowest")

    def __init__(self) -> None:
        # The lowest key that each chunk may have.  That of the first is below all keys.
        self._lowest = [b""]
        self._chunks: list[list[bytes]] = [[]]

    def add(self, key: bytes) -> None:
        """Add a key that isn't there."""
        place = self._placeOf(key)
        chunk = self._chunks[place]
        insort(chunk, key)
        if len(chunk) > CHUNK_KEYS:
            half = chunk[CHUNK_KEYS // 2 :]
            del chunk[CHUNK_KEYS // 2 :]
            self._chunks.insert(place + 1, half)
            self._lowest.insert(place + 1, half[0])

    def remove(self, key: bytes) -> None:
        """Remove a key that is there."""
        place = self._placeOf(key)
        chunk = self._chunks[place]
        del chunk[bisect_left(chunk, key)]
        if not chunk and place:
            del self._chunks[place]
            del self._lowest[place]

    def after(self, key: bytes) -> Iterator[bytes]:
        """The keys that are greater than ``key``, in their order.  Nothing may change meanwhile."""
        place = self._placeOf(key)
        chunk = self._chunks[place]
        yield from chunk[bisect_right(chunk, key) :]
        for chunk in self._chunks[place + 1 :]:
            yield from chunk

    def _placeOf(self, key: bytes) -> int:
        return bisect_right(self._lowest, key) - 1


__all__ = ["OrderedKeys"]
