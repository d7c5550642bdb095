"""
Credit: the number of requests that a lookup still sends to the candidates of one referrer.
"""

from __future__ import annotations

from ..wire import isPublic
from .candidate import CREDIT, Candidate

#: The credit that a referrer gets for each of its candidates that has answered.  A request costs
#: one credit.  So the credit of an honest referrer grows.
CREDIT_FOR_ANSWER = 2

#: When this many candidates are late, every referrer loses one credit.  At twice this number, every
#: referrer loses two credits.  Only named candidates count.  Each named candidate that answers
#: makes up for a late one.
SILENCES_PER_CREDIT = 8


class CreditLedger:
    """
    Rewards the referrers of a candidate when it answers, and blames them when it is late.
    """

    __slots__ = ("_silence",)

    def __init__(self) -> None:
        # The number of named candidates that were late, minus the number of those that answered.
        self._silence = 0

    @property
    def reduction(self) -> int:
        """
        The credit that every referrer has lost because many candidates were late.

        It is 0 to ``CREDIT - 1``.
        """
        return min(CREDIT - 1, max(0, self._silence // SILENCES_PER_CREDIT))

    def reward(self, candidate: Candidate) -> None:
        """Note that a candidate has answered under the id it was named with."""
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
        """Take one credit for a request from the candidate's referrer with the most credit."""
        if candidate.namedBy:
            max(candidate.namedBy, key=_creditOf).credit -= 1


def isVouchedFor(candidate: Candidate) -> bool:
    """
    Whether there is evidence for a candidate.

    Either the searcher knew it by itself, or a referrer of it also named a node that has answered.
    """
    return not candidate.namedBy or any(node.isRight for node in candidate.namedBy)


def isNamedByOthers(candidate: Candidate, namedBy: list[Candidate]) -> bool:
    """
    Whether the searcher knew a candidate by itself, or a node other than the candidate named it.

    The nodes of one public host count as one node.

    :param namedBy: the nodes that named it; empty when the searcher knew it by itself
    """
    host = candidate.address.host
    return not namedBy or any(
        node is not candidate and (node.address.host != host or not isPublic(host))
        for node in namedBy
    )


def _creditOf(candidate: Candidate) -> int:
    return candidate.credit
