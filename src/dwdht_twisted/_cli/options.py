"""
The options that ``twistd dwdht`` and ``dwdht`` share, and readers for the values of options.
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

    :param name: the name of the option or argument, for the error
    :raises usage.UsageError: when the text is not an address
    """
    try:
        return parseAddress(text)
    except InvalidAddress as error:
        raise usage.UsageError(f"{name}: {error}") from None


def readHex(text: str, name: str, size: int) -> bytes:
    """
    Read bytes from hexadecimal digits.

    :param name: the name of the option or argument, for the error
    :param size: the number of bytes that are required
    :raises usage.UsageError: when the text has another size, or characters that aren't digits
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
    Read a whole number of ASCII digits.

    :param name: the name of the option or argument, for the error
    :raises usage.UsageError: when the text isn't a number from ``lowest`` to ``highest``
    """
    if not (text.isascii() and text.isdigit() and lowest <= int(text) <= highest):
        raise usage.UsageError(f"{name} must be a number from {lowest} to {highest}, not {text!r}")
    return int(text)
