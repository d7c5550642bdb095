"""
The hole punches of one query.
"""

from __future__ import annotations

from collections.abc import Callable

from ..._core.lookup import Candidate, Search
from ..._core.wire import Address, HostPort, ResponseMessage
from ...errors import DHTError
from ..requests import Callbacks, Caller, OutgoingRequest


class HolePunches:
    """
    Reaches silent candidates through the nodes that named them.

    :param caller: sends the requests
    :param opened: called with a candidate when a path to the candidate has opened.  Before the
        call, the address of the candidate is set to the address on this path.
    :param failed: called with a candidate when all hole punches to the candidate have failed
    """

    def __init__(
        self,
        caller: Caller,
        opened: Callable[[Candidate], None],
        failed: Callable[[Candidate], None],
    ) -> None:
        self._caller = caller
        self._opened = opened
        self._failed = failed
        self._underWay: dict[Candidate, list[OutgoingRequest]] = {}
        # Each candidate is reached by a hole punch at most once.  Otherwise a node that answers
        # pings and never the question would cause hole punches without end.
        self._succeeded: set[Candidate] = set()

    def isUnderWay(self, candidate: Candidate) -> bool:
        """Whether a path to a candidate may still open."""
        return candidate in self._underWay

    def begin(self, search: Search, candidate: Candidate, referrer: Address) -> bool:
        """
        Ask a referrer to relay a ping, unless a hole punch to the candidate succeeded before.

        :param search: is told of each transmission to the referrer
        :return: whether the referrer was asked
        """
        if candidate in self._succeeded:
            return False

        def answered(message: ResponseMessage, address: HostPort) -> None:
            self.cancel(candidate)
            self._succeeded.add(candidate)
            # The peer's NAT may use a port towards this node that the referrer does not know.
            candidate.address = Address(*address)
            self._opened(candidate)

        def failed(reason: DHTError) -> None:
            punches = self._underWay[candidate]
            punches.remove(punch)
            if not punches:
                del self._underWay[candidate]
                self._failed(candidate)

        def late(transmissions: int) -> None:
            search.punched(candidate)

        try:
            punch = self._caller.punch(
                candidate.address, referrer, Callbacks(answered, failed, late), isAsked=True
            )
        except DHTError:
            return False
        self._underWay.setdefault(candidate, []).append(punch)
        search.punched(candidate)
        return True

    def cancel(self, candidate: Candidate) -> None:
        """Cancel the hole punches to a candidate."""
        for punch in self._underWay.pop(candidate, ()):
            self._caller.requests.cancel(punch)

    def clear(self) -> None:
        """Cancel all hole punches, and forget which hole punches succeeded."""
        for candidate in list(self._underWay):
            self.cancel(candidate)
        self._succeeded.clear()
