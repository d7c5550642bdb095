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


class Held:
    """
    An answer that waits for a proof.

    :ivar size: its bytes
    :ivar send: to be called once, with whether there is a proof
    :ivar request: the ping that asks for it
    """

    __slots__ = ("request", "send", "size")

    def __init__(self, size: int, send: Callable[[bool], None]) -> None:
        self.size = size
        self.send = send
        self.request: OutgoingRequest | None = None


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
        # What waits, by address, the longest waiting first.
        self._waiting: dict[Source, list[Held]] = {}
        self._held = 0
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

    def isSilent(self, address: Source) -> bool:
        """Whether this address was asked for a proof lately, and gave none."""
        return bool(self._silent.get(address, self._clock.seconds()))

    def whenKnown(self, address: Source, size: int, send: Callable[[bool], None]) -> None:
        """
        Ask for a proof.

        Each answer has a ping sent of its own: so who asks again, since an answer was lost, has it
        asked for again.

        :param size: how many bytes wait for it
        :param send: called once, with whether there is one
        """
        waiting = self._waiting.get(address, ())
        if self._heldBytes + size > MAXIMUM_BYTES or len(waiting) >= MAXIMUM_ANSWERS:
            send(False)
            return
        if self._held >= MAXIMUM_PROOFS:
            # Who is there has mostly answered by the time that it is the oldest.
            self._settle(next(iter(self._waiting)), False)
        held = Held(size, send)
        self._waiting.setdefault(address, []).append(held)
        self._held += 1
        self._heldBytes += size
        self._ask(address, held)

    def _ask(self, address: Source, held: Held) -> None:
        def answered(message: wire.ResponseMessage, source: Source) -> None:
            self.proven(address)
            self._settle(address, True)

        def failed(reason: DHTError) -> None:
            self._silent.put(address, True, self._clock.seconds())
            self._release(address, held, False)

        try:
            held.request = self._caller.probes.send(
                Address(*address), self._pingBody, answered, failed, waits=PROOF_WAITS
            )
        except DHTError:
            self._release(address, held, False)

    def _settle(self, address: Source, isProven: bool) -> None:
        for held in list(self._waiting.get(address, ())):
            self._release(address, held, isProven)

    def _release(self, address: Source, held: Held, isProven: bool) -> None:
        waiting = self._waiting[address]
        waiting.remove(held)
        if not waiting:
            del self._waiting[address]
        self._held -= 1
        self._heldBytes -= held.size
        if held.request is not None:
            self._caller.probes.cancel(held.request)
            # The ping's callbacks refer to what is held: a flood would leave such circles to the
            # garbage collector.
            held.request = None
        held.send(isProven)
