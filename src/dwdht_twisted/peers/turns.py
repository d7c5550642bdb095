"""
Random orders in which groups take turns, so that a group with many items is not drawn more often.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from random import Random
from typing import TypeVar

Group = TypeVar("Group")
Item = TypeVar("Item")


def shuffled(items: Collection[Item], random: Random) -> Iterator[Item]:
    """The items in a random order, each of which is drawn when it is needed."""
    left = list(items)
    while left:
        place = int(random.random() * len(left))
        left[place], left[-1] = left[-1], left[place]
        yield left.pop()


def inTurns(
    groups: Collection[Group], itemsOf: Callable[[Group], Iterator[Item]], random: Random
) -> Iterator[Item]:
    """
    One item of each group, the groups in a random order, then another of each, and so on.

    :param itemsOf: returns the items of a group; called when its first turn comes
    """
    waiting: list[Iterator[Item]] = []
    for group in shuffled(groups, random):
        items = itemsOf(group)
        for item in items:
            waiting.append(items)
            yield item
            break
    while waiting:
        present, waiting = waiting, []
        for items in present:
            for item in items:
                waiting.append(items)
                yield item
                break


__all__ = ["inTurns", "shuffled"]
