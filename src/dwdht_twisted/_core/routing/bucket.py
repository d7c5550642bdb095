"""
The places of a routing table: a bucket, and a contact's entry in it.

Each method that depends on time is told the time, in seconds.
"""

from __future__ import annotations

from ..wire import ID_BITS, ID_BYTES, Contact, HostPort, isPublic, packAddress
from .cache import AnswerCache, CacheBudget


class Entry:
    """
    A contact's place in the table.

    A table holds hundreds of entries.  So an entry refers to nothing that the garbage collector
    must follow.

    :ivar compact: the contact's compact form, with its id
    :ivar address: its host and port
    :ivar number: its id as a big-endian number
    :ivar lastSeen: the time of its last answer, in seconds
    :ivar recheckedAt: the time of its last recheck, in seconds.  A contact is rechecked when its id
        or its address turns up elsewhere.
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


class Bucket:
    """
    The contacts whose ids share a prefix of one length with our own.

    :param prefix: that length, in bits
    :param budget: the cache budget of the whole table
    :ivar proven: the contacts that have answered, at most k of them, by id
    :ivar answers: their compact forms, closest to a target first
    :ivar spares: contacts that have answered and found no room, the latest last
    :ivar refreshedAt: the time of the last lookup into the bucket, in seconds; at first, the time
        when the bucket was made
    :ivar isExplored: whether there was a lookup into the bucket
    :ivar allSeenSince: a time since which all proven contacts have answered, in seconds
    :ivar free: the number of bits in which the ids of its contacts may differ
    :ivar repeatedHosts: the number of proven contacts beyond the first of each public host
    """

    __slots__ = (
        "allSeenSince",
        "answers",
        "free",
        "isExplored",
        "proven",
        "refreshedAt",
        "repeatedHosts",
        "spares",
    )

    def __init__(self, prefix: int, now: float, budget: CacheBudget) -> None:
        self.free = ID_BITS - prefix - 1
        self.repeatedHosts = 0
        self.proven: dict[int, Entry] = {}
        self.answers = AnswerCache(self.free, budget)
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
        self.answers.add(entry.number, entry.compact)

    def remove(self, entry: Entry) -> None:
        """Let a contact go that has answered."""
        del self.proven[entry.number]
        self.answers.remove(entry.number)
        hosts = [each.address[0] for each in self.proven.values() if isPublic(each.address[0])]
        self.repeatedHosts = len(hosts) - len(set(hosts))

    def longestUnseen(self) -> Entry:
        """The proven contact whose last answer is the oldest."""
        oldest = min(self.proven.values(), key=lambda entry: entry.lastSeen)
        self.allSeenSince = oldest.lastSeen
        return oldest
