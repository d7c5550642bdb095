"""
The records in the store of a node.
"""

from __future__ import annotations

from collections.abc import Awaitable
from hashlib import blake2b
from typing import cast

from twisted.logger import Logger

from ...errors import StoreFailed, UpdateRefused, ValueTooLarge
from ...interfaces import ISharedStore, IValueStore, SharedStore, ValueStore
from ..health import StoreHealth
from .encoding import MAXIMUM_LIFETIME, Message, decode, encode
from .record import Record


class KeptRecords:
    """
    Reads and writes the records of a store, which may hold plain values, too.

    Only the first failure of the store and its recovery are logged.

    :param store: the store; an `ISharedStore` tells how long a record lives on
    :param log: where failures of the store are logged
    """

    def __init__(self, store: IValueStore | ValueStore, log: Logger) -> None:
        self._store = store
        self._shared = cast(SharedStore, store) if ISharedStore.providedBy(store) else None
        self._writes = StoreHealth(
            log,
            "records can't be written; updates are refused: {reason}",
            "recovered: records can be written again",
        )
        self._reads = StoreHealth(
            log,
            "records can't be read; queries are answered without a record: {reason}",
            "recovered: records can be read again",
        )

    async def get(self, target: bytes) -> Record | None:
        """
        The record of a target, or None.

        :raises StoreFailed: when the store can't be read
        """
        try:
            found = self._store.get(storeKey(target))
            data = await found if isinstance(found, Awaitable) else found
        except StoreFailed as error:
            self._reads.failed(error)
            raise
        self._reads.worked()
        if data is None:
            return None
        try:
            record = decode(data).record
        except ValueError:
            # The file of the store may be damaged.  The next update replaces the record.
            return None
        return record if record.target == target else None

    async def lifetime(self, target: bytes) -> int | None:
        """
        The seconds until the record of a target expires, as far as a message can tell them; None
        when the store can't.

        :raises StoreFailed: when the store can't be read
        """
        if self._shared is None:
            return None
        found = self._shared.remaining(storeKey(target))
        seconds = await found if isinstance(found, Awaitable) else found
        return None if seconds is None else int(min(seconds, MAXIMUM_LIFETIME))

    async def put(self, record: Record, publisher: str, lifetime: int | None) -> None:
        """
        Keep a record.

        :param publisher: the host that has sent it
        :param lifetime: the seconds until it expires; None for the age of the store
        :raises UpdateRefused: when the store refuses the record or fails
        """
        key, data = storeKey(record.target), encode(Message(record))
        try:
            if self._shared is None:
                written = self._store.put(key, data)
            else:
                written = self._shared.put(key, data, publisher=publisher, lifetime=lifetime)
            if isinstance(written, Awaitable):
                await written
        except (StoreFailed, ValueTooLarge) as error:
            if isinstance(error, StoreFailed):
                self._writes.failed(error)
            raise UpdateRefused(f"the record can't be stored: {error}") from error
        self._writes.worked()


def storeKey(target: bytes) -> bytes:
    """
    The key of a record in its store, 32 bytes.

    The key of a plain value is its SHA-256.  Anybody can make a value whose SHA-256 is a target, or
    is another SHA-256 of this target, but nobody can make one whose SHA-256 is this BLAKE2b.
    """
    return blake2b(target, digest_size=len(target), person=b"dwdht record").digest()


__all__ = ["KeptRecords", "storeKey"]
