"""
A store that keeps values in an SQLite file.
"""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike, fspath
from time import time
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..._clock import clockOf, secondsUp
from ..._storage import IMeasuredStore, ISharedStore, StoredValue, StoreUsage
from ...errors import CannotOpenStore
from .bounds import (
    DEFAULT_MAXIMUM_AGE,
    DEFAULT_MAXIMUM_BYTES,
    checkBounds,
    checkedCost,
    checkedLifetime,
    checkedLimit,
    checkEntry,
    checkKey,
)
from .database import Database
from .shares import OWN
from .table import Put, Reader, StoreClock


@implementer(ISharedStore, IMeasuredStore)
class SQLiteStore:
    """
    Keeps values in a file, so that they outlive the process and a loss of power.

    The Deferred of `put` fires when the disk has the value.  Values that are put while others are
    written go to the disk together, so a busy store waits for the disk less than once for each.

    The constructor creates a missing file, and checks that an existing file is a store.  So a bad
    path fails before the node serves.  The constructor waits for no lock.  All later work on the
    file is done in a thread of the reactor.  If another process has locked a new file, that thread
    also makes the tables.

    The file is marked as a store of this package.  A database of another program is refused and
    left unchanged.  A store that is damaged gets another name, and is never deleted.  What can be
    read of it is kept in a new file, and the log says so.

    The age of a value is counted by the clock of the machine, because a restart must not change it.
    When this clock is set while the store is open, the time of the store goes on as before, so no
    value expires early or late.  If the clock was set back while the store was closed, the time of
    the store goes on from its last write.

    :param reactor: provides threads
    :param path: the file.  A relative path counts from the folder in which the process runs when
        the store is made, also after the process has gone to another folder.
    :param seconds: returns the present time in seconds.  It has to count from the same origin after
        a restart of the process, as ``time.time`` does; ``reactor.seconds`` may start anew.
    :param elapsed: returns the seconds that have passed since any moment, whatever happens to
        ``seconds``.  By default, these are the seconds since the start of the machine for
        ``time.time``, and ``seconds`` itself for any other function.
    :param maximumBytes: the size limit of the store, in bytes; an entry counts for its key, its
        value and 256 bytes more
    :param maximumAge: how long the store keeps a value, in seconds; it may be infinite
    :raises CannotOpenStore: when the file can't be opened or isn't a store, and for ``:memory:``
    :raises ValueError: when a limit isn't a number above 0, or another argument isn't valid
    """

    def __init__(
        self,
        reactor: Any,
        path: str | PathLike[str],
        *,
        seconds: Callable[[], float] = time,
        elapsed: Callable[[], float] | None = None,
        maximumBytes: int = DEFAULT_MAXIMUM_BYTES,
        maximumAge: float = DEFAULT_MAXIMUM_AGE,
    ) -> None:
        checkBounds(maximumBytes, maximumAge)
        clockOf(reactor)
        if not isinstance(path, (str, PathLike)) or isinstance(fspath(path), bytes):
            raise ValueError(f"the path of a store is text, not {path!r}")
        for name, given in (("seconds", seconds), ("elapsed", elapsed)):
            if not (callable(given) or (given is None and name == "elapsed")):
                raise ValueError(f"{name} is a function that returns seconds, not {given!r}")
        self._maximumBytes = maximumBytes
        self._maximumAge = maximumAge
        self._database = Database(
            reactor,
            fspath(path),
            StoreClock(seconds, elapsed or (secondsUp if seconds is time else seconds)),
            maximumBytes=maximumBytes,
            maximumAge=maximumAge,
        )

    def put(
        self,
        key: bytes,
        value: bytes,
        *,
        publisher: str | None = None,
        lifetime: float | None = None,
    ) -> Deferred[None]:
        """
        Store a value.

        A full store drops expired values first.  After that, it drops the oldest value of whoever
        holds the largest share, until the new value fits.

        :param key: 32 bytes
        :param publisher: the IPv4 host that the value counts for; None is this node itself.  A
            value that several hosts put counts for the first of them, until it would be dropped.
        :param lifetime: the seconds until the value expires; at most, and by default, the age limit
        :return: fires when the value is on the disk; fails with `StoreFailed` when the file can't
            be written, and when the store is closed
        :raises InvalidTarget: when the key isn't 32 bytes
        :raises TypeError: when the value isn't bytes
        :raises ValueError: when the lifetime isn't above 0, or the publisher isn't an IPv4 host
        :raises ValueTooLarge: when the value wouldn't fit even into an empty store; nothing is
            dropped then
        """
        checkEntry(key, value, publisher)
        kept = checkedLifetime(lifetime, self._maximumAge)
        cost = checkedCost(key, value, self._maximumBytes)
        put = Put(key, value, publisher or OWN, kept, cost)
        return self._database.write(lambda writer: writer.put(put))

    def get(self, key: bytes) -> Deferred[bytes | None]:
        """
        :param key: 32 bytes
        :return: fires with the value, or with None when the store has none or the value has
            expired; fails with `StoreFailed` when the file can't be read, and when the store is
            closed
        :raises InvalidTarget: when the key isn't 32 bytes
        """
        checkKey(key)
        return self._database.read(lambda reader: reader.get(key))

    def remaining(self, key: bytes) -> Deferred[float | None]:
        """
        :param key: 32 bytes
        :return: fires with the seconds until the value expires, or with None when the store has no
            value; fails as `get` does
        :raises InvalidTarget: when the key isn't 32 bytes
        """
        checkKey(key)
        return self._database.read(lambda reader: reader.remaining(key))

    def entries(self, after: bytes = b"", limit: int = 100) -> Deferred[list[StoredValue]]:
        """
        List values in the order of their keys.

        :param after: only values with greater keys are listed
        :param limit: the most values that are listed
        :return: fires with the values; fails as `get` does
        :raises TypeError: when ``after`` isn't bytes
        :raises ValueError: when the limit isn't a whole number of at least 0
        """
        most = checkedLimit(after, limit)
        return self._database.read(lambda reader: reader.entries(after, most))

    def usage(self) -> Deferred[StoreUsage]:
        """
        Tell how full the store is, with expired values that are not dropped yet.

        :return: fires with a `StoreUsage`; fails as `get` does
        """

        def read(reader: Reader) -> StoreUsage:
            values, size, most = reader.usage()
            return StoreUsage(values, size, self._maximumBytes, most)

        return self._database.read(read)

    def close(self) -> Deferred[None]:
        """
        Close the file after all earlier puts and gets have ended.  This may be called more than
        once.

        :return: fires when the file is closed; fails with `StoreFailed` when no thread can be
            started, and may be called again then
        """
        return self._database.close()


__all__ = ["CannotOpenStore", "SQLiteStore"]
