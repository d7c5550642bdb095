"""
The memory of updates, by which each update runs only once.
"""

from __future__ import annotations

from enum import Enum
from hashlib import blake2b

from ..._core.limits import RecentMap
from ..._core.limits.bounds import REMEMBERED_UPDATES, UPDATES_REMEMBERED_FOR
from ..._core.wire import HostPort


class AtWork(Enum):
    """Takes the place of the answer while the handler of an update has not given its result."""

    AT_WORK = "at work"


class UpdateMemory:
    """Remembers updates and the answers to them."""

    def __init__(self) -> None:
        self._answers: RecentMap[bytes, bytes | AtWork] = RecentMap(
            REMEMBERED_UPDATES, UPDATES_REMEMBERED_FOR
        )

    @staticmethod
    def keyOf(datagram: bytes, address: HostPort) -> bytes:
        """The key of an update.  Equal datagrams from one address have equal keys."""
        sender = b"%b:%d" % (address[0].encode("ascii"), address[1])
        return blake2b(datagram, key=sender, digest_size=16).digest()

    def get(self, key: bytes, now: float) -> bytes | AtWork | None:
        """The answer to an update, or None when the update is not remembered."""
        return self._answers.get(key, now)

    def begin(self, key: bytes, now: float) -> None:
        """Note that the handler of an update is running."""
        self._answers.put(key, AtWork.AT_WORK, now)

    def forget(self, key: bytes) -> None:
        """Forget an update whose handler was not called, so that a retry may run it."""
        self._answers.discard(key)

    def answered(self, key: bytes, answer: bytes | None, now: float) -> None:
        """
        Remember an answer.

        :param answer: the datagram that answers repetitions; None to leave them unanswered
        """
        self._answers.put(key, AtWork.AT_WORK if answer is None else answer, now)
