"""
Who can be talked to: addresses, contacts, and their compact form on the wire.

This and L{dwdht_twisted.wire} are the only rooms that know how many bytes an
address takes.  Everything else passes whole addresses and whole lists of
contacts through them.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address
from socket import AF_INET, inet_ntoa, inet_pton
from typing import NamedTuple, TypeAlias

from .errors import InvalidAddress, InvalidTarget

#: The size of an id and of a target, in bytes (Kademlia section 2.1 has 20).
ID_BYTES = 32

#: The number of bits of an id.
ID_BITS = ID_BYTES * 8

#: The size of a compact address: IPv4 address and big-endian port.
COMPACT_ADDRESS_BYTES = 6

#: The size of a compact contact: id, then compact address.
COMPACT_CONTACT_BYTES = ID_BYTES + COMPACT_ADDRESS_BYTES

#: The port that a bare host name stands for.
DEFAULT_PORT = 6620

#: What a port number alone, or C{":port"}, stands for.
LOCAL_HOST = "127.0.0.1"

#: Where a port is bound that listens on all interfaces.
ANY_HOST = "0.0.0.0"


class Address(NamedTuple):
    """
    Where datagrams go to and come from.

    :ivar host: an IPv4 address in dotted form, or in options a host name
    :ivar port: 1 to 65535
    """

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


#: An address as the transport gives it: equal to the L{Address} of the same host and port.
Source: TypeAlias = tuple[str, int]


class Contact(NamedTuple):
    """
    A node of the network.

    :ivar id: 32 bytes, or None for an ephemeral node, which takes no part in the routing of others
    :ivar host: an IPv4 address in dotted form
    :ivar port: 1 to 65535
    """

    id: bytes | None
    host: str
    port: int

    @property
    def address(self) -> Address:
        """Where the node is reached."""
        return Address(self.host, self.port)

    def __str__(self) -> str:
        name = "ephemeral" if self.id is None else self.id.hex()[:8]
        return f"{name}@{self.host}:{self.port}"


#: What an option that holds an address may be given as.
AddressLike: TypeAlias = str | int | tuple[str, int] | Address | Contact


def checkId(value: object, name: str) -> bytes:
    """
    Give C{value} back when it can be an id or a target.

    :param name: what to call it in the error
    :raises InvalidTarget: when it isn't 32 bytes
    """
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise InvalidTarget(f"{name} must be {ID_BYTES} bytes, not {type(value).__name__}")
    if len(value) != ID_BYTES:
        raise InvalidTarget(f"{name} must be {ID_BYTES} bytes, not {len(value)}")
    return bytes(value)


def parseAddress(given: AddressLike) -> Address:
    """
    Read an address as options give it.

    C{"host:port"}, C{("host", port)}, an L{Address} or a L{Contact} mean what
    they say; C{":port"} and a port number mean this machine; C{"host"} alone
    means port 6620.  Names are not resolved.

    :raises InvalidAddress: with what was given and what is allowed
    """
    if isinstance(given, Contact):
        return parseAddress((given.host, given.port))
    if isinstance(given, bool):
        raise InvalidAddress(f"{given!r} is not an address; give HOST:PORT")
    if isinstance(given, int):
        return Address(LOCAL_HOST, _checkPort(given, given))
    if isinstance(given, str):
        host, colon, port = given.strip().rpartition(":")
        if not colon and port.isascii() and port.isdigit():
            colon = ":"
        if not colon:
            host, port = port, str(DEFAULT_PORT)
        if not port.isascii() or not port.isdigit() or len(port) > 5:
            raise InvalidAddress(f"{given!r} has no valid port; give HOST:PORT, port 1 to 65535")
        host = host or (LOCAL_HOST if colon else "")
        _checkHost(host, given)
        return Address(host, _checkPort(int(port), given))
    if isinstance(given, (tuple, list)) and len(given) == 2:
        host, number = given
        if isinstance(host, str) and isinstance(number, int) and not isinstance(number, bool):
            _checkHost(host, given)
            return Address(host, _checkPort(number, given))
    raise InvalidAddress(f"{given!r} is not an address; give HOST:PORT")


def _checkPort(port: int, given: object) -> int:
    if not 1 <= port <= 65535:
        raise InvalidAddress(f"{given!r} has no valid port; a port is 1 to 65535")
    return port


def _checkHost(host: str, given: object) -> None:
    isName = host.isprintable() and not any(c in ":/" or c.isspace() for c in host)
    if not host or not isName:
        raise InvalidAddress(f"{given!r} has no valid host; give HOST:PORT, an IPv4 host")


def isIPv4(host: str) -> bool:
    """Whether C{host} is an IPv4 address in dotted form, and so needs no resolving."""
    try:
        IPv4Address(host)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def packAddress(host: str, port: int) -> bytes:
    """
    The compact form of an address, 6 bytes.

    :raises InvalidAddress: when the host isn't an IPv4 address
    """
    try:
        # Unlike inet_aton this takes no short forms, and no text after the address.
        return inet_pton(AF_INET, host) + port.to_bytes(2, "big")
    except (OSError, OverflowError, ValueError):
        raise InvalidAddress(f"{host}:{port} is not an IPv4 address and a port") from None


def unpackAddress(compact: bytes) -> Address:
    """
    Read a compact address.

    :raises InvalidAddress: when it isn't 6 bytes, or its port is 0
    """
    if len(compact) != COMPACT_ADDRESS_BYTES:
        raise InvalidAddress(f"a compact address has 6 bytes, not {len(compact)}")
    port = int.from_bytes(compact[4:], "big")
    if not port:
        raise InvalidAddress("port 0 is no address")
    return Address(inet_ntoa(compact[:4]), port)


@lru_cache(maxsize=16384)
def unpackContact(compact: bytes) -> Contact | None:
    """
    Read a compact contact of 38 bytes; None when nothing can be sent to it (port 0, host 0.x).

    The answers of a network name the same few nodes again and again, so that
    what was read is remembered.
    """
    port = int.from_bytes(compact[-2:], "big")
    if not port or not isSendable(compact[ID_BYTES]):
        return None
    return Contact(compact[:ID_BYTES], inet_ntoa(compact[ID_BYTES:-2]), port)


def packContact(contact: Contact) -> bytes:
    """
    The compact form of a contact that has an id, 38 bytes.

    :raises InvalidTarget: when the contact is ephemeral
    """
    return checkId(contact.id, "the id of a contact") + packAddress(contact.host, contact.port)


def splitContacts(compact: bytes, most: int | None = None) -> list[bytes]:
    """
    Cut the compact contacts of an answer apart; a rest that is too short for one is left out.

    :param most: leave out what comes after so many
    """
    count = len(compact) // COMPACT_CONTACT_BYTES
    if most is not None and count > most:
        count = most
    return [
        compact[start : start + COMPACT_CONTACT_BYTES]
        for start in range(0, count * COMPACT_CONTACT_BYTES, COMPACT_CONTACT_BYTES)
    ]


def isSendable(firstOctet: int) -> bool:
    """Whether an IPv4 address with this first octet is that of a host: not 0.x, not multicast."""
    return 0 < firstOctet < 224


@lru_cache(maxsize=4096)
def isPublic(host: str) -> bool:
    """Whether C{host} is an address of the public internet: not private, loopback or link-local."""
    return IPv4Address(host).is_global


def isRoutable(named: str, source: str) -> bool:
    """
    Whether we can reach a host that another has named: a private address means something else to a
    public node than to us, and a loopback address to a node on any other machine.
    """
    if isLoopback(named):
        return isLoopback(source)
    return isPublic(named) or not isPublic(source)


@lru_cache(maxsize=4096)
def isLoopback(host: str) -> bool:
    """Whether C{host} is this machine itself."""
    return host.startswith("127.")


def subnet(host: str) -> str:
    """The /24 network of C{host}, as its first three octets."""
    return host.rpartition(".")[0]


def distance(one: bytes, other: bytes) -> int:
    """How far two ids are apart: their XOR, read as a big-endian number (Kademlia section 2.1)."""
    return int.from_bytes(one, "big") ^ int.from_bytes(other, "big")


__all__ = [
    "COMPACT_ADDRESS_BYTES",
    "COMPACT_CONTACT_BYTES",
    "DEFAULT_PORT",
    "ID_BITS",
    "ID_BYTES",
    "Address",
    "Contact",
    "checkId",
    "distance",
    "isIPv4",
    "isLoopback",
    "isPublic",
    "isRoutable",
    "packAddress",
    "packContact",
    "parseAddress",
    "splitContacts",
    "subnet",
    "unpackAddress",
    "unpackContact",
]
