"""
Answering other nodes.

What is said here holds against anyone who can send a datagram: see
`dwdht_twisted.proof` for the bound on answers, `dwdht_twisted.relay` for
hole punches, and `dwdht_twisted.tokens` for what makes a request an update.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from hashlib import blake2b

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ..._core import wire
from ..._core.counters import Counters
from ..._core.limits import RecentMap
from ..._core.limits.bounds import (
    AMPLIFICATION,
    CLAIM_WAITS,
    REMEMBERED_ANSWER_BYTES,
    REMEMBERED_UPDATES,
    UPDATES_REMEMBERED_FOR,
)
from ..._core.routing import RoutingTable
from ..._core.wire import (
    COMPACT_CONTACT_BYTES,
    ID_BYTES,
    Contact,
    HostPort,
    TokenIssuer,
    packAddress,
)
from ...interfaces import ICommandHandler, Request
from ..requests import Caller
from .commands import HandlerRunner
from .relay import Relay
from .validation import PROOF_BYTES, AddressValidation, HeldAnswer

# What is remembered of an update whose handler is at work.
_AT_WORK = b""


class Responder:
    """
    The answering half of a node.

    :param send: sends a datagram to an address
    :param handler: runs the commands of users
    :param takesUpdates: whether there is a handler that takes updates of a command
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        send: Callable[[bytes, HostPort], None],
        table: RoutingTable,
        tokens: TokenIssuer,
        caller: Caller,
        handler: ICommandHandler,
        takesUpdates: Callable[[str], bool],
        counters: Counters,
    ) -> None:
        self._clock = clock
        self._send = send
        self._table = table
        self._tokens = tokens
        self._caller = caller
        self._ownId = caller.ownId
        self._handler = handler
        self._takesUpdates = takesUpdates
        self._counters = counters
        self._proofs = AddressValidation(clock, caller, table)
        self._relay = Relay(clock, send, table, tokens, caller, counters)
        self._updates: RecentMap[bytes, bytes] = RecentMap(
            REMEMBERED_UPDATES, UPDATES_REMEMBERED_FOR
        )
        self.runner = HandlerRunner(clock, counters)
        # What checking an id that an asker claims sends to its address at most.
        self._checkBytes = len(CLAIM_WAITS) * (
            wire.HEADER_BYTES + len(wire.requestBody(wire.PING, self._ownId))
        )

    def isProven(self, address: HostPort) -> bool:
        """Whether an address has received something of ours lately."""
        return self._proofs.isProven(address)

    def stop(self) -> None:
        """Cancel the handlers that are at work."""
        self.runner.stop()

    def received(self, datagram: bytes, address: HostPort) -> None:
        """
        Take a request.

        :raises MalformedDatagram: when it can't be read
        """
        message = wire.decodeRequest(datagram)
        self._counters.requestsReceived += 1
        if message.forwardResponse is not None and message.forwardRequest is None:
            # The id is the asker's, the address is the referrer's: they don't belong together.
            self._relay.received(message, address)
            return
        command = message.command
        if message.forwardRequest is not None:
            self._relay.received(message, address)
        elif command == wire.FIND_NODE:
            self._findNode(message, address, len(datagram))
        elif command == wire.PING:
            self._ping(message, address)
        elif command:
            self._userCommand(message, address, datagram)
        # After the answer, which proves us to the asker before our ping reaches it.
        if message.id is not None:
            self._caller.claimed(message.id, address)

    def _ping(self, message: wire.RequestMessage, address: HostPort) -> None:
        token = self._tokens.issue(address[0], address[1], message.id, message.target)
        seenAs = packAddress(address[0], address[1])
        self._send(
            wire.encodeResponse(message.transactionId, self._ownId, None, seenAs, token), address
        )

    def _findNode(self, message: wire.RequestMessage, address: HostPort, length: int) -> None:
        target = message.target
        if target is not None and len(target) == ID_BYTES:
            token = self._tokens.issue(address[0], address[1], message.id, target)
            self._answer(message, address, length, token)

    def _userCommand(
        self, message: wire.RequestMessage, address: HostPort, datagram: bytes
    ) -> None:
        target = message.target
        if target is None or len(target) != ID_BYTES:
            return
        node = Contact(message.id, address[0], address[1])
        request = Request(message.command, target, message.value, node)
        takesUpdates = self._takesUpdates(message.command)
        token = message.roundtripToken
        if token is not None:
            if self._tokens.accepts(token, address[0], address[1], message.id, target):
                self._proofs.proven(address)
                if takesUpdates:
                    self._update(request, message, address, datagram)
                    return
            else:
                self._counters.badTokens += 1
                self._log.debug(
                    "a bad round-trip token of {node} makes its {command} a query",
                    node=str(node),
                    command=message.command,
                )
        # Without a token nobody commits to us an update that no handler would take.
        fresh = None
        if takesUpdates:
            fresh = self._tokens.issue(address[0], address[1], message.id, target)
        self._counters.queriesServed += 1
        self.runner.run(
            self._handler.queryReceived,
            request,
            partial(self._answer, message, address, len(datagram), fresh),
            isStranger=not self._proofs.isProven(address),
        )

    def _update(
        self,
        request: Request,
        message: wire.RequestMessage,
        address: HostPort,
        datagram: bytes,
    ) -> None:
        sender = b"%b:%d" % (address[0].encode("ascii"), address[1])
        key = blake2b(datagram, key=sender, digest_size=16).digest()
        remembered = self._updates.get(key, self._clock.seconds())
        if remembered is not None:
            self._counters.retriesAnswered += 1
            if remembered is not _AT_WORK:
                self._send(remembered, address)
            return

        def answer(value: bytes | None) -> None:
            # The same token again, though it may be of the former secret: so the asker knows that
            # its update was taken.
            response = self._encode(message, value, message.roundtripToken)
            if response is not None:
                again = response
                if len(response) > REMEMBERED_ANSWER_BYTES:
                    again = self._encode(message, None, message.roundtripToken) or _AT_WORK
                self._updates.put(key, again, self._clock.seconds())
                self._send(response, address)

        self._updates.put(key, _AT_WORK, self._clock.seconds())
        self._counters.updatesServed += 1
        if not self.runner.run(self._handler.updateReceived, request, answer):
            # It has not run, so that a retry may.
            self._updates.discard(key)

    # Answers.

    def _answer(
        self,
        message: wire.RequestMessage,
        address: HostPort,
        length: int,
        token: bytes | None,
        value: bytes | None = None,
    ) -> None:
        """
        Answer a request whose sender may be forged.

        :param length: of its datagram, in bytes
        """
        response = self._encode(message, value, token)
        if response is None:
            return
        allowed = AMPLIFICATION * length
        if message.id is not None:
            allowed -= self._checkBytes
        if len(response) <= allowed or self._proofs.isProven(address):
            self._send(response, address)
        else:
            self._hold(message, address, token, value is not None, response, allowed)

    def _hold(
        self,
        message: wire.RequestMessage,
        address: HostPort,
        token: bytes | None,
        hasValue: bool,
        response: bytes,
        allowed: int,
    ) -> None:
        """
        Keep an answer back until its sender has proven its address.

        :param allowed: how many bytes it is sent if it doesn't
        """

        def send(isProven: bool) -> None:
            if isProven:
                self._send(response, address)
            elif not hasValue:
                excess = len(response) - (allowed - PROOF_BYTES)
                self._send(self._encodeShort(message, token, excess), address)

        if not hasValue and self._proofs.isSilent(address):
            send(False)
            return
        self._counters.answersHeld += 1
        self._proofs.holdUntilValidated(address, HeldAnswer(len(response), hasValue, send))

    def _encode(
        self, message: wire.RequestMessage, value: bytes | None, token: bytes | None
    ) -> bytes | None:
        """An answer with the closest contacts, as far as they fit; None when the value doesn't."""
        nodes = self._closest(message)
        response = wire.encodeResponse(message.transactionId, self._ownId, nodes, value, token)
        if len(response) <= wire.MAX_DATAGRAM_BYTES:
            return response
        response = wire.encodeResponse(message.transactionId, self._ownId, None, value, token)
        if len(response) <= wire.MAX_DATAGRAM_BYTES:
            return response
        self._counters.handlerFailures += 1
        self._log.error(
            "the handler of {command} gave {size} bytes, more than fit a datagram; "
            "nothing is answered",
            command=message.command,
            size=len(value or b""),
        )
        return None

    def _encodeShort(self, message: wire.RequestMessage, token: bytes | None, excess: int) -> bytes:
        """An answer that leaves out the farthest contacts to be shorter by so many bytes."""
        nodes = self._closest(message)
        fewer = -(-excess // COMPACT_CONTACT_BYTES) * COMPACT_CONTACT_BYTES
        nodes = nodes[: max(0, len(nodes) - fewer)]
        return wire.encodeResponse(message.transactionId, self._ownId, nodes, None, token)

    def _closest(self, message: wire.RequestMessage) -> bytes:
        # Who looks for its own id is joining.
        isNewcomer = message.id is not None and message.id == message.target
        return self._table.closestCompact(message.target or b"", withClaims=isNewcomer)
