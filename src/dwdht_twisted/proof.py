"""
Which addresses receive what is sent to them, and the answers that wait to know.

A request may carry a forged source address, and its answer then goes to a
victim.  So before it has proven its address, nobody is sent more than
L{AMPLIFICATION} bytes for each byte that came from there.  An answer that is
larger waits while the asker is pinged, which every node answers, ephemeral or
not.  An address that doesn't answer soon gets what fits; a value, which can't
be shortened, waits for longer, and isn't sent without a proof.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from twisted.internet.interfaces import IReactorTime

from . import wire
from .caller import PROOF_WAITS, Caller
from .contact import Source
from .limits import RecentMap
from .routing import RoutingTable

#: How many bytes are sent to an unproven address for each byte that came from it.  A request that
#: carries an id is at least 73 bytes long; a full answer to it and the pings that check the id,
#: with all retries, come to 13.2 times that.
AMPLIFICATION = 14

#: How many proven addresses are remembered, and for how long, in seconds.
PROVEN_ADDRESSES = 2048
PROVEN_FOR = 900.0

#: How long the silence of an address is remembered, in seconds.
SILENT_FOR = 30.0

#: How many answers wait for one address, and how many bytes of answers wait for all of them.
MAXIMUM_ANSWERS = 16
MAXIMUM_BYTES = 4_000_000

#: The largest number of bytes that asking for a proof sends.
PROOF_BYTES = len(PROOF_WAITS) * (wire.HEADER_BYTES + len(wire.requestBody(wire.PING)))


class Held(NamedTuple):
    """
    An answer that waits for a proof.

    :ivar size: its bytes
    :ivar isPatient: whether it is sent with a proof only, so that it may as well wait longer
    :ivar send: to be called once, with whether there is a proof
    """

    size: int
    isPatient: bool
    send: Callable[[bool], None]


class AddressProofs:
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
        self._proven: RecentMap[Source, bool] = RecentMap(PROVEN_ADDRESSES, PROVEN_FOR)
        self._silent: RecentMap[Source, bool] = RecentMap(PROVEN_ADDRESSES, SILENT_FOR)
        # What waits, by address, the longest waiting first.
        self._waiting: dict[Source, list[Held]] = {}
        self._heldBytes = 0

    def isProven(self, address: Source) -> bool:
        """Whether this address has received something of ours lately."""
        return self._table.hasProven(address) or bool(
            self._proven.get(address, self._clock.seconds())
        )

    def proven(self, address: Source) -> None:
        """The address has sent back what only its owner received: a token of ours."""
        self._proven.put(address, True, self._clock.seconds())

    def isSilent(self, address: Source) -> bool:
        """Whether this address was asked for a proof lately, and gave none so soon."""
        return bool(self._silent.get(address, self._clock.seconds()))

    def whenKnown(self, address: Source, held: Held) -> None:
        """
        Ask for a proof.

        :param held: what is sent when there is one
        """
        if len(self._waiting.get(address, ())) >= MAXIMUM_ANSWERS:
            held.send(False)
            return
        while self._heldBytes + held.size > MAXIMUM_BYTES:
            # As with probes: who is there has mostly answered by the time that it is the oldest.
            self._probes.giveUp(next(iter(self._waiting)))
        self._heldBytes += held.size
        self._waiting.setdefault(address, []).append(held)
        self._probes.send(address, partial(self._ended, address), partial(self._late, address))

    def _late(self, address: Source, transmissions: int) -> None:
        self._silent.put(address, True, self._clock.seconds())
        waiting = self._waiting.get(address, [])
        impatient = [held for held in waiting if not held.isPatient]
        waiting[:] = [held for held in waiting if held.isPatient]
        if not waiting:
            self._waiting.pop(address, None)
        self._release(impatient, False)

    def _ended(self, address: Source, isProven: bool) -> None:
        if isProven:
            self.proven(address)
        self._release(self._waiting.pop(address, []), isProven)

    def _release(self, waiting: list[Held], isProven: bool) -> None:
        for held in waiting:
            self._heldBytes -= held.size
            held.send(isProven)
