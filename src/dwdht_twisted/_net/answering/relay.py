"""
Pings that go through a third node, so that two nodes behind NATs can meet.

A asks the referrer R to relay a ping to B; B answers straight to A, which
opens B's NAT for it.  Both steps send a datagram to an address that the sender
of the last one has chosen, so both are bounded: R relays to contacts of its
table only, nothing but the ping, and no address gets more than a few such
datagrams a second, whoever asks for them.  Contacts have a share of their own:
who would use it up has to know one, and send in its name.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from ..._core import wire
from ..._core.counters import Counters
from ..._core.limits import RateLimit, RateLimiter, TokenBucket
from ..._core.limits.bounds import (
    RELAY_BURST,
    RELAY_RATE,
    STRANGER_RELAY_BURST,
    STRANGER_RELAY_RATE,
)
from ..._core.routing import RoutingTable
from ..._core.wire import (
    Address,
    HostPort,
    TokenIssuer,
    isRoutable,
    isSendable,
    packAddress,
    unpackAddress,
)
from ...errors import InvalidAddress
from ..requests import Caller


class Relay:
    """
    One node's part in the hole punches of others.

    :param send: sends a datagram to an address
    """

    def __init__(
        self,
        clock: IReactorTime,
        send: Callable[[bytes, HostPort], None],
        table: RoutingTable,
        tokens: TokenIssuer,
        caller: Caller,
        counters: Counters,
    ) -> None:
        self._clock = clock
        self._send = send
        self._table = table
        self._tokens = tokens
        self._ownId = caller.ownId
        self._counters = counters
        self._forContacts = RateLimiter(RateLimit(RELAY_RATE, RELAY_BURST))
        self._forStrangers = RateLimiter(RateLimit(RELAY_RATE, RELAY_BURST))
        self._strangers = TokenBucket(STRANGER_RELAY_RATE, STRANGER_RELAY_BURST)

    def received(self, message: wire.RequestMessage, address: HostPort) -> None:
        """
        Take a request that is to be relayed, or was.

        :param address: whose datagram it is
        """
        if not self._serve(message, address):
            self._counters.relaysRefused += 1

    def _serve(self, message: wire.RequestMessage, address: HostPort) -> bool:
        if message.command != wire.PING:
            return False
        try:
            if message.forwardRequest is not None:
                return self._pass(message, address, unpackAddress(message.forwardRequest))
            return self._answer(message, address, unpackAddress(message.forwardResponse or b""))
        except InvalidAddress:
            return False

    def _pass(self, message: wire.RequestMessage, asker: HostPort, peer: Address) -> bool:
        """As the referrer: relay a ping to the peer."""
        if (
            not isRoutable(peer.host, asker[0])
            or not self._table.hasProven(peer)
            or not self._mayReach(peer, self._table.hasProven(asker))
        ):
            return False
        body = wire.requestBody(wire.PING, message.id, forwardResponse=packAddress(*asker))
        self._counters.pingsRelayed += 1
        self._send(wire.frameRequest(message.transactionId, body), peer)
        return True

    def _answer(self, message: wire.RequestMessage, referrer: HostPort, asker: HostPort) -> bool:
        """As the peer: answer to the asker."""
        if not isSendable(packAddress(*asker)[0]) or not isRoutable(asker[0], referrer[0]):
            return False
        isContact = self._table.hasProven(referrer)
        if not isContact and not self._strangers.take(self._clock.seconds()):
            return False
        if not self._mayReach(asker, isContact):
            return False
        token = self._tokens.issue(*asker, message.id, message.target)
        answer = wire.encodeResponse(
            message.transactionId, self._ownId, None, packAddress(*asker), token
        )
        self._send(answer, asker)
        return True

    def _mayReach(self, address: HostPort, isForContact: bool) -> bool:
        limiter = self._forContacts if isForContact else self._forStrangers
        return limiter.allows(str(address), self._clock.seconds())
