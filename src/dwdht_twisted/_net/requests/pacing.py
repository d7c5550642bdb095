"""
Pacing: requests that wait because their receiver was sent too many lately.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import chain

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ..._core.limits import Pace
from ..._core.limits.pace import PACE_INTERVAL
from ..._core.wire import HostPort
from .outgoing import OutgoingRequest


class Held:
    """
    The requests that are held back for one receiver, in the order in which they are to be sent.

    Requests that were sent before come first.  The others may be thousands, and an update is not
    sent again once the receiver may have forgotten it.
    """

    __slots__ = ("_sentBefore", "_unsent")

    def __init__(self) -> None:
        self._sentBefore: OrderedDict[OutgoingRequest, None] = OrderedDict()
        self._unsent: OrderedDict[OutgoingRequest, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sentBefore) + len(self._unsent)

    def __iter__(self) -> Iterator[OutgoingRequest]:
        return chain(self._sentBefore, self._unsent)

    def add(self, request: OutgoingRequest) -> None:
        """Add a request."""
        (self._sentBefore if request.transmissions else self._unsent)[request] = None

    def discard(self, request: OutgoingRequest) -> None:
        """Remove a request, if it is here."""
        self._sentBefore.pop(request, None)
        self._unsent.pop(request, None)

    def take(self) -> OutgoingRequest:
        """Take out the request that is to be sent next."""
        request, _ = (self._sentBefore or self._unsent).popitem(last=False)
        return request


class Pacing:
    """
    Holds transmissions back until the `Pace` of their receiver allows them, each receiver's in
    their order; retries come first.

    All transmissions of the node's own requests count: those of lookups, of pings and of hole
    punches, and all retries.  Those of a hole punch count for the referrer, which serves them like
    other requests; the ping to the peer itself only opens our own NAT.  Probes do not count.  They
    have short waits of their own, an address has one of a kind at a time, and the limit of the
    receiver leaves room for them.

    :param clock: calls later
    :param passed: called with each request that was held back, when it may be sent
    """

    def __init__(self, clock: IReactorTime, passed: Callable[[OutgoingRequest], None]) -> None:
        self._clock = clock
        self._seconds = clock.seconds
        self._passed = passed
        self._pace = Pace()
        self._held: dict[HostPort, Held] = {}
        self._timer: IDelayedCall | None = None

    @property
    def isHolding(self) -> bool:
        """Whether any request is held back."""
        return bool(self._held)

    @property
    def held(self) -> int:
        """The number of requests that are held back."""
        return sum(map(len, self._held.values()))

    def allows(self, request: OutgoingRequest) -> bool:
        """Count a transmission if it may be sent now, and return whether it may."""
        receiver = request.messages[-1][1]
        # A request must not overtake those that are held back.
        return receiver not in self._held and self._pace.take(receiver, self._seconds())

    def hold(self, request: OutgoingRequest) -> None:
        """Hold a request back that is not allowed yet."""
        self._held.setdefault(request.receiver, Held()).add(request)
        if self._timer is None:
            self._timer = self._clock.callLater(PACE_INTERVAL, self._wake)

    def discard(self, request: OutgoingRequest) -> None:
        """Forget a request, if it is held back."""
        waiting = self._held.get(request.receiver)
        if waiting is not None:
            waiting.discard(request)
            if not waiting:
                del self._held[request.receiver]
                self._stopIfIdle()

    def clear(self) -> list[OutgoingRequest]:
        """Forget all requests that are held back, and return them."""
        requests = [request for waiting in self._held.values() for request in waiting]
        self._held.clear()
        self._stopIfIdle()
        return requests

    def _wake(self) -> None:
        self._timer = self._clock.callLater(PACE_INTERVAL, self._wake)
        now = self._seconds()
        for receiver, waiting in list(self._held.items()):
            while waiting and self._pace.take(receiver, now):
                self._passed(waiting.take())
            # A request that was too old for its retry has failed, and its end may have removed the
            # receiver, or held back others for it.
            if not waiting and self._held.get(receiver) is waiting:
                del self._held[receiver]
        self._stopIfIdle()

    def _stopIfIdle(self) -> None:
        if not self._held and self._timer is not None:
            self._timer.cancel()
            self._timer = None
