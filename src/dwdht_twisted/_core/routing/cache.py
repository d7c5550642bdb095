"""
The answers of a bucket: its contacts in the order of their distance from a target, cached.

A busy node is asked about many targets for which the contacts of a bucket have the same order.
"""

from __future__ import annotations

from itertools import pairwise

from ..limits.bounds import CACHED_ANSWERS

#: Bits of an id, after those that a bucket shares, that tell its contacts apart in nearly all
#: cases. Larger: Python sorts numbers of more than 30 bits more slowly.  Smaller: two contacts are
#: alike more often, and are then sorted by their full ids.
SORT_KEY_BITS = 30

#: Queries to a bucket after a change before its answers are cached.  Smaller: while contacts come
#: and go, answers are cached that are never used.
QUERIES_BEFORE_CACHING = 4

_SORT_KEY_MASK = (1 << SORT_KEY_BITS) - 1


class CacheBudget:
    """
    The number of answers that the buckets of one table may still cache.

    :ivar free: that number
    """

    __slots__ = ("free",)

    def __init__(self) -> None:
        self.free = CACHED_ANSWERS


class AnswerCache:
    """
    The compact forms of the proven contacts of one bucket.

    :param free: the number of bits in which their ids may differ
    :param budget: shared by the buckets of a table
    """

    __slots__ = ("_answers", "_budget", "_compacts", "_deciding", "_queries", "_shift", "_sortKeys")

    def __init__(self, free: int, budget: CacheBudget) -> None:
        self._budget = budget
        self._shift = max(0, free - SORT_KEY_BITS)
        # Each contact by its id as a number, and by its sort key.
        self._compacts: dict[int, bytes] = {}
        self._sortKeys: dict[int, bytes] = {}
        # The bits of a target that decide the order of the contacts, or None while unknown; and the
        # answers by those bits of the target.
        self._deciding: int | None = None
        self._answers: dict[int, bytes] = {}
        # The number of queries since the last change, up to QUERIES_BEFORE_CACHING.
        self._queries = 0

    def add(self, number: int, compact: bytes) -> None:
        """
        Add a contact.

        :param number: its id as a big-endian number
        """
        self.clear()
        self._compacts[number] = compact
        self._sortKeys[number >> self._shift & _SORT_KEY_MASK] = compact

    def remove(self, number: int) -> None:
        """Remove a contact."""
        self.clear()
        del self._compacts[number]
        self._sortKeys = {
            each >> self._shift & _SORT_KEY_MASK: compact
            for each, compact in self._compacts.items()
        }

    def byDistance(self, wanted: int) -> list[bytes]:
        """The compact contacts, closest to a target first."""
        sortKeys = self._sortKeys
        if len(sortKeys) < len(self._compacts):
            # Two contacts share a sort key: sort by the full id.
            return [self._compacts[number] for number in sorted(self._compacts, key=wanted.__xor__)]
        byDistance = sorted(sortKeys, key=(wanted >> self._shift & _SORT_KEY_MASK).__xor__)
        return [sortKeys[key] for key in byDistance]

    def answer(self, wanted: int) -> bytes:
        """
        The compact contacts in a row, closest to a target first.

        The order is the same for all targets that agree in the bits in which any two contacts
        differ first.
        """
        deciding = self._deciding
        if deciding is None:
            if self._queries < QUERIES_BEFORE_CACHING:
                self._queries += 1
                return b"".join(self.byDistance(wanted))
            deciding = self._deciding = self._decidingBits()
        answers = self._answers
        answer = answers.get(wanted & deciding)
        if answer is None:
            answer = b"".join(self.byDistance(wanted))
            if self._budget.free:
                self._budget.free -= 1
                answers[wanted & deciding] = answer
        return answer

    def clear(self) -> None:
        """Forget the cached answers."""
        self._queries = 0
        if self._deciding is not None:
            self._deciding = None
            self._budget.free += len(self._answers)
            self._answers = {}

    def _decidingBits(self) -> int:
        """The bits in which two of the contacts differ first."""
        bits = 0
        for one, other in pairwise(sorted(self._compacts)):
            bits |= 1 << (one ^ other).bit_length() - 1
        return bits
