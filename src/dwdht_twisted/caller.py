"""
Asking other nodes: pings, hole punches, and what the table learns from every answer.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from . import wire
from .contact import Address, Contact, Source, packAddress, unpackAddress
from .errors import DHTError, InvalidAddress, UnexpectedAnswer
from .interfaces import Pong
from .routing import RoutingTable
from .rpc import OnAnswer, OnFailure, OnLate, OutgoingRequest, Requests

#: How many contacts are checked at once.  More claims than that in one moment are a flood.
MAXIMUM_CHECKS = 128


class Caller:
    """
    The asking half of a node.

    :param clock: tells the time
    :param write: sends a datagram to an address
    :param random: where transaction ids come from
    :param table: what learns who answers
    :param ownId: the id to tell others, None when ephemeral
    """

    def __init__(
        self,
        clock: IReactorTime,
        write: Callable[[bytes, Source], None],
        random: Random,
        table: RoutingTable,
        ownId: bytes | None,
    ) -> None:
        self._clock = clock
        self._table = table
        self.ownId = ownId
        self.requests = Requests(clock, write, random, self._heard, self._missed)
        self._pingBody = wire.requestBody(wire.PING, ownId)
        self._checks: set[Address] = set()

    def send(
        self,
        address: Address,
        body: bytes,
        onAnswer: OnAnswer,
        onFailure: OnFailure,
        onLate: OnLate | None = None,
    ) -> OutgoingRequest:
        """
        Send a request; see L{Requests.send}.

        :raises TooManyRequests: when too many wait already
        """
        return self.requests.send(address, body, onAnswer, onFailure, onLate)

    def ping(self, address: Address) -> Deferred[Pong]:
        """See L{IDHTNode.ping <dwdht_twisted.interfaces.IDHTNode.ping>}."""
        return self._pong(
            lambda onAnswer, onFailure: self.send(address, self._pingBody, onAnswer, onFailure)
        )

    def holepunch(self, peer: Address, referrer: Address) -> Deferred[Pong]:
        """See L{IDHTNode.holepunch <dwdht_twisted.interfaces.IDHTNode.holepunch>}."""
        return self._pong(
            lambda onAnswer, onFailure: self.punch(peer, referrer, onAnswer, onFailure)
        )

    def punch(
        self,
        peer: Address,
        referrer: Address,
        onAnswer: OnAnswer,
        onFailure: OnFailure,
        onLate: OnLate | None = None,
        *,
        isAsked: bool = False,
    ) -> OutgoingRequest:
        """
        Open a path to a peer through a referrer.

        :param isAsked: whether a request to the peer is in flight, and opens our own NAT
        :raises TooManyRequests: when too many wait already
        """
        relayed = wire.requestBody(wire.PING, self.ownId, forwardRequest=packAddress(*peer))
        direct = None if isAsked else self._pingBody
        return self.requests.sendThrough(
            peer, direct, referrer, relayed, onAnswer, onFailure, onLate
        )

    def claimed(self, id: bytes, address: Source) -> None:
        """
        Someone claims to have this id, at this address: find out.

        A claim that we have no time for is not even noted, for nothing would ever take it back.
        """
        if (
            len(self._checks) < MAXIMUM_CHECKS
            and not self.requests.waiting
            and self._table.asked(id, address, self._clock.seconds())
        ):
            self.check(Address(*address))

    def check(self, address: Address) -> None:
        """Ping an address so that the table learns who is there, if anyone."""
        if address in self._checks or len(self._checks) >= MAXIMUM_CHECKS:
            return

        def done(*ignored: object) -> None:
            self._checks.discard(address)

        self._checks.add(address)
        try:
            self.send(address, self._pingBody, done, done)
        except DHTError:
            done()

    def _pong(self, send: Callable[[OnAnswer, OnFailure], OutgoingRequest]) -> Deferred[Pong]:
        def cancelled(_: Deferred[Pong]) -> None:
            self.requests.cancel(request)

        result: Deferred[Pong] = Deferred(cancelled)

        def answered(message: wire.ResponseMessage, address: Source) -> None:
            try:
                seenAs = unpackAddress(message.value or b"")
            except InvalidAddress:
                result.errback(UnexpectedAnswer(f"{address} does not say how it sees us"))
            else:
                result.callback(Pong(Contact(message.id, *address), seenAs))

        request = send(answered, result.errback)
        return result

    def _heard(self, message: wire.ResponseMessage, address: Source) -> None:
        waitedFor = self._table.answered(
            Contact(message.id, address[0], address[1]), self._clock.seconds()
        )
        if waitedFor is not None:
            self.check(waitedFor.address)

    def _missed(self, address: Address) -> None:
        spare = self._table.failed(address, self._clock.seconds())
        if spare is not None:
            self.check(spare.address)
