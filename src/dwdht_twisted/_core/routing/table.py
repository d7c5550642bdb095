"""
The routing table: which contacts a node knows, and which of them are proven.

Contacts stand in k-buckets by the length of the prefix that their id shares with our own (Kademlia
section 2.2).  A bucket for each length holds the same contacts as the tree of section 2.4 that is
split along the own id.

The rules:

1. A contact is *proven* once it has answered a request of ours, under its id and from its address.
   Only an answer proves anything: a request may carry any source address and any id.
2. A proven contact keeps its place until it fails to answer.  When its bucket is full, a new
   contact waits among the spares, and the caller is told to ping the contact that was unseen for
   longest.
3. A node that merely asked has made a *claim*.  If there is room for it, it is pinged at once, and
   the claim is dropped when it is silent.  A claim takes no place from a contact or from another
   claim. Answers contain claims only while the table has no contacts, or, if they are short of
   contacts, for a node that looks up its own id: nodes that join together may know only each other.
4. One address has one contact.  When it answers under a new id, the old id is gone: the node was
   restarted.
5. An id stays with the address that has proven it.  Another address that answers under the same id
   waits until the first is silent.
6. On the public internet a host and a /24 network hold a limited number of places.  Private and
   loopback addresses have no such bound, because one of them often stands for a whole network.
7. Honest ids are random.  Only a few public contacts of a bucket may have ids that are far more
   alike than chance makes them.  So a liar that came first can't keep out the only honest contact.

Each method that depends on time is told the time, in seconds.  The pings are sent by the caller.
"""

from __future__ import annotations

from ..counters import Counters
from ..limits import HostCounts, Silences
from ..limits.bounds import (
    CONTACTS_PER_HOST,
    CONTACTS_PER_SUBNET,
    MAXIMUM_ALIKE,
    SHARED_IN_BUCKET,
    SPARES_PER_BUCKET,
)
from ..wire import (
    COMPACT_CONTACT_BYTES,
    ID_BYTES,
    Address,
    Contact,
    HostPort,
    checkId,
    isPublic,
    unpackContact,
)
from .bucket import Bucket, Entry
from .buckets import Buckets
from .claims import Claims

#: The size of a bucket, and of an answer (Kademlia's k).
K = 20

#: Seconds after its last answer in which a contact counts as present without a ping.  Larger: a
#: contact that has moved is found out later.  Smaller: claims of its id draw more pings.
TRUSTED_FOR = 30.0


class RoutingTable:
    """
    The contacts that one node knows.

    :param id: the own id, 32 bytes
    :param k: the number of contacts that a bucket holds
    :param counters: counts the claims that are refused
    :param silences: learns and tells which addresses were silent
    :ivar id: see above
    :ivar buckets: the places of the contacts
    """

    def __init__(
        self,
        id: bytes,
        k: int = K,
        *,
        counters: Counters | None = None,
        silences: Silences | None = None,
    ) -> None:
        self.id = checkId(id, "the id of a node")
        self._own = int.from_bytes(self.id, "big")
        self._k = k
        self.buckets = Buckets(self._own, k)
        # The proven contacts, by id and by address.
        self._entries: dict[int, Entry] = {}
        self._byAddress: dict[HostPort, Entry] = {}
        self._claims = Claims(counters or Counters())
        self._hostCounts = HostCounts(CONTACTS_PER_HOST, CONTACTS_PER_SUBNET)
        self._silent = (silences or Silences()).toAnything

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

    def holds(self, address: HostPort) -> bool:
        """Whether an address has a contact or a claim in the table."""
        return address in self._byAddress or address in self._claims

    def hasProven(self, address: HostPort) -> bool:
        """Whether an address is that of a proven contact."""
        return address in self._byAddress

    # What happens to a contact.

    def asked(self, id: bytes, address: HostPort, now: float) -> HostPort | None:
        """
        Note a request that claims to come from an id and an address.

        :return: an address to ping, to learn which node is there, or None
        """
        entry = self._byAddress.get(address)
        if entry is not None:
            # If a known address asks under another id, ping it to learn its id.
            return None if entry.compact.startswith(id) else self._recheck(entry, now)
        number = int.from_bytes(id, "big")
        bucket = self.buckets.ifAny(number)
        entry = self._entries.get(number)
        if entry is not None:
            # A known id asks from another address: the node may have moved.
            return self._recheck(entry, now) if now - entry.lastSeen > TRUSTED_FOR else None
        # Check this first: for most askers of a settled node the bucket is full.
        if bucket is not None and len(bucket.proven) >= self._k:
            return None
        if (
            number == self._own
            or address in self._claims
            or self._silent.get(address, now)
            or not self._hostCounts.hasRoom(address[0])
        ):
            return None
        return address if self._claims.add(id, address, now) else None

    def answered(self, contact: Contact, now: float) -> Contact | None:
        """
        Note an answer to a request of ours.

        A contact with another id at that address leaves the table: the node there was restarted, or
        has become ephemeral.

        :param contact: the address, and the id in the answer, None from an ephemeral node
        :return: a contact to ping, because this one waits for its place, or None
        """
        id, address = contact.id, (contact.host, contact.port)
        known = self._byAddress.get(address)
        if known is not None and id is not None and known.compact.startswith(id):
            known.lastSeen = now
            return None
        self._silent.discard(address)
        self.withdraw(address)
        if known is not None:
            self._remove(known)
        if id is None or id == self.id:
            return None
        return self._insert(contact, now)

    def failed(self, address: Address, now: float) -> Contact | None:
        """
        Note that an address has not answered after all retries.  Its contact leaves the table.

        :return: a spare to ping, because there is room for it now, or None
        """
        self._silent.put(address, True, now)
        self.withdraw(address)
        entry = self._byAddress.get(address)
        if entry is None:
            return None
        self._remove(entry)
        spares = self.buckets.of(entry.number, now).spares
        while spares:
            spare = spares.pop()
            if not self.holds(spare.address):
                return spare
        return None

    def withdraw(self, address: HostPort) -> None:
        """Drop the claim that was made from an address, if there is one."""
        self._claims.withdraw(address)

    # The closest contacts.

    def closest(self, target: bytes, count: int = K, *, withClaims: bool = False) -> list[Contact]:
        """
        The contacts closest to a target, closest first.

        Only the first contact of each public host is among them, unless there are too few others.
        Claims are among them when there is no contact at all.

        :param withClaims: whether claims fill up an answer that is short of contacts
        """
        contacts = map(unpackContact, self._closest(target, count, withClaims))
        return [contact for contact in contacts if contact is not None]

    def closestCompact(self, target: bytes, count: int = K, *, withClaims: bool = False) -> bytes:
        """`closest`, in the compact form in which an answer carries it."""
        wanted = int.from_bytes(target, "big")
        bucket = self.buckets.ifAny(wanted)
        if bucket is not None and len(bucket.proven) == count and not bucket.repeatedHosts:
            # All contacts of the target's own bucket are closer than any other.
            return bucket.answers.answer(wanted)
        if self._hostCounts.repeatedHosts or self._needsClaims(count, withClaims):
            return b"".join(self._closest(target, count, withClaims))
        answers = [bucket.answers.answer(wanted) for bucket in self.buckets.nearest(wanted, count)]
        return b"".join(answers)[: count * COMPACT_CONTACT_BYTES]

    def _closest(self, target: bytes, count: int, withClaims: bool) -> list[bytes]:
        wanted = int.from_bytes(target, "big")

        def distanceTo(compact: bytes) -> int:
            return int.from_bytes(compact[:ID_BYTES], "big") ^ wanted

        found = self._nearest(wanted, count)
        repeatedHosts = self._hostCounts.repeatedHosts
        if repeatedHosts and self._repeatedHostsOf(found):
            # A host with many ids must not crowd out hosts with one.
            found = self._repeatedHostsLast(self._nearest(wanted, count + repeatedHosts))[:count]
            found.sort(key=distanceTo)
        if self._needsClaims(count, withClaims):
            found += self._claims.closest(wanted, count - len(found), self._entries)
            found.sort(key=distanceTo)
        return found

    def _needsClaims(self, count: int, withClaims: bool) -> bool:
        """Whether an answer of ``count`` contacts has claims in it."""
        known = len(self._entries)
        return bool(self._claims) and (not known or (withClaims and known < count))

    def _repeatedHostsLast(self, compacts: list[bytes]) -> list[bytes]:
        """The contacts, but all beyond the first of each public host at the end."""
        repeatedHosts = self._repeatedHostsOf(compacts)
        return [compact for compact in compacts if compact not in repeatedHosts] + repeatedHosts

    def _repeatedHostsOf(self, compacts: list[bytes]) -> list[bytes]:
        """The contacts beyond the first of each public host."""
        repeatedHosts: list[bytes] = []
        hosts: set[str] = set()
        for compact in compacts:
            host = self._entryOf(compact).address[0]
            if host in hosts and isPublic(host):
                repeatedHosts.append(compact)
            hosts.add(host)
        return repeatedHosts

    def _nearest(self, wanted: int, count: int) -> list[bytes]:
        """The proven contacts closest to a target, closest first."""
        found: list[bytes] = []
        for bucket in self.buckets.nearest(wanted, count):
            found += bucket.answers.byDistance(wanted)
        return found[:count]

    def _entryOf(self, compact: bytes) -> Entry:
        return self._entries[int.from_bytes(compact[:ID_BYTES], "big")]

    def unseenSince(self, time: float, count: int) -> list[Contact]:
        """
        The proven contacts that last answered before ``time``, the longest unseen first.

        :param count: how many at most
        """
        old = [entry for entry in self._entries.values() if entry.lastSeen < time]
        old.sort(key=lambda entry: entry.lastSeen)
        return [entry.contact for entry in old[:count]]

    # Places.

    def _insert(self, contact: Contact, now: float) -> Contact | None:
        """Give a place to a contact that has answered, or return the one that it waits for."""
        number = int.from_bytes(contact.id or b"", "big")
        bucket = self.buckets.of(number, now)
        holder = bucket.proven.get(number)
        if holder is not None or len(bucket.proven) >= self._k:
            _keepSpare(bucket, contact)
            if holder is None and now - bucket.allSeenSince <= TRUSTED_FOR:
                return None
            oldest = holder or bucket.longestUnseen()
            return oldest.contact if now - oldest.lastSeen > TRUSTED_FOR else None
        entry = Entry(contact.id or b"", (contact.host, contact.port), now)
        if not self._hostCounts.hasRoom(contact.host) or _isCrowd(bucket, entry):
            return None
        self.buckets.add(bucket, entry)
        self._entries[number] = entry
        self._byAddress[entry.address] = entry
        self._hostCounts.add(contact.host)
        return None

    def _recheck(self, entry: Entry, now: float) -> HostPort | None:
        """The address of a contact that is to be pinged, once in `TRUSTED_FOR` seconds."""
        if now - entry.recheckedAt <= TRUSTED_FOR:
            return None
        entry.recheckedAt = now
        return entry.address

    def _remove(self, entry: Entry) -> None:
        self.buckets.remove(entry)
        del self._entries[entry.number]
        del self._byAddress[entry.address]
        self._hostCounts.remove(entry.address[0])


def _keepSpare(bucket: Bucket, contact: Contact) -> None:
    spares = bucket.spares
    if contact in spares:
        spares.remove(contact)
    spares.append(contact)
    del spares[:-SPARES_PER_BUCKET]


def _isCrowd(bucket: Bucket, entry: Entry) -> bool:
    """Whether so many contacts are this close to each other that they have chosen their ids."""
    if not isPublic(entry.address[0]):
        return False
    shared = bucket.free - SHARED_IN_BUCKET
    alike = sum((entry.number ^ other).bit_length() <= shared for other in bucket.proven)
    return alike >= MAXIMUM_ALIKE
