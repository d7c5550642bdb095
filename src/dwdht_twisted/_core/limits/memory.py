"""
A dictionary that forgets, for what the network makes a node remember.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")


class RecentMap(Generic[Key, Item]):
    """
    A dictionary of a limited number of items, each of which it forgets after a time.

    :param maximum: the number of items; for one more, the one that was put first is forgotten
    :param lifetime: seconds after it was put until an item is forgotten
    """

    __slots__ = ("_items", "_lifetime", "_maximum")

    def __init__(self, maximum: int, lifetime: float) -> None:
        self._maximum = maximum
        self._lifetime = lifetime
        self._items: OrderedDict[Key, tuple[float, Item]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._items)

    def get(self, key: Key, now: float) -> Item | None:
        """The item of ``key``, or None when it was never put or is forgotten."""
        found = self._items.get(key)
        if found is None:
            return None
        expires, item = found
        if expires <= now:
            del self._items[key]
            return None
        return item

    def put(self, key: Key, item: Item, now: float) -> None:
        """Remember an item from now on."""
        items = self._items
        items.pop(key, None)
        while items:
            oldest = next(iter(items))
            if len(items) < self._maximum and items[oldest][0] > now:
                break
            del items[oldest]
        items[key] = (now + self._lifetime, item)

    def replace(self, key: Key, item: Item) -> None:
        """Change an item that is there, without extending its lifetime."""
        expires, _ = self._items[key]
        self._items[key] = (expires, item)

    def discard(self, key: Key) -> None:
        """Forget an item, if it is there."""
        self._items.pop(key, None)
