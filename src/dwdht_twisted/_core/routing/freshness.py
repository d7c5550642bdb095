"""
When the contacts of a table have last shown that they are there, and which of them are to be
pinged.

A contact shows that it is there by an answer, or by a ping that brings back a token of this node:
such a ping comes from its address, for the token was sent there.  So of two nodes that list each
other only one has to ping.

The more contacts have died lately, the sooner the others are pinged.  In a network in which nobody
dies, a ping says little (Maymounkov and Mazieres, "Kademlia", section 4.1: a node that was up long
is likely to stay up).

A few of the closest contacts are pinged far more often.  A NAT or a firewall in front of this node
may let only those datagrams in that come from an address to which it has sent lately.  Other nodes
learn of this node from its neighbours, and these relay pings to it.

After the machine of this node has slept, its contacts may have gone.  They are *unconfirmed* until
they show that they are there.

The arguments ``now`` are times in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..wire import Contact, HostPort, splitContacts, unpackContact
from .bucket import Entry

#: The shortest and the longest time after which a contact is pinged that has not shown that it is
#: there, in seconds.  Larger: answers to other nodes contain dead contacts for longer.  Smaller: an
#: idle node sends more.
SHORTEST_CHECK = 120.0
LONGEST_CHECK = 900.0

#: The mean time for which a dead contact is listed, as a share of the mean life of contacts, if
#: nothing but its own pings reveals it.  It is listed for half of the time between two pings on
#: average.  Larger: tables hold more dead contacts.  Smaller: nodes send more pings where many die.
LISTED_DEAD = 0.08

#: The time of contacts from which the rate of deaths is estimated, in seconds, and the time that
#: counts at the start together with one death.  The older half is forgotten.  Larger: a node
#: notices later that the network has changed.  Smaller: the estimate is less certain.
REMEMBERED_TIME = 100_000.0
TIME_AT_START = 2_000.0

#: How long a NAT or a firewall lets an address send datagrams to this node after the last datagram
#: in either direction, in seconds.  Linux closes the path after 120 seconds, and RFC 4787 (section
#: 4.3) asks for two minutes too.
PATH_STAYS_OPEN = 110.0

#: The time after which a path is used again, in seconds: one round of upkeep before it closes.
KEEP_OPEN_AFTER = PATH_STAYS_OPEN - 15.0

#: The time within which a new path must be used once more, in seconds.  Linux closes a path after
#: 30 seconds, and keeps it for 120 only if it was used for more than two seconds.
CONFIRM_PATH_AFTER = 3.0

#: The number of closest contacts to which paths are kept open.  Larger: an idle node sends more.
#: Smaller: a node behind a NAT is unreachable more often when some of its neighbours have died.
OPEN_PATHS = 5


class Freshness:
    """
    The times of the contacts of one table.

    :param entries: the proven contacts by their addresses; the table changes them
    :ivar confirmedAt: the time of the last ping of a contact that brought back a token, in seconds
    :ivar unconfirmed: the unconfirmed contacts in compact form; the table removes those that leave
    """

    __slots__ = ("_deaths", "_entries", "_lived", "confirmedAt", "unconfirmed")

    def __init__(self, entries: Mapping[HostPort, Entry]) -> None:
        self._entries = entries
        self._lived = TIME_AT_START
        self._deaths = 1.0
        self.confirmedAt = float("-inf")
        self.unconfirmed: set[bytes] = set()

    @property
    def interval(self) -> float:
        """The time after which a contact that was not seen is pinged, in seconds."""
        life = self._lived / self._deaths
        return min(max(2 * LISTED_DEAD * life, SHORTEST_CHECK), LONGEST_CHECK)

    def seen(self, entry: Entry, now: float) -> None:
        """Note that a contact has just shown that it is there."""
        pause = now - entry.lastSeen
        if pause > PATH_STAYS_OPEN:
            entry.openSince = now
        entry.lastSeen = now
        self.unconfirmed.discard(entry.compact)
        self._lived += pause
        if self._lived > REMEMBERED_TIME:
            self._lived /= 2
            self._deaths /= 2

    def slept(self) -> None:
        """Note that the machine of this node has slept until now."""
        self.unconfirmed = {entry.compact for entry in self._entries.values()}

    def isUnconfirmed(self, address: HostPort) -> bool:
        """Whether the contact of an address is unconfirmed."""
        entry = self._entries.get(address)
        return entry is not None and entry.compact in self.unconfirmed

    def died(self, entry: Entry, now: float) -> None:
        """Note that a contact was found dead."""
        self._lived += (now - entry.lastSeen) / 2
        self._deaths += 1

    def confirmed(self, id: bytes, address: HostPort, now: float) -> None:
        """Note a ping that brings back a token which was sent to this id at this address."""
        entry = self._entries.get(address)
        if entry is not None and entry.compact.startswith(id):
            self.confirmedAt = now
            self.seen(entry, now)

    def given(self, address: HostPort, token: bytes) -> None:
        """Note the token in the answer of a contact to a ping."""
        entry = self._entries.get(address)
        if entry is not None:
            entry.token = token

    def token(self, address: HostPort) -> bytes | None:
        """The token to bring back to a contact in a ping, 32 bytes, or None."""
        entry = self._entries.get(address)
        return None if entry is None else entry.token

    def unseenSince(self, time: float, count: int) -> list[Contact]:
        """The contacts not seen since ``time``, the longest unseen first, at most ``count``."""
        old = [entry for entry in self._entries.values() if entry.lastSeen < time]
        old.sort(key=lambda entry: entry.lastSeen)
        return [entry.contact for entry in old[:count]]

    def unseenAmong(self, compacts: bytes, time: float) -> list[Contact]:
        """
        The contacts not seen since ``time``, of those in an answer, the longest unseen first.

        :param compacts: the contacts of the answer in compact form
        """
        named = (unpackContact(each) for each in splitContacts(compacts))
        contacts = [each for each in named if each is not None and each.address in self._entries]
        times = {each: self._entries[each.address].lastSeen for each in contacts}
        return sorted((each for each in contacts if times[each] < time), key=times.__getitem__)

    def sightings(self) -> list[tuple[Contact, float]]:
        """All contacts, and the times at which they have last shown that they are there."""
        return [(entry.contact, entry.lastSeen) for entry in self._entries.values()]

    def needsDatagram(self, address: HostPort, now: float) -> bool:
        """Whether the path to a contact closes unless a datagram is sent soon."""
        entry = self._entries.get(address)
        if entry is None:
            return False
        isNew = entry.lastSeen - entry.openSince < CONFIRM_PATH_AFTER
        return now - entry.lastSeen >= (CONFIRM_PATH_AFTER if isNew else KEEP_OPEN_AFTER)

    def latest(self, isWanted: Callable[[HostPort], bool]) -> Contact | None:
        """The contact that was seen last, of those whose address is wanted."""
        wanted = (entry for entry in self._entries.values() if isWanted(entry.address))
        latest = max(wanted, key=lambda entry: entry.lastSeen, default=None)
        return None if latest is None else latest.contact

    def earliest(self, addresses: list[HostPort]) -> HostPort:
        """The contact that is unseen for longest, of those with these addresses."""
        return min(addresses, key=lambda address: self._entries[address].lastSeen)
