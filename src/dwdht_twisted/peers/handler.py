"""
The handler of the ``peers`` command, for a node that keeps announcements for others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from zope.interface import implementer

from .._clock import clockOf
from .._core.wire import Address, packAddress
from ..errors import UpdateRefused
from ..interfaces import IRelayingHandler, Request
from .announcements import Announcement, Announcements
from .bounds import PEER_LIST_BYTES
from .messages import Kind, PeerRequest, decodeRequest, encodeAnswer, localEntry


@implementer(IRelayingHandler)
class PeerHandler:
    """
    Keeps the announcements of other nodes, and names them to nodes that look their topics up.

    A query may come from a forged address, so it changes nothing.  The address of an update has
    received a token.  An announcement is kept for 368.64 seconds after it was last made.

    The node relays pings to those that have announced themselves, so that others can punch holes to
    them.

    :param reactor: provides the time
    :param random: draws the peers of each answer
    """

    def __init__(self, reactor: Any, *, random: Random | None = None) -> None:
        self._seconds: Callable[[], float] = clockOf(reactor).seconds
        self._random = random or Random()
        self._announcements = Announcements()

    def __len__(self) -> int:
        """The number of announcements that have not ended."""
        self._announcements.expire(self._seconds())
        return len(self._announcements)

    @property
    def announcements(self) -> list[Announcement]:
        """The announcements that have not ended, the first to end first."""
        self._announcements.expire(self._seconds())
        return list(self._announcements)

    def restore(self, announcements: Iterable[Announcement]) -> None:
        """
        Keep announcements of an earlier run.

        :raises ValueError: when the handler keeps announcements already
        """
        if len(self):
            raise ValueError("announcements are restored before any others are kept")
        self._announcements.restore(announcements)

    def queryReceived(self, request: Request) -> bytes | None:
        """
        List peers of the topic.

        :return: the value of the answer; None if there is no peer to name, or the request has no
            valid value
        """
        asked = decodeRequest(request.value)
        return None if asked is None else self._list(request, asked)

    def updateReceived(self, request: Request) -> bytes | None:
        """
        Keep an announcement or drop it, and list peers of the topic, except after a drop.

        :return: as `queryReceived`
        :raises UpdateRefused: when there is no room for the announcement
        """
        asked = decodeRequest(request.value)
        if asked is None:
            return None
        peer = _peerOf(request, asked)
        if asked.kind == Kind.UNANNOUNCE:
            self._announcements.discard(request.target, peer)
            return None
        if asked.kind == Kind.ANNOUNCE:
            local = asked.localAddress if asked.hasLocalPort else None
            sender = packAddress(request.node.host, request.node.port)
            if not self._announcements.put(request.target, peer, sender, local, self._seconds()):
                raise UpdateRefused("there is no room for the announcement")
        return self._list(request, asked)

    def relaysTo(self, address: Address) -> bool:
        """Whether the node at an address has announced itself."""
        return self._announcements.isSender(packAddress(*address), self._seconds())

    def _list(self, request: Request, asked: PeerRequest) -> bytes | None:
        asker = _peerOf(request, asked)
        peers = localPeers = b""
        for each in self._announcements.drawn(request.target, self._seconds(), self._random):
            if len(peers) + len(localPeers) >= PEER_LIST_BYTES:
                break
            if each.peer == asker:
                continue
            peers += each.peer
            if each.local is not None and each.local[:2] == asked.shared:
                localPeers += localEntry(each.local)
        return encodeAnswer(peers, localPeers) if peers else None


def _peerOf(request: Request, asked: PeerRequest) -> bytes:
    """The compact address of the asker as a peer."""
    return packAddress(request.node.host, asked.port or request.node.port)


__all__ = ["PeerHandler"]
