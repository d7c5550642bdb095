"""
What the nodes closest to a target answer: the newest record, and who lacks it.
"""

from __future__ import annotations

from ..._core.routing import K
from ..._core.wire import Contact, distance
from ...interfaces import Reply
from .encoding import Message, decode
from .record import Record, targetOf
from .signing import isSigned


class Survey:
    """
    Compares the answers of the nodes that a query has asked.

    A signature is checked only if its record is newer than the newest one so far.  So 20 equal
    answers cost one check.

    :param publicKey: the owner of the record
    :param salt: the salt of the record
    :ivar newest: the newest valid record, or None
    """

    def __init__(self, publicKey: bytes, salt: bytes) -> None:
        self._publicKey = publicKey
        self._salt = salt
        self.newest: Record | None = None
        self._answers: list[tuple[Contact, Message | None]] = []

    @property
    def target(self) -> bytes:
        """The target of the record."""
        return targetOf(self._publicKey, self._salt)

    def add(self, reply: Reply) -> None:
        """Take the answer of a node."""
        message = self._read(reply.value)
        self._answers.append((reply.node, message))
        if message is None:
            return
        record, newest = message.record, self.newest
        if (newest is None or record.supersedes(newest)) and isSigned(record):
            self.newest = record

    def lacking(self, newest: Record) -> list[Contact]:
        """Those of the 20 closest nodes that have not answered with the newest record."""
        target = self.target
        answers = [(node, message) for node, message in self._answers if node.id is not None]
        answers.sort(key=lambda answer: distance(answer[0].id or b"", target))
        return [
            node for node, message in answers[:K] if message is None or message.record != newest
        ]

    def lifetime(self, newest: Record) -> int | None:
        """
        The seconds for which the newest record lives on at the nodes that have it.

        If none of them has it, those for which the older records live.

        :return: the largest number; None when no node knows
        """
        told = [message for _, message in self._answers if message is not None]
        ofNewest = [message for message in told if message.record == newest]
        lifetimes = [each.lifetime for each in ofNewest or told if each.lifetime is not None]
        return max(lifetimes, default=None)

    def _read(self, value: bytes | None) -> Message | None:
        if value is None:
            return None
        try:
            message = decode(value)
        except ValueError:
            return None
        record = message.record
        isAsked = record.publicKey == self._publicKey and record.salt == self._salt
        return message if isAsked else None


__all__ = ["Survey"]
