"""
When a kept value is put the next time.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from random import Random

from .kept import Record

#: The pause after the first put, as a share of the age at which stores drop a value: an hour of a
#: day.  Larger: where holders leave early, a new value may be lost before it is put again.
#: Smaller: more puts until the pause has grown.
FIRST_PAUSE = 1 / 24

#: The longest pause, as a share of that age.  With the draw, a value is put again after at most
#: three quarters of the age, so that a quarter of it, six hours of a day, is left for retries.
#: Larger: less time for them.  Smaller: more puts.
LONGEST_PAUSE = 0.6

#: The shortest pause between two puts that both succeeded, as a share of that age: ten minutes of
#: a day.  Larger: values among nodes that leave within minutes are lost.  Smaller: more puts.
SHORTEST_PAUSE = 1 / 144

#: The pause after the first failed put, in seconds.  It doubles with each further failure.  Larger:
#: a value is unreachable for longer after a short outage.  Smaller: more puts in vain.
FIRST_RETRY = 15.0

#: The longest pause after a failed put, in seconds.  Larger: after a long outage a value is put
#: late.  Smaller: a node without a network asks in vain more often.
LONGEST_RETRY = 3600.0

#: Each pause is multiplied by a number between these, drawn anew.  So values that were put together
#: soon are not put together any more.
DRAW = (0.75, 1.25)

#: The number of outdated entries that may always stay in the heap.
OUTDATED_ENTRIES = 64


class Entry:
    """
    A record, and when it is put.

    :ivar record: the record
    :ivar due: when it is put the next time, in seconds; None while it is being put
    :ivar holders: as in `Kept`
    :ivar heldBefore: as in `Kept`
    :ivar failures: how many puts have failed since the last that succeeded
    :ivar pause: the pause after the next put that succeeds, in seconds and before the draw
    """

    __slots__ = ("due", "failures", "heldBefore", "holders", "pause", "record")

    def __init__(self, record: Record, age: float) -> None:
        self.record = record
        self.due: float | None = None
        self.holders: int | None = None
        self.heldBefore: int | None = None
        self.failures = 0
        self.pause = age * FIRST_PAUSE

    def taken(self, holders: int, held: int, age: float, random: Random) -> float:
        """
        Note that nodes took the record.

        When at least three quarters of the former holders, or of as many closer ones, still held
        it, the pause doubles.  When less than half did, it halves.

        :param holders: how many nodes took it
        :param held: how many nodes answered with it just before
        :param age: the age at which stores drop a value, in seconds
        :return: the seconds until it is put the next time
        """
        if self.holders:
            if held * 4 >= self.holders * 3:
                self.pause = min(self.pause * 2, age * LONGEST_PAUSE)
            elif held * 2 < self.holders:
                self.pause = max(self.pause / 2, age * SHORTEST_PAUSE)
        self.holders, self.heldBefore, self.failures = holders, held, 0
        return self.pause * random.uniform(*DRAW)

    def failed(self, held: int, random: Random) -> float:
        """
        Note that no node took the record.

        :param held: how many nodes answered with it just before
        :return: the seconds until it is put the next time
        """
        self.holders, self.heldBefore = 0, held
        # A larger exponent would overflow.
        pause = min(FIRST_RETRY * 2.0 ** min(self.failures, 16), LONGEST_RETRY)
        self.failures += 1
        return pause * random.uniform(*DRAW)


class Schedule:
    """
    The entries by the time at which they are due.

    An entry that was moved, is being put, or was removed leaves an outdated place in the heap.  The
    heap is rebuilt when more than `OUTDATED_ENTRIES` and more than half of its places are outdated.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, bytes, Entry]] = []
        self._scheduled = 0

    def set(self, entry: Entry, due: float | None) -> None:
        """
        Set or remove the time at which an entry is due.

        :param due: seconds; None for no time
        """
        self._scheduled += (due is not None) - (entry.due is not None)
        entry.due = due
        if due is not None:
            heappush(self._heap, (due, entry.record.target, entry))
            if len(self._heap) > 2 * self._scheduled + OUTDATED_ENTRIES:
                self._heap = [place for place in self._heap if place[0] == place[2].due]
                heapify(self._heap)

    def first(self) -> Entry | None:
        """The entry that is due first; None when no entry has a time."""
        heap = self._heap
        while heap and heap[0][0] != heap[0][2].due:
            heappop(heap)
        return heap[0][2] if heap else None


__all__ = ["Entry", "Schedule"]
