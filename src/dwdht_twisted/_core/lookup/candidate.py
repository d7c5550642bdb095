"""
A node that may be asked, and what the ways of asking have in common.

There are three: `Lookup` finds the nodes
closest to a target, `AskEach` asks a fixed list
of them, and `Commit` sends an update to those
that were found.  All are driven in the same way, by `QueryStream`.

Pure: no time, no randomness, no IO.
"""

from __future__ import annotations

from enum import Enum

from ..wire import Address

#: How many candidates are asked on the word of one node before any of them has answered.
CREDIT = 3


class State(Enum):
    """What has become of a candidate."""

    NAMED = "named"
    ASKED = "asked"
    LATE = "late"
    ANSWERED = "answered"
    FAILED = "failed"


class Candidate:
    """
    A node that may be asked.

    :ivar address: where it is
    :ivar id: 32 bytes: what it was named with, then what it answered with; None when unknown
    :ivar distance: how far its id is from the target
    :ivar state: what has become of it
    :ivar token: the round-trip token that it gave
    :ivar namedBy: the candidates that named it; none when the node knew it by itself
    :ivar namedLast: where the last of those is that have named it since it was asked, if any
    :ivar credit: how many more candidates are asked on its word
    :ivar isRight: whether one that it named has answered, under the id that it was named with
    :ivar silences: how many of those that it named were late
    :ivar wasSilent: whether its address has not answered lately
    :ivar isExtra: whether it takes no place of the k closest: another node of its public host was
        asked before, or it stands too close to the target, or all that it was believed is silence
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

    def referrer(self, transmissions: int) -> Address | None:
        """
        Who can relay a ping to it: the first that named it, and when that was in vain the last that
        did, for a liar may have been quick.

        :param transmissions: after how many there was no answer
        """
        first = self.namedBy[0].address if self.namedBy else None
        if transmissions == 1:
            return first
        if transmissions > 2:
            return None
        last = self.namedLast or (self.namedBy[-1].address if self.namedBy else None)
        return None if last == first else last
