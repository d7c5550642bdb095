"""
The k-buckets of a routing table, by the length of the prefix that an id shares with our own.

They tell how dense the network is, which buckets hold the contacts closest to a target, and which
buckets need a lookup.  The table decides which contact may take a place.

Each method that depends on time is told the time, in seconds.
"""

from __future__ import annotations

from collections.abc import Callable

from ..wire import ID_BITS, isPublic, subnet
from .bucket import Bucket, Entry
from .cache import CacheBudget

#: Contacts of a bucket, or of the whole table, from which on they tell how dense the network is.
#: Smaller: one liar looks like a populated bucket.  Larger: small networks are never estimated.
MINIMUM_SAMPLE = 4

#: Neighbours from which the density is estimated; half of the known ones, if there are fewer.
#: Larger: contacts count that may lie in an incomplete part of the table.  Smaller: a few liars
#: shift the estimate.
NEIGHBOURS = 40

#: Bits by which a bucket may be deeper than the estimated network and still be refreshed.  Larger:
#: liars that stand close to us draw lookups.  Smaller: an estimate that is too low leaves out
#: buckets.
DEEPER_THAN_KNOWN = 8


class Buckets:
    """
    The buckets of one table.

    :param own: the own id, as a big-endian number
    :param k: the number of contacts that a bucket holds
    """

    __slots__ = ("_buckets", "_budget", "_k", "_own", "_spacing")

    def __init__(self, own: int, k: int) -> None:
        self._own = own
        self._k = k
        self._buckets: list[Bucket | None] = []
        self._budget = CacheBudget()
        # The result of `spacing` until a contact comes or goes.
        self._spacing: int | None = None

    def ifAny(self, number: int) -> Bucket | None:
        """The bucket of an id, given as a number, or None if there never was a contact for it."""
        prefix = ID_BITS - (self._own ^ number).bit_length()
        return self._buckets[prefix] if prefix < len(self._buckets) else None

    def of(self, number: int, now: float) -> Bucket:
        """The bucket of an id, given as a number; it is made when it is missing."""
        bucket = self.ifAny(number)
        if bucket is None:
            prefix = ID_BITS - (self._own ^ number).bit_length()
            while len(self._buckets) <= prefix:
                self._buckets.append(None)
            bucket = self._buckets[prefix] = Bucket(prefix, now, self._budget)
        return bucket

    def add(self, bucket: Bucket, entry: Entry) -> None:
        """Add a contact that has answered to a bucket."""
        bucket.add(entry)
        self._spacing = None

    def remove(self, entry: Entry) -> None:
        """Remove a contact that has answered."""
        self.of(entry.number, entry.lastSeen).remove(entry)
        self._spacing = None

    def nearest(self, wanted: int, count: int) -> list[Bucket]:
        """
        The buckets that hold the proven contacts closest to a target, closest first.

        The contacts of a bucket, and those of all deeper buckets, agree with our own id up to one
        bit, in which the two groups differ from each other.  So that bit of the target tells which
        group is closer, without a look at the contacts.

        :param count: the number of contacts that these buckets must hold
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

    def spacing(self) -> int:
        """
        The mean distance between neighbouring ids of the network, or 0 when it is unknown.

        Take the longest prefix of our id that at least `NEIGHBOURS` contacts share, and divide the
        size of that part of the id space by their number.  Contacts farther away don't count: the
        table may lack most of them.  Liars place themselves close to us, where each could stand for
        half of the network.  So the count ends at the first gap, and a public /24 network counts
        once: it takes many networks to shift the estimate.
        """
        if self._spacing is None:
            self._spacing = self._estimate()
        return self._spacing

    # Upkeep.

    def forgetAnswers(self) -> None:
        """Forget the answers that are cached for a node that is asked often."""
        for bucket in self._buckets:
            if bucket is not None:
                bucket.answers.clear()

    def refreshed(self, target: bytes, now: float) -> None:
        """Note that a lookup went to a target, 32 bytes."""
        number = int.from_bytes(target, "big")
        if number != self._own:
            bucket = self.of(number, now)
            bucket.refreshedAt = now
            bucket.isExplored = True

    def unexplored(self) -> int | None:
        """
        The prefix length of the farthest bucket that is not half full and that no lookup went into.

        Only buckets farther than the k closest contacts count: the lookup of the own id has found
        what is nearer.  None when there is no such bucket.
        """
        nearer = sum(map(self._sizeOf, range(len(self._buckets))))
        for prefix in range(self._depth()):
            size = self._sizeOf(prefix)
            nearer -= size
            if nearer < self._k:
                break
            bucket = self._buckets[prefix]
            if 2 * size < self._k and (bucket is None or not bucket.isExplored):
                return prefix
        return None

    def isFull(self, prefix: int) -> bool:
        """Whether the bucket of a prefix length holds k contacts."""
        return self._sizeOf(prefix) >= self._k

    def idle(self, time: float) -> int | None:
        """
        The prefix length of a bucket that no lookup has gone into since ``time``, or None.

        Buckets deeper than the deepest one with a contact don't count: there is no node to find.
        """
        for prefix in range(self._depth()):
            bucket = self._buckets[prefix]
            if bucket is None or bucket.refreshedAt < time:
                return prefix
        return None

    def randomTarget(self, prefix: int, randomBytes: Callable[[int], bytes]) -> bytes:
        """A random id, 32 bytes, that belongs into the bucket of a prefix length."""
        free = ID_BITS - prefix - 1
        lower = int.from_bytes(randomBytes(ID_BITS // 8), "big") & ((1 << free) - 1)
        upper = (self._own >> free) ^ 1
        return (upper << free | lower).to_bytes(ID_BITS // 8, "big")

    # Estimates.

    def _estimate(self) -> int:
        # The number of contacts that share at least so many bits, for each prefix length, from the
        # longest on.
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
        """One more than the longest prefix that a plausible contact shares with us."""
        depth = len(self._buckets)
        spacing = self.spacing()
        if spacing:
            # A contact that is still closer to us has chosen its id.
            depth = min(depth, ID_BITS - spacing.bit_length() + DEEPER_THAN_KNOWN)
        while depth and not self._sizeOf(depth - 1):
            depth -= 1
        return depth

    def _credible(self) -> int:
        """The number of buckets before the first gap, where chance puts contacts no more."""
        gaps = 0
        isBegun = False
        for prefix in range(len(self._buckets)):
            if self._sizeOf(prefix) >= MINIMUM_SAMPLE:
                isBegun = True
                gaps = 0
            elif isBegun:
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
        The number of proven contacts in a bucket, where each public /24 network counts once.

        :param seen: the networks that were counted before; those of this bucket are added
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
