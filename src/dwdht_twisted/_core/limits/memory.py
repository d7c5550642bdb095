"""
Dictionaries that forget their items.  They hold data that other nodes make a node remember.

In a `RecentMap` the oldest item gives way.  That is right where others can't choose the keys, or
where nothing is lost with an item.  In a `SharedMap` the hosts share the room, so a host that makes
a node remember much pushes out what the node remembers of this host.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, Generic, TypeVar

from ..wire import subnet
from .owners import Owners

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
HostKey = TypeVar("HostKey", bound=tuple[str, Any])


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
            self._forget(key)
            return None
        return item

    def put(self, key: Key, item: Item, now: float) -> None:
        """Set the item of ``key``.  Its lifetime begins now."""
        items = self._items
        items.pop(key, None)
        self._forgetExpired(now)
        if len(items) >= self._maximum:
            items.popitem(last=False)
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
        if key in self._items:
            self._forget(key)

    def _forgetExpired(self, now: float) -> None:
        items = self._items
        while items:
            oldest = next(iter(items))
            if items[oldest][0] > now:
                return
            self._forget(oldest)

    def _forget(self, key: Key) -> None:
        """Forget the item of a key that has one."""
        del self._items[key]


class SharedMap(RecentMap[HostKey, Item]):
    """
    A `RecentMap` whose room is shared by hosts.  The first item of a key is the host.

    When the map is full, the host with the most items loses its oldest; of several such hosts, it
    is the one that has come to this number first.  So a host that adds many items doesn't push out
    the last item of another host.  If each host has a single item, the /24 network with the most of
    them loses its oldest.  So neither do the hosts of one network push out those of another.
    """

    __slots__ = ("_hosts", "_networks")

    def __init__(self, maximum: int, lifetime: float) -> None:
        super().__init__(maximum, lifetime)
        self._hosts: Owners[str, HostKey] = Owners()
        self._networks: Owners[str, HostKey] = Owners()

    def put(self, key: HostKey, item: Item, now: float) -> None:
        """See `RecentMap.put`."""
        items = self._items
        host = key[0]
        if key in items:
            del items[key]
            items[key] = (now + self._lifetime, item)
            self._hosts.renew(host, key)
            self._networks.renew(subnet(host), key)
            return
        self._forgetExpired(now)
        items[key] = (now + self._lifetime, item)
        self._hosts.add(host, key)
        self._networks.add(subnet(host), key)
        if len(items) > self._maximum:
            owners = self._hosts if self._hosts.most > 1 else self._networks
            self._forget(owners.oldestOfFirstWithMost())

    def _forget(self, key: HostKey) -> None:
        del self._items[key]
        host = key[0]
        self._hosts.remove(host, key)
        self._networks.remove(subnet(host), key)
