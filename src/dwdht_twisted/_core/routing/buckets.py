"""
Where the contacts of a routing table stand: its k-buckets, by the length of the prefix that an id
shares with our own.

What they tell of the network, which contacts are closest to a target, and which part of the table
wants looking after, is known here; who may take a place is the table's own affair.

Pure: the time is an argument, in seconds.
"""

from __future__ import annotations

from collections.abc import Callable

from ..wire import ID_BITS, isPublic, subnet
from .bucket import Bucket, CacheBudget, Entry

#: From how many contacts on a bucket tells something of the network, and of how many neighbours its
#: size is estimated if there are so many; of half of those that are known, if not.
MINIMUM_SAMPLE = 4
NEIGHBOURS = 40

#: How many bits deeper than the table tells the network to be a bucket is refreshed.
DEEPER_THAN_KNOWN = 8


class Buckets:
    """
    The buckets of one table.

    :param own: the own id, as a big-endian number
    :param k: how many contacts a bucket holds
    """

    __slots__ = ("_buckets", "_k", "_memory", "_own", "_spacing")

    def __init__(self, own: int, k: int) -> None:
        self._own = own
        self._k = k
        self._buckets: list[Bucket | None] = []
        self._memory = CacheBudget()
        # What the contacts tell of the network, until others come or go.
        self._spacing: int | None = None

    def ifAny(self, number: int) -> Bucket | None:
        """The bucket of an id, given as a number, if there ever was a contact for it."""
        prefix = ID_BITS - (self._own ^ number).bit_length()
        return self._buckets[prefix] if prefix < len(self._buckets) else None

    def of(self, number: int, now: float) -> Bucket:
        """The bucket of an id, given as a number, which is made when it isn't there."""
        bucket = self.ifAny(number)
        if bucket is None:
            prefix = ID_BITS - (self._own ^ number).bit_length()
            while len(self._buckets) <= prefix:
                self._buckets.append(None)
            bucket = self._buckets[prefix] = Bucket(prefix, now, self._memory)
        return bucket

    def add(self, bucket: Bucket, entry: Entry) -> None:
        """Take a contact that has answered into a bucket."""
        bucket.add(entry)
        self._spacing = None

    def remove(self, entry: Entry) -> None:
        """Let a contact go that has answered."""
        self.of(entry.number, entry.lastSeen).remove(entry)
        self._spacing = None

    def nearest(self, wanted: int, count: int) -> list[Bucket]:
        """
        The buckets that hold the proven contacts that are closest to a target, closest first, until
        there are so many contacts in them.

        A bucket's contacts and all in deeper ones agree with our own id up to one bit, in which
        they differ from each other.  So it takes a look at that bit of the target to know which
        of them are closer, and none at the contacts.
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
        The mean distance between neighbouring ids of the network, as far as the table tells; 0 when
        it tells nothing.

        How many share a prefix with us that is so long that just `NEIGHBOURS` of those that we
        know do: these we know best, and of those that are farther we may lack any number.  Liars
        place themselves close to us, where each could stand for half of the network.  So the first
        gap ends the count, and it takes many that are counted, of which a public /24 network is
        one, to shift the estimate.
        """
        if self._spacing is None:
            self._spacing = self._estimate()
        return self._spacing

    # Upkeep.

    def forgetAnswers(self) -> None:
        """Let go of the answers that are remembered for a node that is asked often."""
        for bucket in self._buckets:
            if bucket is not None:
                bucket.forgetAnswers()

    def refreshed(self, target: bytes, now: float) -> None:
        """A lookup went to this target."""
        number = int.from_bytes(target, "big")
        if number != self._own:
            bucket = self.of(number, now)
            bucket.refreshedAt = now
            bucket.isExplored = True

    def unexplored(self) -> int | None:
        """
        The prefix length of the farthest bucket that isn't half full and that no lookup went into,
        if there is one.

        Only of those that are farther than k contacts: who looked for its own id has found the
        others.
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
        """Whether as many contacts as there is room for share a prefix of this length with us."""
        return self._sizeOf(prefix) >= self._k

    def idle(self, time: float) -> int | None:
        """
        The prefix length of a bucket that no lookup has gone into since ``time``, if there is one.

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

    def _estimate(self) -> int:
        # From the longest prefix on: how many share so much, or more.
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
        """One more than the longest prefix that a credible contact shares with us."""
        depth = len(self._buckets)
        spacing = self.spacing()
        if spacing:
            # Whoever claims to stand still closer to us has chosen its id.
            depth = min(depth, ID_BITS - spacing.bit_length() + DEEPER_THAN_KNOWN)
        while depth and not self._sizeOf(depth - 1):
            depth -= 1
        return depth

    def _credible(self) -> int:
        """How many buckets there are before those that hold nobody by chance."""
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
        """How many proven contacts share a prefix of just this length with us."""
        bucket = self._buckets[prefix]
        return 0 if bucket is None else len(bucket.proven)

    def _networksIn(self, prefix: int, seen: set[str]) -> int:
        """
        The same, but each public /24 network counts once.

        :param seen: those that were counted before; it learns these
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
