"""
Lookups of a fixed target. A test supplies the answers.
"""

from __future__ import annotations

from collections.abc import Iterable

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.lookup import Candidate, Lookup, Search
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import ID_BYTES, Address, Contact
from tests.helpers.core.contacts import compact, near
from tests.helpers.core.lookup_network import answer

#: The target of every lookup.
TARGET = bytes(ID_BYTES)

#: The id of the searching node. Its distance from the target is the largest possible.
OWN = b"\xff" * ID_BYTES

#: The address of a bootstrap node.
BOOTSTRAP = Address("198.51.100.1", 6620)


def node(number: int, host: str | None = None) -> Contact:
    """
    Return the contact of a node at a distance of ``number`` from `TARGET`.

    :param host: by default a public host in a /24 network of its own
    """
    if host is None:
        host = f"20.{number >> 8 & 255}.{number & 255}.1"
    return Contact(near(TARGET, number), host, 1000 + number % 50000)


def startLookup(contacts: Iterable[Contact], k: int = K) -> Lookup:
    """Return a lookup that starts from these contacts."""
    lookup = Lookup(TARGET, OWN, k=k)
    lookup.addContacts(compact(contacts))
    return lookup


def askAll(search: Search) -> list[Candidate]:
    """Return all candidates that the search wants to ask now."""
    asked = []
    while (candidate := search.next()) is not None:
        asked.append(candidate)
    return asked


def contactOf(candidate: Candidate) -> Contact:
    """Return the contact of a candidate."""
    return Contact(candidate.id, *candidate.address)


class LookupTestCase(SynchronousTestCase):
    """
    A base for tests of lookups with answers supplied by the test.
    """

    def finish(self, lookup: Lookup, silent: Iterable[Contact] = ()) -> list[Contact]:
        """
        Run a lookup to its end. No answer names a contact.

        :param silent: the contacts that don't answer. All others answer under their own ids
        :return: the asked contacts, in order
        """
        silences = set(silent)
        asked = []
        while (batch := askAll(lookup)) or not lookup.isOver:
            self.assertTrue(batch, "the lookup is not over, but has nobody to ask")
            for candidate in batch:
                asked.append(contactOf(candidate))
                if contactOf(candidate) in silences:
                    lookup.failed(candidate)
                else:
                    lookup.answered(candidate, answer(candidate.id))
        return asked
