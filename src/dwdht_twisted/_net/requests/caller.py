"""
Sending requests, and telling the routing table of each answer and each silence.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from ..._core import wire
from ..._core.doubts import Doubts
from ..._core.limits import Silences
from ..._core.limits.bounds import MAXIMUM_CHECKS
from ..._core.routing import TRUSTED_FOR, RoutingTable
from ..._core.wire import Address, Contact, HostPort, packAddress
from ...errors import DHTError
from ..environment import Environment
from .outgoing import RETRIES, Callbacks, OutgoingRequest, Retries
from .probing import Probing
from .requests import Requests

#: For each contact that was found dead, this many others are pinged at once, even if they are not
#: due.  So if more than an eighth of the contacts have died, more and more of them are pinged,
#: until all were.  If fewer have died, this ends soon.  Smaller: after many nodes died, tables hold
#: them for longer.  Larger: a node sends more pings while nodes leave at a usual rate.
CHECKS_FOR_LOSS = 8


class Caller:
    """
    Sends the requests of one node, and keeps its routing table up to date.

    :param table: learns which contacts answer
    :param silences: learns which addresses were silent
    :ivar identity: the id that the node sends to other nodes, if it is a member
    :ivar answeredAt: the time of the last answer to a request of this node, in seconds; at first,
        when this node was made
    :ivar onPong: called with the address and the value of each pong of a contact
    :ivar seconds: returns the present time, in seconds
    :ivar requests: the node's own requests
    :ivar probing: the pings that other nodes make this node send
    """

    def __init__(
        self, environment: Environment, table: RoutingTable, silences: Silences | None = None
    ) -> None:
        self.identity = environment.identity
        self.seconds = environment.clock.seconds
        self._table = table
        self._silences = silences or Silences()
        self._checks: set[Address] = set()
        self._doubts = Doubts()
        self._lostSince = -inf
        self._counters = environment.counters
        self.answeredAt = self.seconds()
        self.onPong: Callable[[HostPort, bytes | None], None] = lambda source, value: None
        self.requests = Requests(environment, self, isPaced=True)
        self.probing = Probing(environment, table, self, silences=self._silences)

    def received(self, datagram: bytes, address: HostPort) -> bool:
        """
        Take a response.

        :return: False when no request or probe waits for the response
        :raises MalformedDatagram: when an expected response can't be read
        """
        return self.requests.received(datagram, address) or self.probing.received(datagram, address)

    def stop(self, reason: DHTError) -> None:
        """Fail all present and all later requests with ``reason``."""
        self.requests.stop(reason)
        self.probing.stop(reason)

    def isSilent(self, address: HostPort) -> bool:
        """Whether an address left a request of the node unanswered lately; see `Silences`."""
        return self._silences.isSilent(address, self.seconds())

    @property
    def heardAt(self) -> float:
        """
        The time of the last answer or confirmed ping, in seconds.  A confirmed ping shows the way
        in, and nothing of the way out.
        """
        return max(self.answeredAt, self._table.freshness.confirmedAt)

    @property
    def silentSince(self) -> float:
        """
        A time, in seconds: so many contacts were silent to all that they were sent after it that
        the node knows that nobody answers.  Minus infinity if somebody has answered since.
        """
        since = self._doubts.silentSince(self._table.addresses)
        return since if since > self.answeredAt else -inf

    @property
    def lostSince(self) -> float:
        """
        The start of the latest lookup that has asked all that it knew in vain, in seconds.  Minus
        infinity if somebody has answered since.
        """
        return self._lostSince if self._lostSince > self.answeredAt else -inf

    def foundNobody(self, startedAt: float) -> None:
        """Note the start of a lookup that has asked all that it knew, and got no answer."""
        self._lostSince = startedAt

    @property
    def isCutOff(self) -> bool:
        """Whether contacts are silent, and nobody has answered for a minute."""
        return self._doubts.isDown(self.seconds())

    # Sending.

    def send(
        self,
        address: Address,
        body: bytes,
        callbacks: Callbacks,
        retries: Retries = RETRIES,
        *,
        isForHandler: bool = False,
    ) -> OutgoingRequest:
        """
        Send a request of a query; see `Requests.send`.

        :param isForHandler: whether a user's handler has to answer.  If the handler is silent, its
            node may still be alive, so the node is pinged before it loses its place in the table.
        """
        if isForHandler:
            # This is three times as fast as _replace.
            onAnswer, onFailure, onLate, _ = callbacks
            callbacks = Callbacks(onAnswer, onFailure, onLate, self._handlerMissed)
        return self.requests.send(address, body, callbacks, retries, isForQuery=True)

    def ping(self, address: Address, callbacks: Callbacks) -> OutgoingRequest:
        """
        Send a ping.

        :raises TooManyRequests: when too many requests wait already
        """
        return self.requests.send(address, self.identity.ping, callbacks)

    def punch(
        self, peer: Address, referrer: Address, callbacks: Callbacks, *, isAsked: bool = False
    ) -> OutgoingRequest:
        """
        Open a path to a peer through a referrer.

        :param isAsked: whether a query has a request to the peer in flight.  If so, the datagrams
            of that request have opened our own NAT, and the peer is sent no ping.
        :raises TooManyRequests: when too many requests wait already
        """
        relayed = wire.requestBody(wire.PING, self.identity.sent, forwardRequest=packAddress(*peer))
        direct = None if isAsked else self.identity.ping
        return self.requests.sendThrough(peer, referrer, relayed, callbacks, direct)

    def check(self, address: Address) -> None:
        """
        Ping an address, so that the table learns which node is there.

        Nothing is sent while a ping of this method to the address is pending, or while
        `MAXIMUM_CHECKS` pings of this method are pending.
        """
        if address in self._checks or len(self._checks) >= MAXIMUM_CHECKS:
            return

        def done(*ignored: object) -> None:
            self._checks.discard(address)

        def answered(message: wire.ResponseMessage, source: HostPort) -> None:
            done()
            self.onPong(source, message.value)
            if message.token is not None:
                self._table.freshness.given(source, message.token)

        self._checks.add(address)
        # An answer to this ping shows that the contact is there.  The token shows the contact that
        # this node is there, so the contact need not ping this node.
        token = self._table.freshness.token(address) if self.identity.sent else None
        body = (
            wire.requestBody(wire.PING, self.identity.sent, roundtripToken=token)
            if token
            else self.identity.ping
        )
        try:
            self.requests.send(address, body, Callbacks(answered, done))
        except DHTError:
            done()

    def recall(self, contact: Contact) -> None:
        """Ping a contact of an earlier run, even if its address was silent lately."""
        self.probing.claimed(contact.id or b"", contact.address)
        if not self.probing.isClaimProbed(contact.address):
            self.check(contact.address)

    # Learning.

    def heard(self, message: wire.ResponseMessage, address: HostPort) -> None:
        """Note an answer."""
        self.answeredAt = now = self.seconds()
        silent, doubtful = self._doubts.heard(address, now)
        self._silences.answered(address, now)
        contact = Contact(message.id, address[0], address[1])
        waitedFor = self._table.answered(contact, now)
        if waitedFor is not None:
            self.check(waitedFor.address)
        for each in silent:
            self._lost(each)
        for each in doubtful:
            if self._table.hasProven(each):
                self.check(Address(*each))

    def confirmed(self, id: bytes, address: HostPort, now: float) -> None:
        """
        Note a ping that brings back a token which was sent to this id at this address.

        The contact is there, but this node's own datagrams may be lost since the token was sent.
        """
        self._table.freshness.confirmed(id, address, now)

    def reached(self, address: HostPort) -> None:
        """Ping an address whose answer may be forged.  Only a pong shows that a node is there."""
        self.check(Address(*address))

    def hasAnswered(self, address: HostPort) -> bool:
        """Whether an address belongs to a contact."""
        return self._table.hasProven(address)

    def limited(self, address: Address, left: float) -> None:
        """Note how many bytes an address may still be sent, unless it belongs to a contact."""
        if not self._table.hasProven(address):
            self._silences.limit(address, left, self.seconds())

    def missed(self, address: Address, sentAt: float) -> None:
        """
        Note that an address did not answer a request of the node's own.

        :param sentAt: the time of the last transmission, in seconds
        """
        self._counters.requestsUnanswered += 1
        self._silences.missed(address, self.seconds())
        self.probeMissed(address, sentAt)

    def unanswered(self, request: OutgoingRequest) -> None:
        """
        Note that the answer to a request was late when the request was given up.

        The address counts as silent at once, until it answers.  It is pinged.  A contact that does
        not answer leaves the table.
        """
        address = request.address
        if request.retries.allowance < inf:
            self.limited(address, request.left)
        if not self.isSilent(address):
            self.probing.checkUnanswered(address)
            self._silences.missed(address, self.seconds())

    def _handlerMissed(self, address: Address, sentAt: float) -> None:
        """Note that the handler of an address did not answer.  Its node may be alive."""
        if address in self._doubts:
            # The node was silent to pings, too, and nobody has answered since.
            self._doubts.add(address, sentAt)
        self.probing.checkSilence(address)

    def gone(self, address: Address, sentAt: float) -> None:
        """Note that an address answered neither a request nor the ping after it."""
        # The time-out of this address has grown for a slow handler.  Another node may start at the
        # address, and the long time-out is wrong for that node.
        self.requests.forget(address)
        self.missed(address, sentAt)

    def probeMissed(self, address: Address, sentAt: float) -> None:
        """
        Note that an address did not answer a probe, whose last transmission was at ``sentAt``.

        A contact keeps its place until somebody else answers, because this node's own line may be
        down.  Another contact is asked, so that this is known soon.
        """
        if not self._table.hasProven(address):
            self._lost(address)
            return
        self._doubts.add(address, sentAt)
        # The node of the contact may have moved to an address that claims its id.
        self.probing.probeClaimants(address)
        witness = self._table.freshness.latest(self._isWitness(address))
        if witness is not None:
            self.check(witness.address)

    def _isWitness(self, silent: Address) -> Callable[[HostPort], bool]:
        """Return a function that tells which addresses show whether a silence counts."""
        return lambda address: address not in self._doubts and self._doubts.reaches(address, silent)

    def _lost(self, address: HostPort) -> None:
        """Note that an address did not answer although this node's line is up."""
        table, now = self._table, self.seconds()
        wasContact = table.hasProven(address)
        spare = table.failed(address, now)
        if spare is not None:
            self.check(spare.address)
        if wasContact:
            # Contacts that are being pinged already don't count.
            count = CHECKS_FOR_LOSS + len(self._checks)
            for contact in table.freshness.unseenSince(now - TRUSTED_FOR, count):
                self.check(contact.address)
