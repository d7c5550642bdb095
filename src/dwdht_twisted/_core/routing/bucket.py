"""
A bucket of a routing table, and the entry of a contact.
"""

from __future__ import annotations

from operator import attrgetter

from ..wire import ID_BITS, ID_BYTES, Contact, HostPort, isPublic, packAddress
from .bounds import MAXIMUM_ALIKE, SHARED_IN_BUCKET, SPARES_PER_BUCKET
from .cache import HOST_BYTES, AnswerCache, CacheBudget

#: Returns when an entry was seen.  The bucket of most askers is full, so this is often called.
_lastSeen = attrgetter("lastSeen")


class Entry:
    """
    A contact or a claim in the table.

    A table holds hundreds of entries.  So an entry refers only to strings, bytes and numbers, which
    the garbage collector need not follow.

    :ivar compact: the contact's compact form, with its id
    :ivar address: the contact's host and port
    :ivar number: the contact's id as a big-endian number
    :ivar lastSeen: the time when the contact has last shown that it is there, in seconds
    :ivar openSince: the time since which the contact was seen without long pauses, in seconds; see
        `PATH_STAYS_OPEN`
    :ivar since: the time since which the contact is in the table, in seconds.  It is earlier by the
        time that the contact was in the table before, if the contact has come back.
    :ivar token: the token in its last answer to a ping, 32 bytes, or None
    :ivar recheckedAt: the time of the contact's last recheck, in seconds.  A recheck is a ping that
        is sent because another address uses the contact's id, or the contact's address uses
        another id.
    """

    __slots__ = (
        "address",
        "compact",
        "lastSeen",
        "number",
        "openSince",
        "recheckedAt",
        "since",
        "token",
    )

    def __init__(self, id: bytes, address: HostPort, now: float) -> None:
        self.compact = id + packAddress(*address)
        self.address = address
        self.number = int.from_bytes(id, "big")
        self.lastSeen = now
        self.openSince = now
        self.since = now
        self.token: bytes | None = None
        self.recheckedAt = float("-inf")

    @property
    def contact(self) -> Contact:
        """The entry as a `Contact`."""
        return Contact(self.compact[:ID_BYTES], *self.address)


class Bucket:
    """
    The contacts whose ids share a prefix of one length with our own id.

    :param prefix: the length of the prefix, in bits
    :param now: the present time, in seconds
    :param budget: the cache budget of the whole table
    :ivar proven: the contacts that have answered, at most k of them, by id
    :ivar answers: the proven contacts in compact form, to be sorted by distance from a target
    :ivar spares: the contacts that have answered and wait for a place, the latest last
    :ivar refreshedAt: the time when the last lookup in the bucket has run out, in seconds.  Before
        the first lookup it is the time when the bucket was made.
    :ivar isExplored: whether a lookup in the bucket has run out
    :ivar allSeenSince: a time in seconds.  Every proven contact has answered at this time or later.
    :ivar free: the number of bits in which the ids of its contacts may differ from each other
    :ivar hosts: the number of proven contacts of each public host
    :ivar sharedHosts: the compact contacts of the bucket at each public host that also has contacts
        in other buckets
    """

    __slots__ = (
        "allSeenSince",
        "answers",
        "free",
        "hosts",
        "isExplored",
        "proven",
        "refreshedAt",
        "sharedHosts",
        "spares",
    )

    def __init__(self, prefix: int, now: float, budget: CacheBudget) -> None:
        self.free = ID_BITS - prefix - 1
        self.hosts: dict[str, int] = {}
        self.sharedHosts: dict[str, list[bytes]] = {}
        self.proven: dict[int, Entry] = {}
        self.answers = AnswerCache(self.free, budget)
        self.spares: list[Contact] = []
        self.refreshedAt = now
        self.isExplored = False
        self.allSeenSince = float("-inf")

    def add(self, entry: Entry) -> None:
        """Add a proven contact."""
        self.proven[entry.number] = entry
        self.answers.add(entry.number, entry.compact)
        self._count(entry.address[0], 1)

    def remove(self, entry: Entry) -> None:
        """Remove a proven contact."""
        del self.proven[entry.number]
        self.answers.remove(entry.number)
        self._count(entry.address[0], -1)

    def share(self, host: str, *, isShared: bool) -> None:
        """Note whether a public host of the bucket has contacts in other buckets too."""
        if isShared:
            self.sharedHosts[host] = [
                entry.compact for entry in self.proven.values() if entry.address[0] == host
            ]
        else:
            self.sharedHosts.pop(host, None)

    def addSpare(self, spare: Contact) -> None:
        """Let a contact, new or not, wait as the latest spare.  Of too many, drop the oldest."""
        if spare in self.spares:
            self.spares.remove(spare)
        self.spares.append(spare)
        del self.spares[:-SPARES_PER_BUCKET]

    def isCrowd(self, entry: Entry) -> bool:
        """Whether `MAXIMUM_ALIKE` or more contacts have ids like a new public contact."""
        if not isPublic(entry.address[0]):
            return False
        shared = self.free - SHARED_IN_BUCKET
        alike = sum((entry.number ^ other).bit_length() <= shared for other in self.proven)
        return alike >= MAXIMUM_ALIKE

    def longestUnseen(self) -> Entry:
        """Find the proven contact whose last answer is the oldest, and set ``allSeenSince``."""
        oldest = min(self.proven.values(), key=_lastSeen)
        self.allSeenSince = oldest.lastSeen
        return oldest

    def _count(self, host: str, change: int) -> None:
        """Count a contact of a host that was added or removed."""
        if not isPublic(host):
            return
        places = self.hosts.get(host, 0) + change
        if places:
            self.hosts[host] = places
        else:
            del self.hosts[host]
            self.sharedHosts.pop(host, None)
        if places > 1 or change < 0:
            repeated = [host for host, places in self.hosts.items() if places > 1]
            self.answers.repeatedHosts = frozenset(
                packAddress(host, 0)[:HOST_BYTES] for host in repeated
            )
