"""
Counting the datagrams that a node sends.
"""

from __future__ import annotations

from collections.abc import Callable

from .._core.counters import Counters
from .._core.wire import HostPort, isRequest

#: A function that sends a datagram to an address.
Send = Callable[[bytes, HostPort], None]


def counting(send: Send, counters: Counters) -> Send:
    """
    Return a function that counts the datagrams and bytes of each kind, and then sends them.

    The parts of a node send through it before anything is encrypted, which would hide the kind.
    """

    def sendCounted(datagram: bytes, address: HostPort) -> None:
        if isRequest(datagram):
            counters.requestsSent += 1
            counters.requestBytesSent += len(datagram)
        else:
            counters.responsesSent += 1
            counters.responseBytesSent += len(datagram)
        send(datagram, address)

    return sendCounted
