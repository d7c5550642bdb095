"""
The nodes that have answered a lookup: candidates for the k places, and extras beside them.
"""

from __future__ import annotations

from bisect import insort

from ..wire import ID_BITS
from .candidate import Candidate


class Results:
    """
    The candidates that have answered, by distance from the target.

    :param k: the number of places
    :param crowdDistance: the distance below which chance does not put k nodes
    :ivar crowdDistance: see above
    :ivar hasOthers: whether a node other than the searcher has answered
    :ivar ranked: the candidates that may take a place, closest first.  Each item is a distance, the
        ordinal number of an answer, and the candidate.
    """

    __slots__ = ("_count", "_extras", "_k", "crowdDistance", "hasOthers", "ranked")

    def __init__(self, k: int, crowdDistance: int) -> None:
        self._k = k
        self.crowdDistance = crowdDistance
        self._count = 0
        self.hasOthers = False
        self.ranked: list[tuple[int, int, Candidate]] = []
        self._extras: list[tuple[int, int, Candidate]] = []

    def __len__(self) -> int:
        """The number of candidates that have answered, including extras."""
        return self._count

    def add(self, candidate: Candidate) -> None:
        """Add a candidate that has answered."""
        self._count += 1
        self.hasOthers = self.hasOthers or not candidate.isLocal
        kind = self._extras if candidate.isExtra else self.ranked
        insort(kind, (candidate.distance, self._count, candidate))

    def discredit(self, silences: int) -> list[Candidate]:
        """
        Make extras of the results that named at least ``silences`` late candidates, and none that
        answered.

        :return: the new extras
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
        """Whether the k closest are all closer to the target than chance puts them."""
        ranked = self.ranked
        return len(ranked) >= self._k and ranked[self._k - 1][0] < self.crowdDistance

    def crowdSize(self) -> int:
        """The number of candidates that are closer than ``crowdDistance``."""
        return sum(distance < self.crowdDistance for distance, _, _ in self.ranked)

    def bound(self, skipped: int) -> int:
        """
        The distance of the kth candidate, not counting the ``skipped`` closest candidates.

        :return: 2^256 if there are fewer candidates
        """
        last = skipped + self._k - 1
        return self.ranked[last][0] if last < len(self.ranked) else 1 << ID_BITS

    def closest(self, isEclipseSuspected: bool) -> list[Candidate]:
        """See `Lookup.closest`."""
        bound = self.bound(0)
        extras = [place for place in self._extras[: self._k] if place[0] < bound]
        found = self.ranked[: self._k] + extras
        if isEclipseSuspected:
            # The distance at which the crowd ends is a rough guess.  So start half of k places
            # before its end, where honest nodes are most likely.
            start = max(self._k, self.crowdSize() - self._k // 2)
            found += self.ranked[start : start + self._k]
        found.sort()
        return [candidate for _, _, candidate in found]
