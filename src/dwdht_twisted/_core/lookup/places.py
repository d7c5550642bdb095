"""
The place that each answer takes in the results of a lookup.
"""

from __future__ import annotations

from .candidate import Candidate, State
from .credit import isNamedByOthers
from .pending import PendingRequests
from .queue import CandidateQueue
from .results import Results
from .screening import Screening


class Places:
    """
    Gives each answer a place among the k closest, or makes its node an extra.

    An answer under an id that the node was not known with is *misnamed*.  It makes the node an
    extra, because a liar can answer under any id.  When another node names the address with the id
    of the answer, the node takes the place of its id after all.

    :param needsTokens: whether only nodes that give a round-trip token take a place
    """

    __slots__ = ("_needsTokens", "_pending", "_queue", "_results", "_screening")

    def __init__(
        self,
        *,
        queue: CandidateQueue,
        screening: Screening,
        pending: PendingRequests,
        results: Results,
        needsTokens: bool,
    ) -> None:
        self._queue = queue
        self._screening = screening
        self._pending = pending
        self._results = results
        self._needsTokens = needsTokens

    def answered(self, candidate: Candidate, id: bytes, isKnown: bool) -> bool:
        """
        Give an answer its place.

        :param id: the id in the answer
        :param isKnown: whether the candidate was known with this id before the answer
        :return: whether the answer counts
        """
        candidate.id = id
        candidate.distance = self._queue.distanceOf(id)
        if self._needsTokens and candidate.token is None:
            self._results.passOver(candidate)
        elif isKnown:
            self._place(candidate)
        elif self._screening.answeredMisnamed(candidate):
            self._results.addMisnamed(candidate)
        else:
            return False
        return True

    def namedOtherwise(self, asked: Candidate, id: bytes, namedBy: list[Candidate]) -> None:
        """
        Note that an address that was asked under one id is named with another id.

        :param asked: the candidate that was asked at the address
        :param namedBy: the nodes that named the address with the other id
        """
        if namedBy:
            # The node that named the address first may be a liar, which relays no hole punch.
            asked.untriedReferrers += namedBy
        if asked.state is not State.ANSWERED:
            self._pending.bringCloser(asked, self._queue.distanceOf(id))
            return
        isConfirmed = asked.id == id and isNamedByOthers(asked, namedBy)
        if isConfirmed and self._results.takeMisnamed(asked):
            self._place(asked)

    def _place(self, candidate: Candidate) -> None:
        self._screening.answered(candidate)
        self._results.add(candidate)
        self._pending.addExpected(candidate)
        if self._results.isCrowd and not self._queue.isEclipseSuspected:
            self._queue.suspectEclipse()
