"""
The contacts that a lookup has heard of and not asked yet.

The queue has no bound that one answer could fill: a closer contact comes first, and the others stay
behind it.  A contact that only nodes without credit have named is set aside until an answer arrives
that may have earned them credit.  While an eclipse of the target is suspected (see `Lookup`), the
contacts outside of the crowd have a queue of their own.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TypeAlias

from ..limits.bounds import MAXIMUM_REFERRERS
from ..wire import ID_BYTES, splitContacts
from .candidate import CREDIT, Candidate

#: A queued contact: the distance of its id from the target, and its compact form.  The searcher
#: itself is queued by its id alone.
Waiting: TypeAlias = tuple[int, bytes]


class CandidateQueue:
    """
    A priority queue of contacts to ask, closest to the target first.

    :param wanted: the target, as a big-endian number
    :param crowdDistance: the distance below which a crowd of chosen ids may stand
    :ivar isHeldBack: whether the last `takeNearest` or `takeOuter` returned None because answers
        under way may earn credit for a closer contact
    """

    __slots__ = (
        "_crowdDistance",
        "_named",
        "_nearest",
        "_outer",
        "_uncredited",
        "_wanted",
        "isHeldBack",
    )

    def __init__(self, wanted: int, crowdDistance: int) -> None:
        self._wanted = wanted
        self._crowdDistance = crowdDistance
        # Each contact that was named.  Its value is the list of nodes that named it, None when the
        # searcher knew it by itself, or the candidate once it is asked.
        self._named: dict[bytes, list[Candidate] | Candidate | None] = {}
        self._nearest: list[Waiting] = []
        self._outer: list[Waiting] | None = None
        self._uncredited: list[Waiting] = []
        self.isHeldBack = False

    # Adding.

    def add(self, compacts: bytes) -> None:
        """Add compact contacts that the searcher knows by itself."""
        named = self._named
        for compact in splitContacts(compacts):
            if compact not in named:
                named[compact] = None
                self._push(compact)

    def addLocal(self, id: bytes) -> None:
        """Add the searcher itself, by its id, 32 bytes."""
        self._named[id] = None
        self._push(id)

    def addNamed(self, compacts: bytes, source: Candidate, most: int) -> None:
        """
        Add the contacts of an answer.

        :param source: the candidate that answered
        :param most: the number of contacts that count, from the first on
        """
        named = self._named
        for compact in splitContacts(compacts, most):
            if compact in named:
                namedBy = named[compact]
                if isinstance(namedBy, list):
                    _addReferrer(namedBy, source)
                elif namedBy is not None:
                    # The contact was asked already, so its answer earns this source nothing.  But
                    # the source may relay a hole punch to it.
                    namedBy.namedLast = source.address
            else:
                named[compact] = [source]
                self._push(compact)

    def requeue(self, waiting: Waiting) -> None:
        """Put a contact back that was taken out and not asked."""
        heappush(self._queueOf(waiting[0]), waiting)

    def forget(self, compact: bytes) -> None:
        """Drop a contact that can't be asked on the word of those who named it; others may yet."""
        del self._named[compact]

    def markAsked(self, compact: bytes, candidate: Candidate) -> None:
        """Note that a contact is asked."""
        self._named[compact] = candidate

    # Taking.

    def takeNearest(self, bound: int, creditReduction: int, isWaitedFor: bool) -> Waiting | None:
        """
        Take out the closest contact that a node with credit has named.

        :param bound: the distance from which on no contact is taken
        :param creditReduction: the credit that counts as none
        :param isWaitedFor: whether answers are under way that may earn credit.  Then no contact is
            taken while a closer one is set aside for lack of credit.
        """
        return self._take(self._nearest, bound, creditReduction, isWaitedFor)

    def takeOuter(self, bound: int, creditReduction: int, isWaitedFor: bool) -> Waiting | None:
        """`takeNearest` among the contacts outside of the crowd, while an eclipse is suspected."""
        assert self._outer is not None
        return self._take(self._outer, bound, creditReduction, isWaitedFor)

    def namedBy(self, compact: bytes) -> list[Candidate]:
        """The nodes that named a contact that is not asked yet; none if the searcher knew it."""
        namedBy = self._named[compact]
        return namedBy if isinstance(namedBy, list) else []

    def _take(
        self, queue: list[Waiting], bound: int, creditReduction: int, isWaitedFor: bool
    ) -> Waiting | None:
        self.isHeldBack = False
        while queue and queue[0][0] < bound:
            waiting = queue[0]
            if isWaitedFor and self._uncredited and self._uncredited[0][0] < waiting[0]:
                self.isHeldBack = True
                return None
            heappop(queue)
            namedBy = self.namedBy(waiting[1])
            if namedBy and all(node.credit <= creditReduction for node in namedBy):
                heappush(self._uncredited, waiting)
                continue
            return waiting
        return None

    # Credit and eclipse.

    @property
    def isEclipseSuspected(self) -> bool:
        """Whether the contacts outside of the crowd have a queue of their own."""
        return self._outer is not None

    def suspectEclipse(self) -> None:
        """Give the contacts outside of the crowd a queue of their own."""
        waiting, self._nearest, self._outer = self._nearest, [], []
        for each in waiting:
            self.requeue(each)

    def reconsider(self) -> None:
        """Put the contacts back that were set aside: a node that named them may have credit now."""
        for waiting in self._uncredited:
            self.requeue(waiting)
        self._uncredited.clear()

    def trustAll(self) -> None:
        """Give credit once more to all who named contacts that were set aside, and reconsider."""
        for _, compact in self._uncredited:
            for node in self.namedBy(compact):
                node.credit = max(node.credit, CREDIT)
        self.reconsider()

    def _push(self, compact: bytes) -> None:
        distance = int.from_bytes(compact[:ID_BYTES], "big") ^ self._wanted
        heappush(self._queueOf(distance), (distance, compact))

    def _queueOf(self, distance: int) -> list[Waiting]:
        outer = self._outer
        return self._nearest if outer is None or distance < self._crowdDistance else outer


def _addReferrer(namedBy: list[Candidate], source: Candidate) -> None:
    """Remember one more node that named a candidate; it replaces one without credit when full."""
    if len(namedBy) < MAXIMUM_REFERRERS:
        namedBy.append(source)
        return
    for place, node in enumerate(namedBy):
        if node.credit <= 0:
            namedBy[place] = source
            return
