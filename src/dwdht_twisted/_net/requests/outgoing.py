"""
One outgoing request, and the callbacks that learn what comes of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from ..._core.wire import Address, HostPort, ResponseMessage
from ...errors import DHTError

#: The times that the answer to each transmission is waited for, in time-outs of the address.  The
#: second is as short as the first, because most first transmissions without an answer were lost.
#: The later ones leave a handler the time that the original does.
WAITS = (1.0, 1.0, 2.0, 4.0)

#: Transmissions of a request before it fails.
TRANSMISSIONS = len(WAITS)

#: The waits of a ping that a referrer relays while the request itself goes on.
RELAY_WAITS = (1.0, 2.0)

#: Called with an answer and the address that it came from.
OnAnswer: TypeAlias = Callable[[ResponseMessage, HostPort], None]

#: Called with the reason of a failure.
OnFailure: TypeAlias = Callable[[DHTError], None]

#: Called with an address that has not answered a request, after all retries.
OnMissed: TypeAlias = Callable[[Address], None]

#: Called each time an answer is late, with the number of transmissions.  The request is sent again,
#: unless it is cancelled within the call.
OnLate: TypeAlias = Callable[[int], None]


class Callbacks(NamedTuple):
    """
    What is called when something happens to a request.

    :ivar onAnswer: called at most once
    :ivar onFailure: called at most once, and not after ``onAnswer``
    :ivar onLate: called before each further transmission, unless it is None
    :ivar onMissed: called before ``onFailure`` when no answer came; if it is None, the listener of
        all requests is told instead
    """

    onAnswer: OnAnswer
    onFailure: OnFailure
    onLate: OnLate | None = None
    onMissed: OnMissed | None = None


class OutgoingRequest:
    """
    One request, from its creation to its end.

    :param address: the address that is to answer
    :param messages: the bodies to send, each with its receiver
    :param callbacks: learn what comes of it
    :ivar anyPort: whether an answer may come from another port of the host
    :ivar waits: the times that each transmission is waited for, in time-outs
    :ivar transactionId: 0 to 32767; -1 before it is sent
    :ivar transmissions: the number of transmissions so far
    :ivar sentAt: the time of the last transmission, in seconds
    :ivar timeout: the time-out of the address, in seconds
    :ivar deadline: the time until which the answer is on time, in seconds
    :ivar isOver: whether it has ended
    """

    __slots__ = (
        "address",
        "anyPort",
        "callbacks",
        "deadline",
        "isOver",
        "messages",
        "sentAt",
        "timeout",
        "transactionId",
        "transmissions",
        "waits",
    )

    def __init__(
        self,
        address: Address,
        messages: tuple[tuple[bytes, Address], ...],
        callbacks: Callbacks,
        *,
        anyPort: bool = False,
        waits: tuple[float, ...] = WAITS,
    ) -> None:
        self.address = address
        self.messages = messages
        self.callbacks = callbacks
        self.anyPort = anyPort
        self.waits = waits
        self.transactionId = -1
        self.transmissions = 0
        self.sentAt = 0.0
        self.timeout = 0.0
        self.deadline = 0.0
        self.isOver = False

    @property
    def wait(self) -> float:
        """How long the answer to the last transmission is waited for, in seconds."""
        return self.timeout * self.waits[self.transmissions - 1]

    @property
    def isDirect(self) -> bool:
        """Whether it is sent to the address that is to answer, and not only to a referrer."""
        return self.messages[0][1] == self.address

    def isAnsweredFrom(self, address: HostPort) -> bool:
        """Whether an answer from ``address`` is the one that is waited for."""
        return address == self.address or (self.anyPort and address[0] == self.address[0])
