"""
The nodes that a lookup has found: those that take one of the k places, and those that come in
addition.

Pure: no time, no randomness, no IO.
"""

from __future__ import annotations

from bisect import insort

from ..wire import ID_BITS
from .candidate import Candidate


class Results:
    """
    The candidates that have answered, by distance.

    :param k: how many places there are
    :param crowded: closer to the target than this, k nodes don't stand by chance
    :ivar ranked: those that may take a place, closest first, each after its distance and when it
        answered
    """

    __slots__ = ("_count", "_crowdDistance", "_extras", "_k", "ranked")

    def __init__(self, k: int, crowded: int) -> None:
        self._k = k
        self._crowdDistance = crowded
        self._count = 0
        self.ranked: list[tuple[int, int, Candidate]] = []
        self._extras: list[tuple[int, int, Candidate]] = []

    def __len__(self) -> int:
        """How many there are."""
        return self._count

    def add(self, candidate: Candidate) -> None:
        """A candidate has answered."""
        self._count += 1
        kind = self._extras if candidate.isExtra else self.ranked
        insort(kind, (candidate.distance, self._count, candidate))

    def discredit(self, silences: int) -> list[Candidate]:
        """
        Take their places from those that named so many silent candidates and nobody who answered.

        :return: who they are
        """
        kept, lost = [], []
        for place in self.ranked:
            candidate = place[2]
            if candidate.isRight or candidate.silences < silences:
                kept.append(place)
            else:
                lost.append(candidate)
                candidate.isExtra = True
                insort(self._extras, place)
        self.ranked = kept
        return lost

    @property
    def isCrowd(self) -> bool:
        """Whether the k closest stand closer to the target than chance puts them."""
        ranked = self.ranked
        return len(ranked) >= self._k and ranked[self._k - 1][0] < self._crowdDistance

    def crowdSize(self) -> int:
        """How many stand so close."""
        return sum(distance < self._crowdDistance for distance, _, _ in self.ranked)

    def bound(self, skipped: int) -> int:
        """How close a candidate has to be, to be among the k closest after so many others."""
        last = skipped + self._k - 1
        return self.ranked[last][0] if last < len(self.ranked) else 1 << ID_BITS

    def closest(self, isEclipseSuspected: bool) -> list[Candidate]:
        """
        See `Lookup.closest`.
        """
        bound = self.bound(0)
        extras = [place for place in self._extras[: self._k] if place[0] < bound]
        found = self.ranked[: self._k] + extras
        if isEclipseSuspected:
            # Where the crowd ends is a rough guess, and its liars are the closest in it.
            start = max(self._k, self.crowdSize() - self._k // 2)
            found += self.ranked[start : start + self._k]
        found.sort()
        return [candidate for _, _, candidate in found]
