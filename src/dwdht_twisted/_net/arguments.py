"""
Checks of the arguments that callers give.

Each function returns its argument in a standard form.  A wrong argument raises an error whose
message says what was given and what is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from socket import AF_INET, SOCK_DGRAM, socket

from .._addresses import parseAddress
from .._core.limits import RateLimit
from .._core.limits.bounds import MAXIMUM_CONTACTS_PER_HOST
from .._core.wire import (
    INTERNAL_COMMANDS,
    Contact,
    checkId,
    isIPv4,
)
from ..errors import InvalidAddress, InvalidCommand


def checkContacts(contacts: Iterable[Contact]) -> list[Contact]:
    """
    Check the contacts of an earlier run.

    :raises InvalidTarget: see `checkContact`
    :raises InvalidAddress: see `checkContact`
    """
    if not isinstance(contacts, Iterable) or isinstance(contacts, (str, bytes)):
        raise InvalidAddress(f"{contacts!r} is not a list of contacts")
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


def checkPort(port: int) -> int:
    """
    Check the number of a UDP port to listen on.

    :raises InvalidAddress: when it isn't a whole number from 0 to 65535
    """
    if not isinstance(port, int) or isinstance(port, bool) or not 0 <= port <= 65535:
        raise InvalidAddress(f"{port!r} is not a port; a port is 0 (any free one) to 65535")
    return port


def checkInterface(interface: str) -> str:
    """
    Check the address of an interface to listen on.

    :raises InvalidAddress: when it is neither an IPv4 address nor empty
    """
    if not isinstance(interface, str) or (interface and not isIPv4(interface)):
        raise InvalidAddress(f"{interface!r} is not an IPv4 address to listen on")
    return interface


def checkFlag(given: bool, name: str) -> bool:
    """
    Check an option that is on or off.

    :param name: the name of the option
    :raises ValueError: when it is neither True nor False
    """
    if not isinstance(given, bool):
        raise ValueError(f"{name} is True or False, not {given!r}")
    return given


def checkRandom(given: Random | None) -> Random | None:
    """
    Check a source of random numbers.

    :raises ValueError: when it is neither a ``random.Random`` nor None
    """
    if given is not None and not isinstance(given, Random):
        raise ValueError(f"random is a random.Random or None, not {given!r}")
    return given


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
    if not isinstance(given, (int, float, RateLimit)) or isinstance(given, bool):
        raise ValueError(
            f"a rate limit is a number of requests a second, a RateLimit or None, not {given!r}"
        )
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
