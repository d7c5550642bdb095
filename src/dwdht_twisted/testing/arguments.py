"""
Checks of the arguments that a test gives.

A wrong argument raises a ValueError whose message says what was given and what is allowed.
"""

from __future__ import annotations

from math import isfinite
from numbers import Real
from typing import Any

from .addresses import ANY, isIPv4, isLoopback


def checkSeconds(name: str, value: float, *, isPositive: bool = True) -> None:
    """
    Check a number of seconds.

    :param name: what the number is, for the message
    :param isPositive: whether it must not be below 0
    :raises ValueError: when it isn't a finite number, or is below 0
    """
    if not isNumber(value) or not isfinite(value) or (isPositive and value < 0):
        bound = " from 0 on" if isPositive else ""
        raise ValueError(f"{name} is a number of seconds{bound}, not {value!r}")


def checkDelay(delay: float) -> None:
    """
    Check the delay of a call as a real reactor does.

    :raises AssertionError: when it is below 0 or not a number (NaN)
    """
    # Not an assert statement, which Python leaves out with -O.
    if not delay >= 0:
        raise AssertionError(f"{delay} is not greater than or equal to 0 seconds")


def isNumber(value: object) -> bool:
    """Whether this is a real number, which a flag is not."""
    return isinstance(value, Real) and not isinstance(value, bool)


def checkAddress(what: str, host: Any) -> None:
    """
    Check an IPv4 address.

    :param what: what has the address, for the message
    :raises ValueError: when it isn't the text of one
    """
    if not isinstance(host, str) or not isIPv4(host):
        raise ValueError(f"{what}, not {host!r}")


def checkHost(host: Any) -> None:
    """
    Check the address of a host.

    :raises ValueError: when it isn't an IPv4 address that other hosts can send to
    """
    what = "a host is an IPv4 address that others can reach"
    checkAddress(what, host)
    if isLoopback(host) or host == ANY:
        raise ValueError(f"{what}, not {host!r}")


__all__ = ["checkAddress", "checkDelay", "checkHost", "checkSeconds", "isNumber"]
