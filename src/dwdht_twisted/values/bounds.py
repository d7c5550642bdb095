"""
The limits of a store, in bytes and in age.

Every store has both, because its content comes from strangers.  When the bytes run out the oldest
values are dropped first.  A value that is put again counts as new, so a publisher keeps a value
alive by repeating it.
"""

from __future__ import annotations

from ..errors import ValueTooLarge

#: The size that a store may reach unless its user sets another, in bytes: enough for 50,000 values
#: of the largest size.  Larger: strangers can use up more memory or disk.  Smaller: values are
#: dropped sooner than their age requires.
DEFAULT_MAXIMUM_BYTES = 64 * 1024 * 1024

#: The time that a store keeps a value unless its user sets another, in seconds: a day, as in
#: Kademlia section 2.5.  Larger: values that nobody repeats take up space for longer.  Smaller:
#: publishers must put their values again more often.
DEFAULT_MAXIMUM_AGE = 24 * 60 * 60.0

#: The cost of an entry beside its key and value, in bytes: an estimate of the objects or the row
#: around them.  Smaller: the values of one byte that fit the limit take up several times as much
#: memory as the limit.  Larger: a store holds fewer values than it has space for.
ENTRY_OVERHEAD_BYTES = 256


def checkBounds(maximumBytes: int, maximumAge: float) -> None:
    """
    Require that the limits of a store are positive.

    :raises ValueError: with the name of the limit that isn't above 0
    """
    if maximumBytes <= 0:
        raise ValueError(f"maximumBytes must be above 0, not {maximumBytes!r}")
    if maximumAge <= 0:
        raise ValueError(f"maximumAge must be above 0 seconds, not {maximumAge!r}")


def entryCost(key: bytes, value: bytes) -> int:
    """The bytes that an entry counts for: key, value and overhead."""
    return len(key) + len(value) + ENTRY_OVERHEAD_BYTES


def checkedCost(key: bytes, value: bytes, maximumBytes: int) -> int:
    """
    `entryCost` of a value that fits the empty store.

    :raises ValueTooLarge: when it doesn't
    """
    cost = entryCost(key, value)
    if cost > maximumBytes:
        raise ValueTooLarge(
            f"a value of {len(value)} bytes doesn't fit a store of {maximumBytes} bytes"
        )
    return cost
