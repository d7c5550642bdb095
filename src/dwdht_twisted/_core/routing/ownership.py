"""
The owners of ids: which address an id belongs to when several addresses use it.

An id is not a secret, so an address that uses it proves little.  But each address of the two that
use it has been a contact under this id for a certain time, its *standing*, and a liar that takes an
id while its node is away has none.  So an id belongs to the address of the longest standing.  While
that address is silent, the id is lent to another address that answers.

The arguments ``now`` are times in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ..limits.bounds import MAXIMUM_SILENCE_CHECKS, SILENCE_CHECKED_AFTER
from ..wire import HostPort
from .bounds import CLAIMANTS_PER_CONTACT, FORMER_CONTACTS, FORMER_KEPT_FOR
from .bucket import Entry

#: The rank of the owner of an id.  Its host has rank 1, and any other host rank 0.
_OWNER = 2


class Former(NamedTuple):
    """
    A contact that has left the table.

    :ivar address: its address
    :ivar standing: the time for which it was a contact, in seconds
    :ivar leftAt: the time when it left, in seconds
    :ivar checkAt: the time when it is to be pinged, in seconds, if its id is lent to another host
    :ivar until: the time until which its id belongs to it, in seconds.  From then on, an address
        that took its place when it left is of longer standing.
    """

    address: HostPort
    standing: float
    leftAt: float
    checkAt: float
    until: float


class Ownership:
    """
    The addresses that use the id of a contact, or were contacts under an id.

    :param entries: the proven contacts by their ids; the table changes them
    :ivar claimants: the addresses that claim the id of a contact, by the address of the contact
    """

    __slots__ = ("_entries", "_former", "claimants")

    def __init__(self, entries: Mapping[int, Entry]) -> None:
        self._entries = entries
        self.claimants: dict[HostPort, list[HostPort]] = {}
        # The contacts that have left, by id.
        self._former: dict[int, Former] = {}

    def claim(self, contact: HostPort, claimant: HostPort) -> None:
        """
        Note that an address claims the id of a contact.

        A further claimant replaces the oldest that is at another host than the contact.  So other
        hosts don't push out a node that was restarted at another port.
        """
        claimants = self.claimants.setdefault(contact, [])
        if claimant in claimants:
            claimants.remove(claimant)
        claimants.append(claimant)
        if len(claimants) > CLAIMANTS_PER_CONTACT:
            elsewhere = (each for each in claimants if each[0] != contact[0])
            claimants.remove(next(elsewhere, claimants[0]))

    def left(self, entry: Entry, now: float) -> None:
        """
        Note that a contact leaves the table, because it is silent or has another id.

        If its id was lent to it, the id still belongs to the owner.  Of too many former contacts,
        the one whose time ends first is forgotten.  So to make a table forget an owner of long
        standing takes many contacts of as long a standing.
        """
        former = self._former.get(entry.number)
        standing = entry.lastSeen - entry.since
        if not standing or (former is not None and former.until > now):
            return
        until = now + min(standing, FORMER_KEPT_FOR)
        checkAt = now + SILENCE_CHECKED_AFTER
        self._former[entry.number] = Former(entry.address, standing, now, checkAt, until)
        if len(self._former) > FORMER_CONTACTS:
            del self._former[min(self._former, key=lambda number: self._former[number].until)]

    def outranks(self, number: int, address: HostPort, other: HostPort, now: float) -> bool:
        """
        Whether an id belongs to an address rather than to another one that has it at present.

        The owner comes first.  Then comes any port of its host, because a node that is restarted
        there may get another port.
        """
        if number not in self._former:
            return False
        return self._rank(number, address, now) > self._rank(number, other, now)

    def isOwner(self, number: int, address: HostPort, now: float) -> bool:
        """Whether an id belongs to an address that has left the table."""
        return self._rank(number, address, now) == _OWNER

    def returned(self, entry: Entry, now: float) -> None:
        """Note that an entry gets a place.  A former contact has its standing again."""
        if self.isOwner(entry.number, entry.address, now):
            entry.since = now - self._former.pop(entry.number).standing

    def toCheck(self, now: float) -> list[HostPort]:
        """
        The owners to ping, because a host that they were not at has their ids.

        An owner that was away for a short time does not know that it has lost its place, so it may
        send no request.  It is pinged again when its silence has lasted twice as long.
        """
        due: list[HostPort] = []
        for number, former in list(self._former.items()):
            if former.until <= now:
                del self._former[number]
            elif former.checkAt <= now and len(due) < MAXIMUM_SILENCE_CHECKS:
                entry = self._entries.get(number)
                if entry is not None and entry.address[0] != former.address[0]:
                    due.append(former.address)
                    checkAt = 2 * now - former.leftAt
                    self._former[number] = former._replace(checkAt=checkAt)
        return due

    def _rank(self, number: int, address: HostPort, now: float) -> int:
        former = self._former.get(number)
        if former is None or former.until <= now:
            return 0
        if address == former.address:
            return _OWNER
        return int(address[0] == former.address[0])
