"""
One update of a target at a time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from twisted.internet.defer import DeferredLock

Result = TypeVar("Result")


class Turns:
    """
    Runs functions one after the other if they have the same key, and at the same time if not.
    """

    def __init__(self) -> None:
        self._locks: dict[bytes, DeferredLock] = {}

    def __len__(self) -> int:
        """The number of keys whose functions run."""
        return len(self._locks)

    async def run(self, key: bytes, function: Callable[[], Awaitable[Result]]) -> Result:
        """
        Call a function when all earlier ones with the same key have ended.

        :return: the result of the function
        """
        lock = self._locks.setdefault(key, DeferredLock())
        await lock.acquire()
        try:
            return await function()
        finally:
            lock.release()
            # The lock is still taken if another function waited for it.  If that one has ended
            # already, it has removed the lock, and a later one may have made another.
            if not lock.locked and self._locks.get(key) is lock:
                del self._locks[key]


__all__ = ["Turns"]
