"""
The closest contacts of a routing table, which the node names in its answers.

A claim is an entry for an address that has never answered the node. A proven contact has answered.
"""

from __future__ import annotations

from random import Random

from dwdht_twisted._core.limits.bounds import CLAIMS_FOR_ANSWER
from dwdht_twisted._core.routing import K, claims
from dwdht_twisted._core.routing.bucket import Entry
from dwdht_twisted._core.routing.cache import QUERIES_BEFORE_CACHING, AnswerCache
from dwdht_twisted._core.wire import ID_BITS, Contact, distance, packContact
from tests.helpers.core.tables import OWN, TableTestCase, claim, far, idOf


class AnswerTests(TableTestCase):
    """
    Answers that name the contacts closest to a target.
    """

    def test_claimsFillUpAnAnswerIfWanted(self) -> None:
        """
        With ``withClaims=True``, claims fill up an answer that has too few proven contacts. Proven
        contacts have precedence, and the answer is in the order of distance.
        """
        self.table.answered(far(2), 0.0)
        self.table.answered(far(4), 0.0)
        for number in (1, 3, 5):
            claim(self.table, far(number), 0.0)
        filled = self.table.closest(idOf(0), 4, withClaims=True)
        self.assertEqual(filled, [far(1), far(2), far(3), far(4)])
        self.assertEqual(self.table.closest(idOf(0), 2, withClaims=True), [far(2), far(4)])
        self.assertEqual(self.table.closest(idOf(0), 4), [far(2), far(4)])

    def test_claimsAreNamedWithoutContacts(self) -> None:
        """An answer names claims if the table has no proven contact."""
        claim(self.table, far(1), 0.0)
        self.assertEqual(self.table.closest(idOf(0)), [far(1)])
        self.assertEqual(self.table.closestCompact(idOf(0)), packContact(far(1)))

    def test_fewClaimsAreLookedAt(self) -> None:
        """
        The claims in an answer are the closest ones of the 40 newest. The others of 500 are not
        looked at.
        """
        random = Random(2)
        contacts = [
            Contact(random.randbytes(32), f"20.{number // 250}.{number % 250}.1", 1)
            for number in range(500)
        ]
        looks: list[int] = []

        class CountedEntry(Entry):
            """An entry that counts how often its id is read."""

            @property
            def number(self) -> int:
                looks.append(1)
                return self._number

            @number.setter
            def number(self, number: int) -> None:
                self._number = number

        self.patch(claims, "Entry", CountedEntry)
        for second, contact in enumerate(contacts):
            claim(self.table, contact, float(second))
        looks.clear()
        found = self.table.closest(idOf(0))
        newest = sorted(
            contacts[-CLAIMS_FOR_ANSWER:], key=lambda each: distance(idOf(0), each.id or b"")
        )
        self.assertEqual(found, newest[:K])
        self.assertTrue(len(looks) <= CLAIMS_FOR_ANSWER, len(looks))

    def test_noMoreBucketsThanNeededAreRead(self) -> None:
        """
        For 200 drawn targets, the buckets read for 1 to 30 contacts hold enough contacts together.
        Without the farthest of these buckets they hold too few.
        """
        for prefix in range(6):
            for number in range(5):
                contact = Contact(idOf(number, prefix), f"10.{prefix}.0.1", 1 + number)
                self.table.answered(contact, 0.0)
        random = Random(1)
        for _ in range(200):
            # Targets near the own id differ from it in fewer of its first bits.
            wanted = random.getrandbits(ID_BITS - random.randrange(6))
            count = random.randint(1, 30)
            sizes = [len(each.proven) for each in self.table.buckets.nearest(wanted, count)]
            self.assertTrue(sum(sizes[:-1]) < count <= sum(sizes), (sizes, count))

    def test_repeatedHostsAreNamedLast(self) -> None:
        """
        A second contact of a public host is named only in an answer with too few contacts of other
        hosts.
        """
        one, two, three = (Contact(idOf(1, 3 - n), "8.8.8.8", 80 + n) for n in range(3))
        for contact in (one, two, three, far(4), far(5)):
            self.table.answered(contact, 0.0)
        self.assertEqual(self.table.closest(idOf(0, 3), 3), [one, far(4), far(5)])
        self.assertEqual(self.table.closest(idOf(0, 3), 4), [one, two, far(4), far(5)])
        self.table.failed(three.address, 0.0)
        self.table.failed(one.address, 0.0)
        self.assertEqual(self.table.closest(idOf(0, 3), 2), [two, far(4)])

    def test_contactOfAnotherBucketReplacesARepeatedHost(self) -> None:
        """
        Two contacts of a full bucket share a public host. An answer names a contact of another
        bucket in place of one of the two.
        """
        random = Random(5)
        contacts = [
            Contact(bytes([128 | n << 2]) + random.randbytes(31), f"8.8.{n or 1}.8", 1000 + n)
            for n in range(K)
        ]
        other = Contact(idOf(1, 3), "9.9.9.9", 80)
        for contact in (*contacts, other):
            self.table.answered(contact, 0.0)
        for target in (idOf(0), contacts[0].id or b""):
            named = self.table.closestCompact(target)
            self.assertEqual(len(named), len(packContact(other)) * K)
            self.assertIn(packContact(other), named)
            self.assertEqual(named, b"".join(map(packContact, self.table.closest(target))))

    def test_repeatedHostIsNotConfusedWithItsNeighbour(self) -> None:
        """
        The bytes of a contact begin again one byte after the start of the contact before it. If it
        is left out because its host was named already, the contact before it stays whole.
        """
        # The bytes of `second` are those of `first` without the first one, and 0x81 once more.
        middle = Random(7).randbytes(30)
        first = Contact(b"\x80\x81" + middle, "9.8.8.8", 8 << 8 | 80)
        second = Contact(b"\x81" + middle + b"\x09", "8.8.8.8", 80 << 8 | 0x81)
        self.assertEqual((packContact(first) + packContact(second)).find(packContact(second)), 1)
        named = Contact(idOf(1, 1), "8.8.8.8", 80)
        for contact in (first, second, named):
            self.table.answered(contact, 0.0)
        answer = self.table.closestCompact(idOf(1, 1), 2)
        self.assertEqual(answer, packContact(named) + packContact(first))

    def publicTable(self) -> list[Contact]:
        """
        Add 20 contacts to each of the four farthest buckets. Each contact is on a public host of
        its own. Return the contacts.
        """
        random = Random(5)
        contacts = []
        for number in range(4 * K):
            id = self.table.buckets.randomTarget(number % 4, random.randbytes)
            contacts.append(Contact(id, f"20.{number}.1.1", 1000))
        for contact in contacts:
            self.table.answered(contact, 0.0)
        return contacts

    def assertCached(self, targets: list[bytes]) -> None:
        """Require that no bucket is sorted for these targets once their answers are cached."""
        expected = [self.table.closestCompact(target) for target in targets]
        for _ in range(QUERIES_BEFORE_CACHING + 1):
            for target in targets:
                self.table.closestCompact(target)
        sort = self.patch(AnswerCache, "byDistance", lambda *_: self.fail("sorted a bucket"))
        answers = [self.table.closestCompact(target) for target in targets]
        sort.restore()
        self.assertEqual(answers, expected)
        for target, answer in zip(targets, answers, strict=True):
            closest = b"".join(map(packContact, self.table.closest(target)))
            self.assertEqual(answer, closest)

    def test_repeatedHostElsewhereLeavesAnswersCached(self) -> None:
        """
        A public host has two contacts in the farthest bucket. Answers that need no contact of this
        bucket come from the caches of the other buckets.
        """
        contacts = self.publicTable()
        for port in (1, 2):
            self.table.failed(contacts[4 * port].address, 0.0)
            self.table.answered(contacts[4 * port]._replace(host="8.8.8.8", port=port), 0.0)
        self.assertEqual(self.table._hostCounts.repeatedHosts, 1)
        self.assertCached([contact.id or b"" for contact in contacts[1:4]] + [OWN])

    def test_repeatedHostNearbyLeavesAnswersCached(self) -> None:
        """
        A public host has two contacts in each of two buckets. Answers from these buckets still come
        from the caches, and name the host once.
        """
        contacts = self.publicTable()
        for number in (0, 1, 4, 5):
            self.table.failed(contacts[number].address, 0.0)
            self.table.answered(contacts[number]._replace(host="8.8.8.8", port=80 + number), 0.0)
        self.assertEqual(self.table._hostCounts.repeatedHosts, 3)
        targets = [contact.id or b"" for contact in contacts[:8]] + [OWN]
        self.assertCached(targets)
        for target in targets:
            hosts = [contact.host for contact in self.table.closest(target)]
            self.assertLessEqual(hosts.count("8.8.8.8"), 1)

    def test_repeatedHostIsLeftOutWhereItStands(self) -> None:
        """
        Two joined contacts happen to contain the bytes of a third one, whose public host is
        repeated. An answer has the first two unchanged and leaves out the third.
        """
        first = Contact(idOf(1, 1), "8.8.8.8", 80)
        repeated = Contact(b"\x80\x05" + bytes(28) + b"\x14\x09", "8.8.8.8", 0x8001)
        compact = packContact(repeated)
        one = Contact(b"\x80\x00" + compact[:30], "20.9.8.8", 0x0808)
        two = Contact(compact[-2:] + bytes(30), "20.1.1.1", 80)
        self.assertIn(compact, packContact(one) + packContact(two))
        for contact in (first, repeated, one, two):
            self.table.answered(contact, 0.0)
        target = b"\x40" + (one.id or b"")[1:]
        self.assertEqual(self.table.closest(target, 3), [first, one, two])
        expected = b"".join(map(packContact, (first, one, two)))
        self.assertEqual(self.table.closestCompact(target, 3), expected)

    def test_privateHostsMayRepeat(self) -> None:
        """Contacts at the same private host are all named, in the order of distance."""
        contacts = [far(number)._replace(host="10.8.8.8") for number in (1, 2, 3)]
        for contact in contacts:
            self.table.answered(contact, 0.0)
        self.assertEqual(self.table.closest(idOf(0), 2), contacts[:2])

    def test_compactAnswerIsTheClosestContacts(self) -> None:
        """A compact answer is the joined compact forms of the k closest contacts."""
        for number in range(3 * K):
            contact = Contact(idOf(number, number % 3), "10.0.0.1", 1000 + number)
            self.table.answered(contact, 0.0)
        target = idOf(5, 1)
        closest = self.table.closest(target)
        self.assertEqual(len(closest), K)
        compact = self.table.closestCompact(target)
        self.assertEqual(compact, b"".join(packContact(contact) for contact in closest))

    def test_answerOfAFullBucketIsInOrder(self) -> None:
        """
        After every change of a full bucket, its answer is in the order of distance. Two of the ids
        differ only in the last bit.
        """
        random = Random(5)
        ids = [bytes([128 | random.getrandbits(7)]) + random.randbytes(31) for _ in range(K + 5)]
        # The last two ids differ only in their last bit.
        ids.append(ids[-1][:-1] + bytes([ids[-1][-1] ^ 1]))
        contacts = [Contact(id, "10.0.0.1", 1000 + port) for port, id in enumerate(ids)]
        for number, contact in enumerate(contacts):
            if number >= K:
                self.table.failed(contacts[number - K].address, 0.0)
            self.table.answered(contact, 0.0)
            members = self.table.contacts()
            self.assertEqual(len(members), min(number + 1, K))
            for _ in range(20):
                target = bytes([128 | random.getrandbits(7)]) + random.randbytes(31)
                members.sort(key=lambda member: distance(member.id or b"", target))
                expected = b"".join(map(packContact, members))
                # Ask twice: the second answer comes from the cache.
                for _ in range(2):
                    self.assertEqual(self.table.closestCompact(target), expected)
