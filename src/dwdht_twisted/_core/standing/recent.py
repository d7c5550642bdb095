"""
The hosts that this node has sent to lately.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from ..wire import HostPort

#: A function that sends a datagram to an address.
Send: TypeAlias = Callable[[bytes, HostPort], None]

#: How long a NAT may let a host in after the last datagram to it, in seconds.  RFC 4787 (section
#: 4.3) recommends five minutes for the mapping, and some NATs keep it twice as long.  Larger: fewer
#: hosts can test whether this node is reachable.  Smaller: a NAT's own opening is taken for an open
#: port.
OPEN_FOR = 600.0

#: The most hosts of one half of the time.  When there are more, the older half is forgotten, and no
#: test is made until the time has passed.  Larger: more memory.  Smaller: busy nodes can't be
#: tested.
MAXIMUM_HOSTS = 65_536


class RecentHosts:
    """
    Remembers each host for `OPEN_FOR` to twice that time.

    :ivar isComplete: whether no host was forgotten too early
    """

    __slots__ = ("_new", "_old", "_turnedAt", "isComplete")

    def __init__(self) -> None:
        self._new: set[str] = set()
        self._old: set[str] = set()
        self._turnedAt = 0.0
        self.isComplete = True

    def add(self, host: str) -> None:
        """Note that something is sent to a host."""
        if len(self._new) < MAXIMUM_HOSTS:
            self._new.add(host)
        else:
            self.isComplete = host in self._new and self.isComplete

    def recording(self, send: Send) -> Send:
        """Return a function that sends a datagram, and notes its host."""

        def recorded(datagram: bytes, address: HostPort) -> None:
            self.add(address[0])
            send(datagram, address)

        return recorded

    def has(self, host: str) -> bool:
        """Whether something was sent to a host lately."""
        return not self.isComplete or host in self._new or host in self._old

    def turn(self, now: float) -> None:
        """Forget the hosts of long ago.  This is called from time to time."""
        if now - self._turnedAt >= OPEN_FOR:
            self._turnedAt = now
            # A half that was full is remembered as such until it is forgotten.
            self.isComplete = len(self._new) < MAXIMUM_HOSTS
            self._old, self._new = self._new, set()
