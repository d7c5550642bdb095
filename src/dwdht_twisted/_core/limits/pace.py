"""
The pace of a node's own requests: how many of them one address is sent.
"""

from __future__ import annotations

from ..wire import HostPort, isLoopback
from .bounds import PACE_BURST, PACE_RATE, PACED_ADDRESSES

#: The seconds in which an address earns one request.
PACE_INTERVAL = 1.0 / PACE_RATE

#: A bucket has a token while it will be full again within this time, in seconds.  Half of an
#: interval is added, because times are rounded.
_LONGEST = (PACE_BURST - 0.5) * PACE_INTERVAL


class Pace:
    """
    A token bucket for each address.

    A node serves 100 requests per second of one host by default, and drops the others silently.  An
    asker can't tell the drop from a dead node, so it stays below this limit: it waits before it
    sends.  Each bucket is that of one address and not of a host, because each node of a host has a
    limit of its own.  Loopback addresses have no limit, because `RateLimit` has none for them.

    Each request of a node passes here.  So a bucket is a single number, the time at which it will
    be full again (the generic cell rate algorithm, ITU-T I.371), and not a `TokenBucket`.

    The buckets are in two dictionaries, recent and former ones.  When there are too many recent
    ones, they become the former ones, and the former ones are forgotten.  A forgotten bucket is
    full again.
    """

    __slots__ = ("_former", "_recent")

    def __init__(self) -> None:
        self._recent: dict[HostPort, float] = {}
        self._former: dict[HostPort, float] = {}

    def __len__(self) -> int:
        return len(self._recent) + len(self._former)

    def take(self, address: HostPort, now: float) -> bool:
        """
        Count a request to an address.  A request that may not be sent yet is not counted.

        :return: whether the request may be sent now.  If not, one may be after `PACE_INTERVAL`.
        """
        fullAt = self._recent.get(address)
        if fullAt is None:
            fullAt = self._former.get(address, now)
            if len(self._recent) >= PACED_ADDRESSES // 2:
                self._former, self._recent = self._recent, {}
        left = fullAt - now
        if left <= 0.0 or left > _LONGEST + 2 * PACE_INTERVAL:
            # The bucket is full, or the clock was set back.
            fullAt = now
        elif left > _LONGEST:
            if not isLoopback(address[0]):
                self._recent[address] = fullAt
                return False
            fullAt = now
        self._recent[address] = fullAt + PACE_INTERVAL
        return True
