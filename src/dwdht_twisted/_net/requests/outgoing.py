"""
One outgoing request, and the callbacks that report its outcome.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import NamedTuple, TypeAlias

from ..._core.wire import HEADER_BYTES, Address, HostPort, ResponseMessage
from ...errors import DHTError

#: The time to wait for an answer after each transmission, in time-outs of the address.  The second
#: wait is as short as the first, because an unanswered first transmission was usually lost.  The
#: third and fourth are long, so that a slow handler has as much time as with dht-rpc.
WAITS = (1.0, 1.0, 2.0, 4.0)

#: The number of transmissions after which an unanswered request fails.
TRANSMISSIONS = len(WAITS)

#: The shortest wait for an answer to an update, in seconds.  It applies if the answering node may
#: run the update once for each transmission.  A node of ``dht-rpc`` gives up a request after this
#: time or earlier.  Smaller: the handler of the answering node runs several times although its
#: answer is on the way.  Larger: a lost update is sent again later.
UPDATE_WAIT = 1.5

#: The time after its first transmission in which an update is transmitted again, in seconds,
#: whatever has delayed it: sleep of the machine, a clock that was set, or the pace of its address.
#: It is `UPDATES_REMEMBERED_FOR` less the longest time that a datagram may be on its way: a second
#: on the network, after up to 15 seconds in which a network by certificate makes a handshake.
#: Larger: the answering node may have forgotten the first transmission, and run the update again.
#: Smaller: an update is given up although the machine was only busy.
UPDATE_REPEATED_FOR = 14.0

#: The time to wait for an answer to a relayed ping after each transmission, in time-outs.  These
#: waits apply while the request to the peer is still in flight.
RELAY_WAITS = (1.0, 2.0)

#: Called with an answer and its source address.
OnAnswer: TypeAlias = Callable[[ResponseMessage, HostPort], None]

#: Called with the reason of a failure.
OnFailure: TypeAlias = Callable[[DHTError], None]

#: Called with the address of a request that is unanswered after all retries, and with the time of
#: the last transmission, in seconds.
OnMissed: TypeAlias = Callable[[Address, float], None]

#: Called with the number of transmissions, each time an answer is late.  After the call the request
#: is sent again, unless the call has cancelled the request.
OnLate: TypeAlias = Callable[[int], None]


class Callbacks(NamedTuple):
    """
    The functions that report the outcome of a request.

    :ivar onAnswer: called when the answer arrives, at most once
    :ivar onFailure: called when the request fails, at most once, and never after ``onAnswer``
    :ivar onLate: called before each retransmission; None to call nothing
    :ivar onMissed: called before ``onFailure`` when no answer came.  If it is None,
        `Listener.missed` is called instead.
    """

    onAnswer: OnAnswer
    onFailure: OnFailure
    onLate: OnLate | None = None
    onMissed: OnMissed | None = None


class Retries(NamedTuple):
    """
    The terms on which a request is sent again.

    :ivar waits: the time to wait for an answer after each transmission, in time-outs of the address
    :ivar shortestWait: the least time to wait after each transmission, in seconds
    :ivar allowance: the most bytes that the address may be sent, if it has never answered.  The
        first transmission is always sent.
    :ivar repeatedFor: the time after the first transmission in which the request is sent again, in
        seconds
    """

    waits: tuple[float, ...] = WAITS
    shortestWait: float = 0.0
    allowance: float = inf
    repeatedFor: float = inf


#: The terms of most requests.
RETRIES = Retries()

#: The terms of an update that the answering node runs once, whatever it is sent.
UPDATE_RETRIES = Retries(repeatedFor=UPDATE_REPEATED_FOR)

#: The terms of an update that the answering node may run once for each transmission.
CAREFUL_UPDATE_RETRIES = Retries(shortestWait=UPDATE_WAIT, repeatedFor=UPDATE_REPEATED_FOR)


class OutgoingRequest:
    """
    One request, from its creation to its end.

    :param address: the address of the node that has to answer
    :param messages: the bodies to send, each with its receiver
    :param callbacks: report the outcome
    :ivar isShared: whether a second address was sent the transaction id.  The answer may then come
        from any port of the host, and it proves nothing, because the second address may have forged
        it.
    :ivar retries: the terms on which it is sent again
    :ivar transactionId: 0 to 32767; -1 before the first transmission
    :ivar transmissions: the number of transmissions so far
    :ivar firstSentAt: the time of the first transmission, in seconds; infinity before it
    :ivar sentAt: the time of the last transmission, in seconds
    :ivar timeout: the time-out of the address, in seconds
    :ivar deadline: the time after which the answer is late, in seconds
    :ivar isOver: whether the request has ended
    """

    __slots__ = (
        "address",
        "callbacks",
        "deadline",
        "firstSentAt",
        "isOver",
        "isShared",
        "messages",
        "retries",
        "sentAt",
        "timeout",
        "transactionId",
        "transmissions",
    )

    def __init__(
        self,
        address: Address,
        messages: tuple[tuple[bytes, Address], ...],
        callbacks: Callbacks,
        *,
        isShared: bool = False,
        retries: Retries = RETRIES,
    ) -> None:
        self.address = address
        self.messages = messages
        self.callbacks = callbacks
        self.isShared = isShared
        self.retries = retries
        self.transactionId = -1
        self.transmissions = 0
        self.firstSentAt = inf
        self.sentAt = 0.0
        self.timeout = 0.0
        self.deadline = 0.0
        self.isOver = False

    @property
    def wait(self) -> float:
        """The time to wait for an answer after the last transmission, in seconds."""
        retries = self.retries
        return max(self.timeout * retries.waits[self.transmissions - 1], retries.shortestWait)

    def mayBeSent(self, now: float) -> bool:
        """Whether another transmission is allowed at the present time, in seconds."""
        return now - self.firstSentAt <= self.retries.repeatedFor

    @property
    def left(self) -> float:
        """
        The bytes of the allowance that are left for its address.

        One transmission is left out, because it is sent whenever a hole punch opens a path.
        """
        size = HEADER_BYTES + len(self.messages[0][0])
        return self.retries.allowance - (self.transmissions + 1) * size

    @property
    def isAffordable(self) -> bool:
        """Whether the allowance of its address permits another transmission."""
        return self.left >= HEADER_BYTES + len(self.messages[0][0])

    @property
    def receiver(self) -> Address:
        """The address whose pace this request counts for: the referrer of a hole punch."""
        return self.messages[-1][1]

    @property
    def isLate(self) -> bool:
        """Whether a transmission that the answering node got itself is unanswered in its time."""
        return self.isDirect and self.transmissions > 1

    @property
    def isDirect(self) -> bool:
        """Whether the answering node gets the request itself, and not only a relayed ping."""
        return self.messages[0][1] == self.address

    def isAnsweredFrom(self, address: HostPort) -> bool:
        """Whether the answer to this request may come from ``address``."""
        return address == self.address or (self.isShared and address[0] == self.address[0])
