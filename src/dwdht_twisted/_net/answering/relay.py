"""
Hole punches of other nodes: pings that a third node relays, so that two nodes behind NATs can reach
each other.

1. The asker A sends a ping to the referrer R, with the address of the peer B.
2. R relays the ping to B, with the address of A.
3. B sends its answer to A.  This datagram opens B's NAT for A.

R and B send to an address that is named in the datagram they received.  The sender of that datagram
may be an attacker.  So a node bounds what it sends as R or as B:

- R relays only the ping, and only to validated addresses.  These belong to contacts, and to nodes
  that have shown within a quarter of an hour that they receive.  Such nodes may be ephemeral.  A
  handler of R may know more nodes that have shown it, for example those that announced themselves.
- A host gets only a few such datagrams per second, however many askers there are, and however many
  of its ports are contacts.  All hosts together get a limited number.
- Datagrams that contacts cause have a rate of their own, and those that other validated addresses
  cause have a third one.  Each host and each /24 network has a share of it.  So neither a few
  contacts nor forged addresses keep others from punching holes.
"""

from __future__ import annotations

from collections.abc import Callable

from ..._core import wire
from ..._core.limits import FairRate, RateLimit, RateLimiter, TokenBucket, ValidatedAddresses
from ..._core.limits.bounds import (
    RELAY_BURST,
    RELAY_RATE,
    STRANGER_RELAY_BURST,
    STRANGER_RELAY_RATE,
    TOTAL_RELAY_BURST,
    TOTAL_RELAY_RATE,
)
from ..._core.wire import (
    Address,
    HostPort,
    TokenIssuer,
    isLoopback,
    isRoutable,
    isSendable,
    packAddress,
    unpackAddress,
)
from ...errors import InvalidAddress
from ..environment import Environment


class RelayRates:
    """
    The rates of the datagrams for hole punches of other nodes: for each host, and for all together.
    """

    def __init__(self) -> None:
        self._hosts = RateLimiter(RateLimit(RELAY_RATE, RELAY_BURST))
        self._all = TokenBucket(TOTAL_RELAY_RATE, TOTAL_RELAY_BURST)

    def allow(self, address: HostPort, now: float) -> bool:
        """
        Count a datagram to an address.

        :return: whether the datagram may be sent
        """
        host = address[0]
        # The rate of the host comes first.  Otherwise the refused datagrams for one host would use
        # up the rate of all.
        return self._hosts.allows(
            str(address) if isLoopback(host) else host, now
        ) and self._all.take(now)


class Relay:
    """
    Acts for one node as the referrer or the peer in hole punches of other nodes.

    :param tokens: issues round-trip tokens
    :param validated: the addresses to which pings are relayed; it also knows the contacts
    :param relaysTo: returns whether a handler names an address to which they are relayed too
    """

    def __init__(
        self,
        environment: Environment,
        tokens: TokenIssuer,
        validated: ValidatedAddresses,
        *,
        relaysTo: Callable[[HostPort], bool],
    ) -> None:
        self._environment = environment
        self._tokens = tokens
        self._validated = validated
        self._relaysTo = relaysTo
        self._isContact = validated.isContact
        self._forContacts = RelayRates()
        self._sharesOfContacts = FairRate(TOTAL_RELAY_RATE)
        self._forValidated = RelayRates()
        self._shares = FairRate(TOTAL_RELAY_RATE)
        self._forStrangers = RelayRates()
        self._strangers = TokenBucket(STRANGER_RELAY_RATE, STRANGER_RELAY_BURST)

    def received(self, message: wire.RequestMessage, address: HostPort) -> None:
        """
        Take a ping that this node has to relay, or that another node has relayed to it.

        :param address: the source address of the datagram
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
            or not self._isReceiver(peer)
            or not self._ratesFor(asker).allow(peer, self._environment.clock.seconds())
        ):
            return False
        body = wire.requestBody(wire.PING, message.id, forwardResponse=packAddress(*asker))
        self._environment.counters.pingsRelayed += 1
        self._environment.send(wire.frameRequest(message.transactionId, body), peer)
        return True

    def _isReceiver(self, peer: Address) -> bool:
        """Whether an address has shown that it receives datagrams."""
        now = self._environment.clock.seconds()
        return self._validated.has(peer, now) or self._relaysTo(peer)

    def _answer(self, message: wire.RequestMessage, referrer: HostPort, asker: HostPort) -> bool:
        """As the peer, answer the asker."""
        environment = self._environment
        if not isSendable(packAddress(*asker)[0]) or not isRoutable(asker[0], referrer[0]):
            return False
        now = environment.clock.seconds()
        rates = self._ratesFor(referrer)
        if rates is self._forStrangers and not self._strangers.take(now):
            return False
        if not rates.allow(asker, now):
            return False
        token = self._tokens.issue(*asker, message.id, message.target)
        answer = wire.encodeResponse(
            message.transactionId, environment.identity.sent, None, packAddress(*asker), token
        )
        environment.send(answer, asker)
        return True

    def _ratesFor(self, cause: HostPort) -> RelayRates:
        """The rates of the datagrams that are caused by a datagram from an address."""
        now = self._environment.clock.seconds()
        if self._isContact(cause) and self._sharesOfContacts.take(cause[0], now):
            return self._forContacts
        if self._validated.has(cause, now) and self._shares.take(cause[0], now):
            return self._forValidated
        return self._forStrangers
