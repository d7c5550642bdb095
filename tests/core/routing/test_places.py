"""
Places in a routing table: of a bucket, of ids that are alike, of a host and of a network.
"""

from __future__ import annotations

from dwdht_twisted._core.limits.bounds import (
    CLAIM_RATE,
    CONTACTS_PER_HOST,
    CONTACTS_PER_SUBNET,
    MAXIMUM_ALIKE,
    MAXIMUM_CLAIMS,
    SHARED_IN_BUCKET,
    SPARES_PER_BUCKET,
)
from dwdht_twisted._core.routing import TRUSTED_FOR, K, RoutingTable
from dwdht_twisted._core.wire import ID_BITS, Address, Contact
from tests.helpers.core.tables import LATER, OWN, TableTestCase, allOf, claim, far, idOf


class BucketTests(TableTestCase):
    """
    The places of a bucket, and the spares that wait for them.
    """

    def test_fullBucketKeepsItsContacts(self) -> None:
        """A full bucket of k contacts keeps them when another contact answers within 30 seconds."""
        contacts = self.fill()
        self.assertIsNone(self.table.answered(far(K), TRUSTED_FOR - 1))
        self.assertEqual(self.table.contacts(), contacts)

    def test_newcomerHasTheOldestContactPinged(self) -> None:
        """A newcomer to a full bucket has the contact pinged that is unheard for longest."""
        contacts = self.fill()
        for contact in contacts:
            if contact != contacts[7]:
                self.table.answered(contact, 1.0)
        self.assertEqual(self.table.answered(far(K), LATER + 1), contacts[7])

    def test_oldestContactThatAnswersStays(self) -> None:
        """The contact that is unheard for longest keeps its place when it answers its ping."""
        contacts = self.fill()
        oldest = self.table.answered(far(K), LATER)
        assert oldest is not None
        self.assertIsNone(self.table.answered(oldest, LATER))
        self.assertEqual(sorted(self.table.contacts()), contacts)

    def test_newcomerTakesTheFreedPlace(self) -> None:
        """
        The newcomer is pinged when the contact that is unheard for longest is silent, and takes its
        place when it answers.
        """
        self.fill()
        oldest = self.table.answered(far(K), LATER)
        assert oldest is not None
        self.assertEqual(self.table.failed(oldest.address, LATER), far(K))
        self.table.answered(far(K), LATER)
        self.assertIn(far(K), self.table.contacts())
        self.assertNotIn(oldest, self.table.contacts())
        self.assertEqual(len(self.table), K)

    def test_latestSpareIsPingedFirst(self) -> None:
        """
        The spare that answered last is pinged first when a place gets free, because it is the
        likeliest to be there.
        """
        contacts = self.fill()
        for number in (1, 2, 1):
            self.table.answered(far(K + number), 1.0)
        self.assertEqual(self.table.failed(contacts[0].address, 2.0), far(K + 1))
        self.assertEqual(self.table.failed(contacts[1].address, 2.0), far(K + 2))
        self.assertIsNone(self.table.failed(contacts[2].address, 2.0))

    def test_sparesAreBounded(self) -> None:
        """A bucket keeps `SPARES_PER_BUCKET`, 4, spares of 100 newcomers."""
        contacts = self.fill()
        for number in range(100):
            self.table.answered(far(K + number), 1.0)
        spares = [self.table.failed(contact.address, 2.0) for contact in contacts]
        self.assertEqual(len([spare for spare in spares if spare is not None]), SPARES_PER_BUCKET)

    def test_claimEarnsNoPingInAFullBucket(self) -> None:
        """A claim earns a ping while its bucket has a place, and none when it is full."""
        self.fill(K - 1)
        self.assertTrue(claim(self.table, far(100), 0.0))
        self.table.answered(far(101), 0.0)
        self.assertFalse(claim(self.table, far(102), 0.0))

    def test_firstClaimToAnswerTakesTheLastPlace(self) -> None:
        """
        The last place of a bucket goes to the first of 10 claims that answers, and the next to
        answer waits as a spare.
        """
        contacts = self.fill(K - 1)
        for number in range(100, 110):
            self.assertTrue(claim(self.table, far(number), 0.0))
        self.table.answered(far(109), 0.0)
        self.table.answered(far(100), 0.0)
        self.assertEqual(sorted(self.table.contacts()), sorted([*contacts, far(109)]))
        self.assertEqual(self.table.failed(far(109).address, 1.0), far(100))

    def test_claimDoesNotKeepTheOwnerOfAnIdOut(self) -> None:
        """
        The owner of an id that another address claimed first is pinged as well, and listed when it
        answers.
        """
        owner = far(1)._replace(host="10.0.0.2")
        self.assertTrue(claim(self.table, far(1), 0.0))
        self.assertTrue(claim(self.table, owner, 0.0))
        self.assertEqual(len(allOf(self.table)), 1)
        self.table.answered(owner, 1.0)
        self.assertEqual(allOf(self.table), [owner])

    def test_eachPrefixHasABucket(self) -> None:
        """
        Contacts with shared prefixes of 0 to 255 bits are all listed, each in a bucket of its own.
        """
        for prefix in range(ID_BITS):
            contact = Contact(idOf(0, prefix), "10.0.0.1", 1000 + prefix)
            self.table.answered(contact, 0.0)
        self.assertEqual(len(self.table), ID_BITS)
        nearest = idOf(0, ID_BITS - 1)
        self.assertEqual([contact.id for contact in self.table.closest(OWN, 1)], [nearest])

    def test_bucketSizeIsAParameter(self) -> None:
        """A table with buckets of 2 lists 2 of 5 contacts of one bucket."""
        table = RoutingTable(OWN, 2)
        for number in range(5):
            table.answered(far(number), 0.0)
        self.assertEqual(len(table), 2)


class CrowdTests(TableTestCase):
    """
    Public contacts whose ids were chosen and not drawn at random.
    """

    def public(self, number: int, prefix: int = 0) -> Contact:
        """Return a contact at a public address in a /24 network of its own."""
        return Contact(idOf(number, prefix), f"20.{number >> 8 & 255}.{number & 255}.1", 80)

    def test_bucketListsFewAlikeIds(self) -> None:
        """
        A bucket lists `MAXIMUM_ALIKE`, 3, public contacts whose ids share `SHARED_IN_BUCKET`, 12,
        more bits than the bucket's, and others beside them.
        """
        apart = 1 << (ID_BITS - 1 - SHARED_IN_BUCKET)
        crowd = [self.public(number) for number in (1, 2, apart - 1, 3, 4)]
        for contact in (*crowd, self.public(apart)):
            self.table.answered(contact, 0.0)
        listed = [*crowd[:MAXIMUM_ALIKE], self.public(apart)]
        self.assertEqual(self.table.contacts(), listed)

    def test_imitatedIdIsListed(self) -> None:
        """A contact whose id another one imitated before it is listed as well."""
        self.table.answered(self.public(1), 0.0)
        self.table.answered(self.public(2), 0.0)
        self.assertEqual(self.table.contacts(), [self.public(1), self.public(2)])

    def test_privateIdsMayBeAlike(self) -> None:
        """Private contacts with ids that are alike are all listed."""
        contacts = self.fill(3)
        self.assertEqual(self.table.contacts(), contacts)

    def test_freedPlaceOfACrowdIsTaken(self) -> None:
        """A contact of a crowd is listed after another one of it has gone."""
        for number in range(MAXIMUM_ALIKE + 1):
            self.table.answered(self.public(number), 0.0)
        self.table.failed(self.public(0).address, 1.0)
        last = self.public(MAXIMUM_ALIKE)
        self.table.answered(last, 2.0)
        self.assertEqual(len(self.table), MAXIMUM_ALIKE)
        self.assertIn(last, self.table.contacts())


class HostTests(TableTestCase):
    """
    The places that one host and one network take in a table.
    """

    def countListed(self, hosts: list[str]) -> int:
        """
        Have contacts of hosts answer, each in a bucket of its own, and return how many are listed.
        """
        for number, host in enumerate(hosts):
            self.table.answered(Contact(idOf(0, number), host, 1000 + number), 0.0)
        return len(self.table)

    def test_publicHostIsListedFewTimes(self) -> None:
        """A public host with 50 ports is listed `CONTACTS_PER_HOST`, 4, times."""
        self.assertEqual(self.countListed(["8.8.8.8"] * 50), CONTACTS_PER_HOST)

    def test_publicSubnetIsListedFewTimes(self) -> None:
        """A public /24 network of 50 hosts is listed `CONTACTS_PER_SUBNET`, 16, times."""
        hosts = [f"8.8.8.{number}" for number in range(50)]
        self.assertEqual(self.countListed(hosts), CONTACTS_PER_SUBNET)

    def test_eachNetworkHasItsOwnPlaces(self) -> None:
        """Fifty public hosts in 50 networks are all listed."""
        self.assertEqual(self.countListed([f"8.8.{number}.8" for number in range(50)]), 50)

    def test_privateHostsAreNotLimited(self) -> None:
        """A private and a loopback host with 50 ports each are listed 50 times each."""
        self.assertEqual(self.countListed(["127.0.0.1"] * 50 + ["192.168.0.1"] * 50), 100)

    def test_claimsOfAPublicHostExcludeNoClaim(self) -> None:
        """
        Ten claims of a public host all earn a ping; after `CONTACTS_PER_HOST`, 4, have answered, a
        claim earns none.
        """
        contacts = [Contact(idOf(0, number), "8.8.8.8", 1000 + number) for number in range(10)]
        for number, contact in enumerate(contacts):
            self.assertTrue(claim(self.table, contact, number / 2))
        for contact in contacts[:CONTACTS_PER_HOST]:
            self.table.answered(contact, 5.0)
        self.assertFalse(claim(self.table, contacts[0]._replace(id=idOf(1), port=80), 9.0))

    def test_claimsOfAPublicHostExcludeNoContact(self) -> None:
        """
        A contact that answers is listed although its public host has made `CONTACTS_PER_HOST`, 4,
        claims.
        """
        for number in range(CONTACTS_PER_HOST):
            claim(self.table, Contact(idOf(0, number), "8.8.8.8", 1000 + number), 0.0)
        self.table.answered(Contact(idOf(0, 50), "8.8.8.8", 5000), 0.0)
        self.assertTrue(self.table.hasProven(("8.8.8.8", 5000)))

    def test_removedContactFreesThePlaceOfItsHost(self) -> None:
        """A contact that fails frees a place for another contact of its host."""
        self.countListed(["8.8.8.8"] * CONTACTS_PER_HOST)
        self.table.failed(Address("8.8.8.8", 1000), 0.0)
        new = Contact(idOf(0, 100), "8.8.8.8", 2000)
        self.table.answered(new, 0.0)
        self.assertIn(new, self.table.contacts())

    def test_claimsAreBounded(self) -> None:
        """A flood of 2,048 claims leaves the latest `MAXIMUM_CLAIMS`, 512, in the table."""
        claims = [
            Contact(idOf(number, number % 100), "10.0.0.1", 1000 + number)
            for number in range(4 * MAXIMUM_CLAIMS)
        ]
        for number, contact in enumerate(claims):
            self.assertTrue(claim(self.table, contact, number / CLAIM_RATE))
        self.assertEqual(sorted(allOf(self.table)), sorted(claims[-MAXIMUM_CLAIMS:]))

    def test_withdrawnClaimCanBeMadeAgain(self) -> None:
        """A claim that is withdrawn leaves the table, and can be made again."""
        contact = Contact(idOf(1), "8.8.8.8", 1000)
        for _ in range(CONTACTS_PER_HOST + 1):
            self.assertTrue(claim(self.table, contact, 0.0))
            self.table.withdraw(contact.address)
            self.assertEqual(allOf(self.table), [])
