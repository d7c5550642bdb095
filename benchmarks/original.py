"""
A model of the lookups of the original, ``dht-rpc``, for the simulated network.

The model was written from the description of the original's behaviour, and follows these rules:

* A request is sent once.  It fails after five to six ticks of 250 ms, so after 1.25 to 1.5 s.
* A node has at most 16 requests in flight.  Further requests wait, and are sent only when an answer
  arrives.
* A lookup starts from the 20 closest contacts in the table.  Its candidates are the 20 closest
  nodes that it has heard of, including asked and dead nodes.  A closer node replaces the farthest.
* A lookup is over when all candidates have been asked and no request is in flight.
* If a candidate does not answer, its referrer (the node that named it) is asked to relay a ping,
  with a request like any other.  If the ping is answered, the candidate is asked again.

In three respects the model is easier than the original: the node does nothing but look up, its
first contacts are all alive, and its table is `RoutingTable`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from math import floor
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import DatagramProtocol

from dwdht_twisted._core import wire
from dwdht_twisted._core.routing import K, RoutingTable
from dwdht_twisted._core.wire import (
    Address,
    Contact,
    distance,
    packAddress,
    splitContacts,
    unpackContact,
)
from dwdht_twisted.errors import NoResponse

#: The most requests in flight.
WINDOW = 16

#: The length of a tick, in seconds.
TICK = 0.25

#: The number of whole ticks that a request waits for its answer.
TICKS = 5

#: Called with the answer to a request, or with None when it has timed out.
Answered = Callable[["wire.ResponseMessage | None"], None]


@dataclass(eq=False)
class _Request:
    """A request that waits to be sent, or for its answer."""

    body: bytes
    address: Address
    answered: Answered
    timer: IDelayedCall | None = None


@dataclass(eq=False)
class _Candidate:
    """A node that a lookup has heard of."""

    contact: Contact
    referrer: Address | None
    distance: int
    isAsked: bool = False


class OriginalNode(DatagramProtocol):
    """
    A node that makes lookups by the rules of the original, and answers no requests.

    :param reactor: provides time
    :param id: 32 bytes
    :param contacts: the contacts in its table at the start
    :param random: the source of the phase of its ticks and of its first transaction id
    """

    noisy = False

    def __init__(self, reactor: Any, id: bytes, contacts: list[Contact], random: Random) -> None:
        self.id = id
        self._reactor = reactor
        self._table = RoutingTable(id)
        for contact in contacts:
            self._table.answered(contact, reactor.seconds())
        self._phase = random.random() * TICK
        self._transactionId = random.getrandbits(wire.TRANSACTION_ID_BITS)
        self._inFlight: dict[int, _Request] = {}
        self._waiting: deque[_Request] = deque()

    @property
    def inFlight(self) -> int:
        """The number of requests that wait for an answer."""
        return len(self._inFlight)

    def query(self, command: str, target: bytes) -> Deferred[list[Contact]]:
        """
        Ask the nodes closest to a target.

        :return: fires with the contacts that answered; fails with `NoResponse` when none did
        """
        lookup = _OriginalLookup(self, wire.requestBody(command, self.id, target), target)
        lookup.start(self._table.closest(target))
        return lookup.done

    def request(self, body: bytes, address: Address, answered: Answered) -> None:
        """Send a request, or queue it when 16 are in flight."""
        request = _Request(body, address, answered)
        if len(self._inFlight) >= WINDOW or self._waiting:
            self._waiting.append(request)
        else:
            self._send(request)

    def punch(self, peer: Address, referrer: Address, answered: Answered) -> None:
        """Ask a referrer to relay a ping to a peer."""
        body = wire.requestBody(wire.PING, self.id, forwardRequest=packAddress(*peer))
        self.request(body, referrer, answered)

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Receive an answer.  As in the original, only the transaction id is checked."""
        if wire.isRequest(datagram):
            return
        message = wire.decodeResponse(datagram)
        request = self._inFlight.pop(message.transactionId, None)
        if message.id is not None:
            self._table.answered(Contact(message.id, *addr), self._reactor.seconds())
        while self._waiting and len(self._inFlight) < WINDOW:
            self._send(self._waiting.popleft())
        if request is not None:
            assert request.timer is not None
            request.timer.cancel()
            request.answered(message)

    def _send(self, request: _Request) -> None:
        self._transactionId = (self._transactionId + 1) % (1 << wire.TRANSACTION_ID_BITS)
        self._inFlight[self._transactionId] = request
        now = self._reactor.seconds()
        ticksUntilNow = floor((now - self._phase) / TICK)
        deadline = (ticksUntilNow + TICKS + 1) * TICK + self._phase
        request.timer = self._reactor.callLater(
            deadline - now, self._timedOut, self._transactionId, request
        )
        assert self.transport is not None
        self.transport.write(wire.frameRequest(self._transactionId, request.body), request.address)

    def _timedOut(self, transactionId: int, request: _Request) -> None:
        del self._inFlight[transactionId]
        request.answered(None)


@dataclass(eq=False)
class _OriginalLookup:
    """A lookup of an `OriginalNode`."""

    node: OriginalNode
    body: bytes
    target: bytes
    done: Deferred[list[Contact]] = field(default_factory=Deferred)
    _candidates: list[_Candidate] = field(default_factory=list)
    _answers: list[Contact] = field(default_factory=list)
    _outstanding: int = 0

    def start(self, contacts: list[Contact]) -> None:
        """Ask the closest of these contacts."""
        for contact in contacts:
            self._add(contact, None)
        self._advance()

    def _add(self, contact: Contact, referrer: Address | None) -> None:
        assert contact.id is not None
        if contact.id == self.node.id:
            return
        if any(each.contact.id == contact.id for each in self._candidates):
            return
        candidate = _Candidate(contact, referrer, distance(contact.id, self.target))
        self._candidates.append(candidate)
        self._candidates.sort(key=lambda each: each.distance)
        del self._candidates[K:]

    def _advance(self) -> None:
        free = max(WINDOW - self.node.inFlight, 0 if self._outstanding else 1)
        unasked = [each for each in self._candidates if not each.isAsked]
        for candidate in unasked[:free]:
            candidate.isAsked = True
            self._outstanding += 1
            self._ask(candidate, partial(self._answered, candidate))
        if self._outstanding:
            return
        if self._answers:
            self.done.callback(self._answers)
        else:
            self.done.errback(NoResponse("no node answered"))

    def _ask(self, candidate: _Candidate, answered: Answered) -> None:
        self.node.request(self.body, candidate.contact.address, answered)

    def _answered(self, candidate: _Candidate, message: wire.ResponseMessage | None) -> None:
        if message is None and candidate.referrer is not None:
            opened = partial(self._punched, candidate)
            self.node.punch(candidate.contact.address, candidate.referrer, opened)
        else:
            self._ended(candidate, message)

    def _punched(self, candidate: _Candidate, message: wire.ResponseMessage | None) -> None:
        if message is None:
            self._ended(candidate, None)
        else:
            self._ask(candidate, partial(self._ended, candidate))

    def _ended(self, candidate: _Candidate, message: wire.ResponseMessage | None) -> None:
        self._outstanding -= 1
        if message is not None:
            self._answers.append(candidate.contact)
            for compact in splitContacts(message.nodes or b""):
                contact = unpackContact(compact)
                if contact is not None:
                    self._add(contact, candidate.contact.address)
        self._advance()
