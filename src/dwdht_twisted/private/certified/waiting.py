"""
What waits for handshakes: links for their turn to begin one, and datagrams for its end.
"""

from __future__ import annotations

from ..._core.wire import HostPort
from ..bounds import HANDSHAKE_DEADLINE, OPENING, UNASKED, WAITING_BYTES, WAITING_DATAGRAMS
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


class WaitingData:
    """
    The datagrams that wait for handshakes, by their receiver.

    A node repeats a request that is not answered, so an equal datagram waits only once.

    A datagram is dropped when it has waited for longer than one handshake may take.  The receiver
    of an update remembers it for a limited time, in which all its repetitions have to arrive.

    The arguments ``now`` are times in seconds.
    """

    __slots__ = ("_bytes", "_waiting")

    def __init__(self) -> None:
        self._waiting: dict[HostPort, dict[bytes, float]] = {}
        self._bytes = 0

    def add(self, data: bytes, address: HostPort, now: float) -> bool:
        """
        Let a datagram wait.

        :return: whether it waits; otherwise there are too many, and it is lost
        """
        waiting = self._waiting.get(address, {})
        if data in waiting:
            return True
        if len(waiting) >= WAITING_DATAGRAMS or self._bytes + len(data) > WAITING_BYTES:
            return False
        self._waiting[address] = waiting
        waiting[data] = now
        self._bytes += len(data)
        return True

    def has(self, address: HostPort) -> bool:
        """Whether any datagram waits for this receiver."""
        return address in self._waiting

    def take(self, address: HostPort, now: float) -> list[bytes]:
        """Take the datagrams that wait for this receiver, in their order, without the old ones."""
        waiting = self._waiting.pop(address, {})
        self._bytes -= sum(map(len, waiting))
        return [data for data, since in waiting.items() if now - since <= HANDSHAKE_DEADLINE]
