"""
The buckets that a node's upkeep checks, refreshes and explores.

Upkeep pings the contacts of a bucket, refreshes an idle bucket by a lookup, and explores a bucket
with few contacts by a lookup. A claim is an entry for an address that has never answered the node.
"""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from dwdht_twisted._core.routing import K, RoutingTable
from dwdht_twisted._core.routing.buckets import DEEPER_THAN_KNOWN
from dwdht_twisted._core.wire import ID_BITS, ID_BYTES, Contact, distance
from tests.helpers.core.tables import OWN, TableTestCase, claim, idOf
from tests.helpers.strategies import ids, thorough


class UpkeepTests(TableTestCase):
    """
    The routing table's replies to questions of upkeep.
    """

    def test_bucketsThatAreNotFullAreFilled(self) -> None:
        """
        Each bucket that is not full is to be filled, the farthest first, until it is refreshed, and
        again after the given time. Buckets that hold only some of the k closest contacts are left
        out.
        """
        self.assertIsNone(self.table.buckets.unfilled(100.0))
        for prefix, count in enumerate((K, 3, 0, K - 1, 12, 12, 1)):
            self.put(count, prefix)
        filled = []
        while (found := self.table.buckets.unfilled(100.0)) is not None:
            filled.append(found)
            self.table.buckets.refreshed(idOf(7, found), 100.0)
            self.assertLess(len(filled), 10)
        self.assertEqual(filled, [1, 2, 3, 4])
        self.assertEqual(self.table.buckets.unfilled(100.5), 1)

    def test_bucketOfClaimsIsNotFilled(self) -> None:
        """A bucket that holds only claims is not filled."""
        claim(self.table, Contact(idOf(0, 2), "10.0.0.1", 80), 0.0)
        self.assertIsNone(self.table.buckets.unfilled(100.0))

    def test_lookupOfTheOwnIdRefreshesNoBucket(self) -> None:
        """A lookup of the table's own id refreshes no bucket."""
        self.put(1, 0)
        self.put(K, 1)
        self.table.buckets.refreshed(OWN, 100.0)
        self.assertEqual(self.table.buckets.unfilled(50.0), 0)

    def test_bucketHasTheAddressesOfItsContacts(self) -> None:
        """
        The addresses of a bucket are those of its contacts. A bucket without contacts has none.
        """
        self.put(2, 1)
        buckets = self.table.buckets
        self.assertEqual(buckets.addresses(1), [("10.1.0.1", 1000), ("10.1.0.1", 1001)])
        self.assertEqual(buckets.addresses(0), [])

    def put(self, count: int, prefix: int) -> None:
        """Add ``count`` contacts that share exactly ``prefix`` leading bits with the table's id."""
        for number in range(count):
            contact = Contact(idOf(number, prefix), f"10.{prefix}.0.1", 1000 + number)
            self.table.answered(contact, 0.0)

    def exploreAll(self) -> list[int]:
        """Return the buckets to explore in the table's order, and mark each one as explored."""
        found: list[int] = []
        while (prefix := self.table.buckets.unexplored()) is not None:
            # Without this check, a bucket that stays unexplored would make the loop endless.
            self.assertNotIn(prefix, found)
            found.append(prefix)
            self.table.buckets.refreshed(idOf(7, prefix), 100.0)
        return found

    def test_emptyBucketsFarAwayAreExplored(self) -> None:
        """
        Of the buckets farther away than the k closest contacts, each one that is less than half
        full is explored. The farthest bucket comes first.
        """
        self.put(1, 0)
        self.put(K // 2, 1)
        self.put(K // 2 - 1, 3)
        self.put(K, 4)
        self.assertEqual(self.exploreAll(), [0, 2, 3])
        self.assertIsNone(self.table.buckets.unexplored())

    def test_smallNetworkIsNotExplored(self) -> None:
        """
        A table with fewer than k contacts has found its whole network, and explores no bucket.
        """
        self.put(K - 1, 2)
        self.assertIsNone(self.table.buckets.unexplored())
        self.put(K, 2)
        self.assertEqual(self.exploreAll(), [0, 1])

    def test_idsNextToTheOwnIdHardlyCauseExploring(self) -> None:
        """
        If a bucket is full of contacts that share 200 bits with the table's id, fewer than 16
        buckets are explored. 16 is twice `DEEPER_THAN_KNOWN`.
        """
        self.put(K, 0)
        self.put(K, 1)
        self.put(K, 200)
        self.assertTrue(self.table.buckets.isFull(200))
        self.assertFalse(self.table.buckets.isFull(199))
        self.assertLess(len(self.exploreAll()), 2 * DEEPER_THAN_KNOWN)

    @thorough
    @given(ids, st.integers(0, ID_BITS - 1), st.randoms(use_true_random=False))
    def test_randomTargetSharesItsPrefix(self, own: bytes, prefix: int, random: Random) -> None:
        """
        A random target for a bucket shares exactly the wanted number of leading bits with the
        table's id.
        """
        target = RoutingTable(own).buckets.randomTarget(prefix, random.randbytes)
        self.assertEqual(len(target), ID_BYTES)
        self.assertEqual(ID_BITS - distance(own, target).bit_length(), prefix)

    def test_randomTargetsDiffer(self) -> None:
        """Fifty random targets of one bucket are all different."""
        random = Random(1)
        targets = {self.table.buckets.randomTarget(3, random.randbytes) for _ in range(50)}
        self.assertEqual(len(targets), 50)
