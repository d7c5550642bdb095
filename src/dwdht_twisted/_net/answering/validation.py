"""
Which addresses receive what is sent to them, and the answers that wait to know.

A request may carry a forged source address, and its answer then goes to a
victim.  So before it has proven its address, nobody is sent more than
`AMPLIFICATION` bytes for each byte that came from there.  An answer that is
larger waits while the asker is pinged, which every node answers, ephemeral or
not.  An address that doesn't answer soon gets what fits; a value, which can't
be shortened, waits for longer, and isn't sent without a proof.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from twisted.internet.interfaces import IReactorTime

from ..._core import wire
from ..._core.limits import RecentMap
from ..._core.limits.bounds import (
    HELD_ANSWERS_PER_ADDRESS,
    HELD_BYTES,
    VALIDATED_ADDRESSES,
    VALIDATED_FOR,
    VALIDATION_SILENCE_REMEMBERED_FOR,
    VALIDATION_WAITS,
)
from ..._core.routing import RoutingTable
from ..._core.wire import HostPort
from ..requests import Caller

#: The largest number of bytes that asking for a proof sends.
PROOF_BYTES = len(VALIDATION_WAITS) * (wire.HEADER_BYTES + len(wire.requestBody(wire.PING)))


class HeldAnswer(NamedTuple):
    """
    An answer that waits for a proof.

    :ivar size: its bytes
    :ivar requiresValidation: whether it is sent with a proof only, so that it may as well wait longer
    :ivar send: to be called once, with whether there is a proof
    """

    size: int
    requiresValidation: bool
    send: Callable[[bool], None]


class AddressValidation:
    """
    What one node knows about the addresses that ask it.

    :param clock: tells the time
    :param caller: sends the pings
    :param table: knows contacts that have answered
    """

    def __init__(self, clock: IReactorTime, caller: Caller, table: RoutingTable) -> None:
        self._clock = clock
        self._probes = caller.proofs
        self._table = table
        self._proven: RecentMap[HostPort, bool] = RecentMap(VALIDATED_ADDRESSES, VALIDATED_FOR)
        self._silent: RecentMap[HostPort, bool] = RecentMap(
            VALIDATED_ADDRESSES, VALIDATION_SILENCE_REMEMBERED_FOR
        )
        # What waits, by address, the longest waiting first.
        self._waiting: dict[HostPort, list[HeldAnswer]] = {}
        self._heldBytes = 0

    def isProven(self, address: HostPort) -> bool:
        """Whether this address has received something of ours lately."""
        return self._table.hasProven(address) or bool(
            self._proven.get(address, self._clock.seconds())
        )

    def proven(self, address: HostPort) -> None:
        """The address has sent back what only its owner received: a token of ours."""
        self._proven.put(address, True, self._clock.seconds())

    def isSilent(self, address: HostPort) -> bool:
        """Whether this address was asked for a proof lately, and gave none so soon."""
        return bool(self._silent.get(address, self._clock.seconds()))

    def holdUntilValidated(self, address: HostPort, held: HeldAnswer) -> None:
        """
        Ask for a proof.

        :param held: what is sent when there is one
        """
        if len(self._waiting.get(address, ())) >= HELD_ANSWERS_PER_ADDRESS:
            held.send(False)
            return
        while self._heldBytes + held.size > HELD_BYTES:
            # As with probes: who is there has mostly answered by the time that it is the oldest.
            self._probes.giveUp(next(iter(self._waiting)))
        self._heldBytes += held.size
        self._waiting.setdefault(address, []).append(held)
        self._probes.send(address, partial(self._ended, address), partial(self._late, address))

    def _late(self, address: HostPort, transmissions: int) -> None:
        self._silent.put(address, True, self._clock.seconds())
        waiting = self._waiting.get(address, [])
        impatient = [held for held in waiting if not held.requiresValidation]
        waiting[:] = [held for held in waiting if held.requiresValidation]
        if not waiting:
            self._waiting.pop(address, None)
        self._release(impatient, False)

    def _ended(self, address: HostPort, isProven: bool) -> None:
        if isProven:
            self.proven(address)
        self._release(self._waiting.pop(address, []), isProven)

    def _release(self, waiting: list[HeldAnswer], isProven: bool) -> None:
        for held in waiting:
            self._heldBytes -= held.size
            held.send(isProven)
