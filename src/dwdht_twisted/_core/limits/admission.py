"""
Admission: which requests of others a node serves.
"""

from __future__ import annotations

from ..wire import HostPort, isLoopback
from .bounds import STRANGER_REQUEST_RATE
from .rates import RateLimit, RateLimiter, TokenBucket
from .validated import ValidatedAddresses


class Admission:
    """
    Serves the requests that are within the rate of their host, and within that of all strangers.

    A stranger is an address that has not shown that it receives what is sent there.  A flood from
    forged addresses consists of strangers.  It delays newcomers, and nobody else.

    :param limit: the rate of each host
    :param validated: the addresses that are no strangers
    """

    def __init__(self, limit: RateLimit, validated: ValidatedAddresses) -> None:
        self._sparesLoopback = not limit.loopback
        self._validated = validated
        self._hosts = RateLimiter(limit)
        allowed = max(STRANGER_REQUEST_RATE, limit.rate)
        self._strangers = TokenBucket(allowed, allowed)

    def admits(self, address: HostPort, now: float) -> bool:
        """Count a request; False when it is one too many."""
        host = address[0]
        if self._sparesLoopback and isLoopback(host):
            return True
        # The rate of the host comes first, so that one host can't use up the rate of strangers.
        return self._hosts.allows(host, now) and (
            self._validated.has(address, now) or self._strangers.take(now)
        )
