"""
Hole punches of others: pings that go through a third node, so that two nodes behind NATs can meet.

The asker A sends the referrer R a ping to relay to the peer B.  B answers straight to A, which
opens B's NAT for A.

In both steps a datagram goes to an address that the sender of the one before has chosen.  So both
are bounded.  R relays only to its contacts, and only the ping.  An address gets a few such
datagrams a second, whatever the number of askers.  Contacts have a rate of their own: an attacker
that would use it up has to know a contact, and to send in its name.
"""

from __future__ import annotations

from collections.abc import Callable

from ..._core import wire
from ..._core.limits import RateLimit, RateLimiter, TokenBucket
from ..._core.limits.bounds import (
    RELAY_BURST,
    RELAY_RATE,
    STRANGER_RELAY_BURST,
    STRANGER_RELAY_RATE,
)
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
from ..environment import Environment


class Relay:
    """
    The part of one node in the hole punches of others.

    :param tokens: issues round-trip tokens
    :param isContact: whether an address is that of a contact
    """

    def __init__(
        self, environment: Environment, tokens: TokenIssuer, isContact: Callable[[HostPort], bool]
    ) -> None:
        self._environment = environment
        self._tokens = tokens
        self._isContact = isContact
        self._forContacts = RateLimiter(RateLimit(RELAY_RATE, RELAY_BURST))
        self._forStrangers = RateLimiter(RateLimit(RELAY_RATE, RELAY_BURST))
        self._strangers = TokenBucket(STRANGER_RELAY_RATE, STRANGER_RELAY_BURST)

    def received(self, message: wire.RequestMessage, address: HostPort) -> None:
        """
        Take a request that is to be relayed, or was.

        :param address: the source of its datagram
        """
        if not self._serve(message, address):
            self._environment.counters.relaysRefused += 1

    def _serve(self, message: wire.RequestMessage, address: HostPort) -> bool:
        if message.command != wire.PING:
            return False
        try:
            if message.forwardRequest is not None:
                return self._relay(message, address, unpackAddress(message.forwardRequest))
            return self._answer(message, address, unpackAddress(message.forwardResponse or b""))
        except InvalidAddress:
            return False

    def _relay(self, message: wire.RequestMessage, asker: HostPort, peer: Address) -> bool:
        """As the referrer, relay a ping to the peer."""
        if (
            not isRoutable(peer.host, asker[0])
            or not self._isContact(peer)
            or not self._mayReach(peer, self._isContact(asker))
        ):
            return False
        body = wire.requestBody(wire.PING, message.id, forwardResponse=packAddress(*asker))
        self._environment.counters.pingsRelayed += 1
        self._environment.send(wire.frameRequest(message.transactionId, body), peer)
        return True

    def _answer(self, message: wire.RequestMessage, referrer: HostPort, asker: HostPort) -> bool:
        """As the peer, answer the asker."""
        environment = self._environment
        if not isSendable(packAddress(*asker)[0]) or not isRoutable(asker[0], referrer[0]):
            return False
        isContact = self._isContact(referrer)
        if not isContact and not self._strangers.take(environment.clock.seconds()):
            return False
        if not self._mayReach(asker, isContact):
            return False
        token = self._tokens.issue(*asker, message.id, message.target)
        answer = wire.encodeResponse(
            message.transactionId, environment.ownId, None, packAddress(*asker), token
        )
        environment.send(answer, asker)
        return True

    def _mayReach(self, address: HostPort, isForContact: bool) -> bool:
        limiter = self._forContacts if isForContact else self._forStrangers
        return limiter.allows(str(address), self._environment.clock.seconds())
