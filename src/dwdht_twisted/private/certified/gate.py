"""
The gate before all handshakes that others begin: nothing is remembered of who can't show a cookie.

Anybody can send hellos under any address, so to drop one must cost next to nothing.
"""

from __future__ import annotations

from hashlib import blake2b
from hmac import compare_digest
from random import Random

from ..._core.limits.rates import FairRate, TokenBucket, TokenBuckets
from ..._core.wire import HostPort, subnet
from ..bounds import HANDSHAKE_RATE, HELLO_NETWORKS, HELLO_RATE, HELLO_RATE_OF_NETWORK
from .records import COOKIE_BYTES, ClientHello, helloVerifyRequest

#: How long one secret makes cookies, in seconds.  A cookie is valid for one to two such intervals.
#: Larger: a cookie that somebody has read on its way can be used for longer.  Smaller: the second
#: hello of a slow handshake comes too late.
COOKIE_ROTATION = 60.0

# How private, loopback and link-local addresses begin.  `isPublic` is exact, but takes 5
# microseconds for an address that it hasn't seen lately, as each one of a forged flood.
_PRIVATE = (
    "10.",
    "127.",
    "169.254.",
    "192.168.",
    *(f"172.{second}." for second in range(16, 32)),
)

# The time after which an empty bucket has a token again, in seconds.
_TOKEN_SECONDS = 1.0 / HELLO_RATE


def isPrivate(host: str) -> bool:
    """Whether a host is private, loopback or link-local.  This is fast for new addresses, too."""
    return host.startswith(_PRIVATE)


class CookieRate:
    """
    Limits how many addresses are asked for a cookie.

    :param isShared: whether each /24 network has a rate of its own, too
    """

    __slots__ = ("_emptyUntil", "_networks", "_tokens")

    def __init__(self, *, isShared: bool) -> None:
        self._tokens = TokenBucket(HELLO_RATE, HELLO_RATE)
        self._networks: TokenBuckets[str] | None = None
        if isShared:
            rate = HELLO_RATE_OF_NETWORK
            self._networks = TokenBuckets(rate, rate, HELLO_NETWORKS)
        self._emptyUntil = 0.0

    def take(self, host: str, now: float) -> bool:
        """
        Take a token for a host.

        :return: whether a token was taken
        """
        # Most hellos of a flood end here.  Without the upper limit, this would last for as long as
        # the clock was set back.
        if 0.0 < self._emptyUntil - now < 2.0 * _TOKEN_SECONDS:
            return False
        if self._networks is not None and not self._networks.take(subnet(host), now):
            return False
        if self._tokens.take(now):
            return True
        self._emptyUntil = now + _TOKEN_SECONDS
        return False


class Gate:
    """
    Asks for cookies (RFC 6347, section 4.2.1), and limits the rate of those who have one.

    A cookie is the number of its secret in one byte, and a keyed hash of the address and of the
    random number of the hello.  By the number, a forged cookie costs one hash at most.

    :param random: the source of the secrets
    :param now: the time, in seconds
    """

    __slots__ = (
        "_former",
        "_handshakes",
        "_number",
        "_present",
        "_private",
        "_public",
        "_random",
        "_rotatedAt",
    )

    def __init__(self, random: Random, now: float) -> None:
        self._random = random
        self._present = self._former = self._newSecret()
        self._number = 0
        self._private = CookieRate(isShared=False)
        self._public = CookieRate(isShared=True)
        self._handshakes = FairRate(HANDSHAKE_RATE)
        self._rotatedAt = now

    def _newSecret(self) -> blake2b:
        return blake2b(key=self._random.randbytes(32), digest_size=COOKIE_BYTES - 1)

    def rotate(self, now: float) -> None:
        """Make cookies with a new secret, if it is time."""
        if now - self._rotatedAt >= COOKIE_ROTATION:
            self._former, self._present = self._present, self._newSecret()
            self._number = (self._number + 1) % 256
            self._rotatedAt = now

    def askFor(self, hello: ClientHello, address: HostPort) -> bytes:
        """The datagram that asks an address for a cookie, which is shorter than any hello."""
        digest = _digest(self._present, hello, address)
        return helloVerifyRequest(hello, bytes((self._number,)) + digest)

    def hasCookie(self, hello: ClientHello, address: HostPort) -> bool:
        """Whether a hello has a valid cookie of this address."""
        cookie = hello.cookie
        if len(cookie) != COOKIE_BYTES:
            return False
        age = (self._number - cookie[0]) % 256
        if age > 1:
            return False
        secret = self._former if age else self._present
        return compare_digest(cookie[1:], _digest(secret, hello, address))

    def mayAsk(self, address: HostPort, now: float) -> bool:
        """Whether an address that has sent a hello without a valid cookie is asked for one."""
        host = address[0]
        rate = self._private if isPrivate(host) else self._public
        return rate.take(host, now)

    def admits(self, address: HostPort, now: float) -> bool:
        """Whether a further handshake with this address is within the rate."""
        return self._handshakes.take(address[0], now)


def _digest(secret: blake2b, hello: ClientHello, address: HostPort) -> bytes:
    host, port = address
    hashed = secret.copy()
    hashed.update(b"%b%b:%d" % (hello.random, host.encode(), port))
    return hashed.digest()
