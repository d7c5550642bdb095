"""
The contacts that a lookup has heard of and not asked yet, in the order in which they are asked.

No candidate is ever crowded out: who is closer to the target comes first, and the others stay in
line behind.  A candidate that only nodes without credit have named steps aside until an answer
comes that may have earned them some.  When the target is besieged (see `dwdht_twisted.lookup`),
those that stand outside of the crowd form a line of their own.

Pure: no time, no randomness, no IO.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TypeAlias

from ..limits.bounds import MAXIMUM_REFERRERS
from ..wire import ID_BYTES, splitContacts
from .candidate import CREDIT, Candidate

#: A contact that waits: how far its id is from the target, and its compact form.
Waiting: TypeAlias = tuple[int, bytes]


class CandidateQueue:
    """
    Who waits to be asked, closest first.

    :param wanted: the target, as a big-endian number
    :param crowded: closer to the target than this, a crowd of chosen ids may stand
    :ivar isHeldBack: whether the last `nearest` or `outer` gave nobody for the sake of answers
        under way
    """

    __slots__ = (
        "_crowdDistance",
        "_doubtful",
        "_named",
        "_nearest",
        "_outer",
        "_wanted",
        "isHeldBack",
    )

    def __init__(self, wanted: int, crowded: int) -> None:
        self._wanted = wanted
        self._crowdDistance = crowded
        # All that were named, with who named them; None when the node knew them by itself; the
        # candidate once it is asked.
        self._named: dict[bytes, list[Candidate] | Candidate | None] = {}
        self._nearest: list[Waiting] = []
        self._outer: list[Waiting] | None = None
        self._doubtful: list[Waiting] = []
        self.isHeldBack = False

    # Who joins it.

    def add(self, compacts: bytes) -> None:
        """CandidateQueue up compact contacts that the node knows by itself."""
        named = self._named
        for compact in splitContacts(compacts):
            if compact not in named:
                named[compact] = None
                self._lineUp(compact)

    def addNamed(self, compacts: bytes, source: Candidate, most: int) -> None:
        """
        CandidateQueue up what a node has named.

        :param most: how many of them count
        """
        named = self._named
        for compact in splitContacts(compacts, most):
            if compact in named:
                namedBy = named[compact]
                if isinstance(namedBy, list):
                    _addReferrer(namedBy, source)
                elif namedBy is not None:
                    # It takes no risk any more, and earns nothing; but it may relay.
                    namedBy.namedLast = source.address
            else:
                named[compact] = [source]
                self._lineUp(compact)

    def requeue(self, waiting: Waiting) -> None:
        """CandidateQueue up again who was taken out, and not asked."""
        heappush(self._lineOf(waiting[0]), waiting)

    def forget(self, compact: bytes) -> None:
        """The contact can't be asked as it was named: someone else may still name it."""
        del self._named[compact]

    def markAsked(self, compact: bytes, candidate: Candidate) -> None:
        """The contact is asked."""
        self._named[compact] = candidate

    # Who leaves it.

    def nearest(self, bound: int, creditReduction: int, isWaitedFor: bool) -> Waiting | None:
        """
        Take out the closest contact that is credible.

        :param bound: the distance from which on nobody is asked
        :param creditReduction: how much credit nobody has
        :param isWaitedFor: whether answers are under way that may earn somebody credit: then
            nobody passes a closer one that lacks it
        """
        return self._take(self._nearest, bound, creditReduction, isWaitedFor)

    def outer(self, bound: int, creditReduction: int, isWaitedFor: bool) -> Waiting | None:
        """The same, of those outside of the crowd, once the target is besieged."""
        assert self._outer is not None
        return self._take(self._outer, bound, creditReduction, isWaitedFor)

    def namedBy(self, compact: bytes) -> list[Candidate]:
        """Who has named a contact that isn't asked yet; nobody when the node knew it by itself."""
        namedBy = self._named[compact]
        return namedBy if isinstance(namedBy, list) else []

    def _take(
        self, line: list[Waiting], bound: int, creditReduction: int, isWaitedFor: bool
    ) -> Waiting | None:
        self.isHeldBack = False
        while line and line[0][0] < bound:
            waiting = line[0]
            if isWaitedFor and self._doubtful and self._doubtful[0][0] < waiting[0]:
                self.isHeldBack = True
                return None
            heappop(line)
            namedBy = self.namedBy(waiting[1])
            if namedBy and all(name.credit <= creditReduction for name in namedBy):
                heappush(self._doubtful, waiting)
                continue
            return waiting
        return None

    # What changes it.

    @property
    def isEclipseSuspected(self) -> bool:
        """Whether those outside of the crowd form a line of their own."""
        return self._outer is not None

    def suspectEclipse(self) -> None:
        """Part those outside of the crowd from those in it."""
        line, self._nearest, self._outer = self._nearest, [], []
        for waiting in line:
            self.requeue(waiting)

    def reconsider(self) -> None:
        """Let those that stepped aside come back: somebody may have earned credit."""
        for waiting in self._doubtful:
            self.requeue(waiting)
        self._doubtful.clear()

    def trustAll(self) -> None:
        """Give credit once more to who named those that stepped aside, and let these come back."""
        for _, compact in self._doubtful:
            for name in self.namedBy(compact):
                name.credit = max(name.credit, CREDIT)
        self.reconsider()

    def _lineUp(self, compact: bytes) -> None:
        distance = int.from_bytes(compact[:ID_BYTES], "big") ^ self._wanted
        heappush(self._lineOf(distance), (distance, compact))

    def _lineOf(self, distance: int) -> list[Waiting]:
        outer = self._outer
        return self._nearest if outer is None or distance < self._crowdDistance else outer


def _addReferrer(namedBy: list[Candidate], source: Candidate) -> None:
    """Remember who named a candidate; those without credit make room."""
    if len(namedBy) < MAXIMUM_REFERRERS:
        namedBy.append(source)
        return
    for place, name in enumerate(namedBy):
        if name.credit <= 0:
            namedBy[place] = source
            return
