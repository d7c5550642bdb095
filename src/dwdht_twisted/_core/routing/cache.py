"""
Cached answers of a bucket: its contacts, sorted by their distance from a target.

For many targets the contacts of a bucket have the same order.  A busy node sorts them once for all
these targets.
"""

from __future__ import annotations

from itertools import pairwise

from ..wire import ID_BYTES
from .bounds import CACHED_ANSWERS

#: The contacts of a bucket are sorted by this many bits of their ids, after the prefix of the
#: bucket.  The bits differ in nearly all cases.  Larger: Python sorts numbers of more than 30 bits
#: more slowly.  Smaller: more buckets have two contacts with equal bits, and are sorted by full
#: ids.
SORT_KEY_BITS = 30

#: After a change of a bucket, this many queries are answered before its answers are cached.
#: Smaller: while contacts come and go, answers are cached and never used.
QUERIES_BEFORE_CACHING = 4

#: The size of a host in a compact contact, in bytes.
HOST_BYTES = 4

_SORT_KEY_MASK = (1 << SORT_KEY_BITS) - 1


class CacheBudget:
    """
    A limit that all buckets of one table share.

    :ivar free: the number of answers that the buckets may still cache
    """

    __slots__ = ("free",)

    def __init__(self) -> None:
        self.free = CACHED_ANSWERS


class AnswerCache:
    """
    The proven contacts of one bucket in compact form, sorted on demand.

    :param free: the number of bits in which the ids of the contacts may differ from each other
    :param budget: the cache budget that all buckets of the table share
    :ivar repeatedHosts: the public hosts, 4 bytes each, that have several contacts in the bucket.
        An answer has only the closest contact of such a host.
    """

    __slots__ = (
        "_answers",
        "_budget",
        "_compacts",
        "_deciding",
        "_queries",
        "_shift",
        "_sortKeys",
        "repeatedHosts",
    )

    def __init__(self, free: int, budget: CacheBudget) -> None:
        self._budget = budget
        self._shift = max(0, free - SORT_KEY_BITS)
        # The compact contacts by their ids as numbers, and by their sort keys.
        self._compacts: dict[int, bytes] = {}
        self._sortKeys: dict[int, bytes] = {}
        # A mask of the bits of a target that decide the order of the contacts.  It is None until it
        # is computed.  The answers are cached by these bits of the target.
        self._deciding: int | None = None
        self._answers: dict[int, bytes] = {}
        # The number of queries since the last change, up to QUERIES_BEFORE_CACHING.
        self._queries = 0
        self.repeatedHosts: frozenset[bytes] = frozenset()

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
        The compact contacts as one string of bytes, closest to a target first.

        Of each public host, only the closest contact is in the answer.

        The first bit in which two contacts differ decides their order: the closer contact agrees
        with the target in this bit.  So targets that agree in all such bits have the same answer.
        """
        deciding = self._deciding
        if deciding is None:
            if self._queries < QUERIES_BEFORE_CACHING:
                self._queries += 1
                return self._sorted(wanted)
            deciding = self._deciding = self._decidingBits()
        answers = self._answers
        answer = answers.get(wanted & deciding)
        if answer is None:
            answer = self._sorted(wanted)
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

    def _sorted(self, wanted: int) -> bytes:
        """An answer that was not cached."""
        compacts = self.byDistance(wanted)
        if not self.repeatedHosts:
            return b"".join(compacts)
        named: set[bytes] = set()
        firsts = []
        for compact in compacts:
            host = compact[ID_BYTES : ID_BYTES + HOST_BYTES]
            if host not in named:
                firsts.append(compact)
            if host in self.repeatedHosts:
                named.add(host)
        return b"".join(firsts)

    def _decidingBits(self) -> int:
        """A mask of bits.  Each of them is the first bit in which some two contacts differ."""
        bits = 0
        for one, other in pairwise(sorted(self._compacts)):
            bits |= 1 << (one ^ other).bit_length() - 1
        return bits
