"""
Tests for `dwdht_twisted.routing`: its rules, one by one.

What upkeep asks of it is in `tests.core.routing.test_buckets`, and what must hold after any sequence of
events in `tests.core.routing.test_table_model`.
"""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.limits.bounds import (
    CLAIM_RATE,
    CONTACTS_PER_HOST,
    CONTACTS_PER_SUBNET,
    MAXIMUM_ALIKE,
    MAXIMUM_CLAIMS,
    SHARED_IN_BUCKET,
    SILENCE_REMEMBERED_FOR,
    SPARES_PER_BUCKET,
)
from dwdht_twisted._core.routing import TRUSTED_FOR, K, RoutingTable
from dwdht_twisted._core.routing.buckets import DEEPER_THAN_KNOWN, MINIMUM_SAMPLE
from dwdht_twisted._core.wire import ID_BITS, ID_BYTES, Address, Contact, distance, packContact
from dwdht_twisted.errors import InvalidTarget

OWN = bytes(ID_BYTES)

#: Longer ago than a contact is trusted without a ping.
LATER = TRUSTED_FOR + 1


def idOf(number: int, prefix: int = 0) -> bytes:
    """An id that shares ``prefix`` bits with `OWN`."""
    return ((1 << (ID_BITS - 1 - prefix)) | number).to_bytes(ID_BYTES, "big")


def far(number: int, host: str = "10.0.0.1") -> Contact:
    """One of many contacts of the bucket that is farthest away."""
    return Contact(idOf(number), host, 1000 + number)


def claim(table: RoutingTable, contact: Contact, now: float) -> bool:
    """A request claims to be from a contact; tell whether its address is to be pinged."""
    assert contact.id is not None
    pinged = table.asked(contact.id, contact.address, now)
    return pinged == contact.address


def everyone(table: RoutingTable) -> list[Contact]:
    """All contacts of a table, proven or not, closest to itself first."""
    return table.closest(table.id, 10**6, withClaims=True)


class TableTestCase(SynchronousTestCase):
    """
    Tests of one table.
    """

    def setUp(self) -> None:
        self.table = RoutingTable(OWN)

    def fill(self, count: int = K, now: float = 0.0) -> list[Contact]:
        """Have as many contacts of the farthest bucket answer as it holds."""
        contacts = [far(number) for number in range(count)]
        for contact in contacts:
            self.assertIsNone(self.table.answered(contact, now))
        return contacts


class ProofTests(TableTestCase):
    """
    Tests for what makes a contact a proven one.
    """

    def test_empty(self) -> None:
        """A new table knows nobody."""
        self.assertEqual(len(self.table), 0)
        self.assertEqual(self.table.contacts(), [])
        self.assertEqual(self.table.closest(OWN), [])
        self.assertEqual(self.table.closestCompact(OWN), b"")
        self.assertFalse(self.table.holds(("10.0.0.1", 1)))

    def test_ownIdIsChecked(self) -> None:
        """An own id that isn't 32 bytes is refused at once."""
        self.assertRaises(InvalidTarget, RoutingTable, bytes(31))

    def test_answered(self) -> None:
        """Who answers is in the table."""
        self.table.answered(far(1), 0.0)
        self.assertEqual(self.table.contacts(), [far(1)])
        self.assertEqual(len(self.table), 1)
        self.assertTrue(self.table.holds(far(1).address))
        self.assertTrue(self.table.hasProven(far(1).address))

    def test_asked(self) -> None:
        """Who merely asks is pinged, fills up answers, and isn't counted among the contacts."""
        self.assertTrue(claim(self.table, far(1), 0.0))
        self.assertEqual(self.table.contacts(), [])
        self.assertEqual(len(self.table), 0)
        self.assertTrue(self.table.holds(far(1).address))
        self.assertFalse(self.table.hasProven(far(1).address))
        self.assertEqual(everyone(self.table), [far(1)])

    def test_askedThenAnswered(self) -> None:
        """Who asks and then answers our ping is proven, in one place."""
        claim(self.table, far(1), 0.0)
        self.assertIsNone(self.table.answered(far(1), 1.0))
        self.assertTrue(self.table.hasProven(far(1).address))
        self.assertEqual(everyone(self.table), [far(1)])

    def test_askedThenSilent(self) -> None:
        """Who asks and doesn't answer our ping goes."""
        claim(self.table, far(1), 0.0)
        self.assertIsNone(self.table.failed(far(1).address, 1.0))
        self.assertEqual(everyone(self.table), [])
        self.assertFalse(self.table.holds(far(1).address))

    def test_askedTwice(self) -> None:
        """Who asks again is not pinged again, neither before nor after it has answered."""
        claim(self.table, far(1), 0.0)
        self.assertFalse(claim(self.table, far(1), 0.0))
        self.table.answered(far(1), 0.0)
        self.assertFalse(claim(self.table, far(1), LATER))

    def test_claimsOfOneAddress(self) -> None:
        """An address that has never answered earns one ping, however many ids it claims."""
        self.assertTrue(claim(self.table, far(1), 0.0))
        for number in range(2, 9):
            self.assertFalse(claim(self.table, far(1)._replace(id=idOf(number)), number * LATER))
        self.assertEqual(everyone(self.table), [far(1)])

    def test_self(self) -> None:
        """We are no contact of ours."""
        contact = Contact(OWN, "10.0.0.1", 80)
        self.assertFalse(claim(self.table, contact, 0.0))
        self.assertIsNone(self.table.answered(contact, 0.0))
        self.assertEqual(everyone(self.table), [])

    def test_silenceIsRemembered(self) -> None:
        """An address that was silent earns no ping for a while, whatever ids it claims."""
        claim(self.table, far(1), 0.0)
        self.table.failed(far(1).address, 0.0)
        other = far(1)._replace(id=idOf(2))
        soon = SILENCE_REMEMBERED_FOR - 1
        self.assertFalse(claim(self.table, far(1), soon))
        self.assertFalse(claim(self.table, other, soon))
        self.assertTrue(claim(self.table, other, SILENCE_REMEMBERED_FOR))

    def test_answerEndsSilence(self) -> None:
        """An address that answers after all is known again at once."""
        self.table.failed(far(1).address, 0.0)
        self.table.answered(far(1), 1.0)
        self.assertEqual(self.table.contacts(), [far(1)])

    def test_answerEndsSilenceOutside(self) -> None:
        """So is one whose answer earned it no place: its next request has it pinged."""
        self.table.answered(far(1), 0.0)
        self.table.failed(far(2).address, 0.0)
        self.table.answered(far(2)._replace(id=far(1).id), 1.0)
        self.assertTrue(claim(self.table, far(2), 2.0))

    def test_failedTwice(self) -> None:
        """That a contact fails twice, or an unknown address at all, does no harm."""
        self.table.answered(far(1), 0.0)
        self.table.failed(far(1).address, 1.0)
        self.table.failed(far(1).address, 1.0)
        self.table.failed(far(2).address, 1.0)
        self.assertEqual(len(self.table), 0)


class IdentityTests(TableTestCase):
    """
    Tests for one contact at an address, and one address for an id.
    """

    def test_restarted(self) -> None:
        """When an address answers under a new id, the old one is gone."""
        self.table.answered(far(1), 0.0)
        restarted = far(1)._replace(id=idOf(2))
        self.table.answered(restarted, 1.0)
        self.assertEqual(self.table.contacts(), [restarted])

    def test_newIdIsAskedFor(self) -> None:
        """A new id that an address merely claims changes nothing, but has it pinged once due."""
        self.table.answered(far(1), 0.0)
        restarted = far(1)._replace(id=idOf(2))
        self.assertTrue(claim(self.table, restarted, 1.0))
        self.assertFalse(claim(self.table, restarted, TRUSTED_FOR))
        self.assertTrue(claim(self.table, restarted, LATER + 1.0))
        self.assertEqual(everyone(self.table), [far(1)])

    def test_becameEphemeral(self) -> None:
        """Who stood at an address leaves when that answers without an id, or under our own."""
        for id in (None, OWN):
            self.table.answered(far(1), 0.0)
            self.table.answered(Contact(id, *far(1).address), 1.0)
            self.assertEqual(everyone(self.table), [])

    def test_idStays(self) -> None:
        """Another address that claims a known id, or answers under it, doesn't get it."""
        self.table.answered(far(1), 0.0)
        thief = far(1)._replace(host="10.0.0.2")
        self.assertFalse(claim(self.table, thief, 1.0))
        self.assertIsNone(self.table.answered(thief, 1.0))
        self.assertEqual(everyone(self.table), [far(1)])

    def test_idMoves(self) -> None:
        """A node that has moved gets its place once its old address is found silent."""
        self.table.answered(far(1), 0.0)
        self.table.answered(far(2), 0.0)
        self.table.answered(far(1), 1.0)
        moved = far(1)._replace(host="10.0.0.2")
        self.assertEqual(self.table.answered(moved, 1.0 + LATER), far(1))
        self.assertEqual(self.table.failed(far(1).address, LATER), moved)
        self.assertIsNone(self.table.answered(moved, LATER))
        self.assertEqual(sorted(self.table.contacts()), [moved, far(2)])

    def test_idAsksElsewhere(self) -> None:
        """
        When the id of a contact that wasn't heard of lately asks from elsewhere, the contact is
        pinged, but not for each request.
        """
        self.table.answered(far(1), 0.0)
        moved = ("10.0.0.2", 1)
        self.assertIsNone(self.table.asked(far(1).id or b"", moved, 1.0))
        self.assertEqual(self.table.asked(far(1).id or b"", moved, LATER), far(1).address)
        self.assertIsNone(self.table.asked(far(1).id or b"", moved, LATER + 1))
        self.table.failed(far(1).address, LATER + 2)
        self.assertEqual(self.table.asked(far(1).id or b"", moved, LATER + 3), moved)

    def test_claimedId(self) -> None:
        """Who answers under an id is believed before who merely claims it."""
        claim(self.table, far(1), 0.0)
        owner = far(1)._replace(host="10.0.0.2")
        self.table.answered(owner, 1.0)
        self.assertEqual(everyone(self.table), [owner])


class BucketTests(TableTestCase):
    """
    Tests for the size of a bucket, and who has a place in it.
    """

    def test_full(self) -> None:
        """A bucket holds k contacts, and a newcomer waits."""
        contacts = self.fill()
        self.assertIsNone(self.table.answered(far(K), TRUSTED_FOR - 1))
        self.assertEqual(self.table.contacts(), contacts)

    def test_oldestIsPinged(self) -> None:
        """When a newcomer waits, the contact that was silent for longest is to be pinged."""
        contacts = self.fill()
        for contact in contacts:
            if contact != contacts[7]:
                self.table.answered(contact, 1.0)
        self.assertEqual(self.table.answered(far(K), LATER + 1), contacts[7])

    def test_oldestAnswers(self) -> None:
        """When that contact answers, it keeps its place."""
        contacts = self.fill()
        oldest = self.table.answered(far(K), LATER)
        assert oldest is not None
        self.assertIsNone(self.table.answered(oldest, LATER))
        self.assertEqual(sorted(self.table.contacts()), contacts)

    def test_oldestFails(self) -> None:
        """When that contact is silent, the newcomer is to be pinged, and then has the place."""
        self.fill()
        oldest = self.table.answered(far(K), LATER)
        assert oldest is not None
        self.assertEqual(self.table.failed(oldest.address, LATER), far(K))
        self.table.answered(far(K), LATER)
        self.assertIn(far(K), self.table.contacts())
        self.assertNotIn(oldest, self.table.contacts())
        self.assertEqual(len(self.table), K)

    def test_latestSpareFirst(self) -> None:
        """Of the newcomers that wait the latest is the likeliest to be there, and comes first."""
        contacts = self.fill()
        for number in (1, 2, 1):
            self.table.answered(far(K + number), 1.0)
        self.assertEqual(self.table.failed(contacts[0].address, 2.0), far(K + 1))
        self.assertEqual(self.table.failed(contacts[1].address, 2.0), far(K + 2))
        self.assertIsNone(self.table.failed(contacts[2].address, 2.0))

    def test_sparesAreFew(self) -> None:
        """Of many newcomers only some wait."""
        contacts = self.fill()
        for number in range(100):
            self.table.answered(far(K + number), 1.0)
        spares = [self.table.failed(contact.address, 2.0) for contact in contacts]
        self.assertEqual(len([spare for spare in spares if spare is not None]), SPARES_PER_BUCKET)

    def test_claimsWantRoom(self) -> None:
        """Who merely asks is looked into while its bucket has room, and not when it is full."""
        self.fill(K - 1)
        self.assertTrue(claim(self.table, far(100), 0.0))
        self.table.answered(far(101), 0.0)
        self.assertFalse(claim(self.table, far(102), 0.0))

    def test_claimsDoNotCompete(self) -> None:
        """However many ask, the first to answer has the last place; the next waits for it."""
        contacts = self.fill(K - 1)
        for number in range(100, 110):
            self.assertTrue(claim(self.table, far(number), 0.0))
        self.table.answered(far(109), 0.0)
        self.table.answered(far(100), 0.0)
        self.assertEqual(sorted(self.table.contacts()), sorted([*contacts, far(109)]))
        self.assertEqual(self.table.failed(far(109).address, 1.0), far(100))

    def test_claimsToOneId(self) -> None:
        """Whoever claims an id first doesn't keep its owner from being looked into."""
        owner = far(1)._replace(host="10.0.0.2")
        self.assertTrue(claim(self.table, far(1), 0.0))
        self.assertTrue(claim(self.table, owner, 0.0))
        self.assertEqual(len(everyone(self.table)), 1)
        self.table.answered(owner, 1.0)
        self.assertEqual(everyone(self.table), [owner])

    def test_eachPrefix(self) -> None:
        """Each length of shared prefix has a bucket of its own, however close to our id."""
        for prefix in range(ID_BITS):
            contact = Contact(idOf(0, prefix), "10.0.0.1", 1000 + prefix)
            self.table.answered(contact, 0.0)
        self.assertEqual(len(self.table), ID_BITS)
        nearest = idOf(0, ID_BITS - 1)
        self.assertEqual([contact.id for contact in self.table.closest(OWN, 1)], [nearest])

    def test_smallBuckets(self) -> None:
        """The size of a bucket is a choice."""
        table = RoutingTable(OWN, 2)
        for number in range(5):
            table.answered(far(number), 0.0)
        self.assertEqual(len(table), 2)


class CrowdTests(TableTestCase):
    """
    Tests for ids that were chosen, not drawn at random.
    """

    def public(self, number: int, prefix: int = 0) -> Contact:
        """A contact at a public address in a network of its own."""
        return Contact(idOf(number, prefix), f"20.{number >> 8 & 255}.{number & 255}.1", 80)

    def test_crowd(self) -> None:
        """Of public contacts whose ids share most bits, a bucket lists a few."""
        apart = 1 << (ID_BITS - 1 - SHARED_IN_BUCKET)
        crowd = [self.public(number) for number in (1, 2, apart - 1, 3, 4)]
        for contact in (*crowd, self.public(apart)):
            self.table.answered(contact, 0.0)
        listed = [*crowd[:MAXIMUM_ALIKE], self.public(apart)]
        self.assertEqual(self.table.contacts(), listed)

    def test_alike(self) -> None:
        """One that is there first keeps nobody out whose id it has imitated."""
        self.table.answered(self.public(1), 0.0)
        self.table.answered(self.public(2), 0.0)
        self.assertEqual(self.table.contacts(), [self.public(1), self.public(2)])

    def test_privateCrowd(self) -> None:
        """On a private network ids may be chosen."""
        contacts = self.fill(3)
        self.assertEqual(self.table.contacts(), contacts)

    def test_freedPlace(self) -> None:
        """When one of those goes, another may take its place."""
        for number in range(MAXIMUM_ALIKE + 1):
            self.table.answered(self.public(number), 0.0)
        self.table.failed(self.public(0).address, 1.0)
        last = self.public(MAXIMUM_ALIKE)
        self.table.answered(last, 2.0)
        self.assertEqual(len(self.table), MAXIMUM_ALIKE)
        self.assertIn(last, self.table.contacts())


class SpacingTests(TableTestCase):
    """
    Tests for what a table tells about the size of the network.
    """

    def put(self, count: int, prefix: int) -> None:
        """Have contacts answer that share a prefix with us."""
        for number in range(count):
            host = f"10.{prefix}.0.1"
            self.table.answered(Contact(idOf(number, prefix), host, 1000 + number), 0.0)

    def assertTells(self, nodes: int, factor: float = 2) -> None:
        """The estimate is that of so many nodes, but for a factor."""
        estimate = (1 << ID_BITS) / self.table.buckets.spacing()
        self.assertTrue(nodes / factor <= estimate <= nodes * factor, estimate)

    def test_unknown(self) -> None:
        """A table with too few contacts tells nothing."""
        self.put(MINIMUM_SAMPLE - 1, 0)
        self.assertEqual(self.table.buckets.spacing(), 0)

    def test_spacingFollows(self) -> None:
        """The estimate follows the contacts that come and go."""
        contacts = [Contact(idOf(number, 5), "10.0.0.1", 1000 + number) for number in range(8)]
        for contact in contacts:
            self.table.answered(contact, 0.0)
        all_ = self.table.buckets.spacing()
        for contact in contacts[:4]:
            self.table.failed(contact.address, 0.0)
        half = self.table.buckets.spacing()
        self.assertGreater(half, all_)
        for contact in contacts[:4]:
            self.table.answered(contact, 0.0)
        self.assertEqual(self.table.buckets.spacing(), all_)

    def test_halves(self) -> None:
        """As many as are close to us are elsewhere, for each part that is as large."""
        for prefix, count in enumerate((K, K, 16, 8, 4, 2, 1)):
            self.put(count, prefix)
        self.assertTells(128)

    def test_large(self) -> None:
        """However large the network is, a settled table tells how large."""
        for prefix, count in enumerate([K] * 12 + [15, 6, 4, 0, 2]):
            self.put(count, prefix)
        self.assertTells(15 << 13)

    def test_young(self) -> None:
        """A table that lacks contacts far away still tells from those that are near."""
        for prefix, count in enumerate((5, 3, 6, 8, 4, 2, 1)):
            self.put(count, prefix)
        self.assertTells(128)

    def test_neighboursByChoice(self) -> None:
        """Contacts that stand next to us, where nobody would by chance, hardly count."""
        for prefix, count in enumerate((K, K, 16, 8, 4, 2, 1)):
            self.put(count, prefix)
        self.put(K, 200)
        self.assertTells(128)

    def test_ladder(self) -> None:
        """Nor do those of a few public networks that lead to us without a gap."""
        for prefix, count in enumerate((K, K, K, K, 16, 8, 4, 2, 1)):
            self.put(count, prefix)
        for step in range(80):
            host = f"20.1.{step // 16}.{step // 4 % 4}"
            prefix = 5 + step // 4
            id = idOf((1 + step % 4) << (ID_BITS - prefix - 4), prefix)
            self.table.answered(Contact(id, host, 2000 + step), 0.0)
        self.assertEqual(len(self.table), 4 * K + 31 + 80)
        self.assertTells(512)

    def test_notRefreshed(self) -> None:
        """Nor are they looked for."""
        for prefix, count in enumerate((K, K, 16, 8, 4, 2, 1)):
            self.put(count, prefix)
        self.put(K, 200)
        idle = []
        while (found := self.table.buckets.idle(1.0)) is not None:
            idle.append(found)
            self.table.buckets.refreshed(idOf(0, found), 1.0)
        self.assertTrue(7 <= len(idle) <= 7 + DEEPER_THAN_KNOWN, idle)


class SourceTests(TableTestCase):
    """
    Tests for how many places a host and a network hold.
    """

    def spread(self, hosts: list[str]) -> int:
        """Have contacts of hosts answer, each in a bucket of its own; give how many stay."""
        for number, host in enumerate(hosts):
            self.table.answered(Contact(idOf(0, number), host, 1000 + number), 0.0)
        return len(self.table)

    def test_publicHost(self) -> None:
        """A public host holds a few places only."""
        self.assertEqual(self.spread(["8.8.8.8"] * 50), CONTACTS_PER_HOST)

    def test_publicSubnet(self) -> None:
        """A public /24 network holds a few places more."""
        hosts = [f"8.8.8.{number}" for number in range(50)]
        self.assertEqual(self.spread(hosts), CONTACTS_PER_SUBNET)

    def test_otherNetworks(self) -> None:
        """Each network has its own."""
        self.assertEqual(self.spread([f"8.8.{number}.8" for number in range(50)]), 50)

    def test_private(self) -> None:
        """A private or loopback host holds as many places as there are."""
        self.assertEqual(self.spread(["127.0.0.1"] * 50 + ["192.168.0.1"] * 50), 100)

    def test_claims(self) -> None:
        """Claims of a public host keep no other claim out; as many contacts as it may have do."""
        contacts = [Contact(idOf(0, number), "8.8.8.8", 1000 + number) for number in range(10)]
        for number, contact in enumerate(contacts):
            self.assertTrue(claim(self.table, contact, number / 2))
        for contact in contacts[:CONTACTS_PER_HOST]:
            self.table.answered(contact, 5.0)
        self.assertFalse(claim(self.table, contacts[0]._replace(id=idOf(1), port=80), 9.0))

    def test_claimsKeepNobodyOut(self) -> None:
        """Claims in the name of a public host keep out no contact there that has answered."""
        for number in range(CONTACTS_PER_HOST):
            claim(self.table, Contact(idOf(0, number), "8.8.8.8", 1000 + number), 0.0)
        self.table.answered(Contact(idOf(0, 50), "8.8.8.8", 5000), 0.0)
        self.assertTrue(self.table.hasProven(("8.8.8.8", 5000)))

    def test_placesComeBack(self) -> None:
        """A contact that leaves frees the place of its host."""
        self.spread(["8.8.8.8"] * CONTACTS_PER_HOST)
        self.table.failed(Address("8.8.8.8", 1000), 0.0)
        new = Contact(idOf(0, 100), "8.8.8.8", 2000)
        self.table.answered(new, 0.0)
        self.assertIn(new, self.table.contacts())

    def test_claimsAreBounded(self) -> None:
        """A flood of claims fills a bounded part of the table, in which the latest stand."""
        claims = [
            Contact(idOf(number, number % 100), "10.0.0.1", 1000 + number)
            for number in range(4 * MAXIMUM_CLAIMS)
        ]
        for number, contact in enumerate(claims):
            self.assertTrue(claim(self.table, contact, number / CLAIM_RATE))
        self.assertEqual(sorted(everyone(self.table)), sorted(claims[-MAXIMUM_CLAIMS:]))

    def test_withdrawn(self) -> None:
        """A claim that is given up leaves its place, and may be made again."""
        contact = Contact(idOf(1), "8.8.8.8", 1000)
        for _ in range(CONTACTS_PER_HOST + 1):
            self.assertTrue(claim(self.table, contact, 0.0))
            self.table.withdraw(contact.address)
            self.assertEqual(everyone(self.table), [])


class AnswerTests(TableTestCase):
    """
    Tests for the closest contacts.
    """

    def test_claimsFillUp(self) -> None:
        """Contacts that only asked fill up an answer that is short of proven ones, if wanted."""
        self.table.answered(far(2), 0.0)
        self.table.answered(far(4), 0.0)
        for number in (1, 3, 5):
            claim(self.table, far(number), 0.0)
        filled = self.table.closest(idOf(0), 4, withClaims=True)
        self.assertEqual(filled, [far(1), far(2), far(3), far(4)])
        self.assertEqual(self.table.closest(idOf(0), 2, withClaims=True), [far(2), far(4)])
        self.assertEqual(self.table.closest(idOf(0), 4), [far(2), far(4)])

    def test_onlyClaims(self) -> None:
        """Where nobody has answered yet, those that only asked are all there is."""
        claim(self.table, far(1), 0.0)
        self.assertEqual(self.table.closest(idOf(0)), [far(1)])
        self.assertEqual(self.table.closestCompact(idOf(0)), packContact(far(1)))

    def test_publicHostCountsOnce(self) -> None:
        """Further contacts of one public host fill up an answer that is short of others."""
        one, two, three = (Contact(idOf(1, 3 - n), "8.8.8.8", 80 + n) for n in range(3))
        for contact in (one, two, three, far(4), far(5)):
            self.table.answered(contact, 0.0)
        self.assertEqual(self.table.closest(idOf(0, 3), 3), [one, far(4), far(5)])
        self.assertEqual(self.table.closest(idOf(0, 3), 4), [one, two, far(4), far(5)])
        self.table.failed(three.address, 0.0)
        self.table.failed(one.address, 0.0)
        self.assertEqual(self.table.closest(idOf(0, 3), 2), [two, far(4)])

    def test_fullBucketOfSharedHosts(self) -> None:
        """A full bucket in which two share a public host gives way to one of another bucket."""
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

    def test_privateHostCountsEachTime(self) -> None:
        """The contacts of one private host are as good as any."""
        contacts = [far(number)._replace(host="10.8.8.8") for number in (1, 2, 3)]
        for contact in contacts:
            self.table.answered(contact, 0.0)
        self.assertEqual(self.table.closest(idOf(0), 2), contacts[:2])

    def test_compact(self) -> None:
        """An answer is the compact forms in a row, k of them unless told otherwise."""
        for number in range(3 * K):
            contact = Contact(idOf(number, number % 3), "10.0.0.1", 1000 + number)
            self.table.answered(contact, 0.0)
        target = idOf(5, 1)
        closest = self.table.closest(target)
        self.assertEqual(len(closest), K)
        compact = self.table.closestCompact(target)
        self.assertEqual(compact, b"".join(packContact(contact) for contact in closest))

    def test_fullBucket(self) -> None:
        """An answer from one full bucket is in order, whoever came and left, however alike."""
        random = Random(5)
        ids = [bytes([128 | random.getrandbits(7)]) + random.randbytes(31) for _ in range(K + 5)]
        # Two that only the last bit tells apart.
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
                # Asked twice, for an answer is remembered.
                for _ in range(2):
                    self.assertEqual(self.table.closestCompact(target), expected)
