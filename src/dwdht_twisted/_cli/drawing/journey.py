"""
The course of one lookup, made from its steps.
"""

from __future__ import annotations

from enum import Enum
from math import log2

from ..._core.wire import ID_BITS, Address, Contact, distance
from ...interfaces import LookupStep


class Outcome(Enum):
    """What became of the request to a node."""

    WAITING = "waiting"
    ANSWERED = "answered"
    LATE = "late"
    SILENT = "silent"


class Visit:
    """
    The request of a lookup to one node.

    :param node: the node, as it was asked
    :param askedAt: when it was asked, in seconds since the start of the lookup
    :param referrer: the visit of the node that named it first; None if the asker knew it before
    :ivar hop: 1 for a node that the asker knew before, and one more than the referrer's otherwise
    :ivar endedAt: when it answered or was given up, in seconds since the start; None until then
    :ivar transmissions: how many times it was asked, as far as its lateness tells
    :ivar named: the number of contacts in its answer
    :ivar size: the bytes of the value in its answer, or None
    :ivar isFound: whether it is among the closest nodes that the lookup found
    """

    def __init__(self, node: Contact, askedAt: float, referrer: Visit | None) -> None:
        self.node = node
        self.askedAt = askedAt
        self.referrer = referrer
        self.hop: int = 1 if referrer is None else referrer.hop + 1
        self.outcome = Outcome.WAITING
        self.endedAt: float | None = None
        self.transmissions = 1
        self.named = 0
        self.size: int | None = None
        self.isFound = False

    @property
    def seconds(self) -> float | None:
        """How long it took until the node answered or was given up; None until then."""
        return None if self.endedAt is None else self.endedAt - self.askedAt


class Journey:
    """
    The course of one lookup.

    :ivar target: 32 bytes
    :ivar visits: the request to each node, in the order of the requests
    :ivar seconds: the time from the start to the last step
    """

    def __init__(self) -> None:
        self.target = bytes(ID_BITS // 8)
        self.seconds = 0.0
        self._startedAt = 0.0
        self._visits: dict[Address, Visit] = {}

    @property
    def visits(self) -> list[Visit]:
        """The request to each node, in the order of the requests."""
        return list(self._visits.values())

    def count(self, outcome: Outcome) -> int:
        """The number of nodes with this outcome."""
        return sum(visit.outcome is outcome for visit in self._visits.values())

    def sharedBits(self, node: Contact) -> int | None:
        """How many leading bits of its id a node shares with the target; None without an id."""
        if node.id is None:
            return None
        return ID_BITS - distance(node.id, self.target).bit_length()

    def closeness(self, node: Contact) -> float | None:
        """
        The bits that a node shares with the target, with a fraction.

        :return: 256 minus the binary logarithm of the distance; None without an id
        """
        if node.id is None:
            return None
        apart = distance(node.id, self.target)
        return ID_BITS - log2(apart) if apart else float(ID_BITS)

    def take(self, step: LookupStep) -> Visit | None:
        """
        Note a step.

        :return: the visit that the step is about, or None
        """
        if step.kind == "started":
            self.target, self._startedAt = step.target, step.time
        self.seconds = step.time - self._startedAt
        for node in step.found:
            found = self._visitOf(node)
            if found is not None:
                found.isFound = True
        if step.node is None:
            return None
        visit = self._visitOf(step.node)
        if visit is None:
            # The node itself is a visit only when its handler has answered.
            referrer = None if step.referrer is None else self._visitOf(step.referrer)
            visit = Visit(step.node, self.seconds, referrer)
            self._visits[step.node.address] = visit
        self._happened(visit, step)
        return visit

    def _happened(self, visit: Visit, step: LookupStep) -> None:
        if step.kind == "answered":
            assert step.node is not None
            visit.outcome = Outcome.ANSWERED
            visit.endedAt, visit.node = self.seconds, step.node
            visit.named, visit.size = step.named, step.size
        elif step.kind == "late":
            visit.transmissions += visit.outcome is Outcome.LATE
            visit.outcome = Outcome.LATE
        elif step.kind == "failed":
            visit.outcome, visit.endedAt = Outcome.SILENT, self.seconds

    def _visitOf(self, node: Contact) -> Visit | None:
        """
        The visit of a node.  After a hole punch, it may have another address than it was asked at.
        """
        visit = self._visits.get(node.address)
        if visit is None and node.id is not None:
            visits = self._visits.values()
            visit = next((each for each in visits if each.node.id == node.id), None)
        return visit
