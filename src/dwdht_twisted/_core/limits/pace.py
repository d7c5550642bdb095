"""
The pace of a node's own requests: how many of them one address is sent.
"""

from __future__ import annotations

from ..wire import HostPort, isLoopback
from .bounds import PACE_BURST, PACE_RATE, PACED_ADDRESSES
from .rates import TokenBuckets

#: The seconds in which an address earns one request.
PACE_INTERVAL = 1.0 / PACE_RATE


class Pace(TokenBuckets[HostPort]):
    """
    A token bucket for each address.

    A node serves 100 requests per second of one host by default, and drops the others silently.  An
    asker can't tell the drop from a dead node, so it stays below this limit: it waits before it
    sends.  Each bucket is that of one address and not of a host, because each node of a host has a
    limit of its own.  Loopback addresses have no limit, because `RateLimit` has none for them.
    """

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(PACE_RATE, PACE_BURST, PACED_ADDRESSES // 2)

    def isExempt(self, key: HostPort) -> bool:
        """See `TokenBuckets.isExempt`."""
        return isLoopback(key[0])
