"""
The layer of a node whose network has a key.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from twisted.logger import Logger, LogLevel

from ..._core.limits import SharedMap
from ..._core.wire import HEADER_BYTES as FRAMING_BYTES
from ..._core.wire import REQUEST_BIT, HostPort, unpackFraming
from ..._net.reporting import Reports
from ..bounds import (
    ASKERS_REMEMBERED,
    ASKERS_REMEMBERED_FOR,
    CLOCK_CHECK_INTERVAL,
    CLOCK_TOLERANCE,
    NUMBERS_REMEMBERED,
    OWN_STREAMS_REMEMBERED,
    STREAMS_REMEMBERED,
)
from ..seam import Transport
from .sealing import (
    ANYBODY,
    END_OF_TO,
    HEADER_BYTES,
    KEY_ID_BYTES,
    OVERHEAD,
    SENDER_BYTES,
    STREAM_BYTES,
    TO_BYTES,
    DerivedKeys,
    InvalidTag,
    unpackHeader,
)
from .streams import OwnStream, ReceivedStream

#: The size of the shortest datagram that a member sends, in bytes: a sealed framing.
SHORTEST = OVERHEAD + FRAMING_BYTES


class KeyedLayer:
    """
    Opens what members send, and drops everything else without an answer.

    :param keys: the keys of the network: the first one seals, and all of them open
    """

    _log = Logger()

    def __init__(self, transport: Transport, keys: Sequence[DerivedKeys]) -> None:
        self._transport = transport
        self._write, self._deliver = transport.write, transport.deliver
        self._reports = Reports(self._log, transport.clock.seconds)
        # The stream that was heard last is the last.
        self._received: OrderedDict[bytes, ReceivedStream] = OrderedDict()
        # The request that is being delivered: its transaction id, its source, what marks the
        # answer, and the time.  Most requests are answered before their delivery ends.
        self._asked: tuple[int, HostPort, bytes, int] | None = None
        # What marks the answers to other requests, by their sources and transaction ids.  Without
        # the ids, whoever sends a request of one member again under the address of another would
        # keep this one from its answers.
        self._askers: SharedMap[tuple[str, tuple[int, int]], bytes] = SharedMap(
            ASKERS_REMEMBERED, ASKERS_REMEMBERED_FOR
        )
        self._nextClockCheck = 0.0
        # The stream that this node seals, and its last ones, this one first: it takes answers to
        # them, and refuses what is sent back.
        self._stream: OwnStream | None = None
        # The second in which this stream was found not to be over.
        self._streamCheckedAt = -1
        self._ownSenders: list[bytes] = []
        self._receivers = {ANYBODY}
        self.useKeys(keys)

    def start(self) -> None:
        """Nothing is needed: the first datagram begins a stream."""

    def stop(self) -> None:
        """Nothing is left: there are no timers."""

    def useKeys(self, keys: Sequence[DerivedKeys]) -> None:
        """
        Seal with the first of these keys from now on, and open what is sealed with any.

        Streams under other keys stay remembered: a key may come back, and replays with it.
        """
        self._keys = {each.id: each for each in keys}
        if self._stream is not None and not self._stream.sender.startswith(keys[0].id):
            self._begin(int(self._transport.wallSeconds()))

    # Sending.

    def send(self, datagram: bytes, address: HostPort) -> None:
        """Seal a datagram and send it.  An answer is sealed for the node that has asked."""
        (framing,) = unpackFraming(datagram)
        asked = self._asked
        if asked is not None and asked[0] == framing and asked[1] == address:
            to, now = asked[2], asked[3]
            self._asked = None
        else:
            to = ANYBODY if framing & REQUEST_BIT else self._takeAsker(address, framing)
            now = int(self._transport.wallSeconds())
        stream = self._stream
        if stream is None or now != self._streamCheckedAt:
            stream = self._streamAt(now)
        self._write(stream.seal(datagram, to, now), address)

    def _takeAsker(self, address: HostPort, id: int) -> bytes:
        """What marks an answer to an address, by its transaction id."""
        asker = _askerOf(address, id)
        to = self._askers.get(asker, self._transport.clock.seconds())
        if to is None:
            return ANYBODY
        self._askers.discard(asker)
        return to

    def _streamAt(self, now: int) -> OwnStream:
        """The stream that seals in this second."""
        stream = self._stream
        if stream is None or stream.isOver(now):
            stream = self._begin(now)
        self._streamCheckedAt = now
        return stream

    def _begin(self, now: int) -> OwnStream:
        """Begin a stream."""
        name = ANYBODY
        while name[:TO_BYTES] == ANYBODY:
            name = self._transport.random.randbytes(STREAM_BYTES)
        self._stream = stream = OwnStream(next(iter(self._keys.values())), name, now)
        self._ownSenders = [stream.sender, *self._ownSenders[: OWN_STREAMS_REMEMBERED - 1]]
        self._receivers = {ANYBODY, *(each[KEY_ID_BYTES:END_OF_TO] for each in self._ownSenders)}
        return stream

    # Receiving.

    def received(self, datagram: bytes, address: HostPort) -> None:
        """Deliver a datagram of a member that has not been received, and drop any other."""
        transport = self._transport
        if len(datagram) < SHORTEST or datagram[:KEY_ID_BYTES] not in self._keys:
            transport.counters.strangersRefused += 1
            return
        sender, to, sealedAt, number = unpackHeader(datagram)
        now = int(transport.wallSeconds())
        if sealedAt != now and self._isUntimely(datagram, address, now - sealedAt):
            return
        place = number % NUMBERS_REMEMBERED
        stream = self._received.get(sender)
        isNew = stream is None
        if stream is None:
            stream = ReceivedStream(sender[KEY_ID_BYTES:], self._cipher(sender))
            isRefused = sender in self._ownSenders
        else:
            isRefused = number <= stream.highest[place]
        # Sent back to this node, received before, or not for this node.
        if isRefused or to not in self._receivers:
            transport.counters.replaysRefused += 1
            return
        try:
            text = stream.decrypt(
                datagram[SENDER_BYTES:HEADER_BYTES], datagram[HEADER_BYTES:], None
            )
        except InvalidTag:
            transport.counters.strangersRefused += 1
            return
        stream.highest[place] = number
        if isNew:
            self._remember(sender, stream)
        else:
            self._received.move_to_end(sender)
        (framing,) = unpackFraming(text)
        if framing < REQUEST_BIT:
            self._deliver(text, address)
            return
        id = framing - REQUEST_BIT
        self._asked = asked = id, address, stream.to, now
        self._deliver(text, address)
        if self._asked is asked:
            self._asked = None
            self._askers.put(_askerOf(address, id), stream.to, transport.clock.seconds())

    def _cipher(self, sender: bytes) -> AESGCM:
        """The cipher of a stream of a network whose key this node has."""
        return self._keys[sender[:KEY_ID_BYTES]].cipher(sender[KEY_ID_BYTES:])

    def _remember(self, sender: bytes, stream: ReceivedStream) -> None:
        """Remember a stream of which a datagram could be opened."""
        self._received[sender] = stream
        if len(self._received) > STREAMS_REMEMBERED:
            self._received.popitem(last=False)

    def _isUntimely(self, datagram: bytes, address: HostPort, late: int) -> bool:
        """
        Whether the time of a datagram is too far from that of this machine.

        Now and then such a datagram is opened.  If a member has sealed it, a clock may be wrong,
        which is logged.

        :param late: how much later it comes than it was sealed, in seconds; its time is known
            modulo 2**32
        """
        # The remainder makes the difference right in the year 2106, too.
        late = (late + 2**31) % 2**32 - 2**31
        if -CLOCK_TOLERANCE <= late <= CLOCK_TOLERANCE:
            return False
        transport = self._transport
        transport.counters.replaysRefused += 1
        now = transport.clock.seconds()
        if now < self._nextClockCheck:
            return True
        self._nextClockCheck = now + CLOCK_CHECK_INTERVAL
        try:
            self._cipher(datagram[:SENDER_BYTES]).decrypt(
                datagram[SENDER_BYTES:HEADER_BYTES], datagram[HEADER_BYTES:], None
            )
        except InvalidTag:
            return True
        self._reports.note(
            "a datagram of a member from {address} was sealed {seconds} s {direction} the time of "
            "this machine, and {tolerance} s are allowed; it was replayed, or a clock is wrong",
            level=LogLevel.warn,
            address=address,
            seconds=abs(late),
            direction="before" if late > 0 else "after",
            tolerance=CLOCK_TOLERANCE,
        )
        return True


def _askerOf(address: HostPort, id: int) -> tuple[str, tuple[int, int]]:
    """A source and a transaction id, with the host first, because hosts share the memory."""
    host, port = address
    return host, (port, id)


__all__ = ["KeyedLayer"]
