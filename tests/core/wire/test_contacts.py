"""
Contacts: their compact form, and the lists of contacts in answers.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.wire import (
    COMPACT_CONTACT_BYTES,
    Address,
    Contact,
    packAddress,
    packContact,
    splitContacts,
    unpackContact,
)
from dwdht_twisted.errors import InvalidTarget
from tests.helpers.strategies import contacts, ephemeralContacts, thorough

ID = bytes(range(32))


class CompactContactTests(SynchronousTestCase):
    """
    The compact form of a contact.
    """

    def test_compactContactIsIdThenAddress(self) -> None:
        """A compact contact consists of the id and the compact address, in this order."""
        compact = bytes.fromhex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
        compact += bytes.fromhex("0a000001ffff")
        contact = Contact(ID, "10.0.0.1", 65535)
        self.assertEqual(packContact(contact), compact)
        self.assertEqual(unpackContact(compact), contact)

    @thorough
    @given(contacts)
    def test_packedContactIsReadBack(self, contact: Contact) -> None:
        """The compact form of a contact has 38 bytes, from which the same contact is read."""
        compact = packContact(contact)
        self.assertEqual(len(compact), COMPACT_CONTACT_BYTES)
        self.assertEqual(COMPACT_CONTACT_BYTES, 38)
        self.assertEqual(unpackContact(compact), contact)

    @thorough
    @given(ephemeralContacts)
    def test_contactWithoutAnIdIsNotPacked(self, contact: Contact) -> None:
        """`packContact` raises `InvalidTarget` for a contact without an id."""
        self.assertRaises(InvalidTarget, packContact, contact)

    def test_unsendableContactIsNotRead(self) -> None:
        """
        A compact contact is read as None if its port is 0. It is also read as None if the first
        octet of its host is 0 or 224 to 255.
        """
        for host, port in (("10.0.0.1", 0), ("0.0.0.0", 80), ("224.0.0.1", 80), ("255.0.0.1", 80)):
            compact = ID + packAddress(host, port)
            self.assertIsNone(unpackContact(compact), f"{host}:{port}")


class SplitContactsTests(SynchronousTestCase):
    """
    `splitContacts`, which splits the contacts of an answer.
    """

    @thorough
    @given(st.lists(contacts, max_size=25), st.binary(max_size=COMPACT_CONTACT_BYTES - 1))
    def test_incompleteContactIsLeftOut(self, listed: list[Contact], rest: bytes) -> None:
        """
        Joined contacts are split again. An incomplete contact of up to 37 bytes at the end is left
        out.
        """
        compact = b"".join(packContact(contact) for contact in listed)
        parts = [unpackContact(part) for part in splitContacts(compact + rest)]
        self.assertEqual(parts, listed)

    @given(st.lists(contacts, max_size=8), st.integers(0, 10))
    def test_contactsBeyondTheMostAreLeftOut(self, listed: list[Contact], most: int) -> None:
        """At most the given number of contacts is split off. Further contacts are left out."""
        compact = b"".join(packContact(contact) for contact in listed)
        parts = [unpackContact(part) for part in splitContacts(compact, most)]
        self.assertEqual(parts, listed[:most])


class ContactTests(SynchronousTestCase):
    """
    A `Contact`.
    """

    def test_addressIsHostAndPort(self) -> None:
        """The address of a contact is its host and its port."""
        self.assertEqual(Contact(ID, "192.0.2.7", 80).address, Address("192.0.2.7", 80))

    def test_contactIsImmutable(self) -> None:
        """Neither the port of a contact nor the port of its address can be set."""
        contact = Contact(ID, "192.0.2.7", 80)
        self.assertRaises(AttributeError, setattr, contact, "port", 81)
        self.assertRaises(AttributeError, setattr, contact.address, "port", 81)

    def test_shownWithTheStartOfItsId(self) -> None:
        """
        A contact is shown as the first 4 bytes of its id and its address. Without an id,
        "ephemeral" takes the place of the bytes.
        """
        self.assertEqual(str(Contact(ID, "192.0.2.7", 80)), "00010203@192.0.2.7:80")
        self.assertEqual(str(Contact(None, "192.0.2.7", 80)), "ephemeral@192.0.2.7:80")
