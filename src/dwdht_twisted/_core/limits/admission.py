"""
Admission: which requests of others a node serves.
"""

from __future__ import annotations

from collections.abc import Callable

from ..wire import HostPort, isLoopback
from .bounds import STRANGER_REQUEST_RATE
from .rates import RateLimit, RateLimiter, TokenBucket


class Admission:
    """
    Which requests are served: those within what their host is allowed, and within what all
    strangers are allowed together.

    A stranger is an address that has not shown that it receives what is sent there.  A flood from
    forged addresses consists of strangers.  It keeps newcomers waiting, and nobody else.

    :param limit: what each host is allowed
    :param isProven: whether an address has shown that
    """

    def __init__(self, limit: RateLimit, isProven: Callable[[HostPort], bool]) -> None:
        self._sparesLoopback = not limit.loopback
        self._isProven = isProven
        self._hosts = RateLimiter(limit)
        allowed = max(STRANGER_REQUEST_RATE, limit.rate)
        self._strangers = TokenBucket(allowed, allowed)

    def admits(self, address: HostPort, now: float) -> bool:
        """Count a request; False when it is one too many."""
        host = address[0]
        if self._sparesLoopback and isLoopback(host):
            return True
        # First what the host is allowed, so that one host can't use up the share of strangers.
        return self._hosts.allows(host, now) and (
            self._isProven(address) or self._strangers.take(now)
        )
