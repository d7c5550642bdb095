"""
Sending requests, and what the routing table learns from each answer and each silence.
"""

from __future__ import annotations

from ..._core import wire
from ..._core.limits import Silences
from ..._core.limits.bounds import MAXIMUM_CHECKS
from ..._core.routing import RoutingTable
from ..._core.wire import Address, Contact, HostPort, packAddress
from ...errors import DHTError
from ..environment import Environment
from .outgoing import Callbacks, OutgoingRequest
from .probing import Probing
from .requests import Requests


class Caller:
    """
    Sends the requests of one node, and keeps its table up to date.

    :param table: learns which contacts answer
    :param silences: learns which addresses were silent
    :ivar ownId: the id that the node tells others, None when it is ephemeral
    :ivar requests: the node's own requests
    :ivar probing: the pings that others make it send
    """

    def __init__(
        self, environment: Environment, table: RoutingTable, silences: Silences | None = None
    ) -> None:
        self.ownId = environment.ownId
        self._seconds = environment.clock.seconds
        self._table = table
        self._silences = silences or Silences()
        self._ping = wire.requestBody(wire.PING, self.ownId)
        self._checks: set[Address] = set()
        self.requests = Requests(environment, self)
        self.probing = Probing(environment, table, self, silences=self._silences)

    def received(self, datagram: bytes, address: HostPort) -> bool:
        """
        Take a response.

        :return: False when no request waits for it
        :raises MalformedDatagram: when a request waits for it and it can't be read
        """
        return self.requests.received(datagram, address) or self.probing.received(datagram, address)

    def stop(self, reason: DHTError) -> None:
        """Fail all requests with ``reason``, and all that are made from now on."""
        self.requests.stop(reason)
        self.probing.stop(reason)

    def isSilent(self, address: HostPort) -> bool:
        """Whether an address left a request of the node's own unanswered lately."""
        return bool(self._silences.toRequests.get(address, self._seconds()))

    # Sending.

    def send(
        self, address: Address, body: bytes, callbacks: Callbacks, *, isForHandler: bool = False
    ) -> OutgoingRequest:
        """
        Send a request; see `Requests.send`.

        :param isForHandler: whether a user's handler is to answer.  Its silence need not be that of
            its node, which is pinged then.
        :raises TooManyRequests: when too many wait already
        """
        if isForHandler:
            callbacks = callbacks._replace(onMissed=self.probing.checkSilence)
        return self.requests.send(address, body, callbacks)

    def ping(self, address: Address, callbacks: Callbacks) -> OutgoingRequest:
        """
        Send a ping.

        :raises TooManyRequests: when too many requests wait already
        """
        return self.requests.send(address, self._ping, callbacks)

    def punch(
        self, peer: Address, referrer: Address, callbacks: Callbacks, *, isAsked: bool = False
    ) -> OutgoingRequest:
        """
        Open a path to a peer through a referrer.

        :param isAsked: whether a request to the peer is in flight, and opens our own NAT
        :raises TooManyRequests: when too many requests wait already
        """
        relayed = wire.requestBody(wire.PING, self.ownId, forwardRequest=packAddress(*peer))
        direct = None if isAsked else self._ping
        return self.requests.sendThrough(peer, referrer, relayed, callbacks, direct)

    def check(self, address: Address) -> None:
        """Ping an address, so that the table learns which node is there."""
        if address in self._checks or len(self._checks) >= MAXIMUM_CHECKS:
            return

        def done(*ignored: object) -> None:
            self._checks.discard(address)

        self._checks.add(address)
        try:
            self.ping(address, Callbacks(done, done))
        except DHTError:
            done()

    def recall(self, contact: Contact) -> None:
        """Find out whether a contact of an earlier run is there, even if it was silent lately."""
        self.probing.claimed(contact.id or b"", contact.address)
        if not self.probing.isClaimProbed(contact.address):
            self.check(contact.address)

    # Learning.

    def heard(self, message: wire.ResponseMessage, address: HostPort) -> None:
        """Note an answer."""
        self._silences.answered(address)
        contact = Contact(message.id, address[0], address[1])
        waitedFor = self._table.answered(contact, self._seconds())
        if waitedFor is not None:
            self.check(waitedFor.address)

    def missed(self, address: Address) -> None:
        """Note that an address did not answer a request of the node's own."""
        self._silences.toRequests.put(address, True, self._seconds())
        self.probeMissed(address)

    def gone(self, address: Address) -> None:
        """Note that no node is at an address where a handler was silent."""
        # The next node at that address is not waited for as a slow handler once was.
        self.requests.forget(address)
        self.missed(address)

    def probeMissed(self, address: Address) -> None:
        """Note that an address did not answer a probe."""
        spare = self._table.failed(address, self._seconds())
        if spare is not None:
            self.check(spare.address)
