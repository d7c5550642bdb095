"""
Answers to other nodes.  An answer contains the closest contacts, a value and a round-trip token.

The size of an answer to an address that is not validated is limited.  A validated address has a
budget for large answers, because a request in its name may still be forged.  A valid token shows
that a request is not forged.  So the answer to a request with a valid token has no such limit.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger, LogLevel

from ..._core import wire
from ..._core.limits import ExcessBudget, answerAllowance
from ..._core.limits.bounds import CLAIM_WAITS
from ..._core.routing import RoutingTable
from ..._core.wire import COMPACT_CONTACT_BYTES, HostPort
from ..environment import Environment
from ..reporting import Reports, printable
from .validation import VALIDATION_BYTES, AddressValidation, HeldAnswer


class Answers:
    """
    Encodes and sends the answers of one node.

    :param table: provides the closest contacts
    :param validation: knows which addresses are validated, and may be sent large answers
    :param named: called with the contacts of each answer in compact form, unless the asker looks up
        its own id
    """

    _log = Logger()

    def __init__(
        self,
        environment: Environment,
        table: RoutingTable,
        validation: AddressValidation,
        *,
        named: Callable[[bytes], None],
    ) -> None:
        self._send = environment.send
        self._identity = environment.identity
        self._overhead = environment.overhead
        self._maximumBytes = environment.maximumBytes
        self._counters = environment.counters
        self._reports = Reports(self._log, environment.clock.seconds)
        self._table = table
        self._validation = validation
        self._named = named
        self._seconds = environment.clock.seconds
        self._budget = ExcessBudget()

    def answer(
        self,
        message: wire.RequestMessage,
        address: HostPort,
        length: int,
        token: bytes | None,
        value: bytes | None = None,
        isProven: bool = False,
    ) -> None:
        """
        Answer a request whose source address may be forged.

        :param length: the length of the request's datagram, in bytes
        :param isProven: whether the request carries a valid token, so its address is not forged
        """
        response = self.encode(message, value, token)
        if response is None:
            # As if the handler had failed, so that the asker learns the contacts and goes on.
            value, response = None, self._encodeWithin(wire.MAX_DATAGRAM_BYTES, message, token)
        # The bytes that are sent to the asker anyway, to check its claimed id.
        check = 0 if message.id is None else len(CLAIM_WAITS) * self._identity.pingBytes
        allowed = answerAllowance(length, check)
        if isProven or len(response) <= allowed:
            self._send(response, address)
        elif self._validation.isValidated(address):
            self._sendValidated(message, address, token, value, response, allowed)
        else:
            self._hold(message, address, token, value, response, allowed)

    def encode(
        self, message: wire.RequestMessage, value: bytes | None, token: bytes | None
    ) -> bytes | None:
        """
        The datagram of an answer with the closest contacts.

        If an answer with a value would have more than `UNFRAGMENTED_BYTES` on the network, its
        farthest contacts are left out.  So the answer exceeds this size only if the value alone is
        too large.

        :return: the datagram; None when the value is too large for any datagram
        """
        if value is None:
            return self._encodeWithin(wire.MAX_DATAGRAM_BYTES, message, token)
        unfragmented = wire.UNFRAGMENTED_BYTES - self._overhead
        response = self._encodeWithin(unfragmented, message, token, value)
        if len(response) + self._overhead <= self._maximumBytes:
            return response
        self._counters.handlerFailures += 1
        self._reports.note(
            "handler of {command} gave {size} bytes, more than fit a datagram",
            level=LogLevel.error,
            command=printable(message.command),
            size=len(value),
        )
        return None

    def _sendValidated(
        self,
        message: wire.RequestMessage,
        address: HostPort,
        token: bytes | None,
        value: bytes | None,
        response: bytes,
        allowed: int,
    ) -> None:
        """
        Send a large answer to a validated address, if the budget of the address allows it.

        Without a budget, the farthest contacts are left out.  If the value alone is too large,
        nothing is sent.

        :param allowed: the most bytes that may be sent without a budget
        """
        if not self._budget.spend(address, len(response) - allowed, self._seconds()):
            response = self._encodeWithin(allowed, message, token, value)
            if value is not None and len(response) > allowed:
                return
        self._send(response, address)

    def _hold(
        self,
        message: wire.RequestMessage,
        address: HostPort,
        token: bytes | None,
        value: bytes | None,
        response: bytes,
        allowed: int,
    ) -> None:
        """
        Hold an answer until its address is validated.

        :param allowed: the most bytes that may be sent if the address does not get validated
        """

        hasValue = value is not None
        left = allowed - VALIDATION_BYTES

        def send(isValidated: bool) -> None:
            if isValidated:
                self._sendValidated(message, address, token, value, response, left)
            elif not hasValue:
                self._send(self._encodeWithin(left, message, token), address)

        if not hasValue and self._validation.isSilent(address):
            send(False)
            return
        self._counters.answersHeld += 1
        self._validation.holdUntilValidated(address, HeldAnswer(len(response), hasValue, send))

    def _encodeWithin(
        self,
        limit: int,
        message: wire.RequestMessage,
        token: bytes | None,
        value: bytes | None = None,
    ) -> bytes:
        """
        An answer of at most ``limit`` bytes.  If it would be larger, its farthest contacts are left
        out.  It is still larger if it has no contact left.
        """
        # A node that looks up its own id is joining.  If the table has few contacts, the answer to
        # this node also contains claims, because nodes that join together may know only each other.
        isJoining = message.id is not None and message.id == message.target
        nodes = self._table.confirmedCompact(message.target or b"", withClaims=isJoining)
        if not isJoining:
            # The upkeep of other nodes looks up their own ids most often.  An idle network must not
            # send more because of it.
            self._named(nodes)
        # A token in the answer to a user's command means that a handler takes updates of the
        # command.  So the asker is told that a repeated update runs once.
        isForUpdates = token is not None and message.command != wire.FIND_NODE
        flags = wire.REMEMBERS_UPDATES if isForUpdates else None
        response = wire.encodeResponse(
            message.transactionId, self._identity.sent, nodes, value, token, flags
        )
        excess = len(response) - limit
        if excess <= 0:
            return response
        fewer = -(-excess // COMPACT_CONTACT_BYTES) * COMPACT_CONTACT_BYTES
        nodes = nodes[: max(0, len(nodes) - fewer)]
        # Leave the field of the contacts out if it is empty.  It takes two bytes, and the largest
        # values need them.
        kept = None if value is not None and not nodes else nodes
        return wire.encodeResponse(
            message.transactionId, self._identity.sent, kept, value, token, flags
        )
