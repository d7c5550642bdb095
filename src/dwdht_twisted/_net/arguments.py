"""
Checks of the arguments that callers give.

Each function returns its argument in a standard form.  A wrong argument raises an error whose
message says what was given and what is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from socket import AF_INET, SOCK_DGRAM, socket
from typing import TypeGuard

from .._core.limits import RateLimit
from .._core.limits.bounds import MAXIMUM_CONTACTS_PER_HOST
from .._core.wire import (
    INTERNAL_COMMANDS,
    LOCAL_HOST,
    Address,
    Contact,
    checkAddress,
    checkId,
    isIPv4,
    readAddress,
)
from ..errors import InvalidAddress, InvalidCommand
from ..interfaces import AddressLike

#: The allowed forms of an address, for error messages.
_FORMS = """HOST:PORT, ("host", port), {"host": "host", "port": port} or a port number"""


def parseAddress(given: AddressLike) -> Address:
    """
    Read an address in any of the forms that a caller may pass.

    * ``"host:port"``, ``("host", port)``, ``{"host": "host", "port": port}``, an `Address` or a
      `Contact` contain a host and a port.
    * ``":port"`` and a port number stand for a port of this machine.
    * ``"host"`` stands for port 6620 of that host.

    Host names are not resolved.

    :raises InvalidAddress: when the address has none of these forms
    """
    if isinstance(given, str):
        return readAddress(given)
    if isinstance(given, int) and not isinstance(given, bool):
        return checkAddress(LOCAL_HOST, given, given)
    pair: object = given
    if isinstance(given, Contact):
        pair = given.address
    elif isinstance(given, Mapping) and given.keys() == {"host", "port"}:
        pair = (given["host"], given["port"])
    if isinstance(pair, (tuple, list)) and len(pair) == 2:
        host, port = pair
        if isinstance(host, str) and isinstance(port, int) and not isinstance(port, bool):
            return checkAddress(host, port, given)
    raise InvalidAddress(f"{given!r} is not an address; pass {_FORMS}")


def parseAddresses(given: Iterable[AddressLike] | AddressLike) -> list[Address]:
    """
    Read one address or a list of addresses, each in any form that `parseAddress` reads.

    :raises InvalidAddress: when one of the addresses is not valid
    """
    if isinstance(given, (str, int, Mapping, Address, Contact)) or _isPair(given):
        # This is one address.  As a list, a string would be read letter by letter.
        return [parseAddress(given)]
    if (
        not isinstance(given, Iterable)
        or isinstance(given, (bytes, bytearray, memoryview))
        or _isUnordered(given)
    ):
        raise InvalidAddress(f"{given!r} is not a list of addresses; pass {_FORMS}, or a list")
    return [parseAddress(each) for each in given]


def _isUnordered(given: object) -> bool:
    """
    Whether this is a set of the two parts of one address, for example ``{"host", 6620}``.

    A set has no order, so its parts can't be told apart.  A set of whole addresses is allowed.
    """
    return isinstance(given, Set) and any(
        isinstance(each, (int, bytes)) or (isinstance(each, str) and ":" not in each)
        for each in given
    )


def _isPair(given: object) -> TypeGuard[tuple[str, int]]:
    return (
        isinstance(given, tuple)
        and len(given) == 2
        and isinstance(given[0], str)
        and ":" not in given[0]
        and isinstance(given[1], int)
    )


def checkContacts(contacts: Iterable[Contact]) -> list[Contact]:
    """
    Check the contacts of an earlier run.

    :raises InvalidTarget: see `checkContact`
    :raises InvalidAddress: see `checkContact`
    """
    return [checkContact(contact) for contact in contacts]


def checkContact(contact: Contact) -> Contact:
    """
    Check a contact of an earlier run.

    :param contact: a `Contact`, or a tuple or list of id, host and port
    :raises InvalidTarget: when the id doesn't have 32 bytes
    :raises InvalidAddress: when the address is not valid
    """
    if not isinstance(contact, (tuple, list)) or len(contact) != 3:
        raise InvalidAddress(f"{contact!r} is not a contact; pass id, host and port")
    id, host, port = contact
    address = parseAddress((host, port))
    if not isIPv4(address.host):
        raise InvalidAddress(f"{address.host!r} is not the IPv4 address of a contact")
    return Contact(checkId(id, "the id of a contact"), *address)


def checkSocket(given: object) -> socket | None:
    """
    Check the ``socket`` of a node.

    :raises ValueError: when it is neither a UDP socket over IPv4 nor None
    """
    if given is None:
        return None
    if not isinstance(given, socket) or (given.family, given.type) != (AF_INET, SOCK_DGRAM):
        raise ValueError(f"{given!r} is not a UDP socket over IPv4")
    return given


def checkValue(value: object) -> bytes | None:
    """
    Check the payload of a request.

    :raises ValueError: when it is neither bytes, ``bytearray``, ``memoryview`` nor None
    """
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    raise ValueError(f"a value is bytes or None, not {type(value).__name__}")


def checkRateLimit(given: RateLimit | float | None) -> RateLimit | None:
    """
    Read the ``rateLimit`` of a node.

    :param given: a `RateLimit`, None for no limit, or a number of requests per second, which also
        limits loopback addresses
    :raises ValueError: when the limit allows no request
    """
    if given is None:
        return None
    if isinstance(given, bool):
        raise ValueError("a rate limit is a number of requests a second, a RateLimit or None")
    if not isinstance(given, RateLimit):
        given = RateLimit(rate=float(given), burst=max(1.0, 3 * float(given)), loopback=True)
    if not (given.rate > 0 and given.burst >= 1):
        raise ValueError(
            f"{given} allows no request; the rate must be above 0, and the burst at least 1"
        )
    return given


def checkContactsPerHost(given: int) -> int:
    """
    Check the ``contactsPerHost`` of a node.

    :raises ValueError: when it isn't a whole number from 1 to `MAXIMUM_CONTACTS_PER_HOST`
    """
    if (
        not isinstance(given, int)
        or isinstance(given, bool)
        or not 1 <= given <= MAXIMUM_CONTACTS_PER_HOST
    ):
        raise ValueError(
            f"contactsPerHost is a whole number from 1 to {MAXIMUM_CONTACTS_PER_HOST}, "
            f"not {given!r}"
        )
    return given


def checkCommand(command: object) -> str:
    """
    Check the name of a user's command.

    :raises InvalidCommand: when the name is empty, is not text or belongs to the protocol
    """
    if not isinstance(command, str):
        raise InvalidCommand(f"a command is text, not {type(command).__name__}")
    if not command:
        raise InvalidCommand("a command can't be empty")
    try:
        command.encode()
    except UnicodeEncodeError:
        raise InvalidCommand(f"{command!r} can't be written as UTF-8") from None
    if command in INTERNAL_COMMANDS:
        raise InvalidCommand(f"{command} is a command of the protocol itself")
    return command
