"""
The announcements that a node keeps for others.

Strangers announce themselves at no cost, so there are bounds on all announcements together, on
those of a host and on those of a topic.  What has to give way is decided so that a host that
announces much loses its own announcements, and nobody else's:

1. A host with `ANNOUNCEMENTS_PER_HOST` announcements loses its oldest for each new one.
2. In a full topic, the host with the most announcements of the topic loses the oldest of them.
3. If there are `MAXIMUM_ANNOUNCEMENTS`, the host with the most announcements loses its oldest.  Of
   several such hosts, it is the one that has come to this number last.

The new announcement counts in all three rules, so it may be the one that gives way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from .._core.limits import Owners
from .bounds import (
    ANNOUNCEMENT_LIFETIME,
    ANNOUNCEMENTS_PER_HOST,
    ANNOUNCEMENTS_PER_TOPIC,
    MAXIMUM_ANNOUNCEMENTS,
)

#: The bytes of a compact address that are its host.
_HOST_BYTES = 4

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

    __slots__ = ("byPeer", "owners")

    def __init__(self) -> None:
        self.byPeer: dict[bytes, Announcement] = {}
        self.owners: Owners[bytes, Announcement] = Owners()


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
        of.byPeer[announcement.peer] = announcement
        of.owners.add(announcement.owner, announcement)
        # Each rule drops one at most, because one was added.
        if self._owners.count(announcement.owner) > ANNOUNCEMENTS_PER_HOST:
            self._drop(self._owners.oldestOf(announcement.owner))
        if len(of.byPeer) > ANNOUNCEMENTS_PER_TOPIC:
            self._drop(of.owners.oldestOfLastWithMost())
        if len(self._all) > MAXIMUM_ANNOUNCEMENTS:
            self._drop(self._owners.oldestOfLastWithMost())

    def _drop(self, announcement: Announcement) -> None:
        del self._all[announcement]
        self._owners.remove(announcement.owner, announcement)
        of = self._topics[announcement.topic]
        del of.byPeer[announcement.peer]
        of.owners.remove(announcement.owner, announcement)
        if not of.byPeer:
            del self._topics[announcement.topic]
        self._senders[announcement.sender] -= 1
        if not self._senders[announcement.sender]:
            del self._senders[announcement.sender]


__all__ = ["Announcement", "Announcements"]
