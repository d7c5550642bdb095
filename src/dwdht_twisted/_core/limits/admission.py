"""
Admission: the decision whether a node serves a request of another node.
"""

from __future__ import annotations

from ..wire import HostPort, isLoopback
from .bounds import STRANGER_REQUEST_RATE
from .rates import RateLimit, RateLimiter, TokenBucket
from .validated import ValidatedAddresses


class Admission:
    """
    Admits requests up to the rate of each host, and up to the rate of all strangers together.

    A stranger is an address that is not validated: it has not shown that it receives datagrams.
    The requests of a flood from forged addresses come from strangers.  So the flood delays
    newcomers, but not the nodes with validated addresses.

    :param limit: the rate of each host
    :param validated: the validated addresses
    """

    def __init__(self, limit: RateLimit, validated: ValidatedAddresses) -> None:
        self._sparesLoopback = not limit.loopback
        self._validated = validated
        self._hosts = RateLimiter(limit)
        allowed = max(STRANGER_REQUEST_RATE, limit.rate)
        self._strangers = TokenBucket(allowed, allowed)

    def admits(self, address: HostPort, now: float) -> bool:
        """
        Count a request.

        :return: whether the request is to be served
        """
        host = address[0]
        if self._sparesLoopback and isLoopback(host):
            return True
        # Check the rate of the host first.  Otherwise the dropped requests of one host would use up
        # the rate of all strangers.
        return self._hosts.allows(host, now) and (
            self._validated.has(address, now) or self._strangers.take(now)
        )
