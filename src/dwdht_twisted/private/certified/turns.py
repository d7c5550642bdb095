"""
The turns of the handshakes that a node begins.
"""

from __future__ import annotations

from ..bounds import OPENING, UNASKED
from .link import Link


class Turns:
    """
    Decides which links may begin a handshake, and when.

    A node begins handshakes for its own requests; some of them wait for their turn.  It also begins
    handshakes for answers to addresses that it has no association with, as a hole punch needs them:
    another member has only named the address.  These have a few places of their own, in which the
    latest takes the place of the first.  So a member that names many addresses where nobody is
    keeps the node from no handshake of its own.

    :ivar opening: the links with a handshake for requests of the node
    :ivar queue: the links that wait until they may begin one, the first come first
    :ivar unasked: the links for answers that nobody has asked for, the oldest first
    """

    __slots__ = ("opening", "queue", "unasked")

    def __init__(self) -> None:
        self.opening: set[Link] = set()
        self.queue: dict[Link, None] = {}
        self.unasked: dict[Link, None] = {}

    def mayOpen(self, link: Link) -> bool:
        """Whether the link may begin a handshake now; otherwise it waits for its turn."""
        if link in self.unasked:
            return True
        if len(self.opening) >= OPENING:
            self.queue[link] = None
            return False
        self.queue.pop(link, None)
        self.opening.add(link)
        return True

    def addUnasked(self, link: Link) -> Link | None:
        """
        Note that a new link is for an answer that nobody has asked for.

        :return: the link that has to give way, if any
        """
        self.unasked[link] = None
        return next(iter(self.unasked)) if len(self.unasked) > UNASKED else None

    def asks(self, link: Link) -> None:
        """Note that the node has a request for the address of a link, if there is room."""
        if link in self.unasked and len(self.opening) < OPENING:
            del self.unasked[link]
            self.opening.add(link)

    def next(self) -> Link | None:
        """Take the next link that waits, if it may begin a handshake."""
        if not self.queue or len(self.opening) >= OPENING:
            return None
        link = next(iter(self.queue))
        del self.queue[link]
        return link

    def forget(self, link: Link) -> None:
        """Forget a link whose handshake has ended."""
        self.opening.discard(link)
        self.queue.pop(link, None)
        self.unasked.pop(link, None)
