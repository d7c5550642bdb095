"""
The connection between the searches of one question and the network.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Protocol, TypeAlias

from ..._core.limits import namedAllowance
from ..._core.lookup import Candidate, Commit, Lookup, Search, State
from ..._core.wire import Contact, HostPort, ResponseMessage
from ...errors import DHTError, NoCloseNodes, NoResponse
from ...interfaces import Reply
from ..question import Question
from ..requests import (
    CAREFUL_UPDATE_RETRIES,
    RETRIES,
    UPDATE_RETRIES,
    Callbacks,
    Caller,
    OutgoingRequest,
    Retries,
)
from .account import Account
from .local import LocalNode, LocalRequest
from .punches import HolePunches

#: The terms of a second request to a candidate, after a hole punch has opened a path.  The first
#: request has left enough of its allowance for one more transmission.
FURTHER_RETRIES = Retries(allowance=0.0)


class Start(NamedTuple):
    """
    The beginning of a question.

    :ivar search: the first search of the question
    :ivar isAlone: whether the node knows no other node.  If so, the question succeeds without an
        answer.
    :ivar whenOver: called when this search has run out by itself, with whether another node has
        answered
    :ivar isHopeless: returns whether the node knows that no other node would answer
    :ivar leaveOthers: called when this is known; the search asks nobody but the node itself then
    """

    search: Search
    isAlone: bool = False
    whenOver: Callable[[bool], None] = lambda isAnswered: None
    isHopeless: Callable[[], bool] = lambda: False
    leaveOthers: Callable[[], None] = lambda: None


#: Begins the first search of a question.  The search calls the first argument when it has new
#: candidates that did not come from an answer, for example after a host name was resolved.  The
#: second argument is the time since when the question was due, in seconds.
Begin: TypeAlias = Callable[[Callable[[], None], float], Start]


class Receiver(Protocol):
    """
    Takes the replies to a question.

    :ivar dueSince: the time since when the question has asked other nodes, or has waited for a slot
        to do so, in seconds
    """

    dueSince: float

    @property
    def mayAsk(self) -> bool:
        """Whether the driver may ask further nodes at present."""

    def rest(self) -> None:
        """
        Note that the question waits for nothing but the node's own handler.

        The driver may ask no further node until `proceed` allows it.
        """

    def proceed(self) -> None:
        """Call `SearchDriver.advance` as soon as the driver may ask further nodes."""

    def deliver(self, reply: Reply) -> None:
        """Take a reply."""

    def finished(self, reason: DHTError | None) -> None:
        """Note the end of the question; ``reason`` is its failure, or None if it succeeded."""


class SearchDriver:
    """
    Asks the candidates of a search, and passes the answers and silences to the search.

    A question begins with one search: a lookup, or a fixed list of nodes.  An update continues with
    a second search, the commit.  The commit asks the closest nodes that answered the first search.

    :param account: notes each step of the question
    :param caller: sends the requests
    :param local: serves the node's requests to itself
    :ivar account: see above
    """

    def __init__(self, account: Account, caller: Caller, local: LocalNode) -> None:
        self.account = account
        self._question = account.question
        self._caller = caller
        self._local = local
        self._localRequest: LocalRequest | None = None
        self._receiver: Receiver | None = None
        self._search: Search | None = None
        # None before the first search, and when the question waits for no other node any more.
        self._start: Start | None = None
        self._requests: dict[Candidate, OutgoingRequest] = {}
        # The candidates that run an update once, although it is sent several times.
        self._remembering: set[Candidate] = set()
        self._punches = HolePunches(caller, self._pathOpened, self._punchFailed)
        # The error with which the question fails if no other node answers.  It becomes None when
        # another node has answered.  It stays None when the node knows no other node.
        self._failure: DHTError | None = None

    def seconds(self) -> float:
        """The present time, in seconds."""
        return self._caller.seconds()

    def start(self, begin: Begin, receiver: Receiver) -> None:
        """
        Begin the first search.

        :param receiver: takes the replies and the end of the question
        """
        self._receiver = receiver
        try:
            start = begin(receiver.proceed, receiver.dueSince)
        except DHTError as error:
            receiver.finished(error)
            return
        self._start, self._search = start, start.search
        self._failure = None if start.isAlone else NoResponse("no node answered")
        self.account.started(isLookup=isinstance(self._search, Lookup))
        self.advance()

    def stop(self) -> None:
        """End the search, and cancel its requests.  Candidates that are late count as silent."""
        search, self._search = self._search, None
        self._cancelRequests()
        self.account.ended("stopped", search)

    def advance(self) -> None:
        """Ask all candidates that the search has now, and go on if the search is over."""
        while self._search is not None and self._receiver and self._receiver.mayAsk:
            if self._start is not None and self._start.isHopeless():
                self._leaveOthers(self._start)
                continue
            candidate = self._search.next()
            if candidate is not None:
                self._ask(candidate)
            elif self._search.isOver:
                self._searchIsOver(self._search)
            else:
                if self._localRequest is not None and not self._requests:
                    self._receiver.rest()
                return

    def _leaveOthers(self, start: Start) -> None:
        """Wait for no other node any more.  A commit is over, and a lookup asks the node itself."""
        self._start = None
        self._cancelRequests(isLocalKept=not self._isCommitting)
        failure = NoResponse(
            "no node answers any more; the line of this node may be down"
            if self.account.responses
            else "no node answered"
        )
        if self._isCommitting:
            self._finish(None if self.account.commits else failure)
        else:
            self._failure = failure
            start.leaveOthers()

    @property
    def _isCommitting(self) -> bool:
        return isinstance(self._search, Commit)

    @property
    def _asked(self) -> Question:
        """The question that the present search asks."""
        return self._question if self._isCommitting else self._question.firstPhase

    def _searchIsOver(self, search: Search) -> None:
        self._cancelRequests()
        if self._start is not None and not self._isCommitting:
            self._start.whenOver(self._failure is None)
        if self._failure is not None:
            self._finish(self._failure)
            return
        if self._question.isUpdate and not self._isCommitting:
            self._search = Commit(search.closest())
        elif self._isCommitting and not self.account.commits:
            self._finish(NoCloseNodes("no node took the update"))
        else:
            self._finish(None)

    def _finish(self, reason: DHTError | None) -> None:
        assert self._receiver is not None
        self.account.ended(reason, self._search)
        self._receiver.finished(reason)

    def _ask(self, candidate: Candidate, *, isAgain: bool = False) -> None:
        """
        Send the question to a candidate.  A candidate that can't be asked counts as failed.

        :param isAgain: whether an earlier request to the candidate has failed
        """
        if candidate.isLocal:
            self._askLocally(candidate)
            return
        question, token = self._question, candidate.token if self._isCommitting else None
        callbacks = Callbacks(
            partial(self._answered, candidate),
            partial(self._failed, candidate),
            partial(self._late, candidate),
        )
        try:
            self._requests[candidate] = self._caller.send(
                candidate.address,
                question.body(self._caller.identity.sent, token),
                callbacks,
                FURTHER_RETRIES if isAgain else self._retriesOf(candidate, token),
                isForHandler=question.isForHandler,
            )
        except DHTError as error:
            if not self.account.requests and self._failure is not None:
                self._failure = error
            self._lost(candidate)
        else:
            self.account.asked(candidate, isUpdate=self._isCommitting)

    def _retriesOf(self, candidate: Candidate, token: bytes | None) -> Retries:
        if token is not None:
            # A node that does not remember updates may run an update once for each transmission.
            return UPDATE_RETRIES if candidate in self._remembering else CAREFUL_UPDATE_RETRIES
        return RETRIES

    def _askLocally(self, candidate: Candidate) -> None:
        receiver = self._receiver
        assert receiver is not None

        def done(message: ResponseMessage | None) -> None:
            self._localRequest = None
            if message is None:
                self._lost(candidate)
            else:
                self._take(candidate, message, self._local.address())
            receiver.proceed()

        self._localRequest = LocalRequest(self._local.clock, done)
        self._localRequest.send(self._local, self._asked, isUpdate=self._isCommitting)

    def _answered(self, candidate: Candidate, message: ResponseMessage, address: HostPort) -> None:
        if self._search is None:
            return
        del self._requests[candidate]
        self._punches.cancel(candidate)
        self._failure = None
        self._take(candidate, message, address)
        self.advance()

    def _take(self, candidate: Candidate, message: ResponseMessage, address: HostPort) -> None:
        """Take an answer of another node or of the node itself."""
        assert self._search is not None and self._receiver is not None
        account = self.account
        account.answered(candidate, message, address, isUpdate=self._isCommitting)
        if self._question.isUpdate and message.remembersUpdates:
            self._remembering.add(candidate)
        isResult = self._search.answered(candidate, message)
        if self._isCommitting:
            if isResult:
                account.commits += 1
            else:
                account.errors += message.token is None
        elif self._question.isUpdate and not self._question.withQuery:
            isResult = False
        if isResult:
            node = Contact(message.id, address[0], address[1])
            self._receiver.deliver(Reply(node, message.value))

    def _late(self, candidate: Candidate, transmissions: int) -> None:
        search = self._search
        if search is None:
            return
        request = self._requests[candidate]
        if candidate.untriedReferrers and request.retries is RETRIES and not self._isCommitting:
            # A liar may have named the address of a victim.  Until now it got one transmission.
            namings = len(candidate.untriedReferrers)
            request.retries = Retries(allowance=namedAllowance(namings))
        self.account.late(candidate, isUpdate=self._isCommitting)
        search.late(candidate, transmissions)
        referrer = candidate.takeReferrer(transmissions)
        if candidate.state is State.FAILED:
            self._giveUp(candidate)
        elif (
            referrer is not None
            and self._question.holepunching
            # The nodes of a commit have just answered, so they need no hole punch.
            and not self._isCommitting
            and self._punches.begin(search, candidate, referrer)
        ):
            self.account.punched(candidate, referrer)
        self.advance()

    def _giveUp(self, candidate: Candidate) -> None:
        request = self._requests.pop(candidate, None)
        if request is not None:
            self._cancel(request)
        self._punches.cancel(candidate)
        self.account.failed(candidate, isUpdate=self._isCommitting)

    def _failed(self, candidate: Candidate, reason: DHTError) -> None:
        self._requests.pop(candidate, None)
        if not self._punches.isUnderWay(candidate):
            self._lost(candidate)
            self.advance()

    def _lost(self, candidate: Candidate) -> None:
        if self._search is not None:
            self.account.failed(candidate, isUpdate=self._isCommitting)
            self._search.failed(candidate)

    def _pathOpened(self, candidate: Candidate) -> None:
        if self._search is None:
            return
        self._search.askedAgain(candidate)
        request = self._requests.get(candidate)
        if request is not None:
            self._caller.requests.redirect(request, candidate.address)
        else:
            self._ask(candidate, isAgain=True)
            self.advance()

    def _punchFailed(self, candidate: Candidate) -> None:
        if candidate not in self._requests:
            self._lost(candidate)
            self.advance()

    def _cancel(self, request: OutgoingRequest) -> None:
        self._caller.requests.cancel(request)
        if request.isLate:
            self._caller.unanswered(request)

    def _cancelRequests(self, *, isLocalKept: bool = False) -> None:
        requests, self._requests = self._requests, {}
        for request in requests.values():
            self._cancel(request)
        self._punches.clear()
        if self._localRequest is not None and not isLocalKept:
            self._localRequest.cancel()
            self._localRequest = None
