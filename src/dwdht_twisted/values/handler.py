"""
The handler of the ``values`` command, for a node that keeps values for others.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import NoReturn, cast

from twisted.logger import Logger
from zope.interface import implementer

from .._storage import checkStore
from ..errors import DHTError, StoreFailed, UpdateRefused, ValueTooLarge
from ..interfaces import (
    HandlerResult,
    ICommandHandler,
    ISharedStore,
    IValueStore,
    Request,
    SharedStore,
    ValueStore,
)
from .health import StoreHealth
from .keys import keyOf
from .stores.bounds import MAXIMUM_KEPT_BYTES


@implementer(ICommandHandler)
class ValueHandler:
    """
    Stores the values that other nodes put, and returns them to nodes that ask for their keys.

    While the store fails, updates are refused and queries are answered without a value.  Only the
    first failure and the recovery are logged, because a full disk fails every request.

    In an `ISharedStore`, a value counts for the host that puts it.

    :param store: where the values are kept
    :raises ValueError: when it isn't a store
    """

    _log = Logger()

    def __init__(self, store: IValueStore | ValueStore) -> None:
        self._store: IValueStore | ValueStore = checkStore(store)
        self._isShared: bool = ISharedStore.providedBy(store)
        self._writes = StoreHealth(
            self._log,
            "values can't be written; updates are refused: {reason}",
            "recovered: values can be written again",
        )
        self._reads = StoreHealth(
            self._log,
            "values can't be read; queries are answered without a value: {reason}",
            "recovered: values can be read again",
        )

    def queryReceived(self, request: Request) -> HandlerResult:
        """Return the value whose key is the target, or None if the store doesn't hold it."""
        try:
            found = self._store.get(request.target)
        except StoreFailed as error:
            self._reads.failed(error)
            return None
        if isinstance(found, Awaitable):
            return self._read(found)
        self._reads.worked()
        return found

    def updateReceived(self, request: Request) -> Awaitable[None] | None:
        """
        Store the value.

        :raises UpdateRefused: when the update has no value, when the value has more than 1,285
            bytes, when the target isn't the key of the value, when the value doesn't fit the store,
            and when the store fails
        """
        value = _checkUpdate(request)
        try:
            written = self._put(request, value)
        except (StoreFailed, ValueTooLarge) as error:
            self._refuse(error)
        if isinstance(written, Awaitable):
            return self._write(written)
        self._writes.worked()
        return None

    def _put(self, request: Request, value: bytes) -> Awaitable[None] | None:
        if self._isShared:
            shared = cast(SharedStore, self._store)
            return shared.put(request.target, value, publisher=request.node.host)
        return self._store.put(request.target, value)

    async def _read(self, found: Awaitable[bytes | None]) -> bytes | None:
        try:
            value = await found
        except StoreFailed as error:
            self._reads.failed(error)
            return None
        self._reads.worked()
        return value

    async def _write(self, written: Awaitable[None]) -> None:
        try:
            await written
        except (StoreFailed, ValueTooLarge) as error:
            self._refuse(error)
        self._writes.worked()

    def _refuse(self, error: DHTError) -> NoReturn:
        if isinstance(error, StoreFailed):
            self._writes.failed(error)
        raise UpdateRefused(f"the value can't be stored: {error}") from error


def _checkUpdate(request: Request) -> bytes:
    """
    Return the value of an update.

    :raises UpdateRefused: when the value is missing, is too large, or has another key
    """
    value = request.value
    if value is None:
        raise UpdateRefused(
            f"the update carries no value; a value of up to {MAXIMUM_KEPT_BYTES} bytes is required"
        )
    if len(value) > MAXIMUM_KEPT_BYTES:
        raise UpdateRefused(
            f"values of up to {MAXIMUM_KEPT_BYTES} bytes are kept, and this one has {len(value)}"
        )
    key = keyOf(value)
    if key != request.target:
        raise UpdateRefused(f"the key of this value is {key.hex()}, not {request.target.hex()}")
    return value


__all__ = ["ValueHandler"]
