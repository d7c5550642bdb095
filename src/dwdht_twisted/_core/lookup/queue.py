"""
The known contacts that a lookup has not asked yet.

The queue has no size limit, so one answer can't push out contacts of others.  Closer contacts come
first, and the others stay behind them.

The nodes that named a contact are its *referrers*.  A contact is set aside while its referrers have
no credit.  The contact is put back whenever an answer arrives, because the answer may have earned
its referrers credit.

While an eclipse of the target is suspected (see `Lookup`), the contacts outside of the crowd have a
queue of their own.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TypeAlias

from ..wire import ID_BYTES, splitContacts
from .bounds import MAXIMUM_REFERRERS
from .candidate import CREDIT, Candidate

#: A queued contact: the distance of its id from the target, and its compact form.  If the contact
#: is the searcher itself, its id stands in place of the compact form.
Waiting: TypeAlias = tuple[int, bytes]


class CandidateQueue:
    """
    A priority queue of contacts to ask, closest to the target first.

    :param wanted: the target, as a big-endian number
    :param crowdDistance: the distance below which chance does not put k nodes
    :ivar isHeldBack: whether the last `takeNearest` or `takeOuter` returned None to wait for
        credit.  Then a closer contact is set aside, and answers in flight may earn its referrers
        credit.
    """

    __slots__ = (
        "_crowdDistance",
        "_named",
        "_nearest",
        "_outer",
        "_silent",
        "_uncredited",
        "_wanted",
        "isHeldBack",
    )

    def __init__(self, wanted: int, crowdDistance: int) -> None:
        self._wanted = wanted
        self._crowdDistance = crowdDistance
        # All known contacts.  The value of a contact is the list of its referrers, or None if the
        # searcher knew it by itself.  Once the contact was asked, the value is the candidate.
        self._named: dict[bytes, list[Candidate] | Candidate | None] = {}
        self._nearest: list[Waiting] = []
        self._outer: list[Waiting] | None = None
        self._uncredited: list[Waiting] = []
        # The contacts whose addresses were silent lately; True while a contact is set aside.
        self._silent: dict[Waiting, bool] = {}
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
        :param most: the most contacts to take, from the start of the answer
        """
        # Twenty contacts of each answer pass here, most of them known ones.
        named = self._named
        namedByOf = named.get
        for compact in splitContacts(compacts, most):
            namedBy = namedByOf(compact)
            if isinstance(namedBy, Candidate):
                # The contact was asked already, so its answer earns this source no credit.  But
                # the source may relay a hole punch to the contact.
                namedBy.untriedReferrers.append(source)
            elif namedBy is not None:
                if len(namedBy) < MAXIMUM_REFERRERS:
                    namedBy.append(source)
                else:
                    _replaceReferrer(namedBy, source)
            elif compact not in named:
                named[compact] = [source]
                self._push(compact)

    def requeue(self, waiting: Waiting) -> None:
        """Put back a contact that was taken out but not asked."""
        heappush(self._queueOf(waiting[0]), waiting)

    def setAsideSilent(self, waiting: Waiting) -> bool:
        """
        Set aside a contact that was taken out, because its address was silent lately.

        :return: False when that was done before, so that the contact is to be asked now
        """
        isFirst = waiting not in self._silent
        self._silent[waiting] = isFirst
        return isFirst

    @property
    def hasSilent(self) -> bool:
        """Whether contacts are set aside because their addresses were silent lately."""
        return any(self._silent.values())

    def requeueSilent(self) -> None:
        """Put back all contacts that `setAsideSilent` has set aside."""
        for waiting, isAside in self._silent.items():
            if isAside:
                self._silent[waiting] = False
                self.requeue(waiting)

    def leaveOthers(self, ownId: bytes) -> None:
        """Drop all contacts that were not asked yet, except the searcher itself."""
        waiting = [each for each in self._nearest + (self._outer or []) if each[1] == ownId]
        self._nearest, self._outer = waiting, None
        self._uncredited.clear()
        self._silent.clear()

    def forget(self, compact: bytes) -> None:
        """Drop a contact and its referrers.  If another node names it, it is queued anew."""
        del self._named[compact]

    def markAsked(self, compact: bytes, candidate: Candidate) -> None:
        """Note that a contact is asked."""
        self._named[compact] = candidate

    # Taking.

    def takeNearest(self, bound: int, creditReduction: int, isWaitedFor: bool) -> Waiting | None:
        """
        Take out the closest contact that may be asked.

        A contact may be asked if one of its referrers has credit, or if the searcher knew it by
        itself.

        :param bound: a distance.  Only contacts closer than this distance are taken.
        :param creditReduction: a referrer with this credit or less counts as one without credit
        :param isWaitedFor: whether answers in flight may earn credit.  If so, no contact is taken
            while a closer one is set aside for lack of credit.
        """
        return self._take(self._nearest, bound, creditReduction, isWaitedFor)

    def takeOuter(self, bound: int, creditReduction: int, isWaitedFor: bool) -> Waiting | None:
        """Like `takeNearest`, for contacts outside of the crowd.  An eclipse must be suspected."""
        assert self._outer is not None
        return self._take(self._outer, bound, creditReduction, isWaitedFor)

    def distanceOf(self, id: bytes) -> int:
        """The distance of an id from the target."""
        return int.from_bytes(id, "big") ^ self._wanted

    def isKnown(self, compact: bytes) -> bool:
        """Whether the searcher knows a contact, by itself or because a node named it."""
        return compact in self._named

    def namedBy(self, compact: bytes) -> list[Candidate]:
        """The referrers of a contact that was not asked yet; empty if the searcher knew it."""
        namedBy = self._named.get(compact)
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
        """Put back all contacts that were set aside.  Their referrers may have credit now."""
        for waiting in self._uncredited:
            self.requeue(waiting)
        self._uncredited.clear()

    def trustAll(self) -> None:
        """Put back all contacts that were set aside, and give new credit to their referrers."""
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


def _replaceReferrer(namedBy: list[Candidate], source: Candidate) -> None:
    """Put a referrer into a full list, in place of one without credit, if there is any."""
    for place, node in enumerate(namedBy):
        if node.credit <= 0:
            namedBy[place] = source
            return
