"""
IPv4 addresses: a test for their form, and the addresses with a special meaning.
"""

from __future__ import annotations

from functools import lru_cache

from twisted.internet.abstract import isIPAddress

#: The address by which a host reaches itself.
LOOPBACK = "127.0.0.1"

#: The interface of a port that takes datagrams for every address of its host.
ANY = "0.0.0.0"

#: Whether a string is an IPv4 address.  The function is called for nearly every datagram, so its
#: results for 65,536 strings are cached.  Larger: a flood from forged addresses fills more memory
#: before the oldest results are dropped.  Smaller: a simulation with more hosts parses their
#: addresses again and again.
isIPv4 = lru_cache(maxsize=65536)(isIPAddress)


def isLoopback(host: str) -> bool:
    """Whether this is a loopback address (127.0.0.0/8)."""
    return host.startswith("127.")


def isLocal(host: str) -> bool:
    """Whether a host that sends to this address reaches itself, as on Linux."""
    return isLoopback(host) or host == ANY


__all__ = ["ANY", "LOOPBACK", "isIPv4", "isLocal", "isLoopback"]
