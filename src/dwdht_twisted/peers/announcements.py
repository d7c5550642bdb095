"""
The announcements that a node keeps for others.

Strangers announce themselves at no cost, so there are bounds on all announcements together, on
those of a host and on those of a topic.  What has to give way is decided so that a host that
announces much loses its own announcements, and nobody else's:

1. A host with `ANNOUNCEMENTS_PER_HOST` announcements, or with `HOST_ANNOUNCEMENTS_PER_TOPIC` under
   one topic, loses its oldest of these for each new one.
2. In a full topic, the host with the most announcements of the topic loses the oldest of them.
3. If there are `MAXIMUM_ANNOUNCEMENTS`, the host with the most announcements loses its oldest.  Of
   several such hosts, it is the one that has come to this number last.

The new announcement counts in all three rules, so it may be the one that gives way.

Nor does a host with many ports hide another one that has announced the same topic: /24 networks
take turns in the order in which announcements are drawn, and so do the hosts of a network.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from random import Random

from .._core.limits import Owners
from .bounds import (
    ANNOUNCEMENT_LIFETIME,
    ANNOUNCEMENTS_PER_HOST,
    ANNOUNCEMENTS_PER_TOPIC,
    HOST_ANNOUNCEMENTS_PER_TOPIC,
    MAXIMUM_ANNOUNCEMENTS,
)
from .turns import inTurns, shuffled

#: The bytes of a compact address that are its host, and those that are its /24 network.
_HOST_BYTES = 4
_NETWORK_BYTES = 3

#: The first octet of a loopback address.
_LOOPBACK = 127


class Announcement:
    """
    A peer that has announced itself under a topic.

    All addresses are compact, 6 bytes, because there may be many announcements.

    :ivar topic: 32 bytes
    :ivar peer: the address that is given to others
    :ivar sender: the UDP address that the announcement came from; it has received a token
    :ivar local: the address of the peer in its own network, or None
    :ivar expires: the time at which the announcement ends, in seconds
    :ivar owner: the host that the announcement counts for: 4 bytes, or 6 for a port on loopback
    """

    __slots__ = ("expires", "local", "owner", "peer", "sender", "topic")

    def __init__(
        self, topic: bytes, peer: bytes, sender: bytes, *, local: bytes | None, expires: float
    ) -> None:
        self.topic = topic
        self.peer = peer
        self.sender = sender
        self.local = local
        self.expires = expires
        self.owner = sender if sender[0] == _LOOPBACK else sender[:_HOST_BYTES]


class Topic:
    """
    The announcements of one topic.

    :ivar byPeer: each announcement, by its peer
    :ivar owners: the announcements of each host
    """

    __slots__ = ("_networks", "byPeer", "owners")

    def __init__(self) -> None:
        self.byPeer: dict[bytes, Announcement] = {}
        self.owners: Owners[bytes, Announcement] = Owners()
        # The hosts of each /24 network.
        self._networks: dict[bytes, dict[bytes, None]] = {}

    def add(self, announcement: Announcement) -> None:
        """Add an announcement of a peer that has none here."""
        self.byPeer[announcement.peer] = announcement
        owner = announcement.owner
        self.owners.add(owner, announcement)
        self._networks.setdefault(owner[:_NETWORK_BYTES], {})[owner] = None

    def remove(self, announcement: Announcement) -> None:
        """Remove an announcement."""
        del self.byPeer[announcement.peer]
        owner = announcement.owner
        self.owners.remove(owner, announcement)
        if not self.owners.count(owner):
            network = owner[:_NETWORK_BYTES]
            hosts = self._networks[network]
            del hosts[owner]
            if not hosts:
                del self._networks[network]

    def drawn(self, random: Random) -> Iterator[Announcement]:
        """All announcements in a random order, in which networks and their hosts take turns."""
        if len(self._networks) == len(self.byPeer):
            return shuffled(self.byPeer.values(), random)

        def ofHost(owner: bytes) -> Iterator[Announcement]:
            held = self.owners.itemsOf(owner)
            return iter(held) if len(held) == 1 else shuffled(held, random)

        def ofNetwork(hosts: dict[bytes, None]) -> Iterator[Announcement]:
            if len(hosts) == 1:
                return ofHost(next(iter(hosts)))
            return inTurns(hosts, ofHost, random)

        return inTurns(self._networks.values(), ofNetwork, random)


class Announcements:
    """
    The announcements of one node, within the bounds.
    """

    def __init__(self) -> None:
        # All announcements, the first to end first: each lives for the same time.
        self._all: dict[Announcement, None] = {}
        self._topics: dict[bytes, Topic] = {}
        self._owners: Owners[bytes, Announcement] = Owners()
        self._senders: Counter[bytes] = Counter()

    def __len__(self) -> int:
        """The number of announcements, with those that have ended and were not dropped yet."""
        return len(self._all)

    def __iter__(self) -> Iterator[Announcement]:
        """All announcements, the first to end first."""
        return iter(self._all)

    def put(
        self, topic: bytes, peer: bytes, sender: bytes, local: bytes | None, now: float
    ) -> bool:
        """
        Keep an announcement.  It replaces an earlier one of the same peer under the same topic.

        :return: False if the announcement itself had to give way
        """
        self.expire(now)
        expires = now + ANNOUNCEMENT_LIFETIME
        announcement = Announcement(topic, peer, sender, local=local, expires=expires)
        self._add(announcement)
        return announcement in self._all

    def restore(self, announcements: Iterable[Announcement]) -> None:
        """
        Keep announcements of an earlier run.  None may have been put before.

        :param announcements: those that have not ended
        """
        for announcement in sorted(announcements, key=lambda each: each.expires):
            self._add(announcement)

    def discard(self, topic: bytes, peer: bytes) -> None:
        """Drop the announcement of a peer under a topic, if there is one."""
        of = self._topics.get(topic)
        announcement = None if of is None else of.byPeer.get(peer)
        if announcement is not None:
            self._drop(announcement)

    def of(self, topic: bytes, now: float) -> list[Announcement]:
        """The announcements of a topic."""
        self.expire(now)
        of = self._topics.get(topic)
        return [] if of is None else list(of.byPeer.values())

    def drawn(self, topic: bytes, now: float, random: Random) -> Iterator[Announcement]:
        """
        The announcements of a topic in a random order, in which /24 networks take turns, and so do
        the hosts of a network.  They must be read before anything changes.
        """
        self.expire(now)
        of = self._topics.get(topic)
        return iter(()) if of is None else of.drawn(random)

    def isSender(self, address: bytes, now: float) -> bool:
        """Whether an announcement that has not ended came from a compact address."""
        self.expire(now)
        return address in self._senders

    def expire(self, now: float) -> None:
        """Drop all announcements that have ended."""
        while self._all:
            first = next(iter(self._all))
            if first.expires > now:
                return
            self._drop(first)

    def _add(self, announcement: Announcement) -> None:
        self.discard(announcement.topic, announcement.peer)
        self._all[announcement] = None
        self._senders[announcement.sender] += 1
        self._owners.add(announcement.owner, announcement)
        of = self._topics.setdefault(announcement.topic, Topic())
        of.add(announcement)
        owner = announcement.owner
        # Each rule drops one at most, because one was added.
        if of.owners.count(owner) > HOST_ANNOUNCEMENTS_PER_TOPIC:
            self._drop(of.owners.oldestOf(owner))
        if self._owners.count(owner) > ANNOUNCEMENTS_PER_HOST:
            self._drop(self._owners.oldestOf(owner))
        if len(of.byPeer) > ANNOUNCEMENTS_PER_TOPIC:
            self._drop(of.owners.oldestOfLastWithMost())
        if len(self._all) > MAXIMUM_ANNOUNCEMENTS:
            self._drop(self._owners.oldestOfLastWithMost())

    def _drop(self, announcement: Announcement) -> None:
        del self._all[announcement]
        self._owners.remove(announcement.owner, announcement)
        of = self._topics[announcement.topic]
        of.remove(announcement)
        if not of.byPeer:
            del self._topics[announcement.topic]
        self._senders[announcement.sender] -= 1
        if not self._senders[announcement.sender]:
            del self._senders[announcement.sender]


__all__ = ["Announcement", "Announcements"]
