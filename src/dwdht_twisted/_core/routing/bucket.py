"""
The places of a routing table: a bucket, and a contact's entry in it.

Pure: the time is an argument, in seconds.
"""

from __future__ import annotations

from itertools import pairwise

from ..limits.bounds import CACHED_ANSWERS
from ..wire import ID_BITS, ID_BYTES, Contact, HostPort, isPublic, packAddress

#: How many bits of an id, after those that a bucket shares, mostly tell its contacts apart.  Python
#: sorts numbers of no more bits faster.
SORT_KEY_BITS = 30


#: How often a bucket is asked after a change before it remembers: while contacts come and go, that
#: would be in vain.
QUERIES_BEFORE_CACHING = 4

_SORT_KEY_MASK = (1 << SORT_KEY_BITS) - 1


class Entry:
    """
    A contact's place in the table.

    A table holds hundreds, so an entry refers to nothing that the garbage collector must follow.

    :ivar compact: the contact's compact form, with an id
    :ivar address: its host and port
    :ivar number: its id as a big-endian number
    :ivar lastSeen: when it last answered, in seconds
    :ivar recheckedAt: when another last claimed its address or its id, and it was asked, in seconds
    """

    __slots__ = ("address", "compact", "lastSeen", "number", "recheckedAt")

    def __init__(self, id: bytes, address: HostPort, now: float) -> None:
        self.compact = id + packAddress(*address)
        self.address = address
        self.number = int.from_bytes(id, "big")
        self.lastSeen = now
        self.recheckedAt = float("-inf")

    @property
    def contact(self) -> Contact:
        """The contact."""
        return Contact(self.compact[:ID_BYTES], *self.address)


class CacheBudget:
    """
    How many more answers the buckets of one table may remember.

    :ivar free: so many
    """

    __slots__ = ("free",)

    def __init__(self) -> None:
        self.free = CACHED_ANSWERS


class Bucket:
    """
    The contacts whose ids share a prefix of one length with our own.

    :param memory: shared by the buckets of a table
    :ivar proven: at most k contacts that have answered, by id
    :ivar spares: contacts that have answered and found no room, the latest last
    :ivar refreshedAt: when a lookup last went into the bucket, in seconds; first, when it was made
    :ivar isExplored: whether a lookup ever went into it
    :ivar allSeenSince: a time since which all that are proven have answered, in seconds
    :ivar free: how many bits of their ids differ between them
    :ivar repeatedHosts: how many of the proven stand at a public host where another of them does
    """

    __slots__ = (
        "_answers",
        "_asked",
        "_compacts",
        "_deciding",
        "_memory",
        "_shift",
        "allSeenSince",
        "free",
        "isExplored",
        "proven",
        "refreshedAt",
        "repeatedHosts",
        "spares",
    )

    def __init__(self, prefix: int, now: float, memory: CacheBudget) -> None:
        self._memory = memory
        self.free = ID_BITS - prefix - 1
        self._shift = max(0, self.free - SORT_KEY_BITS)
        # The compact forms of those that are proven, by the telling bits of their ids.
        self._compacts: dict[int, bytes] = {}
        # The bits of a target that make a difference to the order of the contacts, as far as they
        # are known, and what was answered, by those bits of the target.
        self._deciding: int | None = None
        self._answers: dict[int, bytes] = {}
        # How often it was asked since it changed, as far as that matters.
        self._asked = 0
        self.repeatedHosts = 0
        self.proven: dict[int, Entry] = {}
        self.spares: list[Contact] = []
        self.refreshedAt = now
        self.isExplored = False
        self.allSeenSince = float("-inf")

    def add(self, entry: Entry) -> None:
        """Take in a contact that has answered."""
        host = entry.address[0]
        self.repeatedHosts += isPublic(host) and any(
            other.address[0] == host for other in self.proven.values()
        )
        self.proven[entry.number] = entry
        self.forgetAnswers()
        self._compacts[entry.number >> self._shift & _SORT_KEY_MASK] = entry.compact

    def remove(self, entry: Entry) -> None:
        """Let a contact go that has answered."""
        del self.proven[entry.number]
        self.forgetAnswers()
        self._compacts = {
            number >> self._shift & _SORT_KEY_MASK: each.compact
            for number, each in self.proven.items()
        }
        hosts = [each.address[0] for each in self.proven.values() if isPublic(each.address[0])]
        self.repeatedHosts = len(hosts) - len(set(hosts))

    def byDistance(self, wanted: int) -> list[bytes]:
        """The compact forms of all that are proven, closest to a target first."""
        compacts = self._compacts
        if len(compacts) < len(self.proven):
            # Some are so much alike that it takes all bits to tell.
            return [
                self.proven[number].compact for number in sorted(self.proven, key=wanted.__xor__)
            ]
        byDistance = sorted(compacts, key=(wanted >> self._shift & _SORT_KEY_MASK).__xor__)
        return [compacts[bits] for bits in byDistance]

    def answer(self, wanted: int) -> bytes:
        """
        The compact forms of all that are proven in a row, closest to a target in this bucket first.

        A busy node is asked about many targets that have its contacts in one order: those that
        agree in all bits in which any two contacts differ first.
        """
        deciding = self._deciding
        if deciding is None:
            if self._asked < QUERIES_BEFORE_CACHING:
                self._asked += 1
                return b"".join(self.byDistance(wanted))
            deciding = self._deciding = self._decidingBits()
        answers = self._answers
        answer = answers.get(wanted & deciding)
        if answer is None:
            answer = b"".join(self.byDistance(wanted))
            if self._memory.free:
                self._memory.free -= 1
                answers[wanted & deciding] = answer
        return answer

    def forgetAnswers(self) -> None:
        """Keep no answer: the contacts are others, or nobody may ask again."""
        self._asked = 0
        if self._deciding is not None:
            self._deciding = None
            self._memory.free += len(self._answers)
            self._answers = {}

    def _decidingBits(self) -> int:
        """The bits in which two of the contacts differ first."""
        bits = 0
        for one, other in pairwise(sorted(self.proven)):
            bits |= 1 << (one ^ other).bit_length() - 1
        return bits

    def longestUnseen(self) -> Entry:
        """The proven contact that answered the longest time ago."""
        oldest = min(self.proven.values(), key=lambda entry: entry.lastSeen)
        self.allSeenSince = oldest.lastSeen
        return oldest
