"""
The routing table: the contacts that a node knows.

The contacts are in k-buckets, one for each length of the prefix that an id shares with our own
(Kademlia section 2.2).  The tree of section 2.4, split along our own id, would hold the same
contacts.

The rules:

1. A contact is *proven* once it has answered a request of ours, under its id and from its address.
   A request proves nothing, because it may carry any source address and any id.
2. A proven contact keeps its place until it fails to answer.  A new contact of a full bucket
   becomes a *spare*.  The caller is told to ping the contact of the bucket that was unseen for
   longest.  When a place becomes free, the spares are pinged one by one, until one takes it.
3. A node that has only sent a request has made a *claim*.  If there is room for the node, it is
   pinged at once.  If it is silent, the claim is dropped.  A claim takes no place from a contact.
   An answer contains claims if the table has no contacts, or if the asker looks up its own id and
   the table has too few contacts: nodes that join together may know only each other.
4. An address has one contact.  When the address answers under a new id, the contact with the old id
   is removed, because the node was restarted.
5. An id belongs to the address that was a contact under it for the longest time; see `Ownership`.
   While that address is silent, the id is lent to another address that answers.  If another address
   uses the id of a contact, the caller is told to ping the contact, at most once in `TRUSTED_FOR`
   seconds.  The other address waits until the contact is silent.  An address that has answered
   waits as a spare.  An address that has only sent a request waits as a *claimant*.  If the contact
   answers, its claimants are forgotten.  If the owner of a lent id asks, it is pinged like a new
   node, and has its place back when it answers.
6. A public host and a public /24 network hold a limited number of places.  Private and loopback
   addresses have no such limit, because one of them often stands for a whole network.
7. Honest ids are random.  So only `MAXIMUM_ALIKE` public contacts of a bucket may have ids that are
   far more alike than random ids.  The limit is more than one, so a liar that came first can't keep
   out the only honest contact.

The arguments ``now`` and ``time`` are times in seconds.  The caller sends the pings.
"""

from __future__ import annotations

from ..counters import Counters
from ..limits import HostCounts, Silences
from ..limits.bounds import CONTACTS_PER_HOST
from ..wire import (
    COMPACT_CONTACT_BYTES,
    ID_BYTES,
    Contact,
    HostPort,
    checkId,
    isPublic,
    unpackContact,
)
from .bounds import CONTACTS_PER_SUBNET
from .bucket import Bucket, Entry
from .buckets import Buckets
from .claims import Claims
from .freshness import Freshness
from .ownership import Ownership

#: The most contacts of a bucket, and of an answer (Kademlia's k).
K = 20

#: The shortest time between two rechecks of a contact, in seconds; see `Entry.recheckedAt`.  When a
#: newcomer finds a full bucket, a contact is pinged only if its last answer is older than this.
#: Larger: the table learns later that a contact is gone.  Smaller: other nodes cause more pings.
TRUSTED_FOR = 30.0


class RoutingTable:
    """
    The contacts that one node knows.

    :param id: the node's own id, 32 bytes
    :param k: the most contacts of a bucket
    :param counters: counts the claims and contacts that are refused
    :param silences: remembers which addresses were silent
    :param contactsPerHost: the most contacts of one public host
    :ivar id: see above
    :ivar contactsPerHost: see above
    :ivar buckets: the proven contacts, by bucket
    :ivar ownership: the addresses that use the id of a contact, or were contacts under an id
    :ivar freshness: when the proven contacts were seen, and which of them are to be pinged
    """

    def __init__(
        self,
        id: bytes,
        k: int = K,
        *,
        counters: Counters | None = None,
        silences: Silences | None = None,
        contactsPerHost: int = CONTACTS_PER_HOST,
    ) -> None:
        self._k = k
        self.take(id)
        # The proven contacts, by id and by address.
        self._entries: dict[int, Entry] = {}
        self._byAddress: dict[HostPort, Entry] = {}
        self.freshness = Freshness(self._byAddress)
        self._counters = counters or Counters()
        self._claims = Claims(self._counters)
        self.ownership = Ownership(self._entries)
        self.contactsPerHost = contactsPerHost
        self._hostCounts = HostCounts(CONTACTS_PER_HOST, CONTACTS_PER_SUBNET, contactsPerHost)
        self._silent = (silences or Silences()).toAnything

    def take(self, id: bytes) -> None:
        """Have another id from now on.  The table has no contacts yet."""
        self.id = checkId(id, "the id of a node")
        self.buckets = Buckets(int.from_bytes(self.id, "big"), self._k)

    def __len__(self) -> int:
        """The number of proven contacts."""
        return len(self._entries)

    @property
    def claims(self) -> int:
        """The number of claims."""
        return len(self._claims)

    def contacts(self) -> list[Contact]:
        """The proven contacts."""
        return [entry.contact for entry in self._entries.values()]

    def addresses(self) -> list[HostPort]:
        """The addresses of the proven contacts."""
        return list(self._byAddress)

    def holds(self, address: HostPort) -> bool:
        """Whether an address has a contact or a claim in the table."""
        return address in self._byAddress or address in self._claims

    def hasProven(self, address: HostPort) -> bool:
        """Whether an address belongs to a proven contact."""
        return address in self._byAddress

    # What happens to a contact.

    def asked(self, id: bytes, address: HostPort, now: float) -> HostPort | None:
        """
        Note a request that claims to come from an id and an address.

        :return: an address to ping, because its node is unknown or may have changed; or None
        """
        entry = self._byAddress.get(address)
        if entry is not None:
            # A known address asks under another id: ping the address to learn its present id.
            return None if entry.compact.startswith(id) else self._recheck(entry, now)
        number = int.from_bytes(id, "big")
        bucket = self.buckets.ifAny(number)
        entry = self._entries.get(number)
        if entry is not None:
            # A known id asks from another address: the node may have moved.
            if self.ownership.outranks(number, address, entry.address, now):
                return self._ownerAsked(id, address, now)
            if self._silent.get(address, now):
                return None
            self.ownership.claim(entry.address, address)
            return self._recheck(entry, now)
        # Check this first: the buckets of most askers are full, unless the node is new.
        if bucket is not None and len(bucket.proven) >= self._k:
            return None
        if (
            id == self.id
            or address in self._claims
            or self._silent.get(address, now)
            or not self._hasRoom(address[0])
        ):
            return None
        return address if self._claims.add(id, address, now) else None

    def _ownerAsked(self, id: bytes, address: HostPort, now: float) -> HostPort | None:
        """
        Note a request from the owner of an id, or from its host, while the id is lent to another.

        :return: the address, to be pinged as that of a new node; or None
        """
        isOwner = self.ownership.isOwner(int.from_bytes(id, "big"), address, now)
        # The owner was silent lately, and so lost its place.  It may be back at any time.
        isSilent = not isOwner and self._silent.get(address, now)
        if isSilent or address in self._claims or not self._claims.add(id, address, now):
            return None
        return address

    def answered(self, contact: Contact, now: float) -> Contact | None:
        """
        Note an answer to a request of ours.

        If the address had a contact with another id, that contact leaves the table: its node was
        restarted, or has become ephemeral.

        :param contact: the address, and the id in the answer.  An ephemeral node gives None as id.
        :return: the contact to ping, or None.  It is a spare, which may take a free place, or the
            contact for whose place the new one waits.
        """
        id, address = contact.id, (contact.host, contact.port)
        known = self._byAddress.get(address)
        claimants = self.ownership.claimants
        if claimants:
            # The contact is still there, so the other addresses that use its id lie.  If the
            # address has a new node, the id of the old node may be claimed again.
            claimants.pop(address, None)
        if known is not None and id is not None and known.compact.startswith(id):
            self.freshness.seen(known, now)
            return None
        self._silent.discard(address)
        self.withdraw(address)
        if known is not None:
            self.ownership.left(known, now)
            self._remove(known)
        freed = self.buckets.freedBy(address, known)
        waitedFor = None if id is None or id == self.id else self._insert(contact, now)
        return self._nextSpare(freed) or waitedFor

    def failed(self, address: HostPort, now: float) -> Contact | None:
        """
        Note that an address has not answered after all retries.  Its contact leaves the table.

        :return: a spare to ping, which may take the free place, or None
        """
        self._silent.put(address, True, now)
        self.withdraw(address)
        entry = self._byAddress.get(address)
        if entry is not None:
            self.freshness.died(entry, now)
            self.ownership.left(entry, now)
            self._remove(entry)
        return self._nextSpare(self.buckets.freedBy(address, entry))

    def takeClaimants(self, address: HostPort) -> list[HostPort]:
        """
        Take out the addresses that claim the id of a silent contact, to ping them.

        :param address: the address of the contact
        """
        return self.ownership.claimants.pop(address, [])

    def claimed(self, now: float) -> list[HostPort]:
        """
        The contacts to ping because their ids were claimed when no recheck was allowed.

        Each of them counts as rechecked.
        """
        entries = [self._byAddress[each] for each in self.ownership.claimants]
        return [entry.address for entry in entries if self._recheck(entry, now)]

    def withdraw(self, address: HostPort) -> None:
        """Drop the claim of an address, if there is one."""
        self._claims.withdraw(address)

    # The closest contacts.

    def closest(self, target: bytes, count: int = K, *, withClaims: bool = False) -> list[Contact]:
        """
        The contacts closest to a target, closest first.

        Each public host has one contact in the result.  Further contacts of a public host are added
        only if the result would otherwise have fewer than ``count`` contacts.  If the table has no
        contacts, the result consists of claims.

        :param withClaims: whether claims are added if the table has fewer than ``count`` contacts
        """
        contacts = map(unpackContact, self._closest(target, count, withClaims))
        return [contact for contact in contacts if contact is not None]

    def closestCompact(self, target: bytes, count: int = K, *, withClaims: bool = False) -> bytes:
        """The result of `closest` as one string of bytes, as an answer carries it."""
        wanted = int.from_bytes(target, "big")
        bucket = self.buckets.ifAny(wanted)
        if bucket is not None and len(bucket.proven) == count and not bucket.answers.repeatedHosts:
            # The contacts of the target's own bucket are closer to it than all others.
            return bucket.answers.answer(wanted)
        repeated = self._hostCounts.repeatedHosts
        if not self._needsClaims(count, withClaims):
            answer = self.buckets.answer(wanted, count, repeated)
            if not repeated or len(answer) == count * COMPACT_CONTACT_BYTES:
                return answer
        return b"".join(self._closest(target, count, withClaims))

    def confirmedCompact(self, target: bytes, count: int = K, *, withClaims: bool = False) -> bytes:
        """The result of `closestCompact` without contacts that are unconfirmed after a sleep."""
        unconfirmed = self.freshness.unconfirmed
        if not unconfirmed:
            return self.closestCompact(target, count, withClaims=withClaims)
        found = self._closest(target, len(self) + count, withClaims)
        return b"".join([each for each in found if each not in unconfirmed][:count])

    def _closest(self, target: bytes, count: int, withClaims: bool) -> list[bytes]:
        wanted = int.from_bytes(target, "big")

        def distanceTo(compact: bytes) -> int:
            return int.from_bytes(compact[:ID_BYTES], "big") ^ wanted

        found = self._nearest(wanted, count)
        found.sort(key=distanceTo)
        if self._needsClaims(count, withClaims):
            found += self._claims.closest(wanted, count - len(found), self._entries)
            found.sort(key=distanceTo)
        return found

    def _needsClaims(self, count: int, withClaims: bool) -> bool:
        """Whether claims are added to an answer of up to ``count`` contacts."""
        known = len(self._entries)
        return bool(self._claims) and (not known or (withClaims and known < count))

    def _nearest(self, wanted: int, count: int) -> list[bytes]:
        """
        The proven contacts closest to a target, in no order.

        A host with many ids must not push out hosts with one id.  So all but the closest contact of
        each public host are added only if there are too few other contacts.
        """
        if not self._hostCounts.repeatedHosts:
            found: list[bytes] = []
            for bucket in self.buckets.nearest(wanted, count):
                found += bucket.answers.byDistance(wanted)
            return found[:count]
        firsts: list[bytes] = []
        repeated: list[bytes] = []
        hosts: set[str] = set()
        missing = min(count, len(self._entries) - self._hostCounts.repeatedHosts)
        for bucket in self.buckets.nearest(wanted, len(self._entries)):
            for compact in bucket.answers.byDistance(wanted):
                host = self._entryOf(compact).address[0]
                if host in hosts and isPublic(host):
                    repeated.append(compact)
                    continue
                hosts.add(host)
                firsts.append(compact)
            if len(firsts) >= missing and len(firsts) + len(repeated) >= count:
                break
        return (firsts + repeated)[:count]

    def _entryOf(self, compact: bytes) -> Entry:
        return self._entries[int.from_bytes(compact[:ID_BYTES], "big")]

    # Places.

    def _insert(self, contact: Contact, now: float) -> Contact | None:
        """
        Give a place to a contact that has answered.

        :return: the contact to ping, if the new contact waits as a spare for the place of that
            contact; otherwise None
        """
        number = int.from_bytes(contact.id or b"", "big")
        bucket = self.buckets.of(number, now)
        holder = bucket.proven.get(number)
        if holder is not None:
            if not self.ownership.outranks(number, contact.address, holder.address, now):
                bucket.addSpare(contact)
                return holder.contact if self._recheck(holder, now) else None
            self._remove(holder)
        if len(bucket.proven) >= self._k:
            bucket.addSpare(contact)
            if now - bucket.allSeenSince <= TRUSTED_FOR:
                return None
            oldest = bucket.longestUnseen()
            return oldest.contact if now - oldest.lastSeen > TRUSTED_FOR else None
        entry = Entry(contact.id or b"", (contact.host, contact.port), now)
        if not self._hasRoom(contact.host) or bucket.isCrowd(entry):
            return None
        self.ownership.returned(entry, now)
        self.buckets.add(bucket, entry)
        self._entries[number] = entry
        self._byAddress[entry.address] = entry
        self._hostCounts.add(contact.host)
        return None

    def _nextSpare(self, bucket: Bucket | None) -> Contact | None:
        """Take out the next spare to ping, if its bucket has a free place."""
        while bucket is not None and bucket.spares and len(bucket.proven) < self._k:
            spare = bucket.spares.pop()
            if not self.holds(spare.address):
                self.buckets.pinged(spare.address, bucket)
                return spare
        return None

    def _hasRoom(self, host: str) -> bool:
        """Whether a host may have one more contact; a refusal is counted."""
        hasRoom = self._hostCounts.hasRoom(host)
        self._counters.contactsRefused += not hasRoom
        return hasRoom

    def _recheck(self, entry: Entry, now: float) -> HostPort | None:
        """
        Recheck a contact, at most once in `TRUSTED_FOR` seconds.

        :return: the address of the contact, to be pinged, or None
        """
        if now - entry.recheckedAt <= TRUSTED_FOR:
            return None
        entry.recheckedAt = now
        return entry.address

    def _remove(self, entry: Entry) -> None:
        self.buckets.remove(entry)
        del self._entries[entry.number]
        del self._byAddress[entry.address]
        self.ownership.claimants.pop(entry.address, None)
        self.freshness.unconfirmed.discard(entry.compact)
        self._hostCounts.remove(entry.address[0])
