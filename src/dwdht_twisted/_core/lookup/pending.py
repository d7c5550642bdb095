"""
The requests of a lookup that wait for an answer, and how close it will have come once it is there.

Pure: no time, no randomness, no IO.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

from ..wire import ID_BITS
from .candidate import Candidate, State


class PendingRequests:
    """
    The candidates that were asked and have neither answered nor failed.

    A late one goes on being asked, but nothing is hoped for from it any more.
    """

    __slots__ = ("_expected", "_late", "_transmissions")

    def __init__(self) -> None:
        self._transmissions: dict[Candidate, int] = {}
        self._late = 0
        # The distances of all that take a place and have answered or soon will, closest first.
        self._expected: list[int] = []

    def __len__(self) -> int:
        """How many there are, late ones as well."""
        return len(self._transmissions)

    def __iter__(self) -> Iterator[tuple[Candidate, int]]:
        """Each with how often its request was sent."""
        return iter(self._transmissions.items())

    @property
    def onTime(self) -> int:
        """How many are not late."""
        return len(self._transmissions) - self._late

    # What happens to a candidate.

    def asked(self, candidate: Candidate) -> None:
        """It is asked, for the first time or on another path."""
        self.ended(candidate)
        candidate.state = State.ASKED
        self._transmissions[candidate] = 1
        self.addExpected(candidate)

    def late(self, candidate: Candidate) -> bool:
        """
        Its answer is late.

        :return: whether it wasn't before
        """
        if candidate.state is not State.ASKED:
            return False
        candidate.state = State.LATE
        self._late += 1
        self.removeExpected(candidate)
        return True

    def askedAgain(self, candidate: Candidate, transmissions: int) -> None:
        """Its request is sent once more, for so many times now."""
        self._transmissions[candidate] = transmissions

    def ended(self, candidate: Candidate) -> None:
        """Its request has ended."""
        if self._transmissions.pop(candidate, None) is None:
            return
        if candidate.state is State.LATE:
            self._late -= 1
        else:
            self.removeExpected(candidate)

    # What is hoped for.

    def addExpected(self, candidate: Candidate) -> None:
        """It has answered, or soon will: if it takes a place, others needn't."""
        if not candidate.isExtra:
            insort(self._expected, candidate.distance)

    def removeExpected(self, candidate: Candidate) -> None:
        """It takes no place, or nobody knows."""
        if not candidate.isExtra:
            self._forget(candidate.distance)

    def lost(self, candidate: Candidate) -> None:
        """It has answered, and has lost its place since."""
        self._forget(candidate.distance)

    def bound(self, places: int, within: int = 0) -> int:
        """
        How close somebody has to be to be among so many.

        :param within: don't count those that are closer to the target than this
        """
        last = places - 1 + (bisect_left(self._expected, within) if within else 0)
        return self._expected[last] if last < len(self._expected) else 1 << ID_BITS

    def _forget(self, distance: int) -> None:
        del self._expected[bisect_left(self._expected, distance)]
