"""
The memory of updates, so that each update runs once.
"""

from __future__ import annotations

from enum import Enum
from hashlib import blake2b

from ..._core.limits import RecentMap
from ..._core.limits.bounds import REMEMBERED_UPDATES, UPDATES_REMEMBERED_FOR
from ..._core.wire import HostPort


class AtWork(Enum):
    """Stands for the answer to an update whose handler has not given its result."""

    AT_WORK = "at work"


class UpdateMemory:
    """Remembers updates, and the answers that they were given."""

    def __init__(self) -> None:
        self._answers: RecentMap[bytes, bytes | AtWork] = RecentMap(
            REMEMBERED_UPDATES, UPDATES_REMEMBERED_FOR
        )

    @staticmethod
    def keyOf(datagram: bytes, address: HostPort) -> bytes:
        """The key of an update: equal datagrams from one address have the same."""
        sender = b"%b:%d" % (address[0].encode("ascii"), address[1])
        return blake2b(datagram, key=sender, digest_size=16).digest()

    def get(self, key: bytes, now: float) -> bytes | AtWork | None:
        """The answer to an update, or None when it is not remembered."""
        return self._answers.get(key, now)

    def begin(self, key: bytes, now: float) -> None:
        """Note that the handler of an update is at work."""
        self._answers.put(key, AtWork.AT_WORK, now)

    def forget(self, key: bytes) -> None:
        """Forget an update whose handler was not called, so that a retry may run it."""
        self._answers.discard(key)

    def answered(self, key: bytes, answer: bytes | None, now: float) -> None:
        """
        Remember an answer.

        :param answer: a datagram, or None when a repetition is not to be answered
        """
        self._answers.put(key, AtWork.AT_WORK if answer is None else answer, now)
