"""
Driving the searches of one question.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeAlias

from ..._core.lookup import Candidate, Commit, Search, State
from ..._core.wire import Contact, HostPort, ResponseMessage
from ...errors import DHTError, NoCloseNodes, NoResponse
from ...interfaces import Reply
from ..requests import Callbacks, Caller, OutgoingRequest
from .punches import HolePunches
from .question import Question

#: Starts the first search of a question.  Its argument is to be called when the search has learnt
#: more by itself, for example a resolved name.
Begin: TypeAlias = Callable[[Callable[[], None]], Search]


class Receiver(Protocol):
    """Takes what a question brings."""

    @property
    def isPaused(self) -> bool:
        """Whether no further node is to be asked for now."""

    def deliver(self, reply: Reply) -> None:
        """Take a reply."""

    def finished(self, reason: DHTError | None) -> None:
        """Note the end; ``reason`` is None when all went well."""


class Counts:
    """
    What has come of a question so far.

    :ivar responses: the number of nodes that have answered
    :ivar errors: the number of nodes that failed to answer, or refused an update
    :ivar commits: the number of nodes that have taken an update
    """

    __slots__ = ("commits", "errors", "responses")

    def __init__(self) -> None:
        self.responses = 0
        self.errors = 0
        self.commits = 0


class SearchDriver:
    """
    Asks the nodes that a search names, and tells the search what comes of it.

    A question has one search, a lookup or a fixed list of nodes.  An update has a second, the
    commit to the closest nodes that answered the first.

    :param question: the question
    :param caller: sends the requests
    :param receiver: takes the replies, and is told of the end
    :ivar counts: what has come of it so far
    """

    def __init__(self, question: Question, caller: Caller, receiver: Receiver) -> None:
        self.counts = Counts()
        self._question = question
        self._caller = caller
        self._receiver = receiver
        self._search: Search | None = None
        self._isCommitting = False
        self._body = b""
        self._requests: dict[Candidate, OutgoingRequest] = {}
        self._punches = HolePunches(caller, self._pathOpened, self._punchFailed)
        # Whether a node was asked, and why the last one that was not could not be.
        self._hasAsked = False
        self._refusal: DHTError | None = None

    def start(self, begin: Begin) -> None:
        """Begin the first search."""
        self._body = self._question.body(self._caller.ownId)
        try:
            self._search = begin(self.advance)
        except DHTError as error:
            self._receiver.finished(error)
        self.advance()

    def stop(self) -> None:
        """End the search and cancel its requests."""
        self._search = None
        self._cancelRequests()

    def advance(self) -> None:
        """Ask all whom the search names now, and notice its end."""
        while self._search is not None and not self._receiver.isPaused:
            candidate = self._search.next()
            if candidate is not None:
                self._ask(candidate)
            elif self._search.isOver:
                self._searchIsOver(self._search)
            else:
                return

    def _searchIsOver(self, search: Search) -> None:
        self._cancelRequests()
        if not self.counts.responses:
            reason = None if self._hasAsked else self._refusal
            self._receiver.finished(reason or NoResponse("no node answered"))
        elif self._question.isUpdate and not self._isCommitting:
            self._isCommitting = True
            self._search = Commit(search.closest())
        elif self._isCommitting and not self.counts.commits:
            self._receiver.finished(NoCloseNodes("no node took the update"))
        else:
            self._receiver.finished(None)

    def _ask(self, candidate: Candidate) -> None:
        """Send the question to a candidate; if that is impossible, the candidate has failed."""
        body = self._body
        if self._isCommitting:
            body = self._question.body(self._caller.ownId, candidate.token)
        callbacks = Callbacks(
            partial(self._answered, candidate),
            partial(self._failed, candidate),
            partial(self._late, candidate),
        )
        try:
            self._requests[candidate] = self._caller.send(
                candidate.address, body, callbacks, isForHandler=self._question.isForHandler
            )
        except DHTError as error:
            self._refusal = error
            self._lost(candidate)
        else:
            self._hasAsked = True

    def _answered(self, candidate: Candidate, message: ResponseMessage, address: HostPort) -> None:
        search = self._search
        if search is None:
            return
        del self._requests[candidate]
        self._punches.cancel(candidate)
        counts = self.counts
        counts.responses += 1
        isResult = search.answered(candidate, message)
        if self._isCommitting:
            if isResult:
                counts.commits += 1
            else:
                counts.errors += message.token is None
        elif self._question.isUpdate and not self._question.withQuery:
            isResult = False
        if isResult:
            node = Contact(message.id, address[0], address[1])
            self._receiver.deliver(Reply(node, message.value))
        self.advance()

    def _late(self, candidate: Candidate, transmissions: int) -> None:
        search = self._search
        if search is None:
            return
        search.late(candidate, transmissions)
        referrer = candidate.referrer(transmissions)
        if candidate.state is State.FAILED:
            self._giveUp(candidate)
        elif (
            referrer is not None
            and self._question.holepunching
            # The nodes of a commit have just answered: they need no hole punch.
            and not self._isCommitting
        ):
            self._punches.begin(search, candidate, referrer)
        self.advance()

    def _giveUp(self, candidate: Candidate) -> None:
        request = self._requests.pop(candidate, None)
        if request is not None:
            self._caller.requests.cancel(request)
        self._punches.cancel(candidate)
        self.counts.errors += 1

    def _failed(self, candidate: Candidate, reason: DHTError) -> None:
        self._requests.pop(candidate, None)
        if not self._punches.isUnderWay(candidate):
            self._lost(candidate)
            self.advance()

    def _lost(self, candidate: Candidate) -> None:
        if self._search is not None:
            self.counts.errors += 1
            self._search.failed(candidate)

    def _pathOpened(self, candidate: Candidate) -> None:
        if self._search is None:
            return
        self._search.askedAgain(candidate)
        request = self._requests.get(candidate)
        if request is not None:
            self._caller.requests.redirect(request, candidate.address)
        else:
            self._ask(candidate)
            self.advance()

    def _punchFailed(self, candidate: Candidate) -> None:
        if candidate not in self._requests:
            self._lost(candidate)
            self.advance()

    def _cancelRequests(self) -> None:
        for request in self._requests.values():
            self._caller.requests.cancel(request)
        self._requests.clear()
        self._punches.clear()
