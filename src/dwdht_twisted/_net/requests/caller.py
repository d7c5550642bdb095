"""
Asking other nodes: pings, hole punches, and what the table learns from every answer.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ..._core import wire
from ..._core.limits import RecentMap
from ..._core.limits.bounds import (
    CLAIM_WAITS,
    MAXIMUM_CHECKS,
    MAXIMUM_CLAIMS,
    MAXIMUM_PROBES,
    MAXIMUM_VALIDATIONS,
    PROBE_TIMEOUT,
    SILENCE_REMEMBERED_FOR,
    SILENCE_WAITS,
    SILENCES_REMEMBERED,
    VALIDATION_WAITS,
)
from ..._core.routing import RoutingTable
from ..._core.timeouts import FixedTimeout
from ..._core.wire import Address, Contact, HostPort, packAddress, unpackAddress
from ...errors import DHTError, InvalidAddress, UnexpectedAnswer
from ...interfaces import Pong
from .probes import Probes
from .requests import OnAnswer, OnFailure, OnLate, OutgoingRequest, Requests


class Caller:
    """
    The asking half of a node.

    What it wants to know is asked by its `requests`, what others make it ask by
    `Probes`: claims that are looked into, contacts that may have been restarted or moved,
    addresses that are to prove themselves, and nodes whose handlers are silent.

    :param clock: tells the time
    :param write: sends a datagram to an address
    :param random: where transaction ids come from
    :param table: what learns who answers
    :param ownId: the id to tell others, None when ephemeral
    """

    def __init__(
        self,
        clock: IReactorTime,
        write: Callable[[bytes, HostPort], None],
        random: Random,
        table: RoutingTable,
        ownId: bytes | None,
    ) -> None:
        self._clock = clock
        self._table = table
        self.ownId = ownId
        self.requests = Requests(clock, write, random, self._heard, self._missed)
        self._pingBody = wire.requestBody(wire.PING, ownId)
        self._probing = Requests(
            clock,
            write,
            random,
            self._heard,
            self._claimMissed,
            window=MAXIMUM_PROBES,
            timeouts=FixedTimeout(PROBE_TIMEOUT),
        )
        toLookInto = (self._probing, self._pingBody, CLAIM_WAITS, MAXIMUM_CLAIMS, self._claimMissed)
        self._claimProbes = Probes(*toLookInto)
        self._doubtProbes = Probes(*toLookInto)
        # A proof that doesn't come tells nothing of a contact.
        self.proofs = Probes(
            self._probing,
            wire.requestBody(wire.PING),
            VALIDATION_WAITS,
            MAXIMUM_VALIDATIONS,
            lambda address: None,
        )
        self._silenceProbes = Probes(
            self._probing, self._pingBody, SILENCE_WAITS, MAXIMUM_CHECKS, self._silenceConfirmed
        )
        self._probes = (self._claimProbes, self.proofs, self._silenceProbes, self._doubtProbes)
        self._checks: set[Address] = set()
        # Who left unanswered what the node asked for itself: strangers can't push anybody out.
        self._silent: RecentMap[HostPort, bool] = RecentMap(
            SILENCES_REMEMBERED, SILENCE_REMEMBERED_FOR
        )

    def received(self, datagram: bytes, address: HostPort) -> bool:
        """
        Take a response.

        :return: False when nobody waits for it
        :raises MalformedDatagram: when it is awaited but can't be read
        """
        if self.requests.received(datagram, address) or self._probing.received(datagram, address):
            return True
        for probes in self._probes:
            probes.guessed(address)
        return False

    def stop(self, reason: DHTError) -> None:
        """Fail whatever is in flight with ``reason``, and all that is asked from now on."""
        self.requests.stop(reason)
        self._probing.stop(reason)

    def isSilent(self, address: HostPort) -> bool:
        """Whether this address has not answered lately, and not since."""
        return bool(self._silent.get(address, self._clock.seconds()))

    def send(
        self,
        address: Address,
        body: bytes,
        onAnswer: OnAnswer,
        onFailure: OnFailure,
        onLate: OnLate | None = None,
        *,
        isForHandler: bool = False,
    ) -> OutgoingRequest:
        """
        Send a request; see `Requests.send`.

        :param isForHandler: whether a user's handler is to answer, whose silence needn't be that of
            its node: that is pinged then
        :raises TooManyRequests: when too many wait already
        """
        missed = self._checkSilence if isForHandler else None
        return self.requests.send(address, body, onAnswer, onFailure, onLate, missed=missed)

    def ping(self, address: Address) -> Deferred[Pong]:
        """See `IDHTNode.ping`."""
        return self._pong(
            lambda onAnswer, onFailure: self.send(address, self._pingBody, onAnswer, onFailure)
        )

    def holepunch(self, peer: Address, referrer: Address) -> Deferred[Pong]:
        """See `IDHTNode.holepunch`."""
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

    def claimed(self, id: bytes, address: HostPort) -> None:
        """Someone claims to have this id, at this address: find out."""
        doubtful = self._table.asked(id, address, self._clock.seconds())
        if doubtful is None:
            return
        if self._table.hasProven(doubtful):
            # However many claims there are, a contact has its time to answer.
            self._doubtProbes.send(doubtful, partial(self._doubtEnded, doubtful, address))
        else:
            self._claimProbes.send(doubtful, partial(self._claimEnded, doubtful))

    def recall(self, contact: Contact) -> None:
        """Find out whether a contact of an earlier run is there, though it was silent lately."""
        self.claimed(contact.id or b"", contact.address)
        if not self._claimProbes.isProbed(contact.address):
            self.check(contact.address)

    def _claimEnded(self, address: HostPort, isAnswered: bool) -> None:
        if not isAnswered:
            self._table.withdraw(address)

    def _doubtEnded(self, doubtful: HostPort, address: HostPort, isAnswered: bool) -> None:
        # Who was silent has left the table.  Whoever has its id may be the same that has moved.
        if address != doubtful and not self._table.holds(doubtful):
            self._doubtProbes.send(address, lambda isAnswered: None)

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

    def _checkSilence(self, address: Address) -> None:
        # As a probe, for who waits for a handler learns nothing from how quick a pong is.
        if not self.isSilent(address):
            self._silenceProbes.send(address, lambda isAnswered: None)

    def _silenceConfirmed(self, address: Address) -> None:
        # Else it would be waited for as a handler is that was slow once.
        self.requests.forget(address)
        self._missed(address)

    def _pong(self, send: Callable[[OnAnswer, OnFailure], OutgoingRequest]) -> Deferred[Pong]:
        def cancelled(_: Deferred[Pong]) -> None:
            self.requests.cancel(request)

        result: Deferred[Pong] = Deferred(cancelled)

        def answered(message: wire.ResponseMessage, address: HostPort) -> None:
            try:
                seenAs = unpackAddress(message.value or b"")
            except InvalidAddress:
                result.errback(UnexpectedAnswer(f"{address} does not say how it sees us"))
            else:
                result.callback(Pong(Contact(message.id, *address), seenAs))

        request = send(answered, result.errback)
        return result

    def _heard(self, message: wire.ResponseMessage, address: HostPort) -> None:
        self._silent.discard(address)
        waitedFor = self._table.answered(
            Contact(message.id, address[0], address[1]), self._clock.seconds()
        )
        if waitedFor is not None:
            self.check(waitedFor.address)

    def _missed(self, address: Address) -> None:
        self._silent.put(address, True, self._clock.seconds())
        self._claimMissed(address)

    def _claimMissed(self, address: Address) -> None:
        spare = self._table.failed(address, self._clock.seconds())
        if spare is not None:
            self.check(spare.address)
