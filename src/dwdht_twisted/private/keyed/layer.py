"""
The layer of a node whose network has a key.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from twisted.logger import Logger, LogLevel

from ..._core.limits.memory import RecentMap
from ..._core.wire import HostPort
from ..._net.reporting import Reports
from ..bounds import (
    ASKERS_REMEMBERED,
    ASKERS_REMEMBERED_FOR,
    CLOCK_CHECK_INTERVAL,
    CLOCK_TOLERANCE,
    STREAMS_REMEMBERED,
)
from ..seam import Transport
from .sealing import (
    ANYBODY,
    HEADER_BYTES,
    KEY_ID_BYTES,
    NONCE,
    OVERHEAD,
    SENDER_BYTES,
    STREAM_BYTES,
    TO_BYTES,
    DerivedKeys,
    InvalidTag,
)
from .streams import OwnStream, ReceivedStream

#: The bit of the first byte that is 1 in a request, see `_core.wire.framing`.
_REQUEST = 0x80


class KeyedLayer:
    """
    Opens what members send, and drops everything else without an answer.

    :param keys: the keys of the network: the first one seals, and all of them open
    """

    _log = Logger()

    def __init__(self, transport: Transport, keys: Sequence[DerivedKeys]) -> None:
        self._transport = transport
        self._reports = Reports(self._log, transport.clock.seconds)
        self._received: OrderedDict[bytes, ReceivedStream] = OrderedDict()
        self._askers: RecentMap[HostPort, bytes] = RecentMap(
            ASKERS_REMEMBERED, ASKERS_REMEMBERED_FOR
        )
        self._nextClockCheck = 0.0
        # The streams that answers may be for: the present one and the one before.
        self._own: tuple[OwnStream, ...] = ()
        self._ownSenders: set[bytes] = set()
        self._receivers = {ANYBODY}
        self.useKeys(keys)

    def start(self) -> None:
        """Nothing is needed: the first datagram begins a stream."""

    def stop(self) -> None:
        """Nothing is left: there are no timers."""

    def useKeys(self, keys: Sequence[DerivedKeys]) -> None:
        """Seal with the first of these keys from now on, and open what is sealed with any."""
        self._sealing = keys[0]
        self._keys = {each.id: each for each in keys}
        for sender in [each for each in self._received if each[:KEY_ID_BYTES] not in self._keys]:
            del self._received[sender]
        if self._own and self._own[0].sender[:KEY_ID_BYTES] != self._sealing.id:
            self._begin(int(self._transport.wallSeconds()))

    # Sending.

    def send(self, datagram: bytes, address: HostPort) -> None:
        """Seal a datagram and send it.  An answer is sealed for the node that has asked."""
        transport = self._transport
        now = int(transport.wallSeconds())
        if not self._own or self._own[0].isOver(now):
            self._begin(now)
        to = ANYBODY
        if datagram[0] < _REQUEST:
            to = self._askers.get(address, transport.clock.seconds()) or ANYBODY
        transport.write(self._own[0].seal(datagram, to, now), address)

    def _begin(self, now: int) -> None:
        """Begin a stream."""
        name = ANYBODY
        while name[:TO_BYTES] == ANYBODY:
            name = self._transport.random.randbytes(STREAM_BYTES)
        self._own = (OwnStream(self._sealing, name, now), *self._own[:1])
        self._ownSenders = {each.sender for each in self._own}
        self._receivers = {ANYBODY, *(each.to for each in self._own)}

    # Receiving.

    def received(self, datagram: bytes, address: HostPort) -> None:
        """Deliver a datagram of a member that has not been received, and drop any other."""
        transport = self._transport
        sender = datagram[:SENDER_BYTES]
        stream = self._received.get(sender)
        keys = self._keys.get(datagram[:KEY_ID_BYTES]) if stream is None else None
        if len(datagram) <= OVERHEAD or (stream is None and keys is None):
            transport.counters.strangersRefused += 1
            return
        nonce = datagram[SENDER_BYTES:HEADER_BYTES]
        to, sealedAt, number = NONCE.unpack(nonce)
        # The remainder makes the difference right in the year 2106, too.
        late = (int(transport.wallSeconds()) - sealedAt + 2**31) % 2**32 - 2**31
        if not -CLOCK_TOLERANCE <= late <= CLOCK_TOLERANCE:
            self._refuseUntimely(datagram, address, late)
            return
        # Not for this node, sent back to it, or received before.
        if (
            to not in self._receivers
            or sender in self._ownSenders
            or (stream is not None and not stream.isNew(number))
        ):
            transport.counters.replaysRefused += 1
            return
        if stream is None:
            assert keys is not None
            stream = ReceivedStream(keys.cipher(sender[KEY_ID_BYTES:]))
        try:
            text = stream.cipher.decrypt(nonce, datagram[HEADER_BYTES:], None)
        except InvalidTag:
            transport.counters.strangersRefused += 1
            return
        stream.add(number)
        self._remember(sender, stream)
        if text[0] >= _REQUEST:
            name = sender[KEY_ID_BYTES : KEY_ID_BYTES + TO_BYTES]
            self._askers.put(address, name, transport.clock.seconds())
        transport.deliver(text, address)

    def _remember(self, sender: bytes, stream: ReceivedStream) -> None:
        """Remember a stream of which a datagram could be opened."""
        received = self._received
        received[sender] = stream
        received.move_to_end(sender)
        if len(received) > STREAMS_REMEMBERED:
            received.popitem(last=False)

    def _refuseUntimely(self, datagram: bytes, address: HostPort, late: int) -> None:
        """
        Refuse a datagram whose time is too far from that of this machine.

        Now and then such a datagram is opened.  If a member has sealed it, a clock may be wrong,
        which is logged.
        """
        transport = self._transport
        transport.counters.replaysRefused += 1
        now = transport.clock.seconds()
        if now < self._nextClockCheck:
            return
        self._nextClockCheck = now + CLOCK_CHECK_INTERVAL
        keys = self._keys.get(datagram[:KEY_ID_BYTES])
        if keys is None:
            return
        try:
            keys.cipher(datagram[KEY_ID_BYTES:SENDER_BYTES]).decrypt(
                datagram[SENDER_BYTES:HEADER_BYTES], datagram[HEADER_BYTES:], None
            )
        except InvalidTag:
            return
        self._reports.note(
            "a datagram of a member from {address} was sealed {seconds} s {direction} the time of "
            "this machine, and {tolerance} s are allowed; it was replayed, or a clock is wrong",
            level=LogLevel.warn,
            address=address,
            seconds=abs(late),
            direction="before" if late > 0 else "after",
            tolerance=CLOCK_TOLERANCE,
        )


__all__ = ["KeyedLayer"]
