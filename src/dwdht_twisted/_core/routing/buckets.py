"""
The k-buckets of a routing table, one for each length of the prefix that an id shares with our own.

`Buckets` estimates how dense the network is, finds the contacts closest to a target, and finds the
buckets that need a lookup.  `RoutingTable` decides which contacts get a place.

A bucket is *far* when its prefix is short, and *deep* when its prefix is long.  The deeper a bucket
is, the closer its contacts are to us.

The arguments ``now`` and ``time`` are times in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..wire import COMPACT_CONTACT_BYTES, ID_BITS, HostPort, isPublic, subnet
from .bounds import SPARES_PER_BUCKET
from .bucket import Bucket, Entry
from .cache import CacheBudget

#: The fewest contacts from which a density is estimated, and the fewest contacts of a populated
#: bucket.  Smaller: one liar makes a bucket look populated.  Larger: the density of small networks
#: is never estimated.
MINIMUM_SAMPLE = 4

#: The number of closest contacts from which the density is estimated.  If fewer are known, half of
#: the known ones are used.  Larger: contacts in an incomplete part of the table are used too.
#: Smaller: a few liars shift the estimate.
NEIGHBOURS = 40

#: A bucket is refreshed only if its prefix is at most this many bits longer than the estimated
#: density explains.  Larger: liars with ids close to ours cause lookups.  Smaller: after too low an
#: estimate, buckets with honest contacts are not refreshed.
DEEPER_THAN_KNOWN = 8


class Buckets:
    """
    The buckets of one table.

    :param own: the node's own id, as a big-endian number
    :param k: the number of contacts that a bucket holds
    """

    __slots__ = ("_buckets", "_budget", "_k", "_own", "_pinged", "_spacing")

    def __init__(self, own: int, k: int) -> None:
        self._own = own
        self._k = k
        self._buckets: list[Bucket | None] = []
        self._budget = CacheBudget()
        # The addresses of former spares that were pinged to take a free place, with their buckets.
        self._pinged: dict[HostPort, Bucket] = {}
        # The cached result of `spacing`.  It is None after a contact was added or removed.
        self._spacing: int | None = None

    def ifAny(self, number: int) -> Bucket | None:
        """The bucket of an id, given as a number; None if it was not made yet."""
        prefix = ID_BITS - (self._own ^ number).bit_length()
        return self._buckets[prefix] if prefix < len(self._buckets) else None

    def of(self, number: int, now: float) -> Bucket:
        """The bucket of an id, given as a number.  A missing bucket is made."""
        bucket = self.ifAny(number)
        if bucket is None:
            prefix = ID_BITS - (self._own ^ number).bit_length()
            while len(self._buckets) <= prefix:
                self._buckets.append(None)
            bucket = self._buckets[prefix] = Bucket(prefix, now, self._budget)
        return bucket

    def add(self, bucket: Bucket, entry: Entry) -> None:
        """Add a proven contact to its bucket."""
        bucket.add(entry)
        self._shareHost(entry.address[0])
        self._spacing = None

    def remove(self, entry: Entry) -> None:
        """Remove a proven contact from its bucket."""
        self.of(entry.number, entry.lastSeen).remove(entry)
        self._shareHost(entry.address[0])
        self._spacing = None

    def pinged(self, address: HostPort, bucket: Bucket) -> None:
        """Note that a former spare is pinged, which may take a free place in a bucket."""
        self._pinged.pop(address, None)
        self._pinged[address] = bucket
        if len(self._pinged) > SPARES_PER_BUCKET * len(self._buckets):
            del self._pinged[next(iter(self._pinged))]

    def freedBy(self, address: HostPort, removed: Entry | None) -> Bucket | None:
        """
        The bucket in which an address has left a place free; None if there is none.

        :param removed: the former contact of the address.  If it is None, the address may be that
            of a spare that was pinged.  The spare is forgotten.
        """
        if removed is not None:
            return self.ifAny(removed.number)
        return self._pinged.pop(address, None)

    def nearest(self, wanted: int, count: int) -> list[Bucket]:
        """
        The buckets that hold the proven contacts closest to a target, closest first.

        Compare one bucket with all deeper buckets.  All their contacts share the bucket's prefix.
        In the next bit, the contacts of the bucket differ from our own id, and the deeper contacts
        agree with our own id.  So this bit of the target decides which of the two groups is closer.

        :param count: the number of contacts that the buckets must hold together
        """
        distance = self._own ^ wanted
        nearest: list[Bucket] = []
        farther: list[Bucket] = []
        missing = count
        for bucket in self._buckets:
            if bucket is None or not bucket.proven:
                continue
            if not distance >> bucket.free & 1:
                farther.append(bucket)
                continue
            nearest.append(bucket)
            missing -= len(bucket.proven)
            if missing <= 0:
                return nearest
        while farther and missing > 0:
            bucket = farther.pop()
            nearest.append(bucket)
            missing -= len(bucket.proven)
        return nearest

    def answer(self, wanted: int, count: int, repeated: int) -> bytes:
        """
        The compact contacts closest to a target, closest first, as one string of bytes.

        Of each public host, only the closest contact is in the answer.  So the answer is short if
        the table has fewer than ``count`` contacts with different hosts.

        The answer is put together from the cached answers of the buckets.  Only the hosts that have
        contacts in several of these buckets cause further work.

        :param count: the most contacts in the answer
        :param repeated: the number of contacts in the table that are not the first of their public
            host
        """
        if not repeated:
            answers = [bucket.answers.answer(wanted) for bucket in self.nearest(wanted, count)]
            return b"".join(answers)[: count * COMPACT_CONTACT_BYTES]
        answers = []
        missingBytes = count * COMPACT_CONTACT_BYTES
        named: set[str] = set()
        for bucket in self.nearest(wanted, count + repeated):
            answer = bucket.answers.answer(wanted)
            if bucket.sharedHosts:
                for host, compacts in bucket.sharedHosts.items():
                    if host in named:
                        answer = _without(answer, compacts)
                named.update(bucket.sharedHosts)
            answers.append(answer)
            missingBytes -= len(answer)
            if missingBytes <= 0:
                break
        return b"".join(answers)[: count * COMPACT_CONTACT_BYTES]

    def spacing(self) -> int:
        """
        The mean distance between neighbouring ids of the network, or 0 when it is unknown.

        The estimate takes the longest prefix of our id that at least `NEIGHBOURS` contacts share.
        It divides the number of ids with this prefix by the number of these contacts.  Contacts
        farther away don't count, because the table may lack most nodes there.

        A few liars with ids next to ours could make the network look far denser than it is.  So two
        rules apply: the contacts behind the first gap between the buckets don't count, and all
        contacts of a public /24 network count as one.  Shifting the estimate takes many networks.
        """
        if self._spacing is None:
            self._spacing = self._estimate()
        return self._spacing

    def _shareHost(self, host: str) -> None:
        """Tell the buckets of a public host whether it has contacts in several buckets."""
        holders = [each for each in self._buckets if each is not None and host in each.hosts]
        for bucket in holders:
            bucket.share(host, isShared=len(holders) > 1)

    # Upkeep.

    def forgetAnswers(self) -> None:
        """Drop all cached answers."""
        for bucket in self._buckets:
            if bucket is not None:
                bucket.answers.clear()

    def refreshed(self, target: bytes, now: float) -> None:
        """
        Note that a lookup has run out, which went into the bucket of a target of 32 bytes.

        A lookup that was stopped has asked only a few nodes, and so does not count.
        """
        number = int.from_bytes(target, "big")
        if number != self._own:
            bucket = self.of(number, now)
            bucket.refreshedAt = now
            bucket.isExplored = True

    def unexplored(self) -> int | None:
        """
        The prefix length of the farthest unexplored bucket that is less than half full, or None.

        Only buckets farther than the k closest contacts count, because the lookup of the own id has
        found the nearer contacts.
        """
        return self._farthest(
            lambda size, bucket: 2 * size < self._k and (bucket is None or not bucket.isExplored),
            nearer=self._k,
        )

    def unfilled(self, time: float) -> int | None:
        """
        The prefix length of the farthest bucket that is not full, and not refreshed since ``time``.

        Buckets all of whose contacts are among the k closest don't count, because the own id is
        refreshed by itself.
        """
        return self._farthest(
            lambda size, bucket: size < self._k and (bucket is None or bucket.refreshedAt < time)
        )

    def _farthest(
        self, isWanted: Callable[[int, Bucket | None], bool], nearer: int = 0
    ) -> int | None:
        """
        The prefix length of the farthest wanted bucket that is not among the k closest, or None.

        :param isWanted: is given the number of contacts, and the bucket if it was made
        :param nearer: the number of contacts that must be nearer than those of the bucket
        """
        rest = sum(map(self._sizeOf, range(len(self._buckets))))
        for prefix in range(self._depth()):
            size = self._sizeOf(prefix)
            if rest < self._k or rest - size < nearer:
                break
            rest -= size
            if isWanted(size, self._buckets[prefix]):
                return prefix
        return None

    def isFull(self, prefix: int) -> bool:
        """Whether the bucket of a prefix length holds k contacts."""
        return self._sizeOf(prefix) >= self._k

    def addresses(self, prefix: int) -> list[HostPort]:
        """The addresses of the contacts in the bucket of a prefix length."""
        bucket = self._buckets[prefix]
        return [] if bucket is None else [entry.address for entry in bucket.proven.values()]

    def isIn(self, prefix: int, id: bytes | None) -> bool:
        """Whether an id of 32 bytes belongs to the bucket of a prefix length."""
        number = int.from_bytes(id or b"", "big")
        return ID_BITS - (self._own ^ number).bit_length() == prefix

    def randomTarget(self, prefix: int, randomBytes: Callable[[int], bytes]) -> bytes:
        """A random id, 32 bytes, in the bucket of a prefix length."""
        free = ID_BITS - prefix - 1
        lower = int.from_bytes(randomBytes(ID_BITS // 8), "big") & ((1 << free) - 1)
        upper = (self._own >> free) ^ 1
        return (upper << free | lower).to_bytes(ID_BITS // 8, "big")

    # Estimates.

    def networkSize(self) -> int:
        """The estimated number of nodes of the network, or 0 when it is unknown."""
        spacing = self.spacing()
        return (1 << ID_BITS) // spacing if spacing else 0

    def _estimate(self) -> int:
        # For each prefix length, the number of contacts that share at least this prefix with us.
        # The longest prefix comes first.
        sharing: list[tuple[int, int]] = []
        networks: set[str] = set()
        count = 0
        for prefix in reversed(range(self._credible())):
            count += self._networksIn(prefix, networks)
            sharing.append((prefix, count))
            if count >= NEIGHBOURS:
                break
        if count < MINIMUM_SAMPLE:
            return 0
        enough = NEIGHBOURS if count >= NEIGHBOURS else count // 2
        prefix, count = next(each for each in sharing if each[1] >= enough)
        return (1 << ID_BITS - prefix) // count

    def _depth(self) -> int:
        """
        One more than the longest prefix length of a plausible contact.

        A contact is plausible unless it is far closer to us than the estimated density explains.
        """
        depth = len(self._buckets)
        spacing = self.spacing()
        if spacing:
            # A contact in a bucket deeper than this has chosen its id.
            depth = min(depth, ID_BITS - spacing.bit_length() + DEEPER_THAN_KNOWN)
        while depth and not self._sizeOf(depth - 1):
            depth -= 1
        return depth

    def _credible(self) -> int:
        """
        The number of buckets up to the first gap.  Chance puts no contacts behind a gap.

        A gap is two unpopulated buckets, one after the other, behind a populated bucket.
        """
        gaps: int | None = None
        for prefix in range(len(self._buckets)):
            if self._sizeOf(prefix) >= MINIMUM_SAMPLE:
                gaps = 0
            elif gaps is not None:
                gaps += 1
                if gaps == 2:
                    return prefix + 1
        return len(self._buckets)

    def _sizeOf(self, prefix: int) -> int:
        """The number of proven contacts in the bucket of a prefix length."""
        bucket = self._buckets[prefix]
        return 0 if bucket is None else len(bucket.proven)

    def _networksIn(self, prefix: int, seen: set[str]) -> int:
        """
        The number of proven contacts in a bucket.  A public /24 network counts as one contact.

        :param seen: the networks that were counted before.  The networks of this bucket are added.
        """
        bucket = self._buckets[prefix]
        if bucket is None:
            return 0
        count = 0
        for entry in bucket.proven.values():
            host = entry.address[0]
            if isPublic(host):
                network = subnet(host)
                if network in seen:
                    continue
                seen.add(network)
            count += 1
        return count


def _without(answer: bytes, compacts: Iterable[bytes]) -> bytes:
    """An answer without the one contact of ``compacts`` that is in it."""
    for compact in compacts:
        place = answer.find(compact)
        while place > 0 and place % COMPACT_CONTACT_BYTES:
            # The end of one contact and the start of the next happen to look like this contact.
            place = answer.find(compact, place + 1)
        if place >= 0:
            return answer[:place] + answer[place + COMPACT_CONTACT_BYTES :]
    return answer
