"""
The requests of one node that wait for an answer.

A request gets an unpredictable transaction id, and is sent again when its answer is late.  It ends
by an answer, a failure, or a cancellation.  The number of requests in flight is limited.  Further
requests wait in a `RequestQueue`.  Whenever a request ends, the next one in the queue is sent.
The node's own requests are paced too: `Pacing` holds back what an address would drop.

The number of waiting requests is limited, but a request of a query is never refused.  The query
would take the refusal for the silence of the node that it asks.  These requests have a bound all
the same: a limited number of queries run, and each sends a limited number of requests.

Each datagram passes through this module, so it uses plain callbacks, which are faster than
Deferreds.
"""

from __future__ import annotations

from math import inf
from typing import Protocol

from ..._core import wire
from ..._core.limits.bounds import REQUEST_QUEUE, REQUEST_WINDOW
from ..._core.timeouts import RoundTripTimes, Timeouts
from ..._core.wire import Address, HostPort, ResponseMessage
from ...errors import DHTError, RequestTimeout, TooManyRequests
from ..environment import Environment
from .deadlines import Deadlines
from .outgoing import RELAY_WAITS, RETRIES, Callbacks, OutgoingRequest, Retries
from .pacing import Pacing
from .queue import RequestQueue


class Listener(Protocol):
    """Is told of each answer to a request, and of each address that does not answer one."""

    def heard(self, message: ResponseMessage, address: HostPort) -> None:
        """Note an answer, before the callback of its request is called."""

    def reached(self, address: HostPort) -> None:
        """Note an address whose answer may be forged: another address has the transaction id."""

    def hasAnswered(self, address: HostPort) -> bool:
        """Whether an address belongs to a node that has answered before."""

    def limited(self, address: Address, left: float) -> None:
        """
        Note how many bytes an address may still be sent that has not answered, if it never has.

        This is called before `missed`, for a request with an allowance.
        """

    def missed(self, address: Address, sentAt: float) -> None:
        """
        Note that an address has not answered a request after all retries.

        If the request has an ``onMissed`` of its own, that is called instead of this method.

        :param sentAt: the time of the last transmission, in seconds
        """


class Requests:
    """
    The requests of one kind: the node's own requests, or the probes.

    :param environment: provides the transport, the time and transaction ids
    :param listener: is told of each answer, and of each address that does not answer
    :param window: the most requests in flight
    :param queueLimit: while this many requests wait, only requests of queries are taken
    :param isPaced: whether `Pacing` applies
    :param timeouts: the time-out of each address; by default estimated from round trips
    """

    def __init__(
        self,
        environment: Environment,
        listener: Listener,
        *,
        window: int = REQUEST_WINDOW,
        queueLimit: int = REQUEST_QUEUE,
        isPaced: bool = False,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._environment = environment
        self._seconds = environment.clock.seconds
        self._listener = listener
        self._window = window
        self._inFlight: dict[int, OutgoingRequest] = {}
        self._queueLimit = queueLimit
        self._waiting = RequestQueue()
        self._pacing = Pacing(environment.clock, self._passed) if isPaced else None
        self._deadlines = Deadlines(environment.clock, self._deadlineOf, self._late)
        self._timeouts = timeouts or RoundTripTimes()
        self._stopped: DHTError | None = None

    @property
    def inFlight(self) -> int:
        """The number of requests that wait for an answer."""
        return len(self._inFlight)

    @property
    def waiting(self) -> int:
        """The number of requests that wait to be sent."""
        held = 0 if self._pacing is None else self._pacing.held
        return len(self._waiting) + held

    @property
    def overdue(self) -> int:
        """The number of requests in flight whose deadline has passed."""
        now = self._seconds()
        return sum(request.deadline < now for request in self._inFlight.values())

    def send(
        self,
        address: Address,
        body: bytes,
        callbacks: Callbacks,
        retries: Retries = RETRIES,
        *,
        isForQuery: bool = False,
    ) -> OutgoingRequest:
        """
        Send a request.

        :param body: the result of `requestBody`
        :param retries: the terms on which it is sent again
        :param isForQuery: whether the request belongs to a query.  Then it is never refused.
        :return: the request, for `cancel`
        :raises TooManyRequests: when the queue is full
        """
        request = OutgoingRequest(address, ((body, address),), callbacks, retries=retries)
        return self._start(request, isForQuery)

    def sendThrough(
        self,
        address: Address,
        referrer: Address,
        relayed: bytes,
        callbacks: Callbacks,
        direct: bytes | None = None,
    ) -> OutgoingRequest:
        """
        Ask a referrer to relay a ping, and ping the peer itself under the same transaction id.

        The ping to the peer opens our own NAT.  The answer comes from the peer's host, but the NAT
        of the peer may have changed its port.  The answer proves nothing: the referrer learns the
        transaction id, so the referrer can forge the answer.

        :param address: the peer
        :param relayed: the body for the referrer
        :param direct: the body for the peer; None when a query has another request to the peer in
            flight, because that request has opened our NAT.  With None, the waits are
            `RELAY_WAITS`, silence does not count against the peer, and the request is never
            refused.
        :raises TooManyRequests: when the queue is full
        """
        messages: tuple[tuple[bytes, Address], ...] = ((relayed, referrer),)
        retries = Retries(RELAY_WAITS)
        if direct is not None:
            messages = ((direct, address), *messages)
            retries = RETRIES
        return self._start(
            OutgoingRequest(address, messages, callbacks, isShared=True, retries=retries),
            isForQuery=direct is None,
        )

    def redirect(self, request: OutgoingRequest, address: Address) -> None:
        """
        Send a pending request once more, because a hole punch has opened a path to its peer.

        The transaction id stays the same.  So a peer that receives several transmissions runs the
        request once, and an answer to any transmission is accepted.  If the new path leads to
        another port, the answer proves nothing, because both ports know the transaction id.  This
        transmission does not count as a retry.

        :param address: the peer's address on the new path
        """
        if self._pacing is not None:
            self._pacing.discard(request)
        [(body, _)] = request.messages
        request.isShared = request.isShared or address != request.address
        request.address = address
        request.messages = ((body, address),)
        request.transmissions -= 1
        self._transmitAgain(request)

    def forget(self, address: HostPort) -> None:
        """Forget the round trip times of an address, because its node is gone."""
        self._timeouts.forget(address)

    def cancel(self, request: OutgoingRequest) -> None:
        """End a request without calling its callbacks."""
        if not request.isOver:
            self._end(request)

    def received(self, datagram: bytes, address: HostPort) -> bool:
        """
        Take a response.

        :return: False when no request waits for the response
        :raises MalformedDatagram: when the response can't be read; its request still waits
        """
        request = self._inFlight.get(wire.transactionId(datagram))
        if request is None or not request.isAnsweredFrom(address):
            return False
        message = wire.decodeResponse(datagram)
        if request.transmissions == 1:
            # Only a request that was sent once gives a round trip time.  After a retransmission it
            # is unknown which transmission was answered (Karn's algorithm, RFC 6298 section 3).
            now = self._seconds()
            self._timeouts.measured(address, now - request.sentAt, now)
        self._end(request)
        if not request.isShared:
            self._listener.heard(message, address)
        elif request.isDirect:
            self._listener.reached(address)
        request.callbacks.onAnswer(message, address)
        return True

    def stop(self, reason: DHTError) -> None:
        """Fail all present requests with ``reason``.  `send` raises ``reason`` from now on."""
        self._stopped = reason
        self._deadlines.stop()
        requests = [*self._inFlight.values(), *self._waiting.clear()]
        if self._pacing is not None:
            requests += self._pacing.clear()
        self._inFlight.clear()
        for request in requests:
            if not request.isOver:
                request.isOver = True
                request.callbacks.onFailure(reason)

    def _start(self, request: OutgoingRequest, isForQuery: bool) -> OutgoingRequest:
        if self._stopped is not None:
            raise self._stopped
        if not isForQuery and self.waiting >= self._queueLimit:
            raise TooManyRequests(f"{self._queueLimit} requests wait already")
        if len(self._inFlight) < self._window:
            self._launchOrHold(request)
        else:
            self._waiting.add(request, isForQuery=isForQuery)
        return request

    def _launchOrHold(self, request: OutgoingRequest) -> None:
        if self._pacing is None or self._pacing.allows(request):
            self._launch(request)
        else:
            # The request is not in flight yet, so it does not keep the requests to other addresses
            # out of the window.
            self._pacing.hold(request)

    def _passed(self, request: OutgoingRequest) -> None:
        """Send a request that was held back."""
        if request.transactionId in self._inFlight:
            self._transmitOrFail(request)
        elif len(self._inFlight) < self._window:
            self._launch(request)
        else:
            self._waiting.addFirst(request)

    def _launch(self, request: OutgoingRequest) -> None:
        inFlight = self._inFlight
        randomBits = self._environment.random.getrandbits
        transactionId = randomBits(wire.TRANSACTION_ID_BITS)
        while transactionId in inFlight:
            transactionId = randomBits(wire.TRANSACTION_ID_BITS)
        request.transactionId = transactionId
        inFlight[transactionId] = request
        request.firstSentAt = now = self._seconds()
        request.timeout = self._timeouts.timeout(request.address, now)
        self._transmit(request)

    def _transmit(self, request: OutgoingRequest, *, isLeftOut: bool = False) -> None:
        """
        Send a request, and wait for an answer.

        :param isLeftOut: whether to wait without sending it
        """
        request.sentAt = now = self._seconds()
        request.transmissions += 1
        if request.transmissions > 1:
            self._environment.counters.retriesSent += 1
        request.deadline = deadline = now + request.wait
        self._deadlines.add(deadline, request.transactionId, now)
        if isLeftOut:
            return
        for body, address in request.messages:
            self._environment.send(wire.frameRequest(request.transactionId, body), address)

    def _deadlineOf(self, transactionId: int) -> float | None:
        request = self._inFlight.get(transactionId)
        return None if request is None else request.deadline

    def _late(self, transactionId: int) -> None:
        request = self._inFlight[transactionId]
        self._environment.counters.answersLate += 1
        now = self._seconds()
        if request.isDirect:
            self._timeouts.missed(request.address, request.wait, now)
        isLast = request.transmissions >= len(request.retries.waits)
        if isLast or not request.mayBeSent(now):
            self._fail(request)
            return
        if request.callbacks.onLate is not None:
            request.callbacks.onLate(request.transmissions)
        if request.isOver:
            return
        if request.isAffordable or self._listener.hasAnswered(request.address):
            self._transmitAgain(request)
        else:
            self._transmit(request, isLeftOut=True)

    def _transmitAgain(self, request: OutgoingRequest) -> None:
        if self._pacing is None or self._pacing.allows(request):
            self._transmitOrFail(request)
        else:
            request.deadline = inf
            self._pacing.hold(request)

    def _transmitOrFail(self, request: OutgoingRequest) -> None:
        """Send a request once more, unless its time is over; see `Retries.repeatedFor`."""
        if request.mayBeSent(self._seconds()):
            self._transmit(request)
        else:
            self._fail(request)

    def _fail(self, request: OutgoingRequest) -> None:
        self._end(request)
        if request.isDirect:
            self._silent(request)
        request.callbacks.onFailure(RequestTimeout(f"no answer from {request.address}"))

    def _silent(self, request: OutgoingRequest) -> None:
        if request.retries.allowance < inf:
            self._listener.limited(request.address, request.left)
        onMissed = request.callbacks.onMissed
        if onMissed is not None:
            onMissed(request.address, request.sentAt)
            return
        self._timeouts.failed(request.address, request.timeout, self._seconds())
        self._listener.missed(request.address, request.sentAt)

    def _end(self, request: OutgoingRequest) -> None:
        request.isOver = True
        if self._inFlight.pop(request.transactionId, None) is None:
            self._waiting.discard(request)
        if self._pacing is not None and self._pacing.isHolding:
            self._pacing.discard(request)
        while self._waiting and len(self._inFlight) < self._window:
            self._launchOrHold(self._waiting.take())
