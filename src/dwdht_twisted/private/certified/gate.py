"""
The gate before all handshakes that others begin: nothing is remembered of who can't show a cookie.
"""

from __future__ import annotations

from random import Random

from ..._core.limits.rates import FairRate, TokenBucket
from ..._core.wire import HostPort, TokenIssuer
from ..bounds import HANDSHAKE_RATE, HELLO_RATE
from .records import ClientHello, helloVerifyRequest

#: How long one secret makes cookies, in seconds.  A cookie is valid for one to two such intervals.
#: Larger: a cookie that somebody has read on its way can be used for longer.  Smaller: the second
#: hello of a slow handshake comes too late.
COOKIE_ROTATION = 60.0


class Gate:
    """
    Asks for cookies (RFC 6347, section 4.2.1), and limits the rate of those who have one.

    :param random: the source of the secrets
    :param now: the time, in seconds
    """

    __slots__ = ("_cookies", "_hellos", "_rate", "_rotatedAt")

    def __init__(self, random: Random, now: float) -> None:
        self._cookies = TokenIssuer(random.randbytes)
        self._hellos = TokenBucket(HELLO_RATE, HELLO_RATE)
        self._rate = FairRate(HANDSHAKE_RATE)
        self._rotatedAt = now

    def rotate(self, now: float) -> None:
        """Make cookies with a new secret, if it is time."""
        if now - self._rotatedAt >= COOKIE_ROTATION:
            self._cookies.rotate()
            self._rotatedAt = now

    def askFor(self, hello: ClientHello, address: HostPort) -> bytes:
        """The datagram that asks an address for a cookie, which is shorter than any hello."""
        host, port = address
        return helloVerifyRequest(hello, self._cookies.issue(host, port, None, hello.random))

    def hasCookie(self, hello: ClientHello, address: HostPort) -> bool:
        """Whether a hello has a valid cookie of this address."""
        host, port = address
        return bool(hello.cookie) and self._cookies.accepts(
            hello.cookie, host, port, None, hello.random
        )

    def mayAsk(self, now: float) -> bool:
        """Whether a further hello without a cookie is answered."""
        return self._hellos.take(now)

    def admits(self, address: HostPort, now: float) -> bool:
        """Whether a further handshake with this address is within the rate."""
        return self._rate.take(address[0], now)
