"""
What the options of ``twistd dwdht`` and of ``dwdht`` have in common.
"""

from __future__ import annotations

from binascii import unhexlify

from twisted.python import usage

from .._core.wire import Address
from .._net.arguments import parseAddress
from ..errors import InvalidAddress


class BootstrapOptions(usage.Options):
    """
    Options with ``--bootstrap``, which may be repeated.

    ``self["bootstrap"]`` is a list of `Address`.
    """

    def __init__(self) -> None:
        super().__init__()
        self["bootstrap"] = []

    def opt_bootstrap(self, address: str) -> None:
        """A node to start from, as HOST:PORT; may be repeated."""
        self["bootstrap"].append(readAddress(address, "--bootstrap"))


def readAddress(text: str, name: str) -> Address:
    """
    Read ``HOST:PORT``.

    :param name: what to call it in the error
    :raises usage.UsageError: when it is none
    """
    try:
        return parseAddress(text)
    except InvalidAddress as error:
        raise usage.UsageError(f"{name}: {error}") from None


def readHex(text: str, name: str, size: int) -> bytes:
    """
    Read bytes that are given as hexadecimal digits.

    :param name: what to call it in the error
    :param size: how many bytes it must have
    :raises usage.UsageError: when it has another size, or other characters
    """
    try:
        value = unhexlify(text)
    except ValueError:
        raise usage.UsageError(
            f"{name} must be {2 * size} hexadecimal digits, not {text!r}"
        ) from None
    if len(value) != size:
        raise usage.UsageError(
            f"{name} must be {size} bytes, as {2 * size} hexadecimal digits, "
            f"and this is {len(value)} bytes"
        )
    return value


def readNumber(text: str, name: str, lowest: int, highest: int) -> int:
    """
    Read a whole number.

    :param name: what to call it in the error
    :raises usage.UsageError: when it is none, or not within the bounds
    """
    if not (text.isascii() and text.isdigit() and lowest <= int(text) <= highest):
        raise usage.UsageError(f"{name} must be a number from {lowest} to {highest}, not {text!r}")
    return int(text)
