"""
The requests of one node that wait for an answer.

A request gets an unpredictable transaction id, is sent again when its answer is late, and ends in
exactly one of an answer, a failure, or a cancellation.  A limited number is in flight at once.  The
rest waits in a bounded queue, which moves on whenever a request ends, in whatever way.

This is the datagram path: plain callbacks, no Deferreds.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Protocol

from ..._core import wire
from ..._core.limits.bounds import REQUEST_QUEUE, REQUEST_WINDOW
from ..._core.timeouts import RoundTripTimes, Timeouts
from ..._core.wire import Address, HostPort, ResponseMessage
from ...errors import DHTError, RequestTimeout, TooManyRequests
from ..environment import Environment
from .deadlines import Deadlines
from .outgoing import RELAY_WAITS, WAITS, Callbacks, OutgoingRequest


class Listener(Protocol):
    """Learns what comes of all requests."""

    def heard(self, message: ResponseMessage, address: HostPort) -> None:
        """Note an answer, before the callback of its request is called."""

    def missed(self, address: Address) -> None:
        """
        Note that an address has not answered, after all retries.

        A request with an ``onMissed`` of its own is not told here.
        """


class Requests:
    """
    The requests of one kind: a node's own, or the probes that others make it send.

    :param environment: sends, tells the time, gives transaction ids
    :param listener: told of all answers and silences
    :param window: the number of requests in flight
    :param queueLimit: the number of requests that wait for a place
    :param timeouts: tells how long to wait; by default it learns that from the answers
    """

    def __init__(
        self,
        environment: Environment,
        listener: Listener,
        *,
        window: int = REQUEST_WINDOW,
        queueLimit: int = REQUEST_QUEUE,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._environment = environment
        self._seconds = environment.clock.seconds
        self._listener = listener
        self._window = window
        self._queueLimit = queueLimit
        self._inFlight: dict[int, OutgoingRequest] = {}
        self._waiting: OrderedDict[OutgoingRequest, None] = OrderedDict()
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
        return len(self._waiting)

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
        waits: tuple[float, ...] = WAITS,
    ) -> OutgoingRequest:
        """
        Send a request.

        :param body: the result of `requestBody`
        :param waits: the times that each transmission is waited for, in time-outs of the address
        :return: the request, for `cancel`
        :raises TooManyRequests: when the queue is full
        """
        return self._start(OutgoingRequest(address, ((body, address),), callbacks, waits=waits))

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

        The ping to the peer opens our own NAT.  The answer comes from the peer's host; its NAT may
        show another port.

        :param address: the peer
        :param relayed: the body for the referrer
        :param direct: the body for the peer, or None when another request to it is in flight and
            opens our NAT.  Then the referrer is asked a few times only, and silence tells nothing
            of the peer.
        :raises TooManyRequests: when the queue is full
        """
        messages: tuple[tuple[bytes, Address], ...] = ((relayed, referrer),)
        waits: tuple[float, ...] = RELAY_WAITS
        if direct is not None:
            messages = ((direct, address), *messages)
            waits = WAITS
        return self._start(OutgoingRequest(address, messages, callbacks, anyPort=True, waits=waits))

    def redirect(self, request: OutgoingRequest, address: Address) -> None:
        """
        Send a request that is in flight once more, because a path to its peer has opened.

        It stays the same request.  So a peer that gets several of its transmissions runs it once,
        and an answer to any of them counts.  It has as many retries left as before.

        :param address: the peer's address on that path
        """
        [(body, _)] = request.messages
        request.address = address
        request.messages = ((body, address),)
        request.anyPort = True
        request.transmissions -= 1
        self._transmit(request)

    def forget(self, address: HostPort) -> None:
        """Forget how fast an address answered, because the node there is gone."""
        self._timeouts.forget(address)

    def cancel(self, request: OutgoingRequest) -> None:
        """End a request without calling its callbacks."""
        if not request.isOver:
            self._end(request)

    def received(self, datagram: bytes, address: HostPort) -> bool:
        """
        Take a response.

        :return: False when no request waits for it
        :raises MalformedDatagram: when it can't be read; the request goes on
        """
        request = self._inFlight.get(wire.transactionId(datagram))
        if request is None or not request.isAnsweredFrom(address):
            return False
        message = wire.decodeResponse(datagram)
        if request.transmissions == 1:
            # Of a request that was sent twice it is unknown which transmission was answered (Karn's
            # algorithm, RFC 6298 section 3).
            now = self._seconds()
            self._timeouts.measured(address, now - request.sentAt, now)
        self._end(request)
        self._listener.heard(message, address)
        request.callbacks.onAnswer(message, address)
        return True

    def stop(self, reason: DHTError) -> None:
        """Fail every request with ``reason``, and each one that is made from now on."""
        self._stopped = reason
        self._deadlines.stop()
        requests = [*self._inFlight.values(), *self._waiting]
        self._inFlight.clear()
        self._waiting.clear()
        for request in requests:
            if not request.isOver:
                request.isOver = True
                request.callbacks.onFailure(reason)

    def _start(self, request: OutgoingRequest) -> OutgoingRequest:
        if self._stopped is not None:
            raise self._stopped
        if len(self._inFlight) < self._window:
            self._launch(request)
        elif len(self._waiting) < self._queueLimit:
            self._waiting[request] = None
        else:
            raise TooManyRequests(f"{self._queueLimit} requests wait already")
        return request

    def _launch(self, request: OutgoingRequest) -> None:
        inFlight = self._inFlight
        randomBits = self._environment.random.getrandbits
        transactionId = randomBits(wire.TRANSACTION_ID_BITS)
        while transactionId in inFlight:
            transactionId = randomBits(wire.TRANSACTION_ID_BITS)
        request.transactionId = transactionId
        inFlight[transactionId] = request
        request.timeout = self._timeouts.timeout(request.address, self._seconds())
        self._transmit(request)

    def _transmit(self, request: OutgoingRequest) -> None:
        now = self._seconds()
        request.sentAt = now
        request.transmissions += 1
        request.deadline = deadline = now + request.wait
        self._deadlines.add(deadline, request.transactionId, now)
        for body, address in request.messages:
            self._environment.send(wire.frameRequest(request.transactionId, body), address)

    def _deadlineOf(self, transactionId: int) -> float | None:
        request = self._inFlight.get(transactionId)
        return None if request is None else request.deadline

    def _late(self, transactionId: int) -> None:
        request = self._inFlight[transactionId]
        isDirect = request.isDirect
        if isDirect:
            self._timeouts.missed(request.address, request.wait, self._seconds())
        if request.transmissions >= len(request.waits):
            self._end(request)
            if isDirect:
                self._silent(request)
            request.callbacks.onFailure(RequestTimeout(f"no answer from {request.address}"))
            return
        if request.callbacks.onLate is not None:
            request.callbacks.onLate(request.transmissions)
        if not request.isOver:
            self._transmit(request)

    def _silent(self, request: OutgoingRequest) -> None:
        onMissed = request.callbacks.onMissed
        if onMissed is not None:
            onMissed(request.address)
            return
        self._timeouts.failed(request.address, request.timeout, self._seconds())
        self._listener.missed(request.address)

    def _end(self, request: OutgoingRequest) -> None:
        request.isOver = True
        if self._inFlight.pop(request.transactionId, None) is None:
            self._waiting.pop(request, None)
        while self._waiting and len(self._inFlight) < self._window:
            waiting, _ = self._waiting.popitem(last=False)
            self._launch(waiting)
