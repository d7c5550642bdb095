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
from .roundtrip import FixedTimeout
from .routing import MAXIMUM_CLAIMS, RoutingTable
from .rpc import OnAnswer, OnFailure, OnLate, OutgoingRequest, Requests

#: How many contacts are checked at once.
MAXIMUM_CHECKS = 128

#: How many pings that ask for a proof are in flight at once: as many as all strangers are served
#: together (L{Admission <dwdht_twisted.limits.Admission>}) within a tenth of a second.
MAXIMUM_PROOFS = 512

#: How long the answer to a probe is waited for, in seconds.
PROBE_TIMEOUT = 0.75

#: How long the answer to each ping is waited for, in those, that looks into a claim or asks for a
#: proof.
CLAIM_WAITS = (1.0, 1.0, 2.0)
PROOF_WAITS = (1.0,)


class Caller:
    """
    The asking half of a node.

    What it wants to know, and what strangers make it ask, are kept apart: these I{probes} have
    places and a time-out of their own, so that however many of them stay without an answer, no
    request of the node's own waits, or is waited for longer.

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
        self.probes = Requests(
            clock,
            write,
            random,
            self._heard,
            self._missed,
            window=MAXIMUM_CLAIMS + MAXIMUM_PROOFS,
            queueLimit=0,
            timeouts=FixedTimeout(PROBE_TIMEOUT),
        )
        self._pingBody = wire.requestBody(wire.PING, ownId)
        self._checks: set[Address] = set()
        # The pings that look into claims, by address, the oldest first.
        self._claims: dict[Source, OutgoingRequest] = {}

    def received(self, datagram: bytes, address: Source) -> bool:
        """
        Take a response.

        :return: False when nobody waits for it
        :raises MalformedDatagram: when it is awaited but can't be read
        """
        return self.requests.received(datagram, address) or self.probes.received(datagram, address)

    def stop(self, reason: DHTError) -> None:
        """Fail whatever is in flight with C{reason}, and all that is asked from now on."""
        self.requests.stop(reason)
        self.probes.stop(reason)

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

        In a flood of claims the oldest is given up.
        """
        if address in self._claims or not self._table.asked(id, address, self._clock.seconds()):
            return
        if len(self._claims) >= MAXIMUM_CLAIMS:
            # Who is there has mostly answered by the time that it is the oldest.
            oldest = next(iter(self._claims))
            self.probes.cancel(self._claims.pop(oldest))
            self._table.withdraw(oldest)

        def done(*ignored: object) -> None:
            del self._claims[address]

        try:
            self._claims[address] = self.probes.send(
                Address(*address), self._pingBody, done, done, waits=CLAIM_WAITS
            )
        except DHTError:
            # The node is being destroyed.
            self._table.withdraw(address)

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
