"""
The owners of ids: a contact of long standing that comes back has its place again.
"""

from __future__ import annotations

from dwdht_twisted._core.limits.bounds import MAXIMUM_SILENCE_CHECKS
from dwdht_twisted._core.routing import RoutingTable
from dwdht_twisted._core.routing.bounds import FORMER_CONTACTS, FORMER_KEPT_FOR
from dwdht_twisted._core.wire import Contact
from tests.helpers.core.tables import OWN, TableTestCase, far, idOf

#: A contact, two others at its host, and an address elsewhere, all under one id.
OWNER = Contact(idOf(1), "10.0.0.1", 1001)
OTHER_PORT = OWNER._replace(port=7000)
THIRD_PORT = OWNER._replace(port=7001)
LIAR = OWNER._replace(host="10.0.0.2")

#: The time for which the owner is a contact before it falls silent, in seconds.
STANDING = 1000.0


class OwnerTests(TableTestCase):
    """
    A contact that falls silent after `STANDING` seconds, while another address uses its id.
    """

    def setUp(self) -> None:
        super().setUp()
        self.lend(OWNER, LIAR)

    def lend(self, owner: Contact, other: Contact) -> None:
        """Let an owner answer from 0 to `STANDING` and then fail. Lend its id to another."""
        self.table.answered(owner, 0.0)
        self.table.answered(owner, STANDING)
        self.table.failed(owner.address, STANDING)
        self.table.answered(other, STANDING)
        self.assertIn(other, self.table.contacts())

    def asks(self, contact: Contact, now: float) -> bool:
        """Let a contact send a request. Return whether it is pinged."""
        return self.table.asked(contact.id or b"", contact.address, now) == contact.address

    def test_ownerThatIsBackIsPinged(self) -> None:
        """A request of the owner has it pinged once, even a second after it was silent."""
        self.assertTrue(self.asks(OWNER, STANDING + 1.0))
        self.assertFalse(self.asks(OWNER, STANDING + 1.5))
        self.table.failed(OWNER.address, STANDING + 4.0)
        self.assertTrue(self.asks(OWNER, STANDING + 5.0))

    def test_requestAloneChangesNothing(self) -> None:
        """Requests that carry the owner's id and address leave the place to whoever has it."""
        for second in range(10):
            self.asks(OWNER, STANDING + second)
        self.assertEqual(self.table.contacts(), [LIAR])

    def test_ownerThatAnswersHasItsPlaceAgain(self) -> None:
        """
        The owner's answer takes the place from the other address, which has only half a second less
        standing. The other address can't take it back by an answer.
        """
        self.table.answered(OWNER, 2 * STANDING - 0.5)
        self.assertEqual(self.table.contacts(), [OWNER])
        self.table.answered(LIAR, 2 * STANDING + 60.0)
        self.assertEqual(self.table.contacts(), [OWNER])

    def test_longerStandingDecides(self) -> None:
        """An address that has had the id for as long as the owner before it keeps it."""
        self.assertFalse(self.asks(OWNER, 2 * STANDING))
        self.table.answered(OWNER, 2 * STANDING)
        self.assertEqual(self.table.contacts(), [LIAR])

    def test_ownerIsRememberedForADay(self) -> None:
        """An owner that was a contact for ten days has its place again for one day."""
        table = self.table = RoutingTable(OWN)
        for owner, isBack in ((far(2), True), (far(3), False)):
            liar = owner._replace(host="10.0.0.9")
            table.answered(owner, 0.0)
            table.answered(owner, 10 * FORMER_KEPT_FOR)
            table.failed(owner.address, 10 * FORMER_KEPT_FOR)
            table.answered(liar, 10 * FORMER_KEPT_FOR)
            table.answered(owner, (11 if isBack else 11.1) * FORMER_KEPT_FOR - 1.0)
            self.assertEqual(owner in table.contacts(), isBack)
            self.assertEqual(liar in table.contacts(), not isBack)

    def test_standingIsCounted(self) -> None:
        """
        An owner that has come back after 900 seconds and leaves at once owns the id for another
        1,000 seconds.
        """
        self.table.answered(OWNER, STANDING + 900.0)
        self.table.failed(OWNER.address, STANDING + 900.0)
        self.table.answered(LIAR, STANDING + 900.0)
        self.table.answered(OWNER, 2 * STANDING + 899.0)
        self.assertEqual(self.table.contacts(), [OWNER])

    def test_severalAddressesInTurn(self) -> None:
        """The owner has its place again although several addresses had it, one after the other."""
        for number in range(2, 10):
            self.table.failed(LIAR.address, STANDING + number)
            liar = LIAR._replace(host=f"10.0.0.{number}")
            self.table.answered(liar, STANDING + number)
            self.table.failed(liar.address, STANDING + number + 0.5)
        self.table.answered(OWNER, STANDING + 100.0)
        self.assertEqual(self.table.contacts(), [OWNER])

    def test_ownerUnderAnotherId(self) -> None:
        """A node that was ephemeral, or had another id for a time, has its id again afterwards."""
        for id in (None, idOf(9)):
            self.table.answered(OWNER, STANDING + 1.0)
            self.table.answered(OWNER._replace(id=id), STANDING + 2.0)
            self.table.answered(LIAR, STANDING + 3.0)
            self.table.answered(OWNER, STANDING + 4.0)
            self.assertEqual(self.table.contacts(), [OWNER])

    def test_silentOwnerIsPingedAgain(self) -> None:
        """
        The owner of an id that another host has is pinged after 10 seconds of silence, then each
        time its silence has lasted twice as long, and no more when the other is of longer standing.
        """
        pinged = []
        for second in range(0, 3000, 10):
            if OWNER.address in self.table.ownership.toCheck(STANDING + second):
                pinged.append(second)
        self.assertEqual(pinged, [10, 20, 40, 80, 160, 320, 640])

    def test_ownerOfAFreeIdIsNotPinged(self) -> None:
        """An owner is not pinged if nobody has its id, or if another port of its host has it."""
        self.table.failed(LIAR.address, STANDING + 1.0)
        self.assertEqual(self.table.ownership.toCheck(STANDING + 100.0), [])
        self.table.answered(OTHER_PORT, STANDING + 100.0)
        self.assertEqual(self.table.ownership.toCheck(STANDING + 200.0), [])

    def test_fewOwnersArePingedAtOnce(self) -> None:
        """Of 20 owners that are due, `MAXIMUM_SILENCE_CHECKS`, 16, are pinged at once."""
        table = self.table = RoutingTable(OWN)
        owners = [far(number) for number in range(20)]
        for owner in owners:
            self.lend(owner, owner._replace(host="10.0.0.2"))
        first = table.ownership.toCheck(STANDING + 20.0)
        second = table.ownership.toCheck(STANDING + 30.0)
        self.assertEqual(len(first), MAXIMUM_SILENCE_CHECKS)
        self.assertEqual({*first, *second}, {owner.address for owner in owners})

    def test_otherPortOfTheHost(self) -> None:
        """A node that was restarted at another port takes its place from an address elsewhere."""
        self.assertTrue(self.asks(OTHER_PORT, STANDING + 1.0))
        self.table.answered(OTHER_PORT, STANDING + 1.0)
        self.assertEqual(self.table.contacts(), [OTHER_PORT])
        self.table.answered(LIAR, STANDING + 60.0)
        self.assertEqual(self.table.contacts(), [OTHER_PORT])

    def test_silentPortIsNotPingedAgain(self) -> None:
        """Another port of the owner's host that was silent a second ago is not pinged."""
        self.table.failed(OTHER_PORT.address, STANDING + 1.0)
        self.assertFalse(self.asks(OTHER_PORT, STANDING + 2.0))

    def test_portsOfOneHostDoNotDisplaceEachOther(self) -> None:
        """A further port of the owner's host takes no place from the one that has it."""
        self.table.answered(OTHER_PORT, STANDING + 1.0)
        self.assertFalse(self.asks(THIRD_PORT, STANDING + 2.0))
        self.table.answered(THIRD_PORT, STANDING + 2.0)
        self.assertEqual(self.table.contacts(), [OTHER_PORT])

    def test_ownerComesBeforeItsHost(self) -> None:
        """The owner itself takes its place from another port of its host, and not vice versa."""
        self.table.answered(OTHER_PORT, STANDING + 1.0)
        self.table.answered(OWNER, STANDING + 2.0)
        self.table.answered(OTHER_PORT, STANDING + 3.0)
        self.assertEqual(self.table.contacts(), [OWNER])

    def test_shortestStandingIsForgottenFirst(self) -> None:
        """
        A table remembers 512 former contacts. More of them, each with a standing of a second, do
        not make it forget the owner.
        """
        for number in range(FORMER_CONTACTS + 1000):
            contact = far(10 + number)
            self.table.answered(contact, STANDING)
            self.table.answered(contact, STANDING + 1.0)
            self.table.failed(contact.address, STANDING + 1.0)
        self.assertEqual(len(self.table.ownership._former), FORMER_CONTACTS)
        self.table.answered(OWNER, STANDING + 2.0)
        self.assertEqual(self.table.contacts(), [OWNER])

    def test_otherHostsPushOutNoPortOfTheContactsHost(self) -> None:
        """
        A node that was restarted at another port and then 100 other hosts claim the id of a
        contact. It is still to be pinged when the contact is silent, beside the last 3 others.
        """
        self.asks(LIAR._replace(port=7), STANDING)
        for number in range(100):
            self.asks(OWNER._replace(host=f"10.1.0.{number}"), STANDING)
        claimants = self.table.takeClaimants(LIAR.address)
        hosts = [LIAR.host, "10.1.0.97", "10.1.0.98", "10.1.0.99"]
        self.assertEqual([host for host, _ in claimants], hosts)

    def test_claimantsLeaveWithTheContact(self) -> None:
        """
        The addresses that claim the id of a contact are forgotten when it leaves, whether it is
        silent, answers under another id, or gives way to the owner.
        """
        claimant = ("10.0.0.7", 7)
        for leave in (
            lambda: self.table.failed(LIAR.address, STANDING + 1.0),
            lambda: self.table.answered(LIAR._replace(id=None), STANDING + 1.0),
            lambda: self.table.answered(OWNER, STANDING + 1.0),
        ):
            self.table = RoutingTable(OWN)
            self.lend(OWNER, LIAR)
            self.table.asked(LIAR.id or b"", claimant, STANDING)
            self.assertEqual(list(self.table.ownership.claimants), [LIAR.address])
            leave()
            self.assertEqual(self.table.ownership.claimants, {})
