"""
Which values a node offers to which of its contacts.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import nsmallest

from ..._core.routing import K
from ..._core.wire import Contact

#: The number of holders that offer a value: those closest to its key.  With one, a value is handed
#: on only once in most cases (Kademlia, section 2.5), but not at all while this holder lacks the
#: value itself.  Larger: more offers.
OFFERING_HOLDERS = 3


class Neighbourhood:
    """
    The nodes around one node at one moment.

    :param id: the id of the node itself, 32 bytes
    :param contacts: the contacts of the node, without those that don't speak the hand-over command
    :param due: the contacts to which values are offered
    :param unknown: those of them that were not asked yet whether they speak the command
    """

    def __init__(
        self,
        id: bytes,
        contacts: Iterable[Contact],
        *,
        due: Iterable[Contact],
        unknown: Iterable[Contact] = (),
    ) -> None:
        self._own = int.from_bytes(id, "big")
        self._numbers = [_number(contact) for contact in contacts]
        self._due = [(_number(contact), contact) for contact in due]
        self._unknown = {_number(contact): contact for contact in unknown}

    def offered(self, key: bytes) -> list[Contact]:
        """
        Choose the contacts to which the node offers a value that it holds.

        Only the `OFFERING_HOLDERS` nodes closest to the key offer it, and only to the nodes that
        are among the 20 closest.  Another node offers a value only to learn whether those that it
        relies on speak the command, once to each of them.
        """
        target = int.from_bytes(key, "big")
        own = self._own ^ target
        closer = 0
        for number in self._numbers:
            if number ^ target < own:
                closer += 1
                if closer == OFFERING_HOLDERS:
                    return self._reliedOn(target) if self._unknown else []
        closest = nsmallest(K, [own, *(number ^ target for number in self._numbers)])
        bound = closest[-1]
        chosen = [
            (number, contact)
            for number, contact in self._due
            if number ^ target <= bound or len(closest) < K
        ]
        for number, _ in chosen:
            self._unknown.pop(number, None)
        return [contact for _, contact in chosen]

    def _reliedOn(self, target: int) -> list[Contact]:
        """The nodes that offer a value in place of this one, without those that were asked."""
        closest = nsmallest(OFFERING_HOLDERS, self._numbers, key=target.__xor__)
        return [self._unknown.pop(number) for number in closest if number in self._unknown]


def _number(contact: Contact) -> int:
    assert contact.id is not None
    return int.from_bytes(contact.id, "big")


__all__ = ["Neighbourhood"]
