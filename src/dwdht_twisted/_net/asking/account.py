"""
The account of one question: what it has sent and got, for its stream, its node and its watchers.
"""

from __future__ import annotations

from typing import Any

from ..._core.lookup import Candidate, Search
from ..._core.statistics import Measurements
from ..._core.wire import Address, Contact, HostPort, ResponseMessage, splitContacts
from ..._observation import LookupStep
from ...errors import DHTError
from ..question import Question
from ..watching import LookupWatchers


class Account:
    """
    Counts the requests and answers of one question.

    :param question: the question
    :param watchers: are told each step
    :param measurements: take the length and the time of a lookup when it ends
    :ivar question: see above
    :ivar number: the number of the question
    :ivar requests: the number of requests that were sent to other nodes
    :ivar responses: the number of answers
    :ivar errors: the number of nodes that failed to answer, or refused an update
    :ivar commits: the number of nodes that have taken an update
    """

    __slots__ = (
        "_hops",
        "_isLookup",
        "_measurements",
        "_startedAt",
        "_watchers",
        "commits",
        "errors",
        "number",
        "question",
        "requests",
        "responses",
    )

    def __init__(
        self, question: Question, watchers: LookupWatchers, measurements: Measurements
    ) -> None:
        self.question = question
        self.number = watchers.number()
        self.requests = 0
        self.responses = 0
        self.errors = 0
        self.commits = 0
        self._watchers = watchers
        self._measurements = measurements
        self._startedAt: float | None = None
        self._isLookup = False
        self._hops = 0

    def started(self, *, isLookup: bool) -> None:
        """
        Note the start.

        :param isLookup: whether the question looks for the closest nodes, so that it is measured
        """
        self._startedAt = self._watchers.seconds()
        self._isLookup = isLookup
        if self._watchers:
            self._tell("started")

    def asked(self, candidate: Candidate, *, isUpdate: bool) -> None:
        """Note a request to a candidate."""
        self.requests += 1
        if self._watchers:
            referrer = _contactOf(candidate.namedBy[0]) if candidate.namedBy else None
            self._tellOf("asked", candidate, isUpdate, referrer=referrer)

    def answered(
        self,
        candidate: Candidate,
        message: ResponseMessage,
        address: HostPort,
        *,
        isUpdate: bool,
    ) -> None:
        """
        Note an answer.

        :param address: the address from which it came
        """
        self.responses += 1
        hops = candidate.hops
        if hops > self._hops:
            self._hops = hops
        if self._watchers:
            self._tell(
                "answered",
                isUpdate=isUpdate,
                node=Contact(message.id, *address),
                hops=hops,
                named=len(splitContacts(message.nodes or b"")),
                size=None if message.value is None else len(message.value),
            )

    def late(self, candidate: Candidate, *, isUpdate: bool) -> None:
        """Note that an answer has not come in time."""
        if self._watchers:
            self._tellOf("late", candidate, isUpdate)

    def punched(self, candidate: Candidate, referrer: Address) -> None:
        """Note that a referrer was asked to relay a ping to a candidate."""
        if self._watchers:
            self._tellOf("punched", candidate, False, referrer=Contact(None, *referrer))

    def failed(self, candidate: Candidate, *, isUpdate: bool) -> None:
        """Note that a candidate has not answered after all retries, or can't be asked."""
        self.errors += 1
        if self._watchers:
            self._tellOf("failed", candidate, isUpdate)

    def ended(self, reason: DHTError | str | None, search: Search | None) -> None:
        """
        Note the end.  A question ends once; later calls do nothing.

        :param reason: why it has ended without success, or None
        :param search: the search that was running, or None
        """
        startedAt, self._startedAt = self._startedAt, None
        if startedAt is None:
            return
        if self._isLookup and self.requests:
            measurements = self._measurements
            measurements.lookupTimes.add(self._watchers.seconds() - startedAt)
            measurements.lookupRequests.add(self.requests)
            measurements.lookupHops.add(self._hops)
        if self._watchers:
            found = () if search is None else tuple(map(_contactOf, search.closest()))
            self._tell("ended", reason="" if reason is None else str(reason), found=found)

    def _tellOf(
        self, kind: str, candidate: Candidate, isUpdate: bool, referrer: Contact | None = None
    ) -> None:
        self._tell(
            kind,
            isUpdate=isUpdate,
            node=_contactOf(candidate),
            hops=candidate.hops,
            referrer=referrer,
        )

    def _tell(self, kind: str, **details: Any) -> None:
        question, watchers = self.question, self._watchers
        watchers.tell(
            LookupStep(
                self.number,
                kind,
                watchers.seconds(),
                question.command,
                question.target,
                **details,
            )
        )


def _contactOf(candidate: Candidate) -> Contact:
    return Contact(candidate.id, *candidate.address)
