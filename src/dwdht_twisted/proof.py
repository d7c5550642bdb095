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
from .caller import Caller
from .contact import Address, Source
from .errors import DHTError
from .limits import RecentMap
from .routing import RoutingTable

#: How many bytes are sent to an unproven address for each byte that came from it.  A request that
#: carries an id is at least 73 bytes long; a full answer to it and the pings that check the id,
#: with all retries, come to 13.8 times that.
AMPLIFICATION = 14

#: How many proven addresses are remembered, and for how long, in seconds.
PROVEN_ADDRESSES = 2048
PROVEN_FOR = 900.0

#: How long the silence of an address is remembered, in seconds.
SILENT_FOR = 30.0

#: How many addresses are pinged at once, and how many answers wait for one of them.
MAXIMUM_WAITING = 128
MAXIMUM_ANSWERS = 16

#: The largest number of bytes that asking for a proof sends: a ping and its retries.
PROOF_BYTES = 4 * (wire.HEADER_BYTES + len(wire.requestBody(wire.PING)))


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
        self._waiting: dict[Source, list[Callable[[bool], None]]] = {}
        self._pingBody = wire.requestBody(wire.PING)

    def isProven(self, address: Source) -> bool:
        """Whether this address has received something of ours lately."""
        return self._table.hasProven(address) or bool(
            self._proven.get(address, self._clock.seconds())
        )

    def proven(self, address: Source) -> None:
        """The address has sent back what only its owner received: a token of ours."""
        self._proven.put(address, True, self._clock.seconds())

    def whenKnown(self, address: Source, send: Callable[[bool], None]) -> None:
        """
        Ask for a proof.

        :param send: called once, with whether there is one; False already when the answer to our
            ping is late
        """
        waiting = self._waiting.get(address)
        if waiting is not None and len(waiting) < MAXIMUM_ANSWERS:
            waiting.append(send)
        elif (
            waiting is not None
            or len(self._waiting) >= MAXIMUM_WAITING
            or self._silent.get(address, self._clock.seconds())
        ):
            send(False)
        else:
            self._waiting[address] = [send]
            self._ask(address)

    def _ask(self, address: Source) -> None:
        def answered(message: wire.ResponseMessage, source: Source) -> None:
            self.proven(address)
            self._settle(address, True)

        def late(transmissions: int) -> None:
            self._settle(address, False)

        def failed(reason: DHTError) -> None:
            self._silent.put(address, True, self._clock.seconds())
            self._settle(address, False)

        try:
            self._caller.send(Address(*address), self._pingBody, answered, failed, late)
        except DHTError:
            self._settle(address, False)

    def _settle(self, address: Source, isProven: bool) -> None:
        for send in self._waiting.pop(address, ()):
            send(isProven)
