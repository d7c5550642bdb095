"""
Address validation (RFC 9000, section 8): large answers wait until their address is validated.

A request may carry a forged source address, and the answer then goes to a victim.  So an address
that is not validated is sent at most `AMPLIFICATION` bytes for each byte received from it.

A larger answer is held while its address is pinged.  Every node answers pings, even an ephemeral
node.  If the pong is late and the answer contains no value, as many contacts as fit are sent.  A
value can't be shortened.  So an answer with a value is held until the validation ends, and dropped
if the validation fails.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from ..._core import wire
from ..._core.limits import Silences, ValidatedAddresses
from ..._core.limits.bounds import HELD_ANSWERS_PER_ADDRESS, HELD_BYTES, VALIDATION_WAITS
from ..._core.wire import HostPort
from ..environment import Environment
from ..requests import Probes

#: The most bytes that one validation sends, with all retransmissions of its ping.
VALIDATION_BYTES = len(VALIDATION_WAITS) * (wire.HEADER_BYTES + len(wire.requestBody(wire.PING)))


class HeldAnswer(NamedTuple):
    """
    An answer that is held until its address is validated.

    :ivar size: the size of the answer, in bytes
    :ivar requiresValidation: whether the answer is dropped if the address is not validated.  All
        other answers are shortened, and sent as soon as the pong is late.
    :ivar send: called once at the end of the wait; the argument says whether the address is
        validated
    """

    size: int
    requiresValidation: bool
    send: Callable[[bool], None]


class AddressValidation:
    """
    Validates the addresses of askers, and holds the answers to these addresses meanwhile.

    :param probes: pings the addresses
    :param validated: remembers the validated addresses
    :param silences: remembers the addresses that don't answer
    """

    def __init__(
        self,
        environment: Environment,
        probes: Probes,
        *,
        validated: ValidatedAddresses,
        silences: Silences,
    ) -> None:
        self._seconds = environment.clock.seconds
        self._probes = probes
        self._validated = validated
        self._silent = silences.toValidation
        # The held answers of each address, in the order in which the validations began.
        self._held: dict[HostPort, list[HeldAnswer]] = {}
        self._heldBytes = 0

    def isValidated(self, address: HostPort) -> bool:
        """Whether an address is validated."""
        return self._validated.has(address, self._seconds())

    def validated(self, address: HostPort) -> None:
        """Note that an address has sent back data that only its owner received."""
        self._validated.add(address, self._seconds())

    def isSilent(self, address: HostPort) -> bool:
        """Whether, in the last 30 seconds, an address left the ping of a validation unanswered."""
        return bool(self._silent.get(address, self._seconds()))

    def holdUntilValidated(self, address: HostPort, answer: HeldAnswer) -> None:
        """Begin to validate an address, and hold an answer until the validation ends."""
        if len(self._held.get(address, ())) >= HELD_ANSWERS_PER_ADDRESS:
            answer.send(False)
            return
        while self._heldBytes + answer.size > HELD_BYTES:
            # Give up the oldest validation.  A live node has usually answered before its
            # validation is the oldest.
            self._probes.giveUp(next(iter(self._held)))
        self._heldBytes += answer.size
        self._held.setdefault(address, []).append(answer)
        self._probes.send(address, partial(self._ended, address), partial(self._late, address))

    def _late(self, address: HostPort, transmissions: int) -> None:
        self._silent.put(address, True, self._seconds())
        held = self._held.get(address, [])
        sendable = [answer for answer in held if not answer.requiresValidation]
        held[:] = [answer for answer in held if answer.requiresValidation]
        if not held:
            self._held.pop(address, None)
        self._release(sendable, False)

    def _ended(self, address: HostPort, isValidated: bool) -> None:
        if isValidated:
            self.validated(address)
        self._release(self._held.pop(address, []), isValidated)

    def _release(self, answers: list[HeldAnswer], isValidated: bool) -> None:
        for answer in answers:
            self._heldBytes -= answer.size
            answer.send(isValidated)
