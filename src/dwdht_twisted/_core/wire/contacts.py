"""
Contacts: a node's id and address, and the compact form in which answers carry them.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import NamedTuple

from .addresses import (
    COMPACT_ADDRESS_BYTES,
    Address,
    isSendable,
    packAddress,
    unpackHost,
)
from .ids import ID_BYTES, checkId

#: The size of a compact contact, in bytes: the id, then the compact address.
COMPACT_CONTACT_BYTES = ID_BYTES + COMPACT_ADDRESS_BYTES

# The most compact contacts whose `Contact` is cached, at some 400 bytes of memory each.  The
# answers of a network name the same contacts again and again.  Smaller: a node that makes many
# lookups reads most contacts anew.  Larger: liars that name ever new contacts fill more memory.
_CACHED_CONTACTS = 16384


class Contact(NamedTuple):
    """
    A node of the network.

    :ivar id: 32 bytes; None for an ephemeral node.  Such a node keeps its id to itself, so no other
        node lists it.
    :ivar host: an IPv4 address in dotted form
    :ivar port: 1 to 65535
    """

    id: bytes | None
    host: str
    port: int

    @property
    def address(self) -> Address:
        """The node's address."""
        return Address(self.host, self.port)

    def __str__(self) -> str:
        name = "ephemeral" if self.id is None else self.id.hex()[:8]
        return f"{name}@{self.host}:{self.port}"


@lru_cache(maxsize=_CACHED_CONTACTS)
def unpackContact(compact: bytes) -> Contact | None:
    """
    Read a compact contact of 38 bytes.

    :return: the contact, or None when nothing can be sent to its address.  Then its port is 0, or
        `isSendable` excludes its host.
    """
    port = int.from_bytes(compact[-2:], "big")
    if not port or not isSendable(compact[ID_BYTES]):
        return None
    return Contact(compact[:ID_BYTES], unpackHost(compact[ID_BYTES:-2]), port)


def packContact(contact: Contact) -> bytes:
    """
    Write a contact in its compact form, 38 bytes.

    :raises InvalidTarget: when the contact is ephemeral
    """
    return checkId(contact.id, "the id of a contact") + packAddress(contact.host, contact.port)


def splitContacts(compact: bytes, most: int | None = None) -> tuple[bytes, ...]:
    """
    Split the ``nodes`` of an answer into compact contacts.

    An incomplete contact at the end is left out.

    :param most: the most contacts to return, from the start; None for all
    """
    count = len(compact) // COMPACT_CONTACT_BYTES
    if most is not None and count > most:
        count = most
    return _splitter(count).unpack_from(compact)


@lru_cache(maxsize=64)
def _splitter(count: int) -> Struct:
    """Return what reads so many compact contacts at once, which is faster than slices."""
    return Struct(f"{COMPACT_CONTACT_BYTES}s" * count)
