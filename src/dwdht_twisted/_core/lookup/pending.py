"""
The requests of a lookup without an answer yet, and the distances that the lookup may reach.
"""

from __future__ import annotations

from bisect import bisect_left, insort

from ..wire import ID_BITS
from .bounds import LOOKUP_WINDOW
from .candidate import Candidate, State

#: The most requests in flight before the first answer.  The first candidates are the farthest, so
#: asking `LOOKUP_WINDOW` of them at once would waste requests.
FIRST_WINDOW = 5

#: The number of requests by which each answer enlarges the window, up to `LOOKUP_WINDOW`.
WINDOW_FOR_ANSWER = 2

#: Once k nodes have answered, the lookup waits for a closer candidate only until this many
#: transmissions to it are unanswered.  Most nodes that miss more transmissions are gone.
PATIENCE = 2


class PendingRequests:
    """
    The candidates that were asked and have neither answered nor failed.

    A late candidate stays pending, but is no longer expected to be among the k closest.
    """

    __slots__ = ("_expected", "_late", "_transmissions")

    def __init__(self) -> None:
        self._transmissions: dict[Candidate, int] = {}
        self._late = 0
        # The distances of the candidates that have answered or are expected to answer, in ascending
        # order.  Extras are not among them.
        self._expected: list[int] = []

    @property
    def onTime(self) -> int:
        """The number of pending candidates that are not late."""
        return len(self._transmissions) - self._late

    def fills(self, answers: int) -> bool:
        """
        Whether as many requests are in flight as may be.

        :param answers: the number of nodes that have answered
        """
        return self.onTime >= min(LOOKUP_WINDOW, FIRST_WINDOW + WINDOW_FOR_ANSWER * answers)

    def awaitsAny(self, *, hasAnswers: bool) -> bool:
        """
        Whether to wait for an answer while places are free.

        An address that was silent lately is waited for only until a referrer has had the time to
        open a path to it, unless no other node answers.
        """
        return any(
            not hasAnswers or not candidate.wasSilent or transmissions <= PATIENCE
            for candidate, transmissions in self._transmissions.items()
        )

    def awaits(self, bound: int, crowdDistance: int | None = None) -> bool:
        """
        Whether to wait for an answer of a candidate closer than a bound.

        :param crowdDistance: a distance.  Candidates closer than this distance don't count.
        """
        return any(
            transmissions <= PATIENCE
            and candidate.distance < bound
            and (crowdDistance is None or candidate.distance >= crowdDistance)
            for candidate, transmissions in self._transmissions.items()
        )

    # What happens to a request.

    def asked(self, candidate: Candidate) -> None:
        """Note that a candidate is asked, for the first time or on another path."""
        self.ended(candidate)
        candidate.state = State.ASKED
        self._transmissions[candidate] = 1
        self.addExpected(candidate)

    def late(self, candidate: Candidate) -> bool:
        """
        Note that an answer is late.

        :return: True if the answer was not late before
        """
        if candidate.state is not State.ASKED:
            return False
        candidate.state = State.LATE
        self._late += 1
        self.removeExpected(candidate)
        return True

    def bringCloser(self, candidate: Candidate, distance: int) -> None:
        """
        Treat a pending candidate as if it were closer to the target.

        The candidate was also named with another id, and one of the two ids is false.
        """
        if candidate not in self._transmissions or distance >= candidate.distance:
            return
        if candidate.state is State.LATE:
            candidate.distance = distance
            return
        self.removeExpected(candidate)
        candidate.distance = distance
        self.addExpected(candidate)

    def askedAgain(self, candidate: Candidate, transmissions: int) -> None:
        """Note that a request is sent once more, as transmission number ``transmissions``."""
        self._transmissions[candidate] = transmissions

    def ended(self, candidate: Candidate) -> None:
        """Note that a request has ended, if it was pending."""
        if self._transmissions.pop(candidate, None) is None:
            return
        if candidate.state is State.LATE:
            self._late -= 1
        else:
            self.removeExpected(candidate)

    def leaveOthers(self) -> None:
        """End all requests except that to the searcher itself.  They count as failed."""
        for candidate in [each for each in self._transmissions if not each.isLocal]:
            self.ended(candidate)
            candidate.state = State.FAILED

    # How close the lookup gets.

    def addExpected(self, candidate: Candidate) -> None:
        """Count a candidate that has answered or is expected to answer, unless it is an extra."""
        if not candidate.isExtra:
            insort(self._expected, candidate.distance)

    def removeExpected(self, candidate: Candidate) -> None:
        """Stop counting a candidate, unless it is an extra."""
        if not candidate.isExtra:
            self._remove(candidate.distance)

    def displaced(self, candidate: Candidate) -> None:
        """Stop counting a candidate that has answered and has just become an extra."""
        self._remove(candidate.distance)

    def bound(self, places: int, within: int = 0) -> int:
        """
        The distance below which a new candidate would be among the ``places`` closest.

        :param within: a distance.  Candidates closer than this distance don't count.
        """
        last = places - 1 + (bisect_left(self._expected, within) if within else 0)
        return self._expected[last] if last < len(self._expected) else 1 << ID_BITS

    def _remove(self, distance: int) -> None:
        del self._expected[bisect_left(self._expected, distance)]
