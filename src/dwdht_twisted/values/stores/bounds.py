"""
The limits of a store, and the largest value that a node keeps for others.

Values come from strangers, so every store limits its size and the age of its values.  `shares` says
whose values a full store drops first.  A value that is put again counts as new, so a publisher
keeps a value alive by putting it again.
"""

from __future__ import annotations

from sys import float_info, maxsize

from ..._core.wire import ID_BYTES, isIPv4
from ...errors import InvalidTarget, ValueTooLarge

#: The most bytes of a value that a node keeps for others and gives to others.  A node of
#: ``dht-rpc`` puts any value that fits a datagram, and expects the nodes closest to its key to keep
#: the value.  An update in a datagram of 1,400 bytes, which fits the MTU of nearly every network,
#: has this many bytes left for the value.  Its other fields take 115 bytes: the framing, the
#: command ``values``, an id, a target, a token, and the header of the value.  An answer without
#: contacts has shorter fields, so the value fits a datagram of that size too.  Larger: answers are
#: cut into fragments, and strangers make a node send larger ones.  Smaller: values of other
#: implementations are kept by fewer nodes.
MAXIMUM_KEPT_BYTES = 1285

#: The default size limit of a store, in bytes: enough for 50,000 values of 1,000 bytes.
#: Larger: strangers can use up more memory or disk.  Smaller: values are dropped before they reach
#: the age limit.
DEFAULT_MAXIMUM_BYTES = 64 * 1024 * 1024

#: The default age at which a store drops a value, in seconds: one day, as in Kademlia section 2.5.
#: Larger: abandoned values take up space for longer.  Smaller: publishers must put their values
#: again more often.
DEFAULT_MAXIMUM_AGE = 24 * 60 * 60.0

#: The bytes that an entry counts for in addition to its key and value: an estimate of the Python
#: objects, or of the database row, that hold the entry.  Smaller: a store full of one-byte values
#: takes up several times as much memory as its limit.  Larger: a store holds fewer values than it
#: has space for.
ENTRY_OVERHEAD_BYTES = 256

#: The most publishers of one value that are remembered.  A value counts for the first of them.
#: When it would be dropped for this one, it counts for the next instead.  So a host that puts the
#: values of others, and then fills the store, pushes out none of them.  Larger: a value that many
#: hosts put takes up more memory.  Smaller: an attacker with this number of hosts, that puts a
#: value before its publisher does, can push it out.
PUBLISHERS_PER_VALUE = 4


def checkBounds(maximumBytes: int, maximumAge: float) -> None:
    """
    Require that the limits of a store are positive numbers.

    :raises ValueError: when a limit isn't a number above 0; the message names the limit
    """
    if not _isNumber(maximumBytes, int) or not maximumBytes > 0:
        raise ValueError(f"maximumBytes must be above 0, a whole number, not {maximumBytes!r}")
    # NaN is not above 0.
    if not _isNumber(maximumAge, int, float) or not maximumAge > 0:
        raise ValueError(f"maximumAge must be above 0 seconds, not {maximumAge!r}")
    if float_info.max < maximumAge < float("inf"):
        raise ValueError("maximumAge must be below 2 ** 1024 seconds, or infinite")


def _isNumber(given: object, *types: type) -> bool:
    return isinstance(given, types) and not isinstance(given, bool)


def entryCost(key: bytes, value: bytes) -> int:
    """The bytes that an entry counts for: its key, its value and `ENTRY_OVERHEAD_BYTES`."""
    return len(key) + len(value) + ENTRY_OVERHEAD_BYTES


def checkEntry(key: bytes, value: bytes, publisher: str | None) -> None:
    """
    Require that an entry can be kept.

    :raises InvalidTarget: when the key isn't 32 bytes
    :raises TypeError: when the value isn't bytes
    :raises ValueError: when the publisher is neither an IPv4 address nor None
    """
    checkKey(key)
    if not isinstance(value, bytes):
        raise TypeError(f"a value is bytes, not {type(value).__name__}")
    if publisher is not None and not (isinstance(publisher, str) and isIPv4(publisher)):
        raise ValueError(f"a publisher is an IPv4 address or None, not {publisher!r}")


def checkKey(key: bytes) -> None:
    """
    Require that a key is 32 bytes.

    :raises InvalidTarget: when it isn't
    """
    if not isinstance(key, bytes) or len(key) != ID_BYTES:
        given = f"{len(key)}" if isinstance(key, bytes) else type(key).__name__
        raise InvalidTarget(f"a key must be {ID_BYTES} bytes, not {given}")


def checkedLimit(after: bytes, limit: int) -> int:
    """
    Require that entries can be listed, and return the most that are.

    :raises TypeError: when what they come after isn't bytes
    :raises ValueError: when the limit isn't a whole number of at least 0
    """
    if not isinstance(after, bytes):
        raise TypeError(f"entries are listed after bytes, not after {type(after).__name__}")
    if not _isNumber(limit, int) or limit < 0:
        raise ValueError(f"limit must be at least 0, a whole number, not {limit!r}")
    return min(limit, maxsize)


def checkedCost(key: bytes, value: bytes, maximumBytes: int) -> int:
    """
    Return the `entryCost` of a value.

    :raises ValueTooLarge: when the value wouldn't fit even into an empty store
    """
    cost = entryCost(key, value)
    if cost > maximumBytes:
        raise ValueTooLarge(
            f"a value of {len(value)} bytes doesn't fit a store of {maximumBytes} bytes"
        )
    return cost


def checkedLifetime(lifetime: float | None, maximumAge: float) -> float:
    """
    Return how long a value is kept, in seconds.

    :param lifetime: the given lifetime in seconds, or None for the longest one
    :raises ValueError: when the lifetime isn't above 0
    """
    if lifetime is None:
        return maximumAge
    if not _isNumber(lifetime, int, float) or not lifetime > 0:
        raise ValueError(f"lifetime must be above 0 seconds, not {lifetime!r}")
    kept = min(lifetime, maximumAge)
    # A whole number may be larger than any float, and is no time then.
    return float("inf") if kept > float_info.max else kept


def withPublisher(publishers: tuple[str, ...], publisher: str) -> tuple[str, ...]:
    """Return the publishers of a value that one of them, or another host, puts."""
    if publisher in publishers or len(publishers) >= PUBLISHERS_PER_VALUE:
        return publishers
    return (*publishers, publisher)
