"""
The answers to a query, as a push producer.

One `QueryStream` drives up to two searches, one after the other: a lookup (or
a fixed list of nodes), then, for an update, the commit to the closest that
answered.  It asks whoever the search names next, tells the search what came of
it, and writes what is a result to its consumer.

Three ways of reading share one path: `QueryStream.collect` and ``async for``
are consumers too.

Back pressure works at the source.  While the consumer has paused the stream,
no node is asked; the answers to requests already sent, a window's worth at
most, are kept until it resumes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IConsumer
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ..._core import wire
from ..._core.lookup import Candidate, Commit, Search, State
from ..._core.wire import Address, Contact, HostPort
from ...errors import DHTError, NoCloseNodes, NoResponse
from ...interfaces import IQueryStream, Reply
from ..requests import Caller, OutgoingRequest
from .consumers import Collection, Iteration


class Question:
    """
    What a stream asks.

    :ivar command: the command
    :ivar target: 32 bytes
    :ivar value: the payload
    :ivar holepunching: whether silent nodes are reached through those that named them
    :ivar isUpdate: whether it is committed to the closest nodes
    :ivar withQuery: whether the answers of an update's first phase are results too
    """

    __slots__ = ("command", "holepunching", "isUpdate", "target", "value", "withQuery")

    def __init__(
        self,
        command: str,
        target: bytes,
        value: bytes | None = None,
        *,
        holepunching: bool = True,
        isUpdate: bool = False,
        withQuery: bool = False,
    ) -> None:
        self.command = command
        self.target = target
        self.value = value
        self.holepunching = holepunching
        self.isUpdate = isUpdate
        self.withQuery = withQuery

    @property
    def isForHandler(self) -> bool:
        """Whether handlers of users answer it."""
        return self.command not in wire.INTERNAL_COMMANDS

    def body(self, id: bytes | None, token: bytes | None = None) -> bytes:
        """The request that asks it; see `wire.requestBody`."""
        return wire.requestBody(
            self.command, id, self.target, roundtripToken=token, value=self.value
        )


@implementer(IQueryStream)
class QueryStream:
    """
    One query or update; `DHTNode` makes them.

    :param question: what is asked
    :param caller: sends the requests
    :param begin: gives the first search; calls its argument when the search has learnt more by
        itself
    :param running: holds the streams of the node that have started and not ended

    :ivar responses: how many nodes have answered
    :ivar errors: how many nodes failed to answer, or refused an update
    :ivar commits: how many nodes have taken the update
    """

    _log = Logger()

    def __init__(
        self,
        question: Question,
        caller: Caller,
        begin: Callable[[Callable[[], None]], Search],
        running: set[QueryStream],
    ) -> None:
        self.responses = 0
        self.errors = 0
        self.commits = 0
        self._question = question
        self._caller = caller
        self._begin = begin
        self._running = running
        self._search: Search | None = None
        self._isCommitting = False
        self._body = b""
        self._requests: dict[Candidate, OutgoingRequest] = {}
        self._punches: dict[Candidate, list[OutgoingRequest]] = {}
        self._punched: set[Candidate] = set()
        self._kept: deque[Reply] = deque()
        self._isPaused = False
        self._consumer: IConsumer | None = None
        self._done: Deferred[None] | None = None
        self._iterator: Iteration | None = None
        self._isRead = False
        self._isStopped = False
        self._hasAsked = False
        # Why a node could not be asked.
        self._refusal: DHTError | None = None

    # Reading.

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """See `IQueryStream`."""
        if self._isRead:
            raise ValueError("a query stream is read once; make another query")
        self._isRead = True
        if self._isStopped:
            return succeed(None)
        self._consumer = consumer
        done: Deferred[None] = Deferred(lambda _: self._abandon())
        self._done = done
        self._running.add(self)
        try:
            consumer.registerProducer(self, True)
        except Exception:
            # It has another producer, which is not ours to unregister.
            self._consumer = None
            self._release()
            raise
        if not self._isStopped:
            self._body = self._question.body(self._caller.ownId)
            try:
                self._search = self._begin(self._advance)
            except DHTError as error:
                self.fail(error)
            self._advance()
        return done

    def collect(self) -> Deferred[list[Reply]]:
        """See `IQueryStream`."""
        replies = Collection()
        finished = self.startProducing(replies)
        collected: Deferred[list[Reply]] = Deferred(lambda _: finished.cancel())
        finished.addCallback(lambda _: replies.items)
        finished.addCallbacks(collected.callback, collected.errback)
        return collected

    def __aiter__(self) -> QueryStream:
        """See `IQueryStream`."""
        if self._iterator is None:
            self._iterator = Iteration(self)
        return self

    def __anext__(self) -> Deferred[Reply]:
        """See `IQueryStream`."""
        iterator = self.__aiter__()._iterator
        assert iterator is not None
        return iterator.next()

    # IPushProducer.

    def pauseProducing(self) -> None:
        """Ask no further node, and write no further reply."""
        self._isPaused = True

    def resumeProducing(self) -> None:
        """Write what came meanwhile, and go on asking."""
        self._isPaused = False
        while self._kept and not self._isPaused:
            self._write(self._kept.popleft())
        self._advance()

    def stopProducing(self) -> None:
        """Cancel the query and its requests."""
        self._end(None)

    def fail(self, reason: Exception) -> None:
        """End the stream with an error, as its node does when it is destroyed."""
        self._end(Failure(reason))

    # The search.

    def _advance(self) -> None:
        """Ask whoever is next, and notice the end."""
        while self._search is not None and not self._isPaused:
            candidate = self._search.next()
            if candidate is not None:
                self._ask(candidate)
            elif self._search.isOver:
                self._searchIsOver(self._search)
            else:
                return

    def _searchIsOver(self, search: Search) -> None:
        self._cancelRequests()
        if not self.responses:
            reason = None if self._hasAsked else self._refusal
            self.fail(reason or NoResponse("no node answered"))
        elif self._question.isUpdate and not self._isCommitting:
            self._isCommitting = True
            self._search = Commit(search.closest())
        elif self._isCommitting and not self.commits:
            self.fail(NoCloseNodes("no node took the update"))
        else:
            self._end(None)

    def _ask(self, candidate: Candidate) -> None:
        """Send the question; when it can't be, the candidate has failed."""
        body = self._body
        if self._isCommitting:
            body = self._question.body(self._caller.ownId, candidate.token)
        try:
            self._requests[candidate] = self._caller.send(
                candidate.address,
                body,
                partial(self._answered, candidate),
                partial(self._failed, candidate),
                partial(self._late, candidate),
                isForHandler=self._question.isForHandler,
            )
        except DHTError as error:
            self._refusal = error
            self._lost(candidate)
        else:
            self._hasAsked = True

    def _answered(
        self, candidate: Candidate, message: wire.ResponseMessage, address: HostPort
    ) -> None:
        search = self._search
        if search is None:
            return
        del self._requests[candidate]
        self._cancelPunches(candidate)
        self.responses += 1
        isResult = search.answered(candidate, message)
        if self._isCommitting:
            if isResult:
                self.commits += 1
            else:
                self.errors += message.token is None
        elif self._question.isUpdate and not self._question.withQuery:
            isResult = False
        if isResult:
            node = Contact(message.id, address[0], address[1])
            self._deliver(Reply(node, message.value))
        self._advance()

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
            # Whom we commit to has just been reached.
            and not self._isCommitting
            # A node may answer each ping and never the question.
            and candidate not in self._punched
        ):
            self._punch(search, candidate, referrer)
        self._advance()

    def _giveUp(self, candidate: Candidate) -> None:
        request = self._requests.pop(candidate, None)
        if request is not None:
            self._caller.requests.cancel(request)
        self._cancelPunches(candidate)
        self.errors += 1

    def _failed(self, candidate: Candidate, reason: DHTError) -> None:
        self._requests.pop(candidate, None)
        if candidate not in self._punches:
            self._lost(candidate)
            self._advance()

    def _lost(self, candidate: Candidate) -> None:
        if self._search is not None:
            self.errors += 1
            self._search.failed(candidate)

    # Hole punching.

    def _punch(self, search: Search, candidate: Candidate, referrer: Address) -> None:
        def opened(message: wire.ResponseMessage, address: HostPort) -> None:
            self._cancelPunches(candidate)
            self._punched.add(candidate)
            # The NAT of the peer may show it at another port than its referrer knows.
            candidate.address = Address(*address)
            search.askedAgain(candidate)
            request = self._requests.get(candidate)
            if request is not None:
                self._caller.requests.redirect(request, candidate.address)
            else:
                self._ask(candidate)
                self._advance()

        def failed(reason: DHTError) -> None:
            punches = self._punches[candidate]
            punches.remove(punch)
            if not punches:
                del self._punches[candidate]
                if candidate not in self._requests:
                    self._failed(candidate, reason)

        def late(transmissions: int) -> None:
            search.punched(candidate)

        try:
            punch = self._caller.punch(
                candidate.address, referrer, opened, failed, late, isAsked=True
            )
        except DHTError:
            return
        self._punches.setdefault(candidate, []).append(punch)
        search.punched(candidate)

    def _cancelPunches(self, candidate: Candidate) -> None:
        for punch in self._punches.pop(candidate, ()):
            self._caller.requests.cancel(punch)

    # Results and the end.

    def _deliver(self, reply: Reply) -> None:
        if self._isPaused or self._kept:
            self._kept.append(reply)
        else:
            self._write(reply)

    def _write(self, reply: Reply) -> None:
        if self._consumer is None:
            return
        try:
            self._consumer.write(reply)  # type: ignore[arg-type]
        except Exception:
            self._end(Failure())

    def _end(self, failure: Failure | None) -> None:
        done = self._release()
        if done is None:
            return
        if failure is None:
            done.callback(None)
        else:
            done.errback(failure)

    def _abandon(self) -> None:
        """The Deferred was cancelled."""
        self._release()

    def _release(self) -> Deferred[None] | None:
        """Let go of everything; the Deferred, if it waits, is the caller's to fire."""
        self._isStopped = True
        self._search = None
        self._cancelRequests()
        self._kept.clear()
        self._running.discard(self)
        consumer, self._consumer = self._consumer, None
        done, self._done = self._done, None
        if consumer is not None:
            try:
                consumer.unregisterProducer()
            except Exception:
                self._log.failure("a consumer could not let its producer go")
        return done

    def _cancelRequests(self) -> None:
        for request in self._requests.values():
            self._caller.requests.cancel(request)
        self._requests.clear()
        for candidate in list(self._punches):
            self._cancelPunches(candidate)
        self._punched.clear()
