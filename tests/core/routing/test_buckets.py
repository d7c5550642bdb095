"""
Tests for `dwdht_twisted.routing`: what upkeep asks of a table.
"""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from dwdht_twisted._core.routing import K, RoutingTable
from dwdht_twisted._core.routing.buckets import DEEPER_THAN_KNOWN
from dwdht_twisted._core.wire import ID_BITS, ID_BYTES, Contact, distance
from tests.core.routing.test_table import OWN, TableTestCase, claim, far, idOf
from tests.helpers.strategies import ids, thorough


class UpkeepTests(TableTestCase):
    """
    Tests for what upkeep asks of a table.
    """

    def test_unseenSince(self) -> None:
        """The contacts unseen for longest are told first, and no more than asked for."""
        contacts = [far(number) for number in range(5)]
        for contact, time in zip(contacts, (3.0, 1.0, 5.0, 2.0, 4.0), strict=True):
            self.table.answered(contact, time)
        claim(self.table, far(10), 0.0)
        unseen = self.table.unseenSince(5.0, 10)
        self.assertEqual(unseen, [contacts[1], contacts[3], contacts[0], contacts[4]])
        self.assertEqual(self.table.unseenSince(5.0, 2), [contacts[1], contacts[3]])
        self.table.answered(contacts[1], 6.0)
        self.assertNotIn(contacts[1], self.table.unseenSince(5.0, 10))

    def test_idleBucket(self) -> None:
        """Buckets without a lookup are idle, down to the deepest that holds anybody."""
        self.assertIsNone(self.table.buckets.idle(100.0))
        self.table.answered(Contact(idOf(0, 2), "10.0.0.1", 80), 0.0)
        idle = set()
        for _ in range(10):
            prefix = self.table.buckets.idle(100.0)
            if prefix is None:
                break
            idle.add(prefix)
            self.table.buckets.refreshed(idOf(7, prefix), 100.0)
        self.assertEqual(idle, {0, 1, 2})
        self.assertIsNone(self.table.buckets.idle(100.0))
        self.assertIsNotNone(self.table.buckets.idle(100.5))

    def test_idleBucketOfClaims(self) -> None:
        """Contacts that only asked don't send us looking for more of their kind."""
        claim(self.table, Contact(idOf(0, 2), "10.0.0.1", 80), 0.0)
        self.assertIsNone(self.table.buckets.idle(100.0))

    def test_refreshedSelf(self) -> None:
        """A lookup of our own id goes into no bucket."""
        self.table.answered(far(1), 0.0)
        self.table.buckets.refreshed(OWN, 100.0)
        self.assertEqual(self.table.buckets.idle(50.0), 0)

    def put(self, count: int, prefix: int) -> None:
        """Have contacts answer that share a prefix with us."""
        for number in range(count):
            contact = Contact(idOf(number, prefix), f"10.{prefix}.0.1", 1000 + number)
            self.table.answered(contact, 0.0)

    def unexplored(self) -> list[int]:
        """The buckets that are to be explored, in their order; as if they were."""
        found: list[int] = []
        while (prefix := self.table.buckets.unexplored()) is not None:
            # Else a bucket that stays unexplored would be told for ever.
            self.assertNotIn(prefix, found)
            found.append(prefix)
            self.table.buckets.refreshed(idOf(7, prefix), 100.0)
        return found

    def test_unexploredBucket(self) -> None:
        """Buckets farther than k contacts are explored, farthest first, that aren't half full."""
        self.put(1, 0)
        self.put(K // 2, 1)
        self.put(K // 2 - 1, 3)
        self.put(K, 4)
        self.assertEqual(self.unexplored(), [0, 2, 3])
        self.assertIsNone(self.table.buckets.unexplored())

    def test_unexploredByFew(self) -> None:
        """Who knows fewer than k contacts has found all that there are."""
        self.put(K - 1, 2)
        self.assertIsNone(self.table.buckets.unexplored())
        self.put(K, 2)
        self.assertEqual(self.unexplored(), [0, 1])

    def test_unexploredByCrowd(self) -> None:
        """Nodes that have placed themselves next to us don't send us there."""
        self.put(K, 0)
        self.put(K, 1)
        self.put(K, 200)
        self.assertTrue(self.table.buckets.isFull(200))
        self.assertFalse(self.table.buckets.isFull(199))
        self.assertLess(len(self.unexplored()), 2 * DEEPER_THAN_KNOWN)

    @thorough
    @given(ids, st.integers(0, ID_BITS - 1), st.randoms(use_true_random=False))
    def test_randomTarget(self, own: bytes, prefix: int, random: Random) -> None:
        """A random target shares a prefix of just the wanted length with our own id."""
        target = RoutingTable(own).buckets.randomTarget(prefix, random.randbytes)
        self.assertEqual(len(target), ID_BYTES)
        self.assertEqual(ID_BITS - distance(own, target).bit_length(), prefix)

    def test_randomTargets(self) -> None:
        """Two random targets are not the same."""
        random = Random(1)
        targets = {self.table.buckets.randomTarget(3, random.randbytes) for _ in range(50)}
        self.assertEqual(len(targets), 50)
