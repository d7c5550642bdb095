"""
The options that ``twistd dwdht`` and ``dwdht`` share, and readers for the values of options.
"""

from __future__ import annotations

from binascii import unhexlify

from twisted.python import usage

from .._addresses import parseAddress
from .._bootstrap import BOOTSTRAP_VARIABLE, namedInEnvironment
from .._core.wire import Address, isIPv4
from ..errors import InvalidAddress

#: The longest time that an option may set, in seconds: one day.  Larger: the system call in which
#: the reactor waits may refuse the time.  Smaller: a job could not wait overnight for its network.
MAXIMUM_SECONDS = 86400

#: The most digits of a number that is read.  Smaller: the largest number of an option, which is a
#: sequence number of 20 digits, is refused.
MAXIMUM_DIGITS = 30


class BootstrapOptions(usage.Options):
    """
    Options with ``--bootstrap``, which may be repeated.

    ``self["bootstrap"]`` is a list of `Address`.
    """

    def __init__(self) -> None:
        super().__init__()
        self["bootstrap"] = []

    def opt_bootstrap(self, address: str) -> None:
        """A node to start from, as HOST:PORT or _dht._udp.NAME; may be repeated."""
        self["bootstrap"].append(readAddress(address, "--bootstrap"))


def bootstrapOf(options: BootstrapOptions) -> list[Address]:
    """
    The bootstrap nodes of a command.  The first of these sources that has any is used:

    - the options after the name of the command
    - the options before the name of the command
    - the environment variable `BOOTSTRAP_VARIABLE`

    :raises usage.UsageError: when the variable is used but doesn't hold addresses
    """
    given: list[Address] = options["bootstrap"]
    if not given and options.parent is not None:
        given = options.parent.get("bootstrap", [])
    if not given:
        given = [readAddress(each, BOOTSTRAP_VARIABLE) for each in namedInEnvironment()]
    return given


def readAddress(text: str, name: str) -> Address:
    """
    Read ``HOST:PORT``.

    :param name: the name of the option or argument, for the error
    :raises usage.UsageError: when the text is not an address
    """
    try:
        address = parseAddress(text)
        if not isIPv4(address.host):
            # The resolver encodes the name in the same way, but only after a node was started.
            address.host.encode("idna")
    except InvalidAddress as error:
        raise usage.UsageError(f"{name}: {error}") from None
    except UnicodeError as error:
        raise usage.UsageError(f"{name}: {text!r} has no valid host: {error}") from None
    return address


def readHex(text: str, name: str, size: int) -> bytes:
    """
    Read bytes from hexadecimal digits.

    :param name: the name of the option or argument, for the error
    :param size: the number of bytes that are required
    :raises usage.UsageError: when the text has another size, or isn't hexadecimal
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
    number = _toNumber(text)
    if number is None or not lowest <= number <= highest:
        raise usage.UsageError(f"{name} must be a number from {lowest} to {highest}, not {text!r}")
    return number


def readMultiple(text: str, name: str, units: dict[str, int], lowest: str, highest: str) -> int:
    """
    Read a whole number with or without a unit, for example ``64M``.

    :param name: the name of the option or argument, for the error
    :param units: the factor of each unit, by its letter; the case of the letter doesn't matter
    :param lowest: the least that is allowed, such as ``64K``
    :param highest: the most that is allowed
    :return: the number times its unit
    :raises usage.UsageError: when the text isn't such a number, or the result is out of bounds
    """
    found = _toMultiple(text, units)
    least, most = _toMultiple(lowest, units), _toMultiple(highest, units)
    assert least is not None and most is not None
    if found is None or not least <= found <= most:
        letters = ", ".join(units)
        raise usage.UsageError(
            f"{name} must be from {lowest} to {highest}, not {text!r}; its unit is one of {letters}"
        )
    return found


def _toMultiple(text: str, units: dict[str, int]) -> int | None:
    for letter, unit in units.items():
        if text.lower().endswith(letter.lower()):
            number = _toNumber(text[:-1])
            return None if number is None else number * unit
    return _toNumber(text)


def _toNumber(text: str) -> int | None:
    # Refuse long texts here, because int() raises ValueError for more than 4,300 digits.
    if text.isascii() and text.isdigit() and len(text) <= MAXIMUM_DIGITS:
        return int(text)
    return None


def readSeconds(text: str, name: str) -> float:
    """
    Read a time of ASCII digits, with or without a decimal point.

    :param name: the name of the option or argument, for the error
    :return: seconds, above 0 and up to a day
    :raises usage.UsageError: when the text isn't such a time
    """
    digits = text.replace(".", "", 1)
    seconds = float(text) if digits.isascii() and digits.isdigit() else 0.0
    if not 0 < seconds <= MAXIMUM_SECONDS:
        raise usage.UsageError(
            f"{name} must be a number of seconds above 0, up to {MAXIMUM_SECONDS}, not {text!r}"
        )
    return seconds
