"""
The forms in which a caller may give addresses.

A wrong address raises an error whose message says what was given and what is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import TYPE_CHECKING, TypeGuard

from ._core.wire import LOCAL_HOST, Address, Contact, checkAddress, readAddress
from .errors import InvalidAddress

if TYPE_CHECKING:
    from .interfaces import AddressLike

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


__all__ = ["parseAddress", "parseAddresses"]
