"""
When contacts were seen, and which of them are to be pinged.
"""

from __future__ import annotations

from random import Random

from dwdht_twisted._core.routing import LONGEST_CHECK, SHORTEST_CHECK
from dwdht_twisted._core.routing.freshness import (
    CONFIRM_PATH_AFTER,
    KEEP_OPEN_AFTER,
    LISTED_DEAD,
    PATH_STAYS_OPEN,
)
from dwdht_twisted._core.wire import Contact, packContact, splitContacts, unpackContact
from tests.helpers.core.tables import TableTestCase, claim, far


class UnseenTests(TableTestCase):
    """
    The contacts that are to be pinged because they were not seen for some time.
    """

    def test_contactsUnseenForLongestComeFirst(self) -> None:
        """
        At most the wanted number of contacts is returned, the one unseen for longest first. Claims
        are not returned.
        """
        contacts = [far(number) for number in range(5)]
        for contact, time in zip(contacts, (3.0, 1.0, 5.0, 2.0, 4.0), strict=True):
            self.table.answered(contact, time)
        claim(self.table, far(10), 0.0)
        freshness = self.table.freshness
        self.assertEqual(
            freshness.unseenSince(5.0, 10), [contacts[1], contacts[3], contacts[0], contacts[4]]
        )
        self.assertEqual(freshness.unseenSince(5.0, 2), [contacts[1], contacts[3]])
        freshness.confirmed(contacts[1].id or b"", contacts[1].address, 6.0)
        self.assertNotIn(contacts[1], freshness.unseenSince(5.0, 10))

    def test_unseenContactsOfAnAnswer(self) -> None:
        """
        Of the contacts in an answer, those that were not seen since a time are returned, the one
        unseen for longest first. Contacts that the table does not hold are left out.
        """
        contacts = [far(number) for number in range(4)]
        for contact, time in zip(contacts, (3.0, 1.0, 5.0, 2.0), strict=True):
            self.table.answered(contact, time)
        answer = b"".join(map(packContact, [*contacts[:3], far(10)]))
        unseen = self.table.freshness.unseenAmong(answer, 5.0)
        self.assertEqual(unseen, [contacts[1], contacts[0]])

    def test_onlyTheRightIdConfirmsAContact(self) -> None:
        """A token that came back with another id, or from another address, confirms nothing."""
        self.table.answered(far(1), 0.0)
        freshness = self.table.freshness
        freshness.confirmed(far(2).id or b"", far(1).address, 1000.0)
        freshness.confirmed(far(1).id or b"", far(2).address, 1000.0)
        self.assertEqual(freshness.unseenSince(1000.0, 10), [far(1)])

    def test_tokensAreKeptForContacts(self) -> None:
        """The last token of a contact is brought back to it. An unknown address has none."""
        self.table.answered(far(1), 0.0)
        freshness = self.table.freshness
        self.assertIsNone(freshness.token(far(1).address))
        freshness.given(far(1).address, b"1" * 32)
        freshness.given(far(2).address, b"2" * 32)
        self.assertEqual(freshness.token(far(1).address), b"1" * 32)
        self.assertIsNone(freshness.token(far(2).address))


class UnconfirmedTests(TableTestCase):
    """
    The contacts that have not been seen since the machine has slept.
    """

    def test_sightConfirmsAContact(self) -> None:
        """
        All contacts are unconfirmed after a sleep, until they answer, bring back a token or leave
        the table. Later contacts are not.
        """
        freshness = self.table.freshness
        contacts = self.fill(5)
        self.assertFalse(any(freshness.isUnconfirmed(each.address) for each in contacts))
        freshness.slept()
        self.assertTrue(all(freshness.isUnconfirmed(each.address) for each in contacts))
        self.table.answered(contacts[0], 100.0)
        freshness.confirmed(contacts[1].id or b"", contacts[1].address, 100.0)
        self.table.failed(contacts[2].address, 100.0)
        self.table.answered(contacts[2], 101.0)
        self.table.answered(far(9), 101.0)
        left = [each for each in self.table.contacts() if freshness.isUnconfirmed(each.address)]
        self.assertEqual(left, contacts[3:])
        self.assertEqual(len(freshness.unconfirmed), 2)

    def test_unconfirmedContactsAreLeftOut(self) -> None:
        """
        The closest confirmed contacts are those of `closest` without the unconfirmed ones, for any
        target and number, with and without claims.
        """
        draw = Random(17)
        for number in range(60):
            self.table.answered(Contact(draw.randbytes(32), f"10.0.1.{number}", 1), 0.0)
        claim(self.table, Contact(draw.randbytes(32), "10.0.2.1", 1), 0.0)
        freshness = self.table.freshness
        for _ in range(3):
            freshness.slept()
            for contact in draw.sample(self.table.contacts(), draw.randrange(30)):
                self.table.answered(contact, 1.0)
            for _ in range(20):
                target, count = draw.randbytes(32), draw.choice((1, 5, 20, 70))
                withClaims = draw.random() < 0.5
                expected = [
                    each
                    for each in self.table.closest(target, 100, withClaims=withClaims)
                    if not freshness.isUnconfirmed(each.address)
                ][:count]
                compact = self.table.confirmedCompact(target, count, withClaims=withClaims)
                found = [unpackContact(each) for each in splitContacts(compact, 100)]
                self.assertEqual(found, expected)


class IntervalTests(TableTestCase):
    """
    The time after which contacts are pinged, in networks with many deaths and with few.
    """

    def live(self, contacts: int, seconds: float, deaths: int) -> float:
        """Let contacts be seen for some time, while some die. Return the time between pings."""
        for number in range(contacts):
            self.table.answered(far(number), 0.0)
        for number in range(contacts):
            self.table.answered(far(number), seconds)
        for number in range(deaths):
            self.table.answered(far(1000 + number), seconds)
            self.table.failed(far(1000 + number).address, seconds)
        return self.table.freshness.interval

    def test_whereNobodyDiesPingsAreRare(self) -> None:
        """Fifteen contacts that live for an hour are pinged each `LONGEST_CHECK` seconds."""
        self.assertEqual(self.live(15, 3600, 0), LONGEST_CHECK)

    def test_whereManyDiePingsAreFrequent(self) -> None:
        """Where more contacts die than live, they are pinged each `SHORTEST_CHECK` seconds."""
        self.assertEqual(self.live(15, 600, 20), SHORTEST_CHECK)

    def test_intervalFollowsTheDeaths(self) -> None:
        """
        If contacts live for an hour on average, dead ones are listed for `LISTED_DEAD` of an hour
        on average, which is half of the time between two pings.
        """
        interval = self.live(15, 5400, 22)
        self.assertTrue(0.9 < interval / (2 * LISTED_DEAD * 3600) < 1.1, interval)

    def test_deathsOfThePastAreForgotten(self) -> None:
        """Deaths count less after the others have lived for a long time."""
        self.live(15, 600, 20)
        for hour in range(1, 40):
            for number in range(15):
                self.table.answered(far(number), 600 + 3600.0 * hour)
        self.assertEqual(self.table.freshness.interval, LONGEST_CHECK)


class PathTests(TableTestCase):
    """
    Paths through NATs, which close unless they are used.
    """

    def test_newPathIsUsedAgainSoon(self) -> None:
        """
        A new path is used again after `CONFIRM_PATH_AFTER` seconds, and from then on each
        `KEEP_OPEN_AFTER` seconds.
        """
        freshness, address = self.table.freshness, far(1).address
        self.table.answered(far(1), 0.0)
        self.assertFalse(freshness.needsDatagram(address, CONFIRM_PATH_AFTER - 1))
        self.assertTrue(freshness.needsDatagram(address, CONFIRM_PATH_AFTER))
        self.table.answered(far(1), 10.0)
        self.assertFalse(freshness.needsDatagram(address, 9.0 + KEEP_OPEN_AFTER))
        self.assertTrue(freshness.needsDatagram(address, 10.0 + KEEP_OPEN_AFTER))

    def test_pathThatHasClosedIsNew(self) -> None:
        """After a pause of more than `PATH_STAYS_OPEN` seconds a path counts as new."""
        freshness, address = self.table.freshness, far(1).address
        for time in (0.0, 10.0, 10.0 + PATH_STAYS_OPEN):
            self.table.answered(far(1), time)
        self.assertFalse(freshness.needsDatagram(address, 15.0 + PATH_STAYS_OPEN))
        self.table.answered(far(1), 11.0 + 2 * PATH_STAYS_OPEN)
        self.assertTrue(freshness.needsDatagram(address, 15.0 + 2 * PATH_STAYS_OPEN))

    def test_unknownAddressNeedsNothing(self) -> None:
        """No path to an unknown address is kept open."""
        self.assertFalse(self.table.freshness.needsDatagram(far(1).address, 1000.0))
