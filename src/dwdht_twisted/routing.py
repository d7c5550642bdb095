"""
The routing table: which contacts a node knows, and which it trusts to be there.

Contacts stand in k-buckets by how long a prefix their id shares with our own
(Kademlia section 2.2; a bucket for each length holds the same contacts as the
tree of section 2.4 that is split along the own id).

The rules:

* A contact is *proven* once it has answered a request of ours, under its id
  and from its address.  Only an answer proves anything: a request may carry
  any source address and any id.
* A proven contact keeps its place until it fails to answer.  When its bucket
  is full, a newcomer waits among the spares, and the caller is told to ping
  the contact that was silent for longest.
* A contact that merely asked may take *spare room*, is to be pinged at once,
  and goes when it is silent.  It never stands in the way of a proven one.
* One address has one contact.  When it answers under a new id, the old id is
  gone: the node was restarted.
* An id stays with the address that has proven it.  Another address that
  answers under the same id waits until the first is silent.
* On the public internet a host and a /24 network hold only so many places.
  Private and loopback addresses, where one host is often a whole network, have
  no such bound.
* Honest ids are random.  Public contacts of a bucket whose ids are far more
  alike than chance makes them take one place together.

Pure: the time is an argument, in seconds, and the pings are the caller's.
"""

from __future__ import annotations

from collections.abc import Callable

from .contact import (
    ID_BITS,
    ID_BYTES,
    Address,
    Contact,
    Source,
    checkId,
    isPublic,
    packContact,
)
from .limits import RecentMap
from .sources import SourceCounts

#: The size of a bucket, and of an answer (Kademlia's k).
K = 20

#: How many bits of an id, after those that a bucket shares, mostly tell its contacts apart.  Python
#: sorts numbers of no more bits faster.
TELLING_BITS = 30

#: From how many contacts of a bucket the size of the network is estimated.
MANY_OF_BUCKET = 4

#: How many bits two contacts of a bucket share at most, beyond those that all of it share.  Of 20
#: random ids two share more once in twenty buckets; those next to one target share far more.
SHARED_IN_BUCKET = 12

#: How many bits deeper than the table tells the network to be a bucket is refreshed.
DEEPER_THAN_KNOWN = 8

#: How many newcomers wait for a place in a full bucket.
SPARES = 4

#: How many contacts that have not answered yet a table holds.
MAXIMUM_UNPROVEN = 256

#: How many contacts of one public host, and of one public /24 network, a table holds.
MAXIMUM_OF_HOST = 4
MAXIMUM_OF_SUBNET = 16

#: A contact that answered within this time, in seconds, needn't be pinged before it is kept.
TRUSTED_FOR = 30.0

#: For how long, in seconds, and for how many addresses a silence is remembered: meanwhile a
#: request from there earns no further ping.
SILENCE_REMEMBERED_FOR = 60.0
SILENCES_REMEMBERED = 512

_TELLING = (1 << TELLING_BITS) - 1


class Entry:
    """
    A contact's place in the table.

    A table holds hundreds, so an entry refers to nothing that the garbage collector must follow.

    :ivar compact: the contact's compact form, with an id
    :ivar address: its host and port
    :ivar number: its id as a big-endian number
    :ivar lastSeen: when it last answered, in seconds
    :ivar doubtedAt: when another id last claimed its address, in seconds
    """

    __slots__ = ("address", "compact", "doubtedAt", "lastSeen", "number")

    def __init__(self, contact: Contact, now: float) -> None:
        self.compact = packContact(contact)
        self.address: Source = (contact.host, contact.port)
        self.number = int.from_bytes(self.compact[:ID_BYTES], "big")
        self.lastSeen = now
        self.doubtedAt = float("-inf")

    @property
    def contact(self) -> Contact:
        """The contact."""
        return Contact(self.compact[:ID_BYTES], *self.address)


class Bucket:
    """
    The contacts whose ids share a prefix of one length with our own.

    :ivar proven: at most k contacts that have answered, by id
    :ivar unproven: contacts that only asked, by id, in the room that is left
    :ivar spares: contacts that have answered and found no room, the latest last
    :ivar refreshedAt: when a lookup last went into the bucket, in seconds
    :ivar allSeenSince: a time since which all that are proven have answered, in seconds
    :ivar free: how many bits of their ids differ between them
    :ivar further: how many of the proven stand at a public host where another of them does
    """

    __slots__ = (
        "_compacts",
        "_shift",
        "allSeenSince",
        "free",
        "further",
        "proven",
        "refreshedAt",
        "spares",
        "unproven",
    )

    def __init__(self, prefix: int, now: float) -> None:
        self.free = ID_BITS - prefix - 1
        self._shift = max(0, self.free - TELLING_BITS)
        # The compact forms of those that are proven, by the telling bits of their ids.
        self._compacts: dict[int, bytes] = {}
        self.further = 0
        self.proven: dict[int, Entry] = {}
        self.unproven: dict[int, Entry] = {}
        self.spares: list[Contact] = []
        self.refreshedAt = now
        self.allSeenSince = float("-inf")

    def add(self, entry: Entry) -> None:
        """Take in a contact that has answered."""
        host = entry.address[0]
        self.further += isPublic(host) and any(
            other.address[0] == host for other in self.proven.values()
        )
        self.proven[entry.number] = entry
        self._compacts[entry.number >> self._shift & _TELLING] = entry.compact

    def remove(self, entry: Entry) -> None:
        """Let a contact go that has answered."""
        del self.proven[entry.number]
        self._compacts = {
            number >> self._shift & _TELLING: each.compact for number, each in self.proven.items()
        }
        hosts = [each.address[0] for each in self.proven.values() if isPublic(each.address[0])]
        self.further = len(hosts) - len(set(hosts))

    def allByDistance(self, wanted: int) -> bytes | None:
        """
        The compact forms of all contacts, closest to a target in this bucket first; None when their
        ids are so much alike that it takes all bits to tell.
        """
        compacts = self._compacts
        if len(compacts) < len(self.proven):
            return None
        byDistance = sorted(compacts, key=(wanted >> self._shift & _TELLING).__xor__)
        return b"".join([compacts[bits] for bits in byDistance])

    def longestUnseen(self) -> Entry:
        """The proven contact that answered the longest time ago."""
        oldest = min(self.proven.values(), key=lambda entry: entry.lastSeen)
        self.allSeenSince = oldest.lastSeen
        return oldest


class RoutingTable:
    """
    The contacts that one node knows.

    :param id: the own id, 32 bytes
    :param k: how many contacts a bucket holds
    """

    def __init__(self, id: bytes, k: int = K) -> None:
        self.id = checkId(id, "the id of a node")
        self._own = int.from_bytes(self.id, "big")
        self._k = k
        self._buckets: list[Bucket | None] = []
        # All by id, those among them that have not answered, and all by address.
        self._entries: dict[int, Entry] = {}
        self._unproven: dict[int, Entry] = {}
        self._byAddress: dict[Source, Entry] = {}
        # Where the proven contacts are, and where all are: a claim must not keep a proven one out.
        self._provenSources = SourceCounts(MAXIMUM_OF_HOST, MAXIMUM_OF_SUBNET)
        self._sources = SourceCounts(MAXIMUM_OF_HOST, MAXIMUM_OF_SUBNET)
        self._silent: RecentMap[Source, bool] = RecentMap(
            SILENCES_REMEMBERED, SILENCE_REMEMBERED_FOR
        )

    def __len__(self) -> int:
        """How many proven contacts there are."""
        return len(self._entries) - len(self._unproven)

    def contacts(self) -> list[Contact]:
        """The proven contacts."""
        return [entry.contact for entry in self._provenEntries()]

    def holds(self, address: Source) -> bool:
        """Whether a contact of this address is in the table, proven or not."""
        return address in self._byAddress

    def hasProven(self, address: Source) -> bool:
        """Whether a contact of this address has answered."""
        entry = self._byAddress.get(address)
        return entry is not None and entry.number not in self._unproven

    # What happens to a contact.

    def asked(self, id: bytes, address: Source, now: float) -> bool:
        """
        A request came that claims to be from this id and address.

        :return: whether to ping the address, to learn who answers there
        """
        entry = self._byAddress.get(address)
        if entry is not None:
            if (
                entry.compact.startswith(id)
                or entry.number in self._unproven
                or now - entry.doubtedAt <= TRUSTED_FOR
            ):
                return False
            # Another id at a known address: ask who is there, but not for each request.
            entry.doubtedAt = now
            return True
        if len(self._unproven) >= MAXIMUM_UNPROVEN or self._silent.get(address, now):
            return False
        number = int.from_bytes(id, "big")
        if number in self._entries or number == self._own:
            return False
        bucket = self._bucketOf(number, now)
        if len(bucket.proven) + len(bucket.unproven) >= self._k or not self._sources.hasRoom(
            address[0]
        ):
            return False
        entry = Entry(Contact(id, address[0], address[1]), now)
        bucket.unproven[number] = entry
        self._unproven[number] = entry
        self._enter(entry)
        return True

    def answered(self, contact: Contact, now: float) -> Contact | None:
        """
        A contact has answered a request of ours.

        Whoever stood at its address under another id is gone: the node there was restarted, or
        has become ephemeral.

        :param contact: the address, and the id in the answer, None from an ephemeral node
        :return: a contact that should be pinged, because this one waits for its place
        """
        id, address = contact.id, (contact.host, contact.port)
        known = self._byAddress.get(address)
        if known is not None and id is not None and known.compact.startswith(id):
            known.lastSeen = now
            if self._unproven and known.number in self._unproven:
                self._prove(known, now)
            return None
        self._silent.discard(address)
        if known is not None:
            self._remove(known)
        if id is None or id == self.id:
            return None
        return self._insert(contact, now)

    def failed(self, address: Address, now: float) -> Contact | None:
        """
        An address has not answered, after all retries.  Whoever stood there leaves.

        :return: a spare that should be pinged, since there is room for it now
        """
        self._silent.put(address, True, now)
        entry = self._byAddress.get(address)
        if entry is None:
            return None
        self._remove(entry)
        spares = self._bucketOf(entry.number, now).spares
        while spares:
            spare = spares.pop()
            if not self.holds(spare.address):
                return spare
        return None

    # What the table is for.

    def closest(self, target: bytes, count: int = K) -> list[Contact]:
        """
        The contacts closest to a target, closest first.

        Proven ones; those that have not answered yet fill up an answer that is short of them, as do
        further contacts of one public host.
        """
        entries = self._entries
        return [entries[number].contact for number in self._closest(target, count)]

    def closestCompact(self, target: bytes, count: int = K) -> bytes:
        """L{closest}, as an answer carries it."""
        wanted = int.from_bytes(target, "big")
        shared = ID_BITS - (self._own ^ wanted).bit_length()
        bucket = self._buckets[shared] if shared < len(self._buckets) else None
        if bucket is not None and len(bucket.proven) == count and not bucket.further:
            # Nobody elsewhere is as close.
            compact = bucket.allByDistance(wanted)
            if compact is not None:
                return compact
        entries = self._entries
        return b"".join([entries[number].compact for number in self._closest(target, count)])

    def _closest(self, target: bytes, count: int) -> list[int]:
        """The ids to name."""
        wanted = int.from_bytes(target, "big")
        found = self._nearest(wanted, count)
        further = self._provenSources.further
        if further and self._furtherOf(found[:count]):
            # A host with many ids must not crowd out those that have one.
            found = self._furtherLast(self._nearest(wanted, count + further))[:count]
            found.sort(key=wanted.__xor__)
        if len(found) < count and self._unproven:
            found += sorted(self._unproven, key=wanted.__xor__)[: count - len(found)]
            found.sort(key=wanted.__xor__)
        return found[:count]

    def _furtherLast(self, numbers: list[int]) -> list[int]:
        """These ids, with those at the end for whose public host there is an earlier one."""
        further = self._furtherOf(numbers)
        return [number for number in numbers if number not in further] + further

    def _furtherOf(self, numbers: list[int]) -> list[int]:
        """Those of these ids for whose public host there is an earlier one."""
        further: list[int] = []
        hosts: set[str] = set()
        for number in numbers:
            host = self._entries[number].address[0]
            if host in hosts and isPublic(host):
                further.append(number)
            hosts.add(host)
        return further

    def _nearest(self, wanted: int, count: int) -> list[int]:
        """
        The ids of proven contacts that are closest to a target, as many or more, closest first;
        found bucket by bucket.

        Nearest are the ids of the bucket that the target falls into.  All in buckets of longer
        prefixes come next, and then those of shorter prefixes, the longest of them first: such an
        id differs from the target in a bit before any in which the former do.
        """
        distanceTo = wanted.__xor__
        buckets = self._buckets
        shared = min(ID_BITS - (self._own ^ wanted).bit_length(), len(buckets))
        found: list[int] = []
        bucket = buckets[shared] if shared < len(buckets) else None
        if bucket is not None:
            found = sorted(bucket.proven, key=distanceTo)
        if len(found) < count:
            deeper = _proven(buckets[shared + 1 :])
            deeper.sort(key=distanceTo)
            found += deeper
        while len(found) < count and shared:
            shared -= 1
            found += sorted(_proven(buckets[shared : shared + 1]), key=distanceTo)
        return found

    def spacing(self) -> int:
        """
        The mean distance between neighbouring ids of the network, as far as the table tells; 0 when
        it tells nothing.

        A bucket that isn't full holds most of those whose ids share its prefix, so that their
        number tells that of all nodes.  Of several such numbers the largest counts, for buckets may
        lack contacts.  Liars may place themselves close to us in any number: the first gap ends the
        count.
        """
        nodes = 0
        gaps = 0
        for prefix, bucket in enumerate(self._buckets):
            count = len(bucket.proven) if bucket is not None else 0
            if count >= MANY_OF_BUCKET:
                nodes = max(nodes, count << (prefix + 1))
                gaps = 0
            elif nodes:
                gaps += 1
                if gaps == 2:
                    break
        return (1 << ID_BITS) // nodes if nodes else 0

    # Upkeep.

    def unseenSince(self, time: float, count: int) -> list[Contact]:
        """The proven contacts that last answered before C{time}, the longest unseen first."""
        old = [entry for entry in self._provenEntries() if entry.lastSeen < time]
        old.sort(key=lambda entry: entry.lastSeen)
        return [entry.contact for entry in old[:count]]

    def refreshed(self, target: bytes, now: float) -> None:
        """A lookup went to this target."""
        number = int.from_bytes(target, "big")
        if number != self._own:
            self._bucketOf(number, now).refreshedAt = now

    def idleBucket(self, time: float) -> int | None:
        """
        The prefix length of a bucket that no lookup has gone into since C{time}, if there is one.

        Only down to the deepest bucket that holds anybody: beyond, there is nobody to find.
        """
        for prefix in range(self._depth()):
            bucket = self._buckets[prefix]
            if bucket is None or bucket.refreshedAt < time:
                return prefix
        return None

    def randomTarget(self, prefix: int, randomBytes: Callable[[int], bytes]) -> bytes:
        """An id, 32 bytes, that would stand in the bucket of this prefix length."""
        free = ID_BITS - prefix - 1
        lower = int.from_bytes(randomBytes(ID_BITS // 8), "big") & ((1 << free) - 1)
        upper = (self._own >> free) ^ 1
        return (upper << free | lower).to_bytes(ID_BITS // 8, "big")

    # The inside.

    def _provenEntries(self) -> list[Entry]:
        return [self._entries[number] for number in _proven(self._buckets)]

    def _depth(self) -> int:
        """One more than the longest prefix that a credible contact shares with us."""
        depth = len(self._buckets)
        spacing = self.spacing()
        if spacing:
            # Whoever claims to stand still closer to us has chosen its id.
            depth = min(depth, ID_BITS - spacing.bit_length() + DEEPER_THAN_KNOWN)
        while depth:
            bucket = self._buckets[depth - 1]
            if bucket is not None and bucket.proven:
                break
            depth -= 1
        return depth

    def _bucketOf(self, number: int, now: float) -> Bucket:
        prefix = ID_BITS - (self._own ^ number).bit_length()
        while len(self._buckets) <= prefix:
            self._buckets.append(None)
        bucket = self._buckets[prefix]
        if bucket is None:
            bucket = self._buckets[prefix] = Bucket(prefix, now)
        return bucket

    def _insert(self, contact: Contact, now: float) -> Contact | None:
        """Give a contact that has answered a place, or name the one that it waits for."""
        number = int.from_bytes(contact.id or b"", "big")
        bucket = self._bucketOf(number, now)
        holder = bucket.proven.get(number)
        if holder is not None or len(bucket.proven) >= self._k:
            self._keepSpare(bucket, contact)
            if holder is None and now - bucket.allSeenSince <= TRUSTED_FOR:
                return None
            oldest = holder or bucket.longestUnseen()
            return oldest.contact if now - oldest.lastSeen > TRUSTED_FOR else None
        entry = Entry(contact, now)
        if not self._isCredible(bucket, entry):
            return None
        claim = bucket.unproven.get(number)
        if claim is None and len(bucket.proven) + len(bucket.unproven) >= self._k:
            claim = next(iter(bucket.unproven.values()))
        if claim is not None:
            self._remove(claim)
        bucket.add(entry)
        self._provenSources.add(contact.host)
        self._enter(entry)
        return None

    def _prove(self, claim: Entry, now: float) -> None:
        """A contact that has only asked has answered: its place becomes a proven one's."""
        bucket = self._bucketOf(claim.number, now)
        if not self._isCredible(bucket, claim):
            self._remove(claim)
            return
        del bucket.unproven[claim.number]
        del self._unproven[claim.number]
        bucket.add(claim)
        self._provenSources.add(claim.address[0])

    def _isCredible(self, bucket: Bucket, entry: Entry) -> bool:
        return self._provenSources.hasRoom(entry.address[0]) and not _isCrowd(bucket, entry)

    def _keepSpare(self, bucket: Bucket, contact: Contact) -> None:
        spares = bucket.spares
        if contact in spares:
            spares.remove(contact)
        spares.append(contact)
        del spares[:-SPARES]

    def _remove(self, entry: Entry) -> None:
        bucket = self._bucketOf(entry.number, entry.lastSeen)
        host = entry.address[0]
        if bucket.proven.get(entry.number) is entry:
            bucket.remove(entry)
            self._provenSources.remove(host)
        else:
            del bucket.unproven[entry.number]
            del self._unproven[entry.number]
        del self._entries[entry.number]
        del self._byAddress[entry.address]
        self._sources.remove(host)

    def _enter(self, entry: Entry) -> None:
        self._entries[entry.number] = entry
        self._byAddress[entry.address] = entry
        self._sources.add(entry.address[0])


def _isCrowd(bucket: Bucket, entry: Entry) -> bool:
    """Whether someone stands so close already that one of both has chosen its id."""
    if not isPublic(entry.address[0]):
        return False
    shared = bucket.free - SHARED_IN_BUCKET
    return any((entry.number ^ other).bit_length() <= shared for other in bucket.proven)


def _proven(buckets: list[Bucket | None]) -> list[int]:
    """The ids of all contacts in some buckets that have answered."""
    ids: list[int] = []
    for bucket in buckets:
        if bucket is not None:
            ids += bucket.proven
    return ids
