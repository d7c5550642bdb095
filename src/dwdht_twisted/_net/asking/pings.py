"""
The pings and hole punches of users.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from twisted.internet.defer import Deferred, succeed

from ..._core.wire import Address, Contact, HostPort, ResponseMessage, unpackAddress
from ...errors import InvalidAddress, UnexpectedAnswer
from ...interfaces import Pong
from ..names import Resolver
from ..requests import Callbacks, Caller, OutgoingRequest


class Pings:
    """
    Sends pings and hole punches.  Each method returns a Deferred that fires with a `Pong`.

    :param caller: sends the requests
    :param resolver: resolves the names of hosts
    """

    def __init__(self, caller: Caller, resolver: Resolver) -> None:
        self._caller = caller
        self._resolver = resolver

    def ping(self, address: Address) -> Deferred[Pong]:
        """See `IDHTNode.ping`."""
        found = self._resolver.resolve(address)
        return found.addCallback(lambda address: self._pong(partial(self._caller.ping, address)))

    def holepunch(self, peer: Address, referrer: Address) -> Deferred[Pong]:
        """See `IDHTNode.holepunch`."""
        # A DeferredList that has fired passes no cancellation on, so it must not come first.
        found = succeed((peer, referrer)).addCallback(self._resolver.resolveAll)

        def punch(both: list[Address]) -> Deferred[Pong]:
            return self._pong(partial(self._caller.punch, both[0], both[1]))

        return found.addCallback(punch)

    def _pong(self, send: Callable[[Callbacks], OutgoingRequest]) -> Deferred[Pong]:
        def cancelled(_: Deferred[Pong]) -> None:
            self._caller.requests.cancel(request)

        result: Deferred[Pong] = Deferred(cancelled)

        def answered(message: ResponseMessage, address: HostPort) -> None:
            try:
                seenAs = unpackAddress(message.value or b"")
            except InvalidAddress:
                result.errback(UnexpectedAnswer(f"{address} does not say how it sees us"))
            else:
                result.callback(Pong(Contact(message.id, *address), seenAs))

        request = send(Callbacks(answered, result.errback))
        return result
