"""
Items and their owners: which owner has the most, and so has to give way.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable
from typing import Generic, TypeVar

Owner = TypeVar("Owner", bound=Hashable)
Item = TypeVar("Item", bound=Hashable)


class Owners(Generic[Owner, Item]):
    """
    The items of each owner, for example of each host, and the owner with the most of them.

    Each operation takes a constant time.
    """

    __slots__ = ("_of", "_withCount")

    def __init__(self) -> None:
        # The items of each owner, the oldest first.
        self._of: dict[Owner, dict[Item, None]] = {}
        # At index n, the owners with n items, in the order in which they came to n.
        self._withCount: list[dict[Owner, None]] = [{}]

    def add(self, owner: Owner, item: Item) -> None:
        """Add an item to those of its owner, as the newest."""
        held, owners = self._of.get(owner), self._withCount
        if held is None:
            self._of[owner] = {item: None}
            count = 1
        else:
            del owners[len(held)][owner]
            held[item] = None
            count = len(held)
        if count == len(owners):
            owners.append({owner: None})
        else:
            owners[count][owner] = None

    def remove(self, owner: Owner, item: Item) -> None:
        """Remove an item from those of its owner."""
        held, owners = self._of[owner], self._withCount
        del owners[len(held)][owner]
        del held[item]
        if held:
            owners[len(held)][owner] = None
        else:
            del self._of[owner]
        while len(owners) > 1 and not owners[-1]:
            owners.pop()

    def renew(self, owner: Owner, item: Item) -> None:
        """Make an item the newest of its owner, as if it was removed and added again."""
        held = self._of[owner]
        del held[item]
        held[item] = None
        equals = self._withCount[len(held)]
        del equals[owner]
        equals[owner] = None

    def count(self, owner: Owner) -> int:
        """The number of items of an owner."""
        return len(self._of.get(owner, ()))

    def itemsOf(self, owner: Owner) -> Collection[Item]:
        """The items of an owner that has any, the oldest first."""
        return self._of[owner]

    @property
    def most(self) -> int:
        """The largest number of items of an owner; 0 if there are no items."""
        return len(self._withCount) - 1

    def oldestOf(self, owner: Owner) -> Item:
        """The oldest item of an owner that has any."""
        return next(iter(self._of[owner]))

    def oldestOfLastWithMost(self) -> Item:
        """
        The oldest item of the owner with the most.  Of several such owners, it is the one that has
        come to this number last.
        """
        return self.oldestOf(next(reversed(self._withCount[-1])))

    def oldestOfFirstWithMost(self) -> Item:
        """
        The oldest item of the owner with the most.  Of several such owners, it is the one that has
        come to this number first.
        """
        return self.oldestOf(next(iter(self._withCount[-1])))
