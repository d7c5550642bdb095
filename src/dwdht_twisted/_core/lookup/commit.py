"""
Asking a fixed list of nodes: those that a caller names, and those that take an update.

Pure: no time, no randomness, no IO.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from ..limits.bounds import LOOKUP_WINDOW
from ..wire import Address, ResponseMessage
from .candidate import Candidate, State


class AskEach:
    """
    Asks each of some candidates once; a `Search`.

    Its caller names them, so that there is no bound.
    """

    def __init__(self, candidates: Iterable[Candidate] = ()) -> None:
        self._waiting = deque(candidates)
        self._inFlight: set[Candidate] = set()
        self._answered: list[Candidate] = []
        self._addresses: set[Address] = set()
        self._isComplete = True

    def expect(self) -> None:
        """The addresses come later, so that the search isn't over before `complete`."""
        self._isComplete = False

    def addAddresses(self, addresses: Iterable[Address]) -> None:
        """Ask these, each once."""
        for address in addresses:
            if address not in self._addresses:
                self._addresses.add(address)
                self._waiting.append(Candidate(address, None, 0))

    def complete(self) -> None:
        """All addresses that were expected have come, or won't."""
        self._isComplete = True

    def next(self) -> Candidate | None:
        """See `Search`."""
        if not self._waiting or len(self._inFlight) >= LOOKUP_WINDOW:
            return None
        candidate = self._waiting.popleft()
        candidate.state = State.ASKED
        self._inFlight.add(candidate)
        return candidate

    def late(self, candidate: Candidate, transmissions: int) -> None:
        """See `Search`.  It is waited for all the same."""

    def punched(self, candidate: Candidate) -> None:
        """See `Search`."""

    def askedAgain(self, candidate: Candidate) -> None:
        """See `Search`."""

    def answered(self, candidate: Candidate, message: ResponseMessage) -> bool:
        """See `Search`.  Each answer is a result, also that of an ephemeral node."""
        self._inFlight.discard(candidate)
        candidate.state = State.ANSWERED
        candidate.id = message.id
        candidate.token = message.token
        self._answered.append(candidate)
        return True

    def failed(self, candidate: Candidate) -> None:
        """See `Search`."""
        self._inFlight.discard(candidate)
        candidate.state = State.FAILED

    @property
    def isOver(self) -> bool:
        """See `Search`."""
        return self._isComplete and not self._waiting and not self._inFlight

    def closest(self) -> list[Candidate]:
        """See `Search`."""
        return self._answered


class Commit(AskEach):
    """
    Sends an update to nodes that gave a token, each with its own.

    Whoever takes an update answers with the token that it was sent.  An answer with another token
    says that ours was too old: the update is sent once more with the new one.  An answer without a
    token says that the node takes no such update.

    :param candidates: who has answered the query; those that gave no token are left out
    """

    def __init__(self, candidates: Iterable[Candidate]) -> None:
        super().__init__(candidate for candidate in candidates if candidate.token is not None)
        self._retried: set[Candidate] = set()

    def answered(self, candidate: Candidate, message: ResponseMessage) -> bool:
        """See `Search`.  A result is an update taken."""
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
