"""
Answers: the closest contacts, a value and a token, within what their receiver may be sent.
"""

from __future__ import annotations

from twisted.logger import Logger

from ..._core import wire
from ..._core.limits import answerAllowance
from ..._core.limits.bounds import CLAIM_WAITS
from ..._core.routing import RoutingTable
from ..._core.wire import COMPACT_CONTACT_BYTES, HostPort
from ..environment import Environment
from .validation import VALIDATION_BYTES, AddressValidation, HeldAnswer


class Answers:
    """
    Encodes and sends the answers of one node.

    :param table: gives the closest contacts
    :param validation: knows which addresses may be sent large answers
    """

    _log = Logger()

    def __init__(
        self, environment: Environment, table: RoutingTable, validation: AddressValidation
    ) -> None:
        self._send = environment.send
        self._ownId = environment.ownId
        self._counters = environment.counters
        self._table = table
        self._validation = validation
        # The bytes that a check of the id that an asker claims sends to its address at most.
        self._checkBytes = len(CLAIM_WAITS) * (
            wire.HEADER_BYTES + len(wire.requestBody(wire.PING, self._ownId))
        )

    def answer(
        self,
        message: wire.RequestMessage,
        address: HostPort,
        length: int,
        token: bytes | None,
        value: bytes | None = None,
    ) -> None:
        """
        Answer a request whose source address may be forged.

        :param length: the length of its datagram, in bytes
        """
        response = self.encode(message, value, token)
        if response is None:
            return
        allowed = answerAllowance(length, 0 if message.id is None else self._checkBytes)
        if len(response) <= allowed or self._validation.isValidated(address):
            self._send(response, address)
        else:
            self._hold(message, address, token, value is not None, response, allowed)

    def encode(
        self, message: wire.RequestMessage, value: bytes | None, token: bytes | None
    ) -> bytes | None:
        """
        The datagram of an answer with the closest contacts.

        The farthest contacts are left out of a datagram that would be larger than
        `UNFRAGMENTED_BYTES`.  So it is larger only when the value alone makes it so.

        :return: None when the value doesn't fit any datagram
        """
        nodes = self._closest(message)
        response = wire.encodeResponse(message.transactionId, self._ownId, nodes, value, token)
        if value is None or len(response) <= wire.UNFRAGMENTED_BYTES:
            return response
        response = self._encodeShort(message, token, len(response) - wire.UNFRAGMENTED_BYTES, value)
        if len(response) <= wire.MAX_DATAGRAM_BYTES:
            return response
        self._counters.handlerFailures += 1
        self._log.error(
            "handler of {command} gave {size} bytes, more than fit a datagram; no answer was sent",
            command=message.command,
            size=len(value),
        )
        return None

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
        Hold an answer back until its address is validated.

        :param allowed: the bytes that the address is sent if it is not
        """

        def send(isValidated: bool) -> None:
            if isValidated:
                self._send(response, address)
            elif not hasValue:
                excess = len(response) - (allowed - VALIDATION_BYTES)
                self._send(self._encodeShort(message, token, excess), address)

        if not hasValue and self._validation.isSilent(address):
            send(False)
            return
        self._counters.answersHeld += 1
        self._validation.holdUntilValidated(address, HeldAnswer(len(response), hasValue, send))

    def _encodeShort(
        self,
        message: wire.RequestMessage,
        token: bytes | None,
        excess: int,
        value: bytes | None = None,
    ) -> bytes:
        """An answer without the farthest contacts, shorter by ``excess`` bytes where possible."""
        nodes = self._closest(message)
        fewer = -(-excess // COMPACT_CONTACT_BYTES) * COMPACT_CONTACT_BYTES
        nodes = nodes[: max(0, len(nodes) - fewer)]
        # An empty field takes two bytes, which the largest values need.
        if value is not None and not nodes:
            return wire.encodeResponse(message.transactionId, self._ownId, None, value, token)
        return wire.encodeResponse(message.transactionId, self._ownId, nodes, value, token)

    def _closest(self, message: wire.RequestMessage) -> bytes:
        # A node that looks up its own id is joining: it may need claims.
        isJoining = message.id is not None and message.id == message.target
        return self._table.closestCompact(message.target or b"", withClaims=isJoining)
