"""
The memory of updates, by which each update runs only once.
"""

from __future__ import annotations

from enum import Enum
from hashlib import blake2b
from typing import TypeAlias

from ..._core.limits import SharedMap
from ..._core.limits.bounds import REMEMBERED_UPDATES, UPDATES_REMEMBERED_FOR
from ..._core.wire import HostPort


class AtWork(Enum):
    """Takes the place of the answer while the handler of an update has not given its result."""

    AT_WORK = "at work"


#: The key of an update: the host of its sender, and a hash of the datagram and of the address.
UpdateKey: TypeAlias = tuple[str, bytes]


class UpdateMemory:
    """
    Remembers updates and the answers to them.

    Each host has a share of the memory.  So no host makes a node forget the updates of others,
    which would then run again when they are repeated.
    """

    def __init__(self) -> None:
        self._answers: SharedMap[UpdateKey, bytes | AtWork] = SharedMap(
            REMEMBERED_UPDATES, UPDATES_REMEMBERED_FOR
        )

    @staticmethod
    def keyOf(datagram: bytes, address: HostPort) -> UpdateKey:
        """The key of an update.  Equal datagrams from one address have equal keys."""
        sender = b"%b:%d" % (address[0].encode("ascii"), address[1])
        return address[0], blake2b(datagram, key=sender, digest_size=16).digest()

    def get(self, key: UpdateKey, now: float) -> bytes | AtWork | None:
        """The answer to an update, or None when the update is not remembered."""
        return self._answers.get(key, now)

    def begin(self, key: UpdateKey, now: float) -> None:
        """Note that the handler of an update is running."""
        self._answers.put(key, AtWork.AT_WORK, now)

    def forget(self, key: UpdateKey) -> None:
        """Forget an update whose handler was not called, so that a retry may run it."""
        self._answers.discard(key)

    def answered(self, key: UpdateKey, answer: bytes | None, now: float) -> None:
        """
        Remember an answer.

        :param answer: the datagram that answers repetitions; None to leave them unanswered
        """
        self._answers.put(key, AtWork.AT_WORK if answer is None else answer, now)
