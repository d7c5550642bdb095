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

    __slots__ = ("_count", "_extras", "_k", "_misnamed", "crowdDistance", "hasOthers", "ranked")

    def __init__(self, k: int, crowdDistance: int) -> None:
        self._k = k
        self.crowdDistance = crowdDistance
        self._count = 0
        self.hasOthers = False
        self.ranked: list[tuple[int, int, Candidate]] = []
        self._extras: list[tuple[int, int, Candidate]] = []
        # The extras that answered under an id with which nobody had named them.
        self._misnamed: list[tuple[int, int, Candidate]] = []

    def __len__(self) -> int:
        """The number of candidates that have answered, including extras."""
        return self._count

    def passOver(self, candidate: Candidate) -> None:
        """Count a candidate that has answered but takes no place."""
        self._count += 1
        self.hasOthers = self.hasOthers or not candidate.isLocal

    def add(self, candidate: Candidate) -> None:
        """Add a candidate that has answered."""
        self.passOver(candidate)
        kind = self._extras if candidate.isExtra else self.ranked
        insort(kind, (candidate.distance, self._count, candidate))

    def addMisnamed(self, candidate: Candidate) -> None:
        """Add a candidate that has answered under an id that it was not known with."""
        self.passOver(candidate)
        insort(self._misnamed, (candidate.distance, self._count, candidate))

    def takeMisnamed(self, candidate: Candidate) -> bool:
        """Take out a candidate that `addMisnamed` has added; False if there is no such one."""
        for place, each in enumerate(self._misnamed):
            if each[2] is candidate:
                del self._misnamed[place]
                return True
        return False

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
        # A liar may answer under the id of an honest node, without having been asked under it.  So
        # the extras in _misnamed come last: liars can't crowd out the honest nodes.
        near = [place for place in self._extras + self._misnamed if place[0] < bound]
        found = self.ranked[: self._k] + near[: self._k]
        if isEclipseSuspected:
            # The honest nodes most likely begin near the end of the crowd, and where the crowd ends
            # is a rough guess.  So take k candidates around the guessed end.
            start = max(self._k, self.crowdSize() - self._k // 2)
            found += self.ranked[start : start + self._k]
        found.sort()
        return [candidate for _, _, candidate in found]
