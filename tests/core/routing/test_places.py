"""
Limits of a routing table: entries of a bucket, of alike ids, of a host and of a network.

A proven contact has answered the node. A claim is an entry for an address that has never answered.
A spare is a contact that answered when its bucket was full. It waits for a contact to fail.
"""

from __future__ import annotations

from dwdht_twisted._core.counters import Counters
from dwdht_twisted._core.limits.bounds import CLAIM_RATE, CONTACTS_PER_HOST, MAXIMUM_CLAIMS
from dwdht_twisted._core.routing import TRUSTED_FOR, K, RoutingTable
from dwdht_twisted._core.routing.bounds import (
    CONTACTS_PER_SUBNET,
    MAXIMUM_ALIKE,
    SHARED_IN_BUCKET,
    SPARES_PER_BUCKET,
)
from dwdht_twisted._core.wire import ID_BITS, Address, Contact
from tests.helpers.core.tables import LATER, OWN, TableTestCase, allOf, claim, far, idOf


class BucketTests(TableTestCase):
    """
    The contacts of one bucket, and its spares.
    """

    def test_fullBucketKeepsItsContacts(self) -> None:
        """
        A full bucket stays unchanged if all its contacts answered in the last 30 seconds and
        another contact answers.
        """
        contacts = self.fill()
        self.assertIsNone(self.table.answered(far(K), TRUSTED_FOR - 1))
        self.assertEqual(self.table.contacts(), contacts)

    def test_newcomerHasTheOldestContactPinged(self) -> None:
        """
        If a new contact answers and its bucket is full, the contact unheard for longest is to be
        pinged.
        """
        contacts = self.fill()
        for contact in contacts:
            if contact != contacts[7]:
                self.table.answered(contact, 1.0)
        self.assertEqual(self.table.answered(far(K), LATER + 1), contacts[7])

    def test_oldestContactThatAnswersStays(self) -> None:
        """The contact unheard for longest stays in its bucket if it answers the ping."""
        contacts = self.fill()
        oldest = self.table.answered(far(K), LATER)
        assert oldest is not None
        self.assertIsNone(self.table.answered(oldest, LATER))
        self.assertEqual(sorted(self.table.contacts()), contacts)

    def test_newcomerTakesTheFreedPlace(self) -> None:
        """
        When the contact unheard for longest is silent to its ping, the new contact is pinged. The
        new contact gets the freed place when it answers.
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
        When a contact fails, the spare that answered last is pinged first, because it is the
        likeliest to answer again.
        """
        contacts = self.fill()
        for number in (1, 2, 1):
            self.table.answered(far(K + number), 1.0)
        self.assertEqual(self.table.failed(contacts[0].address, 2.0), far(K + 1))
        self.assertEqual(self.table.failed(contacts[1].address, 2.0), far(K + 2))
        self.assertIsNone(self.table.failed(contacts[2].address, 2.0))

    def test_sparesAreBounded(self) -> None:
        """A full bucket keeps 4 of 100 new contacts as spares, as `SPARES_PER_BUCKET` allows."""
        contacts = self.fill()
        for number in range(100):
            self.table.answered(far(K + number), 1.0)
        spares = [self.table.failed(contact.address, 2.0) for contact in contacts]
        self.assertEqual(len([spare for spare in spares if spare is not None]), SPARES_PER_BUCKET)

    def test_claimEarnsNoPingInAFullBucket(self) -> None:
        """A claim is to be pinged only if its bucket has a free place."""
        self.fill(K - 1)
        self.assertTrue(claim(self.table, far(100), 0.0))
        self.table.answered(far(101), 0.0)
        self.assertFalse(claim(self.table, far(102), 0.0))

    def test_firstClaimToAnswerTakesTheLastPlace(self) -> None:
        """
        The first of 10 claims that answers gets the last free place of the bucket. The second
        becomes a spare.
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
        The owner of an id is pinged and listed, although another address claimed the id first.
        """
        owner = far(1)._replace(host="10.0.0.2")
        self.assertTrue(claim(self.table, far(1), 0.0))
        self.assertTrue(claim(self.table, owner, 0.0))
        self.assertEqual(len(allOf(self.table)), 1)
        self.table.answered(owner, 1.0)
        self.assertEqual(allOf(self.table), [owner])

    def test_eachPrefixHasABucket(self) -> None:
        """
        Contacts that share 0 to 255 bits with the own id are all listed, each in its own bucket.
        """
        for prefix in range(ID_BITS):
            contact = Contact(idOf(0, prefix), "10.0.0.1", 1000 + prefix)
            self.table.answered(contact, 0.0)
        self.assertEqual(len(self.table), ID_BITS)
        nearest = idOf(0, ID_BITS - 1)
        self.assertEqual([contact.id for contact in self.table.closest(OWN, 1)], [nearest])

    def test_bucketSizeIsAParameter(self) -> None:
        """With a bucket size of 2, two of five contacts of one bucket are listed."""
        table = RoutingTable(OWN, 2)
        for number in range(5):
            table.answered(far(number), 0.0)
        self.assertEqual(len(table), 2)


class AlikeIdTests(TableTestCase):
    """
    Public contacts with chosen ids, which share more bits than random ids would.
    """

    def public(self, number: int, prefix: int = 0) -> Contact:
        """Return a contact at a public address. Each number has its own /24 network."""
        return Contact(idOf(number, prefix), f"20.{number >> 8 & 255}.{number & 255}.1", 80)

    def test_bucketListsFewAlikeIds(self) -> None:
        """
        A bucket lists at most 3 public contacts, `MAXIMUM_ALIKE`, whose ids share the 12 bits,
        `SHARED_IN_BUCKET`, after the bucket's prefix. A contact with other bits there is listed
        too.
        """
        apart = 1 << (ID_BITS - 1 - SHARED_IN_BUCKET)
        alike = [self.public(number) for number in (1, 2, apart - 1, 3, 4)]
        for contact in (*alike, self.public(apart)):
            self.table.answered(contact, 0.0)
        listed = [*alike[:MAXIMUM_ALIKE], self.public(apart)]
        self.assertEqual(self.table.contacts(), listed)

    def test_secondAlikeIdIsListed(self) -> None:
        """A contact is listed although another contact with a similar id was listed before."""
        self.table.answered(self.public(1), 0.0)
        self.table.answered(self.public(2), 0.0)
        self.assertEqual(self.table.contacts(), [self.public(1), self.public(2)])

    def test_privateIdsMayBeAlike(self) -> None:
        """Private contacts with similar ids are all listed."""
        contacts = self.fill(3)
        self.assertEqual(self.table.contacts(), contacts)

    def test_freedPlaceOfAlikeIdsIsTaken(self) -> None:
        """After one of 3 public contacts with similar ids has failed, a fourth one is listed."""
        for number in range(MAXIMUM_ALIKE + 1):
            self.table.answered(self.public(number), 0.0)
        self.table.failed(self.public(0).address, 1.0)
        last = self.public(MAXIMUM_ALIKE)
        self.table.answered(last, 2.0)
        self.assertEqual(len(self.table), MAXIMUM_ALIKE)
        self.assertIn(last, self.table.contacts())


class HostTests(TableTestCase):
    """
    The entries of one host and of one network in a table.
    """

    def countListed(self, hosts: list[str]) -> int:
        """
        Add one contact for each host, in a bucket of its own. Return the number of listed contacts.
        """
        for number, host in enumerate(hosts):
            self.table.answered(Contact(idOf(0, number), host, 1000 + number), 0.0)
        return len(self.table)

    def test_publicHostIsListedFewTimes(self) -> None:
        """Of 50 ports of a public host, 4 are listed, as `CONTACTS_PER_HOST` allows."""
        self.assertEqual(self.countListed(["8.8.8.8"] * 50), CONTACTS_PER_HOST)

    def test_publicSubnetIsListedFewTimes(self) -> None:
        """Of 50 hosts of a public /24 network, 16 are listed, as `CONTACTS_PER_SUBNET` allows."""
        hosts = [f"8.8.8.{number}" for number in range(50)]
        self.assertEqual(self.countListed(hosts), CONTACTS_PER_SUBNET)

    def test_contactsPerHostRaiseBothBounds(self) -> None:
        """
        With ``contactsPerHost`` 10, a public host has 10 contacts, and a public /24 network has 40.
        """
        self.table = RoutingTable(OWN, contactsPerHost=10)
        self.assertEqual(self.countListed(["8.8.8.8"] * 50), 10)
        self.table = RoutingTable(OWN, contactsPerHost=10)
        self.assertEqual(self.countListed([f"8.8.8.{number}" for number in range(50)]), 40)

    def test_contactsPerHostMayBeLower(self) -> None:
        """With ``contactsPerHost`` 1, a public host has one contact, and its network has 4."""
        self.table = RoutingTable(OWN, contactsPerHost=1)
        hosts = [f"8.8.8.{number // 2}" for number in range(50)]
        self.assertEqual(self.countListed(hosts), 4)
        hosts = [contact.host for contact in self.table.contacts()]
        self.assertEqual(hosts, [f"8.8.8.{number}" for number in range(4)])

    def test_refusedContactsAreCounted(self) -> None:
        """
        Answers and requests of nodes that are not listed because of their host are counted. Other
        answers and requests are not.
        """
        counters = Counters()
        self.table = RoutingTable(OWN, counters=counters)
        self.countListed(["8.8.8.8"] * CONTACTS_PER_HOST)
        self.assertEqual(counters.contactsRefused, 0)
        refused = Contact(idOf(0, 100), "8.8.8.8", 2000)
        self.table.answered(refused, 0.0)
        self.assertEqual(counters.contactsRefused, 1)
        self.assertFalse(claim(self.table, refused, 0.0))
        self.assertEqual(counters.contactsRefused, 2)
        for contact in (far(1), Contact(idOf(0, 0), "8.8.8.8", 1000)):
            self.table.answered(contact, 0.0)
            claim(self.table, contact, 0.0)
        self.assertEqual(counters.contactsRefused, 2)

    def test_eachNetworkHasItsOwnPlaces(self) -> None:
        """Fifty public hosts in 50 different networks are all listed."""
        self.assertEqual(self.countListed([f"8.8.{number}.8" for number in range(50)]), 50)

    def test_privateHostsAreNotLimited(self) -> None:
        """All 50 ports of a loopback host and all 50 ports of a private host are listed."""
        self.assertEqual(self.countListed(["127.0.0.1"] * 50 + ["192.168.0.1"] * 50), 100)

    def test_claimsOfAPublicHostExcludeNoClaim(self) -> None:
        """
        Ten claims of one public host are all to be pinged. After 4 of them have answered, the
        number `CONTACTS_PER_HOST`, another claim of the host isn't to be pinged.
        """
        contacts = [Contact(idOf(0, number), "8.8.8.8", 1000 + number) for number in range(10)]
        for number, contact in enumerate(contacts):
            self.assertTrue(claim(self.table, contact, number / 2))
        for contact in contacts[:CONTACTS_PER_HOST]:
            self.table.answered(contact, 5.0)
        self.assertFalse(claim(self.table, contacts[0]._replace(id=idOf(1), port=80), 9.0))

    def test_claimsOfAPublicHostExcludeNoContact(self) -> None:
        """
        A contact that answers is listed although its public host already has 4 claims, the number
        `CONTACTS_PER_HOST`.
        """
        for number in range(CONTACTS_PER_HOST):
            claim(self.table, Contact(idOf(0, number), "8.8.8.8", 1000 + number), 0.0)
        self.table.answered(Contact(idOf(0, 50), "8.8.8.8", 5000), 0.0)
        self.assertTrue(self.table.hasProven(("8.8.8.8", 5000)))

    def test_removedContactFreesThePlaceOfItsHost(self) -> None:
        """After a contact has failed, another contact of its host is listed."""
        self.countListed(["8.8.8.8"] * CONTACTS_PER_HOST)
        self.table.failed(Address("8.8.8.8", 1000), 0.0)
        new = Contact(idOf(0, 100), "8.8.8.8", 2000)
        self.table.answered(new, 0.0)
        self.assertIn(new, self.table.contacts())

    def test_claimsAreBounded(self) -> None:
        """After a flood of 2,048 claims, the table holds the latest `MAXIMUM_CLAIMS`, 512."""
        claims = [
            Contact(idOf(number, number % 100), "10.0.0.1", 1000 + number)
            for number in range(4 * MAXIMUM_CLAIMS)
        ]
        for number, contact in enumerate(claims):
            self.assertTrue(claim(self.table, contact, number / CLAIM_RATE))
        held = [contact for contact in claims if self.table.holds(contact.address)]
        self.assertEqual(held, claims[-MAXIMUM_CLAIMS:])

    def test_withdrawnClaimCanBeMadeAgain(self) -> None:
        """A withdrawn claim leaves the table. The same claim can be made again."""
        contact = Contact(idOf(1), "8.8.8.8", 1000)
        for _ in range(CONTACTS_PER_HOST + 1):
            self.assertTrue(claim(self.table, contact, 0.0))
            self.table.withdraw(contact.address)
            self.assertEqual(allOf(self.table), [])
