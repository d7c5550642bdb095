"""
Which addresses receive what is sent to them, and the answers that wait to know.

A request may carry a forged source address, and its answer then goes to a
victim.  So before it has proven its address, nobody is sent more than
L{AMPLIFICATION} bytes for each byte that came from there.  An answer that is
larger waits while the asker is pinged, which every node answers, ephemeral or
not.  An address that doesn't answer gets what fits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from twisted.internet.interfaces import IReactorTime

from . import wire
from .caller import MAXIMUM_PROOFS, PROOF_WAITS, Caller
from .contact import Address, Source
from .errors import DHTError
from .limits import RecentMap
from .routing import RoutingTable
from .rpc import OutgoingRequest

#: How many bytes are sent to an unproven address for each byte that came from it.  A request that
#: carries an id is at least 73 bytes long; a full answer to it and the pings that check the id,
#: with all retries, come to 13.8 times that.
AMPLIFICATION = 14

#: How many proven addresses are remembered, and for how long, in seconds.
PROVEN_ADDRESSES = 2048
PROVEN_FOR = 900.0

#: How long the silence of an address is remembered, in seconds.
SILENT_FOR = 30.0

#: How many answers wait for one address, and how many bytes of answers wait for all of them.
MAXIMUM_ANSWERS = 16
MAXIMUM_BYTES = 4_000_000

#: The largest number of bytes that asking for a proof sends: a ping and its retry.
PROOF_BYTES = len(PROOF_WAITS) * (wire.HEADER_BYTES + len(wire.requestBody(wire.PING)))


class Held(NamedTuple):
    """
    An answer that waits for a proof.

    :ivar size: its bytes
    :ivar send: to be called once, with whether there is a proof
    """

    size: int
    send: Callable[[bool], None]


class Asked:
    """
    An address that is asked for a proof.

    :ivar request: the ping that asks it
    :ivar held: the answers that wait for its pong
    """

    __slots__ = ("address", "held", "request")

    def __init__(self, address: Source) -> None:
        self.address = address
        self.request: OutgoingRequest | None = None
        self.held: list[Held] = []


class AddressProofs:
    """
    What one node knows about the addresses that ask it.

    :param clock: tells the time
    :param caller: sends the pings
    :param table: knows contacts that have answered
    """

    def __init__(self, clock: IReactorTime, caller: Caller, table: RoutingTable) -> None:
        self._clock = clock
        self._caller = caller
        self._table = table
        self._proven: RecentMap[Source, bool] = RecentMap(PROVEN_ADDRESSES, PROVEN_FOR)
        self._silent: RecentMap[Source, bool] = RecentMap(PROVEN_ADDRESSES, SILENT_FOR)
        # The longest asked first.
        self._asked: dict[Source, Asked] = {}
        self._heldBytes = 0
        self._pingBody = wire.requestBody(wire.PING)

    def isProven(self, address: Source) -> bool:
        """Whether this address has received something of ours lately."""
        return self._table.hasProven(address) or bool(
            self._proven.get(address, self._clock.seconds())
        )

    def proven(self, address: Source) -> None:
        """The address has sent back what only its owner received: a token of ours."""
        self._proven.put(address, True, self._clock.seconds())

    def whenKnown(self, address: Source, size: int, send: Callable[[bool], None]) -> None:
        """
        Ask for a proof.

        :param size: how many bytes wait for it
        :param send: called once, with whether there is one; False already when the answer to our
            ping is late
        """
        known = self._asked.get(address)
        if (
            self._heldBytes + size > MAXIMUM_BYTES
            or (known is not None and len(known.held) >= MAXIMUM_ANSWERS)
            or self._silent.get(address, self._clock.seconds())
        ):
            send(False)
            return
        asked = known or Asked(address)
        asked.held.append(Held(size, send))
        self._heldBytes += size
        if known is None:
            if len(self._asked) >= MAXIMUM_PROOFS:
                # Who is there has mostly answered by the time that it is the oldest.
                self._giveUp(next(iter(self._asked.values())))
            self._asked[address] = asked
            self._ask(asked)

    def _ask(self, asked: Asked) -> None:
        def answered(message: wire.ResponseMessage, source: Source) -> None:
            self.proven(asked.address)
            self._ended(asked, True)

        def late(transmissions: int) -> None:
            # An asker of the original waits no longer.
            self._release(asked, False)

        def failed(reason: DHTError) -> None:
            self._silent.put(asked.address, True, self._clock.seconds())
            self._ended(asked, False)

        try:
            asked.request = self._caller.probes.send(
                Address(*asked.address), self._pingBody, answered, failed, late, PROOF_WAITS
            )
        except DHTError:
            self._ended(asked, False)

    def _giveUp(self, asked: Asked) -> None:
        if asked.request is not None:
            self._caller.probes.cancel(asked.request)
        self._ended(asked, False)

    def _ended(self, asked: Asked, isProven: bool) -> None:
        del self._asked[asked.address]
        self._release(asked, isProven)

    def _release(self, asked: Asked, isProven: bool) -> None:
        held, asked.held = asked.held, []
        for each in held:
            self._heldBytes -= each.size
            each.send(isProven)
