"""
Credit: how much a lookup believes the nodes that name others.
"""

from __future__ import annotations

from .candidate import CREDIT, Candidate

#: Candidates that a search asks on a node's word for each of its candidates that has answered.
CREDIT_FOR_ANSWER = 2

#: The excess of late candidates over answers that takes one credit from every node.
SILENCES_PER_CREDIT = 8


class CreditLedger:
    """
    Rewards the nodes that named a candidate that answers, and blames those that named a late one.
    """

    __slots__ = ("_silence",)

    def __init__(self) -> None:
        # Candidates that others named and that were late, less those that have answered.
        self._silence = 0

    @property
    def reduction(self) -> int:
        """
        The credit that every node lacks at its start, because too many named candidates are late.

        It is 0 to ``CREDIT - 1``.
        """
        return min(CREDIT - 1, max(0, self._silence // SILENCES_PER_CREDIT))

    def reward(self, candidate: Candidate) -> None:
        """Note that a candidate has answered under the id that it was named with."""
        for node in candidate.namedBy:
            node.credit += CREDIT_FOR_ANSWER
            node.isRight = True
        self._silence -= bool(candidate.namedBy)

    def blame(self, candidate: Candidate) -> None:
        """Note that a candidate is late."""
        self._silence += bool(candidate.namedBy)
        for node in candidate.namedBy:
            node.silences += 1

    @staticmethod
    def spend(candidate: Candidate) -> None:
        """Charge a request to the node with the most credit among those that named its receiver."""
        if candidate.namedBy:
            max(candidate.namedBy, key=_creditOf).credit -= 1


def isVouchedFor(candidate: Candidate) -> bool:
    """Whether the searcher knew a candidate by itself, or a node that named it has been right."""
    return not candidate.namedBy or any(node.isRight for node in candidate.namedBy)


def _creditOf(candidate: Candidate) -> int:
    return candidate.credit
