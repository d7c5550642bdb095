"""
IPv4 addresses: their forms in options and on the wire, and the kinds of their networks.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address
from typing import NamedTuple, TypeAlias

from ...errors import InvalidAddress

#: The size of a compact address, in bytes: IPv4 address and big-endian port.
COMPACT_ADDRESS_BYTES = 6

#: The port of an address that is given as a host alone.
DEFAULT_PORT = 6620

#: The host of an address that is given as a port number alone, or as ``":port"``.
LOCAL_HOST = "127.0.0.1"

#: The address that a port is bound to when it listens on all interfaces.
ANY_HOST = "0.0.0.0"

# The octets of a dotted address.  ``int`` would accept other forms too: "+1", " 1", "01".
_OCTETS = {str(octet): octet for octet in range(256)}

# The most hosts, or addresses, in each cache of this module, at some 200 bytes of memory each.  A
# table has a few hundred contacts, and a lookup some hundred candidates.  Smaller: busy nodes
# compute the same results again.  Larger: a flood from forged addresses fills more memory.
_CACHED_HOSTS = 4096


class Address(NamedTuple):
    """
    The address of a UDP port.

    :ivar host: an IPv4 address in dotted form; in options it may be a host name
    :ivar port: 1 to 65535
    """

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


#: An address in the form that a transport gives.  It equals the `Address` of the host and port.
HostPort: TypeAlias = tuple[str, int]


def readAddress(text: str) -> Address:
    """
    Read an address from text.  Names are not resolved.  The text is one of these:

    - ``host:port``
    - ``:port``, or a port number alone: a port of this machine
    - ``host``: port 6620 of that host

    :raises InvalidAddress: when the text is none of these, or the port is not 1 to 65535
    """
    host, colon, port = text.strip().rpartition(":")
    if not colon and port.isascii() and port.isdigit():
        colon = ":"
    if not colon:
        host, port = port, str(DEFAULT_PORT)
    if not port.isascii() or not port.isdigit() or len(port) > 5:
        raise InvalidAddress(f"{text!r} has no valid port; give HOST:PORT, port 1 to 65535")
    host = host or (LOCAL_HOST if colon else "")
    return checkAddress(host, int(port), text)


def checkAddress(host: str, port: int, given: object) -> Address:
    """
    Make an address of a host and a port.

    :param given: the argument that the host and port were read from, for the error message
    :raises InvalidAddress: when the host is empty or has characters that no host has, or the port
        is not 1 to 65535
    """
    isName = host.isprintable() and not any(c in ":/," or c.isspace() for c in host)
    if not host or not isName:
        raise InvalidAddress(f"{given!r} has no valid host; give HOST:PORT, an IPv4 host")
    if not 1 <= port <= 65535:
        raise InvalidAddress(f"{given!r} has no valid port; a port is 1 to 65535")
    return Address(host, port)


def isIPv4(host: str) -> bool:
    """Whether ``host`` is an IPv4 address in dotted form, and not a name to resolve."""
    octets = host.split(".")
    return len(octets) == 4 and all(octet in _OCTETS for octet in octets)


@lru_cache(maxsize=_CACHED_HOSTS)
def packAddress(host: str, port: int) -> bytes:
    """
    Write an address in its compact form, 6 bytes.

    :raises InvalidAddress: when the host is not an IPv4 address in dotted form
    """
    try:
        first, second, third, fourth = map(_OCTETS.__getitem__, host.split("."))
        return bytes((first, second, third, fourth)) + port.to_bytes(2, "big")
    except (KeyError, OverflowError, ValueError):
        raise InvalidAddress(f"{host}:{port} is not an IPv4 address and a port") from None


def unpackAddress(compact: bytes) -> Address:
    """
    Read a compact address.

    :raises InvalidAddress: when ``compact`` is not 6 bytes, or its port is 0
    """
    if len(compact) != COMPACT_ADDRESS_BYTES:
        raise InvalidAddress(f"a compact address has 6 bytes, not {len(compact)}")
    port = int.from_bytes(compact[4:], "big")
    if not port:
        raise InvalidAddress("port 0 is no address")
    return Address(unpackHost(compact[:4]), port)


def unpackHost(compact: bytes) -> str:
    """The dotted form of a host of 4 bytes."""
    return ".".join(map(str, compact))


def isSendable(firstOctet: int) -> bool:
    """
    Whether an IPv4 address with this first octet can be the address of a host.

    The exceptions are 0.0.0.0/8 (RFC 1122, section 3.2.1.3), and the multicast and reserved
    addresses from 224.0.0.0 on.
    """
    return 0 < firstOctet < 224


@lru_cache(maxsize=_CACHED_HOSTS)
def isPublic(host: str) -> bool:
    """
    Whether ``host`` is an address of the public internet: not private, loopback or link-local.
    """
    return IPv4Address(host).is_global


def isRoutable(named: str, source: str) -> bool:
    """
    Whether an address means the same host here and at the host that named it.

    A private address that a public host names lies in the private network of the public host.  A
    loopback address that another machine names means the other machine.

    :param named: the address that was named
    :param source: the address of the host that named the other address
    """
    if isLoopback(named):
        return isLoopback(source)
    return isPublic(named) or not isPublic(source)


@lru_cache(maxsize=_CACHED_HOSTS)
def isLoopback(host: str) -> bool:
    """Whether ``host`` is in 127.0.0.0/8, so that only this machine can reach it."""
    return host.startswith("127.")


def subnet(host: str) -> str:
    """The /24 network of ``host``, as its first three octets."""
    return host.rpartition(".")[0]
