"""
Proof of contacts: answers, claims, failures, and one address for each id.

A proven contact has answered the node. A claim is an entry for an address that sent a request with
an id but has never answered.
"""

from __future__ import annotations

from dwdht_twisted._core.limits.bounds import SILENCE_REMEMBERED_FOR
from dwdht_twisted._core.routing import TRUSTED_FOR, RoutingTable
from dwdht_twisted._core.routing.bounds import CLAIMANTS_PER_CONTACT
from dwdht_twisted._core.wire import Address, Contact
from dwdht_twisted.errors import InvalidTarget
from tests.helpers.core.tables import LATER, OWN, TableTestCase, allOf, claim, far, idOf


class ProofTests(TableTestCase):
    """
    Proven contacts, and claims without proof.
    """

    def test_newTableIsEmpty(self) -> None:
        """A new table holds no contact, and its answers name none."""
        self.assertEqual(len(self.table), 0)
        self.assertEqual(self.table.contacts(), [])
        self.assertEqual(self.table.closest(OWN), [])
        self.assertEqual(self.table.closestCompact(OWN), b"")
        self.assertFalse(self.table.holds(("10.0.0.1", 1)))

    def test_ownIdOfTheWrongSizeIsRefused(self) -> None:
        """`RoutingTable` raises `InvalidTarget` for an own id of 31 bytes. An id has 32."""
        self.assertRaises(InvalidTarget, RoutingTable, bytes(31))

    def test_answerMakesAProvenContact(self) -> None:
        """A contact that answers is listed and proven."""
        self.table.answered(far(1), 0.0)
        self.assertEqual(self.table.contacts(), [far(1)])
        self.assertEqual(len(self.table), 1)
        self.assertTrue(self.table.holds(far(1).address))
        self.assertTrue(self.table.hasProven(far(1).address))

    def test_requestMakesAClaim(self) -> None:
        """
        A contact that only sent a request is to be pinged. It is held as a claim and isn't counted
        as a contact.
        """
        self.assertTrue(claim(self.table, far(1), 0.0))
        self.assertEqual(self.table.contacts(), [])
        self.assertEqual(len(self.table), 0)
        self.assertTrue(self.table.holds(far(1).address))
        self.assertFalse(self.table.hasProven(far(1).address))
        self.assertEqual(allOf(self.table), [far(1)])

    def test_answerProvesAClaim(self) -> None:
        """When the address of a claim answers, the claim becomes a proven contact."""
        claim(self.table, far(1), 0.0)
        self.assertIsNone(self.table.answered(far(1), 1.0))
        self.assertTrue(self.table.hasProven(far(1).address))
        self.assertEqual(allOf(self.table), [far(1)])

    def test_silenceEndsAClaim(self) -> None:
        """When the address of a claim doesn't answer, the claim is removed."""
        claim(self.table, far(1), 0.0)
        self.assertIsNone(self.table.failed(far(1).address, 1.0))
        self.assertEqual(allOf(self.table), [])
        self.assertFalse(self.table.holds(far(1).address))

    def test_repeatedRequestEarnsNoPing(self) -> None:
        """
        A second request of a contact causes no second ping, before or after the contact has
        answered.
        """
        claim(self.table, far(1), 0.0)
        self.assertFalse(claim(self.table, far(1), 0.0))
        self.table.answered(far(1), 0.0)
        self.assertFalse(claim(self.table, far(1), LATER))

    def test_manyClaimsOfAnAddressEarnOnePing(self) -> None:
        """An address that claims 8 ids and has never answered is to be pinged once."""
        self.assertTrue(claim(self.table, far(1), 0.0))
        for number in range(2, 9):
            self.assertFalse(claim(self.table, far(1)._replace(id=idOf(number)), number * LATER))
        self.assertEqual(allOf(self.table), [far(1)])

    def test_ownIdIsNoContact(self) -> None:
        """A table accepts its own id neither as a claim nor as a contact."""
        contact = Contact(OWN, "10.0.0.1", 80)
        self.assertFalse(claim(self.table, contact, 0.0))
        self.assertIsNone(self.table.answered(contact, 0.0))
        self.assertEqual(allOf(self.table), [])

    def test_silentAddressEarnsNoPing(self) -> None:
        """
        An address that failed to answer isn't to be pinged for 60 seconds,
        `SILENCE_REMEMBERED_FOR`, even if it sends requests under another id.
        """
        claim(self.table, far(1), 0.0)
        self.table.failed(far(1).address, 0.0)
        other = far(1)._replace(id=idOf(2))
        soon = SILENCE_REMEMBERED_FOR - 1
        self.assertFalse(claim(self.table, far(1), soon))
        self.assertFalse(claim(self.table, other, soon))
        self.assertTrue(claim(self.table, other, SILENCE_REMEMBERED_FOR))

    def test_answerEndsSilence(self) -> None:
        """An address that failed to answer once is listed as soon as it answers."""
        self.table.failed(far(1).address, 0.0)
        self.table.answered(far(1), 1.0)
        self.assertEqual(self.table.contacts(), [far(1)])

    def test_answerWithoutAPlaceEndsSilence(self) -> None:
        """
        A silent address answers under an id that is listed at another address. Its next request is
        followed by a ping again.
        """
        self.table.answered(far(1), 0.0)
        self.table.failed(far(2).address, 0.0)
        self.table.answered(far(2)._replace(id=far(1).id), 1.0)
        self.assertTrue(claim(self.table, far(2), 2.0))

    def test_repeatedFailureDoesNoHarm(self) -> None:
        """
        A second failure of a contact changes nothing. A failure of an unknown address changes
        nothing.
        """
        self.table.answered(far(1), 0.0)
        self.table.failed(far(1).address, 1.0)
        self.table.failed(far(1).address, 1.0)
        self.table.failed(far(2).address, 1.0)
        self.assertEqual(len(self.table), 0)


class IdentityTests(TableTestCase):
    """
    A table holds one contact for each address, and one address for each id.
    """

    def test_newIdReplacesTheOldOne(self) -> None:
        """An address that answers under a new id is listed only under the new id."""
        self.table.answered(far(1), 0.0)
        restarted = far(1)._replace(id=idOf(2))
        self.table.answered(restarted, 1.0)
        self.assertEqual(self.table.contacts(), [restarted])

    def test_claimedNewIdHasTheContactPinged(self) -> None:
        """
        A listed contact claims a new id. Its address is to be pinged once in `TRUSTED_FOR`, 30
        seconds, and the old id stays listed.
        """
        self.table.answered(far(1), 0.0)
        restarted = far(1)._replace(id=idOf(2))
        self.assertTrue(claim(self.table, restarted, 1.0))
        self.assertFalse(claim(self.table, restarted, TRUSTED_FOR))
        self.assertTrue(claim(self.table, restarted, LATER + 1.0))
        self.assertEqual(allOf(self.table), [far(1)])

    def test_answerWithoutAnIdRemovesTheContact(self) -> None:
        """
        A contact is removed when its address answers without an id or under the table's own id.
        """
        for id in (None, OWN):
            self.table.answered(far(1), 0.0)
            self.table.answered(Contact(id, *far(1).address), 1.0)
            self.assertEqual(allOf(self.table), [])

    def test_idStaysAtItsAddress(self) -> None:
        """
        A listed id stays at its address although another address claims the id and answers under
        it.
        """
        self.table.answered(far(1), 0.0)
        thief = far(1)._replace(host="10.0.0.2")
        self.assertFalse(claim(self.table, thief, 1.0))
        self.assertIsNone(self.table.answered(thief, 1.0))
        self.assertEqual(allOf(self.table), [far(1)])

    def test_idMovesWhenItsAddressIsSilent(self) -> None:
        """
        A contact answers at a new address. It is listed there after its old address has been pinged
        and has not answered.
        """
        self.table.answered(far(1), 0.0)
        self.table.answered(far(2), 0.0)
        self.table.answered(far(1), 1.0)
        moved = far(1)._replace(host="10.0.0.2")
        self.assertEqual(self.table.answered(moved, 1.0 + LATER), far(1))
        self.assertEqual(self.table.failed(far(1).address, LATER), moved)
        self.assertIsNone(self.table.answered(moved, LATER))
        self.assertEqual(sorted(self.table.contacts()), [moved, far(2)])

    def test_idThatAsksElsewhereHasTheContactPinged(self) -> None:
        """
        A contact that answered one second ago is pinged when its id sends a request from another
        address. Further requests under its id cause no ping for `TRUSTED_FOR`, 30 seconds.
        """
        self.table.answered(far(1), 0.0)
        moved = ("10.0.0.2", 1)
        self.assertEqual(self.table.asked(far(1).id or b"", moved, 1.0), far(1).address)
        for host in ("10.0.0.2", "10.0.0.3"):
            asked = self.table.asked(far(1).id or b"", (host, 1), 1.0 + TRUSTED_FOR)
            self.assertIsNone(asked)
        self.assertEqual(self.table.asked(far(1).id or b"", moved, 1.0 + LATER), far(1).address)
        self.assertEqual(allOf(self.table), [far(1)])

    def test_silentContactLeavesItsIdToItsClaimants(self) -> None:
        """
        An address that claims a contact's id is told when the contact is silent, and only once.
        After the contact has failed, an answer from the address takes its place.
        """
        self.table.answered(far(1), 0.0)
        moved = ("10.0.0.2", 1)
        self.table.asked(far(1).id or b"", moved, 1.0)
        self.assertEqual(self.table.takeClaimants(far(1).address), [moved])
        self.assertEqual(self.table.takeClaimants(far(1).address), [])
        self.table.failed(far(1).address, 2.0)
        self.table.answered(Contact(far(1).id, *moved), 3.0)
        self.assertEqual(allOf(self.table), [Contact(far(1).id, *moved)])

    def test_answerOfTheContactDeniesItsClaimants(self) -> None:
        """
        A contact answers under its own id, under another id or without an id, and then fails. An
        address that claimed the contact's id before the answer isn't to be pinged.
        """
        for id in (far(1).id, idOf(2), None):
            self.table.answered(far(1), 0.0)
            self.table.asked(far(1).id or b"", ("10.0.0.2", 1), 1.0)
            self.table.answered(far(1)._replace(id=id), 2.0)
            self.assertEqual(self.table.takeClaimants(far(1).address), [])
            self.table.failed(far(1).address, 3.0)
            self.assertEqual(self.table.claimed(1000.0), [])

    def test_claimantsOfAContactAreBounded(self) -> None:
        """
        Of 100 addresses that claim a contact's id, the last 4 are to be pinged when the contact is
        silent, as `CLAIMANTS_PER_CONTACT` allows. An address that claims the id twice counts once.
        """
        self.table.answered(far(1), 0.0)
        for port in (*range(1, 101), 100):
            self.table.asked(far(1).id or b"", ("10.0.0.2", port), 1.0)
        claimants = self.table.takeClaimants(far(1).address)
        self.assertEqual([port for _, port in claimants], [97, 98, 99, 100])
        self.assertEqual(len(claimants), CLAIMANTS_PER_CONTACT)

    def test_silentClaimantIsIgnored(self) -> None:
        """
        If a recently silent address claims a contact's id, neither this address nor the contact is
        to be pinged.
        """
        self.table.answered(far(1), 0.0)
        self.table.failed(Address("10.0.0.2", 1), 0.0)
        self.assertIsNone(self.table.asked(far(1).id or b"", ("10.0.0.2", 1), 1.0))
        self.assertEqual(self.table.takeClaimants(far(1).address), [])

    def test_claimedContactIsRecheckedLater(self) -> None:
        """
        A contact's id is claimed too soon after its last recheck. The contact is to be pinged when
        `TRUSTED_FOR`, 30 seconds, have passed since this recheck. If it has answered since the
        claim, it isn't to be pinged.
        """
        self.table.answered(far(1), 0.0)
        self.table.asked(far(1).id or b"", ("10.0.0.2", 1), 1.0)
        self.table.answered(far(1), 2.0)
        self.assertEqual(self.table.claimed(1000.0), [])
        self.table.asked(far(1).id or b"", ("10.0.0.2", 1), 3.0)
        self.assertEqual(self.table.claimed(1.0 + TRUSTED_FOR), [])
        self.assertEqual(self.table.claimed(1.0 + LATER), [far(1).address])
        self.assertEqual(self.table.claimed(2.0 + LATER), [])

    def test_secondAnswerUnderAnIdHasTheContactPinged(self) -> None:
        """
        A contact that answered one second ago is pinged when another address answers under its id.
        The other address is pinged again after the contact has failed.
        """
        self.table.answered(far(1), 0.0)
        moved = far(1)._replace(host="10.0.0.2")
        self.assertEqual(self.table.answered(moved, 1.0), far(1))
        self.assertIsNone(self.table.answered(moved, 1.0 + TRUSTED_FOR))
        self.assertEqual(self.table.failed(far(1).address, 2.0 + TRUSTED_FOR), moved)

    def test_answerBeatsAClaimOfTheSameId(self) -> None:
        """An address that answers under an id replaces an address that only claimed the id."""
        claim(self.table, far(1), 0.0)
        owner = far(1)._replace(host="10.0.0.2")
        self.table.answered(owner, 1.0)
        self.assertEqual(allOf(self.table), [owner])
