"""
Candidates: nodes that a search may ask.
"""

from __future__ import annotations

from enum import Enum

from ..wire import Address

#: The requests that a search sends to the candidates of one referrer before any of them has
#: answered.  Larger: a liar causes more requests to dead addresses.  Smaller: the candidates of an
#: honest referrer are set aside after a few dead ones.
CREDIT = 3


#: The most hops that are counted.  Candidates that have answered under false ids may seem to have
#: named each other.  A lookup among a million honest nodes takes four hops.
MAXIMUM_HOPS = 16


#: The address of the candidate that stands for the searcher itself.  No datagram is sent to it.
LOCAL = Address("0.0.0.0", 0)


class State(Enum):
    """The states of a candidate, in order.  A candidate may skip states."""

    NAMED = "named"
    ASKED = "asked"
    LATE = "late"
    ANSWERED = "answered"
    FAILED = "failed"


class Candidate:
    """
    A node that a search may ask.

    :ivar address: the address of the node
    :ivar id: the id that the node was named with, 32 bytes; after its answer, the id in the answer;
        None while no id is known
    :ivar distance: the distance of the id from the target
    :ivar state: the `State` of its request
    :ivar token: the round-trip token in its answer, or None
    :ivar namedBy: the candidates that named this one; empty when the searcher knew it by itself
    :ivar untriedReferrers: the candidates that named this one, before or after it was asked, and
        were not asked to relay a hole punch
    :ivar credit: the number of requests that may still be sent to candidates that this one named
    :ivar isRight: whether a candidate that this one named has answered under the named id
    :ivar silences: the number of late candidates among those that this one named
    :ivar wasSilent: whether its address was remembered as silent when it was asked
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
        "silences",
        "state",
        "token",
        "untriedReferrers",
        "wasSilent",
    )

    def __init__(self, address: Address, id: bytes | None, distance: int) -> None:
        self.address = address
        self.id = id
        self.distance = distance
        self.state = State.NAMED
        self.token: bytes | None = None
        self.namedBy: list[Candidate] = []
        self.untriedReferrers: list[Candidate] = []
        self.credit = CREDIT
        self.isExtra = False
        self.isRight = False
        self.silences = 0
        self.wasSilent = False

    @property
    def isLocal(self) -> bool:
        """Whether the candidate is the searcher itself."""
        return self.address is LOCAL

    @property
    def hops(self) -> int:
        """
        The number of candidates on the way to this one: the first that named it, the first that
        named that one, and so on.  It is 0 if the searcher knew it by itself.
        """
        hops, candidate = 0, self
        while candidate.namedBy and hops < MAXIMUM_HOPS:
            hops += 1
            candidate = candidate.namedBy[0]
        return hops

    def takeReferrer(self, transmissions: int) -> Address | None:
        """
        The address of the node that is asked to relay a hole punch to this candidate.

        The nodes that named the candidate are asked in the order of their distance from it: one
        after the first transmission, and another one after the second.  A node behind a NAT keeps
        paths open to its neighbours, and others can't relay a ping to it.

        :param transmissions: the number of transmissions without an answer
        :return: None after further transmissions, and if all nodes that named it were asked
        """
        if transmissions > 2 or not self.untriedReferrers:
            return None
        closest = min(self.untriedReferrers, key=lambda node: node.distance ^ self.distance)
        self.untriedReferrers = [node for node in self.untriedReferrers if node is not closest]
        return closest.address
