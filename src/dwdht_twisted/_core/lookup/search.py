"""
The interface of all searches.

There are three: `Lookup` finds the nodes closest to a target, `AskEach` asks a fixed list of nodes,
and `Commit` sends an update to the nodes that a lookup found.  The query stream of the layer above
drives each of them in the same way.
"""

from __future__ import annotations

from typing import Protocol

from ..wire import ResponseMessage
from .candidate import Candidate


class Search(Protocol):
    """Tells which candidate to ask next, and learns from its answer or silence."""

    def next(self) -> Candidate | None:
        """
        The candidate to ask now, or None if no candidate is left or enough requests are in flight.

        The candidate's request counts as in flight until `answered` or `failed` is called.
        """

    def late(self, candidate: Candidate, transmissions: int) -> None:
        """
        Note that an answer is late.

        The caller then sends the request again.  If the search has set the state of the candidate
        to ``FAILED``, the caller cancels the request instead.

        :param transmissions: the number of transmissions so far
        """

    def punched(self, candidate: Candidate) -> None:
        """Note that a referrer was asked to relay a ping to the candidate."""

    def askedAgain(self, candidate: Candidate) -> None:
        """Note that the request starts over, on a path that a hole punch has opened."""

    def answered(self, candidate: Candidate, message: ResponseMessage) -> bool:
        """
        Note an answer.

        :return: whether the answer is a result of the search
        """

    def failed(self, candidate: Candidate) -> None:
        """Note that a candidate has not answered after all retries."""

    @property
    def isOver(self) -> bool:
        """
        Whether no candidate is left to ask, and no answer is waited for.

        The value is valid only after `next` has returned None.
        """

    def closest(self) -> list[Candidate]:
        """The nodes to commit an update to, closest to the target first."""
