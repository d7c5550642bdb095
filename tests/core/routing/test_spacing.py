"""
Estimates of the average distance between the ids of the network, from a table's contacts.

The size of the id space divided by this distance is the estimated number of nodes.
"""

from __future__ import annotations

from dwdht_twisted._core.routing import K
from dwdht_twisted._core.routing.buckets import DEEPER_THAN_KNOWN, MINIMUM_SAMPLE, NEIGHBOURS
from dwdht_twisted._core.wire import ID_BITS, Contact
from tests.helpers.core.tables import TableTestCase, idOf


class SpacingTests(TableTestCase):
    """
    The estimate of the distance between ids, `spacing`.
    """

    def put(self, count: int, prefix: int) -> None:
        """Add ``count`` contacts that share exactly ``prefix`` leading bits with the table's id."""
        for number in range(count):
            host = f"10.{prefix}.0.1"
            self.table.answered(Contact(idOf(number, prefix), host, 1000 + number), 0.0)

    def assertEstimates(self, nodes: int, factor: float = 2) -> None:
        """Require an estimate of ``nodes`` nodes, within the factor in both directions."""
        estimate = (1 << ID_BITS) / self.table.buckets.spacing()
        self.assertTrue(nodes / factor <= estimate <= nodes * factor, estimate)

    def test_fewContactsGiveNoEstimate(self) -> None:
        """With fewer than 4 contacts, the number `MINIMUM_SAMPLE`, the estimate is 0."""
        self.put(MINIMUM_SAMPLE - 1, 0)
        self.assertEqual(self.table.buckets.spacing(), 0)

    def test_estimateFollowsContacts(self) -> None:
        """
        The estimated distance grows when 4 of 8 contacts fail. It returns to its old value when
        they answer again.
        """
        contacts = [Contact(idOf(number, 5), "10.0.0.1", 1000 + number) for number in range(8)]
        for contact in contacts:
            self.table.answered(contact, 0.0)
        whole = self.table.buckets.spacing()
        for contact in contacts[:4]:
            self.table.failed(contact.address, 0.0)
        half = self.table.buckets.spacing()
        self.assertGreater(half, whole)
        for contact in contacts[:4]:
            self.table.answered(contact, 0.0)
        self.assertEqual(self.table.buckets.spacing(), whole)

    def test_settledTableEstimatesItsNetwork(self) -> None:
        """
        From buckets whose sizes halve towards the own id, a table estimates 128 nodes within a
        factor of 2.
        """
        for prefix, count in enumerate((K, K, 16, 8, 4, 2, 1)):
            self.put(count, prefix)
        self.assertEstimates(128)

    def test_largeNetworkIsEstimated(self) -> None:
        """
        With 12 full buckets, a table estimates its network of 122,880 nodes within a factor of 2.
        """
        for prefix, count in enumerate([K] * 12 + [15, 6, 4, 0, 2]):
            self.put(count, prefix)
        self.assertEstimates(15 << 13)

    def test_youngTableEstimatesFromNearContacts(self) -> None:
        """
        A table with too few contacts far away estimates 128 nodes from its near contacts, within a
        factor of 2.
        """
        for prefix, count in enumerate((5, 3, 6, 8, 4, 2, 1)):
            self.put(count, prefix)
        self.assertEstimates(128)

    def test_singleSparseBucketsAreNoGap(self) -> None:
        """
        Two buckets with 3 contacts each, which are not next to each other, don't end the estimate.
        It is 832 nodes, within a factor of 1.5.
        """
        for prefix, count in enumerate((K, 3, K, 3, K, K, 8, 4)):
            self.put(count, prefix)
        self.assertEstimates(832, factor=1.5)

    def test_fortyContactsAreEnough(self) -> None:
        """
        All of exactly 40 contacts, the number `NEIGHBOURS`, count for the estimate, which is 40
        nodes.
        """
        for prefix, count in enumerate((NEIGHBOURS - 30, 10, K)):
            self.put(count, prefix)
        self.assertEstimates(NEIGHBOURS, factor=1.01)

    def test_idsNextToTheOwnIdHardlyCount(self) -> None:
        """
        A full bucket of ids that share 200 bits with the table's own hardly counts. The estimate
        stays at 128 nodes within a factor of 2.
        """
        for prefix, count in enumerate((K, K, 16, 8, 4, 2, 1)):
            self.put(count, prefix)
        self.put(K, 200)
        self.assertEstimates(128)

    def test_chosenIdsInEveryBucketHardlyCount(self) -> None:
        """
        Twenty hosts in 5 public networks add 4 chosen ids to each of 20 buckets. The estimate stays
        at 512 nodes within a factor of 2.
        """
        for prefix, count in enumerate((K, K, K, K, 16, 8, 4, 2, 1)):
            self.put(count, prefix)
        for step in range(80):
            host = f"20.1.{step // 16}.{step // 4 % 4}"
            prefix = 5 + step // 4
            id = idOf((1 + step % 4) << (ID_BITS - prefix - 4), prefix)
            self.table.answered(Contact(id, host, 2000 + step), 0.0)
        self.assertEqual(len(self.table), 4 * K + 31 + 80)
        self.assertEstimates(512)

    def test_idsNextToTheOwnIdAreHardlyFilled(self) -> None:
        """
        A bucket of ids that share 200 bits with the table's own adds at most 8 buckets to fill, as
        `DEEPER_THAN_KNOWN` allows. The other contacts fill 7 buckets.
        """
        for prefix, count in enumerate((K, K, 16, 8, 4, 2, 1)):
            self.put(count, prefix)
        self.put(K, 200)
        filled = []
        while (found := self.table.buckets.unfilled(1.0)) is not None:
            filled.append(found)
            self.table.buckets.refreshed(idOf(0, found), 1.0)
        self.assertTrue(5 <= len(filled) <= 5 + DEEPER_THAN_KNOWN, filled)
