"""
Searches that ask a fixed list of nodes, for example the nodes that an update is committed to.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from ..wire import Address, ResponseMessage
from .bounds import LOOKUP_WINDOW
from .candidate import Candidate, State


class AskEach:
    """
    Asks each of a list of candidates once; a `Search`.

    The number of candidates is not limited, because the caller chose them.

    :param candidates: the candidates
    """

    def __init__(self, candidates: Iterable[Candidate] = ()) -> None:
        self._waiting = deque(candidates)
        self._inFlight: set[Candidate] = set()
        self._answered: list[Candidate] = []
        self._addresses: set[Address] = set()
        self._isComplete = True

    def expect(self) -> None:
        """Note that more addresses follow.  The search is not over before `complete` is called."""
        self._isComplete = False

    def addAddresses(self, addresses: Iterable[Address]) -> None:
        """Add addresses to ask.  An address that was added before is ignored."""
        for address in addresses:
            if address not in self._addresses:
                self._addresses.add(address)
                self._waiting.append(Candidate(address, None, 0))

    def complete(self) -> None:
        """Note that no more addresses follow."""
        self._isComplete = True

    def next(self) -> Candidate | None:
        """See `Search.next`."""
        if not self._waiting or len(self._inFlight) >= LOOKUP_WINDOW:
            return None
        candidate = self._waiting.popleft()
        candidate.state = State.ASKED
        self._inFlight.add(candidate)
        return candidate

    def late(self, candidate: Candidate, transmissions: int) -> None:
        """See `Search.late`.  The candidate is not given up."""

    def punched(self, candidate: Candidate) -> None:
        """See `Search.punched`."""

    def askedAgain(self, candidate: Candidate) -> None:
        """See `Search.askedAgain`."""

    def answered(self, candidate: Candidate, message: ResponseMessage) -> bool:
        """See `Search.answered`.  Each answer is a result, even one of an ephemeral node."""
        self._inFlight.discard(candidate)
        candidate.state = State.ANSWERED
        candidate.id = message.id
        candidate.token = message.token
        self._answered.append(candidate)
        return True

    def failed(self, candidate: Candidate) -> None:
        """See `Search.failed`."""
        self._inFlight.discard(candidate)
        candidate.state = State.FAILED

    @property
    def isOver(self) -> bool:
        """See `Search.isOver`."""
        return self._isComplete and not self._waiting and not self._inFlight

    def closest(self) -> list[Candidate]:
        """See `Search.closest`."""
        return self._answered


class Commit(AskEach):
    """
    A `Search` that sends an update to each node that gave a round-trip token.

    The update carries the token of its receiver.  The token in the answer tells the result:

    ==============  ================================================================
    the same token  the node has taken the update
    another token   ours was too old; the update is sent once more with the new one
    no token        the node has not taken the update
    ==============  ================================================================

    :param candidates: the nodes that answered the query; those without a token are left out
    """

    def __init__(self, candidates: Iterable[Candidate]) -> None:
        super().__init__(candidate for candidate in candidates if candidate.token is not None)
        self._retried: set[Candidate] = set()

    def answered(self, candidate: Candidate, message: ResponseMessage) -> bool:
        """See `Search.answered`.  An answer is a result if the node has taken the update."""
        token = message.token
        isTaken = token is not None and token == candidate.token
        if token is not None and not isTaken and candidate not in self._retried:
            self._retried.add(candidate)
            self._inFlight.discard(candidate)
            candidate.token = token
            self._waiting.append(candidate)
            return False
        super().answered(candidate, message)
        return isTaken
