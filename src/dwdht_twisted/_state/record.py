"""
The id and the contacts of a node, as they are kept.

The form is JSON, with a contact on each line, so that an operator can read it.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from .._core.limits.bounds import MAXIMUM_RECALLED
from .._core.routing import K
from .._core.wire import Contact, checkId
from .._net.arguments import checkContact

#: A table with fewer contacts than this is filled up with contacts that were kept before.  Larger:
#: the state of a node in a small network holds more dead contacts, and each is pinged at the start.
#: Smaller: a node that has found only a few of its contacts when it is restarted forgets the
#: others.
FILLED_UP_TO = K


class NodeRecord(NamedTuple):
    """
    What is kept of a node.

    :ivar id: 32 bytes
    :ivar contacts: the contacts, the most useful ones first
    """

    id: bytes
    contacts: list[Contact]


def encode(record: NodeRecord) -> bytes:
    """Return a record as a text."""
    contacts = (
        json.dumps({"host": each.host, "port": each.port, "id": (each.id or b"").hex()})
        for each in record.contacts
    )
    listed = ",\n".join(contacts)
    return f'{{"id": "{record.id.hex()}", "contacts": [\n{listed}\n]}}\n'.encode()


def decode(data: bytes) -> NodeRecord | None:
    """Read what `encode` has made.  Return None if it is something else."""
    try:
        given = json.loads(data)
        contacts = [
            checkContact(Contact(bytes.fromhex(each["id"]), each["host"], each["port"]))
            for each in given["contacts"]
        ]
        return NodeRecord(checkId(bytes.fromhex(given["id"]), "the id"), contacts)
    except (ValueError, TypeError, LookupError, RecursionError):
        return None


def merge(former: list[Contact], present: list[Contact]) -> list[Contact]:
    """
    Choose the contacts to keep, at most `MAXIMUM_RECALLED`.

    Contacts of the table that were kept before come first: a node that was up long is likely to
    stay up (Maymounkov and Mazieres, "Kademlia", section 2.2).  Then come the other contacts of the
    table.  Contacts that are in the table no more follow only if there are few others.

    :param former: the contacts that were kept before, in their order
    :param present: the contacts of the table, the longest known first
    """
    known = set(present)
    before = set(former)
    kept = [each for each in former if each in known]
    kept += [each for each in present if each not in before]
    ids = {each.id for each in kept}
    addresses = {each.address for each in kept}
    absent = [
        each
        for each in former
        if each not in known and each.id not in ids and each.address not in addresses
    ]
    kept += absent[: max(0, FILLED_UP_TO - len(kept))] if kept else absent
    return kept[:MAXIMUM_RECALLED]
