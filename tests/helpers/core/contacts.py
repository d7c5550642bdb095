"""
Ids at a chosen distance from a target, and lists of contacts in their compact form and by distance.
"""

from __future__ import annotations

from collections.abc import Iterable

from dwdht_twisted._core.wire import ID_BYTES, Contact, distance, packContact


def near(target: bytes, number: int) -> bytes:
    """Return the id at a distance of ``number`` from a target."""
    return (int.from_bytes(target, "big") ^ number).to_bytes(ID_BYTES, "big")


def compact(contacts: Iterable[Contact]) -> bytes:
    """Return the compact form of contacts, as in the field ``nodes`` of an answer."""
    return b"".join(packContact(contact) for contact in contacts)


def byDistance(contacts: Iterable[Contact], target: bytes) -> list[Contact]:
    """Return contacts in the order of their distance from a target."""
    return sorted(contacts, key=lambda contact: distance(contact.id or b"", target))


def closestIds(contacts: Iterable[Contact], target: bytes, count: int = 20) -> list[bytes]:
    """
    Return the ids of the contacts closest to a target, in order. Ephemeral contacts are left out.
    """
    listed = [contact for contact in contacts if contact.id is not None]
    return [contact.id for contact in byDistance(listed, target)[:count] if contact.id]
