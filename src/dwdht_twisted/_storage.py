"""
The interfaces of the stores for values.  `interfaces` has these names too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any, NamedTuple, Protocol

from zope.interface import Interface


class StoredValue(NamedTuple):
    """
    A value in a store.

    :ivar key: 32 bytes
    :ivar value: the value
    :ivar lifetime: the seconds until the value expires
    :ivar publisher: the IPv4 host that the value counts for; None is this node itself
    """

    key: bytes
    value: bytes
    lifetime: float
    publisher: str | None


class StoreUsage(NamedTuple):
    """
    How full a store is.

    :ivar values: the number of values
    :ivar bytes: the bytes that they count for
    :ivar maximumBytes: the bytes that they may count for
    :ivar largestShare: the bytes that the values of one host count for, of that which has the most
    """

    values: int
    bytes: int
    maximumBytes: int
    largestShare: int


class ValueStore(Protocol):
    """
    The type of an `IValueStore` for type checkers, which can't read zope.interface.
    """

    def put(self, key: bytes, value: bytes) -> Awaitable[None] | None:
        """See `IValueStore.put`."""

    def get(self, key: bytes) -> Awaitable[bytes | None] | bytes | None:
        """See `IValueStore.get`."""

    def close(self) -> Awaitable[None] | None:
        """See `IValueStore.close`."""


class SharedStore(ValueStore, Protocol):
    """
    The type of an `ISharedStore` for type checkers, which can't read zope.interface.
    """

    def put(
        self,
        key: bytes,
        value: bytes,
        *,
        publisher: str | None = None,
        lifetime: float | None = None,
    ) -> Awaitable[None] | None:
        """See `ISharedStore.put`."""

    def remaining(self, key: bytes) -> Awaitable[float | None] | float | None:
        """See `ISharedStore.remaining`."""

    def entries(
        self, after: bytes = b"", limit: int = 100
    ) -> Awaitable[Sequence[StoredValue]] | Sequence[StoredValue]:
        """See `ISharedStore.entries`."""


def checkStore(given: Any, interface: Any = None) -> Any:
    """
    Require that an object has the methods of a store.

    :param interface: the interface of the store, by default `IValueStore`
    :raises ValueError: when a method is missing; the message names it
    """
    interface = interface or IValueStore
    names = list(interface.names(all=True))
    missing = [each for each in names if not callable(getattr(given, each, None))]
    if missing or isinstance(given, type):
        reason = f" has no {missing[0]}" if missing else " is a class"
        methods = f"{', '.join(names[:-1])} and {names[-1]}"
        raise ValueError(
            f"{given!r}{reason}; a store has the methods {methods}, as {interface.__name__} has "
            "them"
        )
    return given


class IValueStore(Interface):
    """
    Keeps the values that other nodes put on this one.
    """

    def put(key: bytes, value: bytes) -> Awaitable[None] | None:
        """
        Keep a value.

        :param key: 32 bytes
        :raises ValueTooLarge: when the value wouldn't fit even into an empty store
        :raises StoreFailed: when the value can't be written
        """

    def get(key: bytes) -> Awaitable[bytes | None] | bytes | None:
        """
        Find a value.

        :param key: 32 bytes
        :return: the value, or None when the key has no value or the value has expired
        :raises StoreFailed: when the store can't be read
        """

    def close() -> Awaitable[None] | None:
        """Release the files and other resources of the store."""


class IMeasuredStore(IValueStore):
    """
    A store that tells how full it is.
    """

    def usage() -> Awaitable[StoreUsage] | StoreUsage:
        """
        Tell how full the store is.

        :raises StoreFailed: when the store can't be read
        """


class ISharedStore(IValueStore):
    """
    A store that is shared fairly among the hosts that put values.

    A full store drops the oldest value of the host, or of the /24 network, that holds the largest
    share.  So a host that fills the store drops its own values, and none of hosts that hold less.

    A key may be any 32 bytes: it needn't be the hash of its value.
    """

    def put(
        key: bytes,
        value: bytes,
        *,
        publisher: str | None = None,
        lifetime: float | None = None,
    ) -> Awaitable[None] | None:
        """
        Keep a value.  A value that the key had before is replaced.

        :param key: 32 bytes
        :param publisher: the IPv4 host that the value counts for; None is this node itself
        :param lifetime: the seconds until the value expires; at most, and by default, the age limit
            of the store
        :raises ValueError: when the lifetime isn't above 0
        :raises ValueTooLarge: when the value wouldn't fit even into an empty store
        :raises StoreFailed: when the value can't be written
        """

    def remaining(key: bytes) -> Awaitable[float | None] | float | None:
        """
        Tell how long a value will be kept, unless the store gets full.

        :param key: 32 bytes
        :return: the seconds until the value expires, or None when the key has no value
        :raises StoreFailed: when the store can't be read
        """

    def entries(
        after: bytes = b"", limit: int = 100
    ) -> Awaitable[Sequence[StoredValue]] | Sequence[StoredValue]:
        """
        List values in the order of their keys, one page at a time.

        :param after: only values with greater keys are listed; pass the last key of the previous
            page
        :param limit: the most values of the page
        :return: a list of `StoredValue`, which is empty after the last page
        :raises StoreFailed: when the store can't be read
        """
