"""
The requests of one node that wait for an answer.

A request gets an unpredictable transaction id, is sent again when its answer
is late, and ends in exactly one of: an answer, a failure, a cancellation.

Only so many are in flight at once; the rest wait in a bounded queue, which
moves on whatever way a request ends.  One timer serves all of them: a heap
holds the deadlines, and an entry whose request has ended or was sent again
since is passed over when it comes up.

This is the datagram path: plain callbacks, no Deferreds.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from heapq import heappop, heappush
from random import Random

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ..._core import wire
from ..._core.limits.bounds import REQUEST_QUEUE, REQUEST_WINDOW
from ..._core.timeouts import RoundTripTimes, Timeouts
from ..._core.wire import Address, HostPort
from ...errors import DHTError, RequestTimeout, TooManyRequests

#: How long the answer to each transmission is waited for, in time-outs of the address.  The second
#: is as short as the first, for most first ones that are missed were lost; the later ones leave a
#: handler the time that the original would.
WAITS = (1.0, 1.0, 2.0, 4.0)

#: How often a request is sent before it fails.
TRANSMISSIONS = len(WAITS)

#: The same for a ping that a referrer relays while the request itself goes on.
RELAY_WAITS = (1.0, 2.0)

#: When the timer comes this much too late, in seconds, the reactor was held up.
HELD_UP = 0.02

#: Called with an answer and the address that it came from.
OnAnswer = Callable[[wire.ResponseMessage, HostPort], None]

#: Called with what went wrong.
OnFailure = Callable[[DHTError], None]

#: Called with an address that has not answered a request, after all retries.
OnMissed = Callable[[Address], None]

#: Called each time that an answer is late, with how often the request was sent.  It is sent again,
#: unless it is cancelled now.
OnLate = Callable[[int], None]


class OutgoingRequest:
    """
    One request, from the moment that it is wanted until it ends.

    :ivar address: who is to answer
    :ivar isOver: whether it has ended
    """

    __slots__ = (
        "address",
        "anyPort",
        "deadline",
        "isOver",
        "messages",
        "missed",
        "onAnswer",
        "onFailure",
        "onLate",
        "sentAt",
        "timeout",
        "transactionId",
        "transmissions",
        "waits",
    )

    def __init__(
        self,
        address: Address,
        messages: tuple[tuple[bytes, Address], ...],
        onAnswer: OnAnswer,
        onFailure: OnFailure,
        onLate: OnLate | None,
        anyPort: bool,
        waits: tuple[float, ...] = WAITS,
        missed: OnMissed | None = None,
    ) -> None:
        self.address = address
        self.messages = messages
        self.onAnswer = onAnswer
        self.onFailure = onFailure
        self.onLate = onLate
        self.anyPort = anyPort
        self.waits = waits
        self.missed = missed
        self.transactionId = -1
        self.transmissions = 0
        self.sentAt = 0.0
        self.timeout = 0.0
        self.deadline = 0.0
        self.isOver = False

    @property
    def wait(self) -> float:
        """How long the answer to the latest transmission is waited for, in seconds."""
        return self.timeout * self.waits[self.transmissions - 1]

    def isAnsweredFrom(self, address: HostPort) -> bool:
        """Whether an answer from this address is the one that is waited for."""
        return address == self.address or (self.anyPort and address[0] == self.address[0])


class Requests:
    """
    All requests of a node.

    :param clock: tells the time and calls later
    :param write: sends a datagram to an address
    :param random: where transaction ids come from
    :param heard: told of each answer, before the request's own callback
    :param missed: told of each address that has not answered, before the request's own callback
    :param timeouts: how long to wait; by default that is learnt from the answers
    """

    def __init__(
        self,
        clock: IReactorTime,
        write: Callable[[bytes, HostPort], None],
        random: Random,
        heard: Callable[[wire.ResponseMessage, HostPort], None],
        missed: OnMissed,
        *,
        window: int = REQUEST_WINDOW,
        queueLimit: int = REQUEST_QUEUE,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._clock = clock
        self._write = write
        self._randomBits = random.getrandbits
        self._heard = heard
        self._missed = missed
        self._window = window
        self._queueLimit = queueLimit
        self._inFlight: dict[int, OutgoingRequest] = {}
        self._waiting: OrderedDict[OutgoingRequest, None] = OrderedDict()
        # With transaction ids, so that nothing keeps alive a request that has ended.
        self._deadlines: list[tuple[float, int]] = []
        self._timer: IDelayedCall | None = None
        self._timerAt = 0.0
        self._wasHeldUp = False
        self._timeouts = timeouts or RoundTripTimes()
        self._stopped: DHTError | None = None

    @property
    def inFlight(self) -> int:
        """How many requests wait for an answer."""
        return len(self._inFlight)

    @property
    def waiting(self) -> int:
        """How many requests wait to be sent."""
        return len(self._waiting)

    def send(
        self,
        address: Address,
        body: bytes,
        onAnswer: OnAnswer,
        onFailure: OnFailure,
        onLate: OnLate | None = None,
        waits: tuple[float, ...] = WAITS,
        missed: OnMissed | None = None,
    ) -> OutgoingRequest:
        """
        Send a request.

        :param body: what `wire.requestBody` gave
        :param waits: how long the answer to each transmission is waited for, in time-outs
        :param missed: told if there is no answer to this one; by default who is told of all
        :return: the request, for `cancel`
        :raises TooManyRequests: when the queue is full
        """
        messages = ((body, address),)
        return self._start(
            OutgoingRequest(address, messages, onAnswer, onFailure, onLate, False, waits, missed)
        )

    def sendThrough(
        self,
        address: Address,
        direct: bytes | None,
        referrer: Address,
        relayed: bytes,
        onAnswer: OnAnswer,
        onFailure: OnFailure,
        onLate: OnLate | None = None,
    ) -> OutgoingRequest:
        """
        Send one request on two ways under one transaction id: to the node itself, which opens our
        NAT, and to a referrer that relays it.  The answer to either comes from the node's host;
        its NAT may show another port.

        :param direct: None when another request to the node is in flight and opens our NAT.  Then
            the referrer is asked a few times only, and silence tells nothing of the node.
        :raises TooManyRequests: when the queue is full
        """
        messages: tuple[tuple[bytes, Address], ...] = ((relayed, referrer),)
        waits: tuple[float, ...] = RELAY_WAITS
        if direct is not None:
            messages = ((direct, address), *messages)
            waits = WAITS
        return self._start(
            OutgoingRequest(address, messages, onAnswer, onFailure, onLate, True, waits)
        )

    def redirect(self, request: OutgoingRequest, address: Address) -> None:
        """
        Send a request that is in flight once more, now that a path to its peer has opened.

        It stays the same request: whoever gets several of its transmissions runs it once, and an
        answer to any of them counts.  It has as many retries left as before.

        :param address: where the peer is reached on that path
        """
        [(body, _)] = request.messages
        request.address = address
        request.messages = ((body, address),)
        request.anyPort = True
        request.transmissions -= 1
        self._transmit(request)

    def forget(self, address: HostPort) -> None:
        """The node at this address is gone: the next one there is waited for like any new one."""
        self._timeouts.forget(address)

    def cancel(self, request: OutgoingRequest) -> None:
        """End a request without a word to its callbacks."""
        if not request.isOver:
            self._end(request)

    def received(self, datagram: bytes, address: HostPort) -> bool:
        """
        Take a response.

        :return: False when nobody waits for it
        :raises MalformedDatagram: when it is awaited but can't be read; the request goes on
        """
        request = self._inFlight.get(wire.transactionId(datagram))
        if request is None or not request.isAnsweredFrom(address):
            return False
        message = wire.decodeResponse(datagram)
        if request.transmissions == 1:
            now = self._clock.seconds()
            self._timeouts.measured(address, now - request.sentAt, now)
        self._end(request)
        self._heard(message, address)
        request.onAnswer(message, address)
        return True

    def stop(self, reason: DHTError) -> None:
        """Fail every request with ``reason``, and each that is made from now on."""
        self._stopped = reason
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._deadlines.clear()
        requests = [*self._inFlight.values(), *self._waiting]
        self._inFlight.clear()
        self._waiting.clear()
        for request in requests:
            if not request.isOver:
                request.isOver = True
                request.onFailure(reason)

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
        transactionId = self._randomBits(wire.TRANSACTION_ID_BITS)
        while transactionId in inFlight:
            transactionId = self._randomBits(wire.TRANSACTION_ID_BITS)
        request.transactionId = transactionId
        inFlight[transactionId] = request
        request.timeout = self._timeouts.timeout(request.address, self._clock.seconds())
        self._transmit(request)

    def _transmit(self, request: OutgoingRequest) -> None:
        now = self._clock.seconds()
        request.sentAt = now
        request.transmissions += 1
        request.deadline = deadline = now + request.wait
        heappush(self._deadlines, (deadline, request.transactionId))
        self._wakeAt(deadline, now)
        for body, address in request.messages:
            self._write(wire.frameRequest(request.transactionId, body), address)

    def _wakeAt(self, deadline: float, now: float) -> None:
        if self._timer is not None:
            if deadline >= self._timerAt:
                return
            # A reactor searches all its timers for one that is reset to come sooner.
            self._timer.cancel()
        self._timer = self._clock.callLater(deadline - now, self._deadlinePassed)
        self._timerAt = deadline

    def _deadlinePassed(self) -> None:
        self._timer = None
        now = self._clock.seconds()
        if now - self._timerAt > HELD_UP and not self._wasHeldUp:
            # The reactor calls before it reads.  Let it read once: the answers may be there.
            self._wasHeldUp = True
            self._wakeAt(now, now)
            return
        self._wasHeldUp = False
        deadlines = self._deadlines
        while deadlines:
            deadline, transactionId = deadlines[0]
            request = self._inFlight.get(transactionId)
            if request is None or request.deadline != deadline:
                heappop(deadlines)
            elif deadline <= now:
                heappop(deadlines)
                self._late(request)
            else:
                self._wakeAt(deadline, now)
                break

    def _late(self, request: OutgoingRequest) -> None:
        isDirect = request.messages[0][1] == request.address
        if isDirect:
            self._timeouts.missed(request.address, request.wait, self._clock.seconds())
        if request.transmissions >= len(request.waits):
            self._end(request)
            if isDirect and request.missed is not None:
                request.missed(request.address)
            elif isDirect:
                now = self._clock.seconds()
                self._timeouts.failed(request.address, request.timeout, now)
                self._missed(request.address)
            request.onFailure(RequestTimeout(f"no answer from {request.address}"))
            return
        if request.onLate is not None:
            request.onLate(request.transmissions)
        if not request.isOver:
            self._transmit(request)

    def _end(self, request: OutgoingRequest) -> None:
        request.isOver = True
        if self._inFlight.pop(request.transactionId, None) is None:
            self._waiting.pop(request, None)
        while self._waiting and len(self._inFlight) < self._window:
            waiting, _ = self._waiting.popitem(last=False)
            self._launch(waiting)
