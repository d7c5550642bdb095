"""
Contacts for chosen buckets of a routing table, and the contents of a table.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.routing import TRUSTED_FOR, K, RoutingTable
from dwdht_twisted._core.wire import ID_BITS, ID_BYTES, Contact

#: The id of the table.
OWN = bytes(ID_BYTES)

#: A time in seconds. A contact that answered at 0 is no longer trusted without a ping then.
LATER = TRUSTED_FOR + 1


def idOf(number: int, prefix: int = 0) -> bytes:
    """
    Return an id that shares exactly ``prefix`` leading bits with `OWN` and ends in ``number``.
    """
    return ((1 << (ID_BITS - 1 - prefix)) | number).to_bytes(ID_BYTES, "big")


def far(number: int, host: str = "10.0.0.1") -> Contact:
    """
    Return the contact with this number. It belongs in the farthest bucket, because its id and `OWN`
    share no leading bit.
    """
    return Contact(idOf(number), host, 1000 + number)


def claim(table: RoutingTable, contact: Contact, now: float) -> bool:
    """Claim a contact's id from its address. Return whether the table wants this address pinged."""
    assert contact.id is not None
    pinged = table.asked(contact.id, contact.address, now)
    return pinged == contact.address


def allOf(table: RoutingTable) -> list[Contact]:
    """Return all contacts and claims of a table, the closest to its own id first."""
    return table.closest(table.id, 10**6, withClaims=True)


class TableTestCase(SynchronousTestCase):
    """
    A base for tests with an empty table.
    """

    def setUp(self) -> None:
        self.table = RoutingTable(OWN)

    def fill(self, count: int = K, now: float = 0.0) -> list[Contact]:
        """Add contacts to the farthest bucket until it has ``count``. Return them."""
        contacts = [far(number) for number in range(count)]
        for contact in contacts:
            self.assertIsNone(self.table.answered(contact, now))
        return contacts
