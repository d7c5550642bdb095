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
* A contact that merely asked has made a *claim*.  If there is room for it, it
  is to be pinged at once, and is forgotten when it is silent.  Claims stand in
  nobody's way: neither in that of a contact, nor of another claim.  Nobody is
  sent to them while there are contacts, but for newcomers: nodes that join
  together have only each other.
* One address has one contact.  When it answers under a new id, the old id is
  gone: the node was restarted.
* An id stays with the address that has proven it.  Another address that
  answers under the same id waits until the first is silent.
* On the public internet a host and a /24 network hold only so many places.
  Private and loopback addresses, where one host is often a whole network, have
  no such bound.
* Honest ids are random.  Of public contacts of a bucket whose ids are far more
  alike than chance makes them only a few find a place: one that was there
  first can't keep out the only one that is honest.

Pure: the time is an argument, in seconds, and the pings are the caller's.
"""

from __future__ import annotations

from ..counters import Counters
from ..limits import FairRate, HostCounts, RecentMap
from ..limits.bounds import (
    CLAIM_RATE,
    CONTACTS_PER_HOST,
    CONTACTS_PER_SUBNET,
    MAXIMUM_ALIKE,
    MAXIMUM_CLAIMS,
    SHARED_IN_BUCKET,
    SILENCE_REMEMBERED_FOR,
    SILENCES_REMEMBERED,
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

#: The size of a bucket, and of an answer (Kademlia's k).
K = 20


#: A contact that answered within this time, in seconds, needn't be pinged before it is kept.
TRUSTED_FOR = 30.0


class RoutingTable:
    """
    The contacts that one node knows.

    :param id: the own id, 32 bytes
    :param k: how many contacts a bucket holds
    :param counters: where it is counted what the table refuses
    :ivar buckets: where the contacts stand
    """

    def __init__(self, id: bytes, k: int = K, counters: Counters | None = None) -> None:
        self.id = checkId(id, "the id of a node")
        self._own = int.from_bytes(self.id, "big")
        self._k = k
        self.buckets = Buckets(self._own, k)
        # The proven contacts, by id and by address.
        self._entries: dict[int, Entry] = {}
        self._byAddress: dict[HostPort, Entry] = {}
        # Those that have only asked, by address, the oldest claim first.
        self._claims: dict[HostPort, Entry] = {}
        self._claimRate = FairRate(CLAIM_RATE)
        self._counters = counters or Counters()
        # Where the proven contacts are.
        self._sources = HostCounts(CONTACTS_PER_HOST, CONTACTS_PER_SUBNET)
        self._silent: RecentMap[HostPort, bool] = RecentMap(
            SILENCES_REMEMBERED, SILENCE_REMEMBERED_FOR
        )

    def __len__(self) -> int:
        """How many proven contacts there are."""
        return len(self._entries)

    def contacts(self) -> list[Contact]:
        """The proven contacts."""
        return [entry.contact for entry in self._entries.values()]

    def holds(self, address: HostPort) -> bool:
        """Whether a contact or a claim of this address is in the table."""
        return address in self._byAddress or address in self._claims

    def hasProven(self, address: HostPort) -> bool:
        """Whether a contact of this address has answered."""
        return address in self._byAddress

    # What happens to a contact.

    def asked(self, id: bytes, address: HostPort, now: float) -> HostPort | None:
        """
        A request came that claims to be from this id and address.

        :return: an address to ping, to learn who answers there
        """
        entry = self._byAddress.get(address)
        if entry is not None:
            # Another id at a known address: ask who is there.
            return None if entry.compact.startswith(id) else self._recheck(entry, now)
        number = int.from_bytes(id, "big")
        bucket = self.buckets.ifAny(number)
        entry = self._entries.get(number)
        if entry is not None:
            # A known id at another address: it may have moved.
            return self._recheck(entry, now) if now - entry.lastSeen > TRUSTED_FOR else None
        # Most who ask find no room.
        if bucket is not None and len(bucket.proven) >= self._k:
            return None
        if (
            number == self._own
            or address in self._claims
            or self._silent.get(address, now)
            or not self._sources.hasRoom(address[0])
        ):
            return None
        if not self._claimRate.take(address[0], now):
            self._counters.claimsRefused += 1
            return None
        if len(self._claims) >= MAXIMUM_CLAIMS:
            # Who is there has mostly answered by the time that it is the oldest.
            self.withdraw(next(iter(self._claims)))
        self._claims[address] = Entry(id, address, now)
        return address

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
        An address has not answered, after all retries.  Whoever stood there leaves.

        :return: a spare that should be pinged, since there is room for it now
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
        """Forget the claim that was made from an address, if there is one."""
        self._claims.pop(address, None)

    # What the table is for.

    def closest(self, target: bytes, count: int = K, *, withClaims: bool = False) -> list[Contact]:
        """
        The contacts closest to a target, closest first.

        Further contacts of one public host fill up an answer that is short of others.  When there
        is nobody at all, those that have not answered yet must do.

        :param withClaims: whether these fill up an answer that is short of others, too
        """
        contacts = map(unpackContact, self._closest(target, count, withClaims))
        return [contact for contact in contacts if contact is not None]

    def closestCompact(self, target: bytes, count: int = K, *, withClaims: bool = False) -> bytes:
        """`closest`, as an answer carries it."""
        wanted = int.from_bytes(target, "big")
        bucket = self.buckets.ifAny(wanted)
        if bucket is not None and len(bucket.proven) == count and not bucket.repeatedHosts:
            # Nobody elsewhere is as close.
            return bucket.answer(wanted)
        if self._sources.repeatedHosts or self._needsClaims(count, withClaims):
            return b"".join(self._closest(target, count, withClaims))
        answers = [bucket.answer(wanted) for bucket in self.buckets.nearest(wanted, count)]
        return b"".join(answers)[: count * COMPACT_CONTACT_BYTES]

    def _closest(self, target: bytes, count: int, withClaims: bool) -> list[bytes]:
        """The compact contacts to name."""
        wanted = int.from_bytes(target, "big")

        def distanceTo(compact: bytes) -> int:
            return int.from_bytes(compact[:ID_BYTES], "big") ^ wanted

        found = self._nearest(wanted, count)
        repeatedHosts = self._sources.repeatedHosts
        if repeatedHosts and self._repeatedHostsOf(found):
            # A host with many ids must not crowd out those that have one.
            found = self._repeatedHostsLast(self._nearest(wanted, count + repeatedHosts))[:count]
            found.sort(key=distanceTo)
        if self._needsClaims(count, withClaims):
            claims = {claim.number: claim.compact for claim in self._claims.values()}
            claimed = sorted(claims.keys() - self._entries, key=wanted.__xor__)
            del claimed[count - len(found) :]
            found += [claims[number] for number in claimed]
            found.sort(key=distanceTo)
        return found

    def _needsClaims(self, count: int, withClaims: bool) -> bool:
        """Whether an answer of so many contacts has claims in it."""
        known = len(self._entries)
        return bool(self._claims) and (not known or (withClaims and known < count))

    def _repeatedHostsLast(self, compacts: list[bytes]) -> list[bytes]:
        """These contacts, with those at the end for whose public host there is an earlier one."""
        repeatedHosts = self._repeatedHostsOf(compacts)
        return [compact for compact in compacts if compact not in repeatedHosts] + repeatedHosts

    def _repeatedHostsOf(self, compacts: list[bytes]) -> list[bytes]:
        """Those of these contacts for whose public host there is an earlier one."""
        repeatedHosts: list[bytes] = []
        hosts: set[str] = set()
        for compact in compacts:
            host = self._entryOf(compact).address[0]
            if host in hosts and isPublic(host):
                repeatedHosts.append(compact)
            hosts.add(host)
        return repeatedHosts

    def _nearest(self, wanted: int, count: int) -> list[bytes]:
        """The proven contacts that are closest to a target, closest first."""
        found: list[bytes] = []
        for bucket in self.buckets.nearest(wanted, count):
            found += bucket.byDistance(wanted)
        return found[:count]

    def _entryOf(self, compact: bytes) -> Entry:
        return self._entries[int.from_bytes(compact[:ID_BYTES], "big")]

    def unseenSince(self, time: float, count: int) -> list[Contact]:
        """The proven contacts that last answered before ``time``, the longest unseen first."""
        old = [entry for entry in self._entries.values() if entry.lastSeen < time]
        old.sort(key=lambda entry: entry.lastSeen)
        return [entry.contact for entry in old[:count]]

    # The inside.

    def _insert(self, contact: Contact, now: float) -> Contact | None:
        """Give a contact that has answered a place, or name the one that it waits for."""
        number = int.from_bytes(contact.id or b"", "big")
        bucket = self.buckets.of(number, now)
        holder = bucket.proven.get(number)
        if holder is not None or len(bucket.proven) >= self._k:
            self._keepSpare(bucket, contact)
            if holder is None and now - bucket.allSeenSince <= TRUSTED_FOR:
                return None
            oldest = holder or bucket.longestUnseen()
            return oldest.contact if now - oldest.lastSeen > TRUSTED_FOR else None
        entry = Entry(contact.id or b"", (contact.host, contact.port), now)
        if not self._isCredible(bucket, entry):
            return None
        self.buckets.add(bucket, entry)
        self._entries[number] = entry
        self._byAddress[entry.address] = entry
        self._sources.add(contact.host)
        return None

    def _recheck(self, entry: Entry, now: float) -> HostPort | None:
        """Where to ask whether a contact is still there, but not for each request."""
        if now - entry.recheckedAt <= TRUSTED_FOR:
            return None
        entry.recheckedAt = now
        return entry.address

    def _isCredible(self, bucket: Bucket, entry: Entry) -> bool:
        return self._sources.hasRoom(entry.address[0]) and not _isCrowd(bucket, entry)

    def _keepSpare(self, bucket: Bucket, contact: Contact) -> None:
        spares = bucket.spares
        if contact in spares:
            spares.remove(contact)
        spares.append(contact)
        del spares[:-SPARES_PER_BUCKET]

    def _remove(self, entry: Entry) -> None:
        self.buckets.remove(entry)
        del self._entries[entry.number]
        del self._byAddress[entry.address]
        self._sources.remove(entry.address[0])


def _isCrowd(bucket: Bucket, entry: Entry) -> bool:
    """Whether so many stand so close already that most of them have chosen their ids."""
    if not isPublic(entry.address[0]):
        return False
    shared = bucket.free - SHARED_IN_BUCKET
    alike = sum((entry.number ^ other).bit_length() <= shared for other in bucket.proven)
    return alike >= MAXIMUM_ALIKE
