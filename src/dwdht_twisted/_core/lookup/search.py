"""
The interface that the ways of asking have in common.

There are three: `Lookup` finds the nodes closest to a target, `AskEach` asks a fixed list of them,
and `Commit` sends an update to those that were found.  All are driven in the same way, by the query
stream of the layer above.
"""

from __future__ import annotations

from typing import Protocol

from ..wire import ResponseMessage
from .candidate import Candidate


class Search(Protocol):
    """Whom to ask, and what has come of it."""

    def next(self) -> Candidate | None:
        """
        Whom to ask now, or None when there is nobody or enough requests are in flight.

        The candidate counts as asked until `answered` or `failed`.
        """

    def late(self, candidate: Candidate, transmissions: int) -> None:
        """
        The answer is late, and the request is sent again, unless the candidate is given up and has
        failed then.

        :param transmissions: how often it was sent
        """

    def punched(self, candidate: Candidate) -> None:
        """A referrer was asked to relay a ping to the candidate."""

    def askedAgain(self, candidate: Candidate) -> None:
        """The request starts over, on a path that a hole punch has opened."""

    def answered(self, candidate: Candidate, message: ResponseMessage) -> bool:
        """
        A candidate has answered.

        :return: whether that is a result
        """

    def failed(self, candidate: Candidate) -> None:
        """A candidate has not answered, after all retries."""

    @property
    def isOver(self) -> bool:
        """Whether nobody is left to ask, nor to wait for; to be asked when `next` gave None."""

    def closest(self) -> list[Candidate]:
        """The nodes that an update is committed to, closest first."""
