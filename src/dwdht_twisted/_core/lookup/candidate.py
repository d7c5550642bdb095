"""
Candidates: nodes that a search may ask.
"""

from __future__ import annotations

from enum import Enum

from ..wire import Address

#: Requests that a search sends to candidates of one node's naming before any of them has answered.
#: Larger: a liar draws more requests to dead addresses.  Smaller: an honest node that names a few
#: dead ones is not asked further.
CREDIT = 3


#: The address of the candidate that is the searcher itself.  Nothing is sent to it.
LOCAL = Address("0.0.0.0", 0)


class State(Enum):
    """The states of a candidate, in the order in which it may pass through them."""

    NAMED = "named"
    ASKED = "asked"
    LATE = "late"
    ANSWERED = "answered"
    FAILED = "failed"


class Candidate:
    """
    A node that a search may ask.

    :ivar address: its address
    :ivar id: 32 bytes: the id that it was named with, then the one that it answered with; None
        while it is unknown
    :ivar distance: the distance of its id from the target
    :ivar state: its `State`
    :ivar token: the round-trip token that it gave, or None
    :ivar namedBy: the candidates that named it; empty when the searcher knew it by itself
    :ivar namedLast: the address of the latest node that named it after it was asked, or None
    :ivar credit: the number of requests that its word is still worth
    :ivar isRight: whether a candidate that it named has answered under the id that it was named
        with
    :ivar silences: the number of candidates that it named and that were late
    :ivar wasSilent: whether its address had not answered shortly before it was asked
    :ivar isExtra: whether it is returned beside the k closest, not among them.  There are four
        reasons: its public host was asked before; its id is implausibly close to the target;
        another node answered under its id first; or the candidates that it named were late and none
        of them answered.
    """

    __slots__ = (
        "address",
        "credit",
        "distance",
        "id",
        "isExtra",
        "isRight",
        "namedBy",
        "namedLast",
        "silences",
        "state",
        "token",
        "wasSilent",
    )

    def __init__(self, address: Address, id: bytes | None, distance: int) -> None:
        self.address = address
        self.id = id
        self.distance = distance
        self.state = State.NAMED
        self.token: bytes | None = None
        self.namedBy: list[Candidate] = []
        self.namedLast: Address | None = None
        self.credit = CREDIT
        self.isExtra = False
        self.isRight = False
        self.silences = 0
        self.wasSilent = False

    @property
    def isLocal(self) -> bool:
        """Whether it is the searcher itself."""
        return self.address is LOCAL

    def referrer(self, transmissions: int) -> Address | None:
        """
        The node to relay a hole punch.

        After the first transmission it is the first node that named the candidate.  After the
        second it is the last one that did, if it is another node, because a liar may have answered
        fastest.  After that it is None.

        :param transmissions: the number of transmissions without an answer
        """
        first = self.namedBy[0].address if self.namedBy else None
        if transmissions == 1:
            return first
        if transmissions > 2:
            return None
        last = self.namedLast or (self.namedBy[-1].address if self.namedBy else None)
        return None if last == first else last
