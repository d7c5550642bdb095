"""
Address validation (RFC 9000, section 8): answers that wait until their address is known to receive.

A request may carry a forged source address, and its answer then goes to a victim.  So an address
that is not validated is sent at most `AMPLIFICATION` bytes for each byte that came from there.  A
larger answer is held while the asker is pinged; every node answers a ping, ephemeral or not.  An
address that does not answer soon gets as many contacts as fit.  A value can't be shortened: it is
held longer, and is not sent without validation.
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

#: The bytes that a validation sends at most.
VALIDATION_BYTES = len(VALIDATION_WAITS) * (wire.HEADER_BYTES + len(wire.requestBody(wire.PING)))


class HeldAnswer(NamedTuple):
    """
    An answer that is held back.

    :ivar size: its bytes
    :ivar requiresValidation: whether it is not sent without validation, so it may wait longer
    :ivar send: called once, with whether the address is validated
    """

    size: int
    requiresValidation: bool
    send: Callable[[bool], None]


class AddressValidation:
    """
    Validates the addresses of askers, and holds answers meanwhile.

    :param probes: ping the addresses
    :param validated: the addresses that are validated already
    :param silences: learns which addresses don't answer
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
        # The held answers by address; the address that has waited longest comes first.
        self._held: dict[HostPort, list[HeldAnswer]] = {}
        self._heldBytes = 0

    def isValidated(self, address: HostPort) -> bool:
        """Whether an address has shown lately that it receives."""
        return self._validated.has(address, self._seconds())

    def validated(self, address: HostPort) -> None:
        """Note that an address has sent back what only its owner received: a token of ours."""
        self._validated.add(address, self._seconds())

    def isSilent(self, address: HostPort) -> bool:
        """Whether an address did not answer a validation lately."""
        return bool(self._silent.get(address, self._seconds()))

    def holdUntilValidated(self, address: HostPort, answer: HeldAnswer) -> None:
        """Validate an address, and hold an answer until then."""
        if len(self._held.get(address, ())) >= HELD_ANSWERS_PER_ADDRESS:
            answer.send(False)
            return
        while self._heldBytes + answer.size > HELD_BYTES:
            # A node that is there has mostly answered by the time that its validation is the
            # oldest.
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
