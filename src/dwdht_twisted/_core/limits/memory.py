"""
A dictionary that forgets its items.  It holds data that other nodes make a node remember.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")


class RecentMap(Generic[Key, Item]):
    """
    A dictionary with a limited number of items, each with a limited lifetime.

    :param maximum: the most items.  To make room for a further item, the oldest is forgotten.
    :param lifetime: the seconds from `put` until an item is forgotten
    """

    __slots__ = ("_items", "_lifetime", "_maximum")

    def __init__(self, maximum: int, lifetime: float) -> None:
        self._maximum = maximum
        self._lifetime = lifetime
        self._items: OrderedDict[Key, tuple[float, Item]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._items)

    def items(self, now: float) -> list[tuple[Key, Item]]:
        """The items that were not forgotten, each with its key, the oldest first."""
        return [(key, item) for key, (expires, item) in self._items.items() if expires > now]

    def get(self, key: Key, now: float) -> Item | None:
        """The item of ``key``, or None if there is none or it was forgotten."""
        found = self._items.get(key)
        if found is None:
            return None
        expires, item = found
        if expires <= now:
            del self._items[key]
            return None
        return item

    def put(self, key: Key, item: Item, now: float) -> None:
        """Set the item of ``key``.  Its lifetime begins now."""
        items = self._items
        items.pop(key, None)
        while items:
            oldest = next(iter(items))
            if len(items) < self._maximum and items[oldest][0] > now:
                break
            del items[oldest]
        items[key] = (now + self._lifetime, item)

    def replace(self, key: Key, item: Item) -> None:
        """
        Replace the item of ``key`` without extending its lifetime.

        :raises KeyError: when there is no item
        """
        expires, _ = self._items[key]
        self._items[key] = (expires, item)

    def discard(self, key: Key) -> None:
        """Forget the item of ``key``, if there is one."""
        self._items.pop(key, None)
