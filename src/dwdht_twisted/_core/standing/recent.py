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

#: The most hosts that are remembered.  When there are more, the oldest is forgotten, and no test is
#: made until its time has passed.  Larger: more memory.  Smaller: busy nodes can't be tested.
MAXIMUM_HOSTS = 65_536


class RecentHosts:
    """
    Remembers when something was sent to each host, for `OPEN_FOR` at least.

    :param seconds: returns the time, in seconds
    """

    __slots__ = ("_isCompleteSince", "_last", "_seconds", "_sentAt")

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._last = ""
        # The host to which something was sent last is the last.
        self._sentAt: dict[str, float] = {}
        self._isCompleteSince = float("-inf")

    def add(self, host: str) -> None:
        """Note that something is sent to a host."""
        sentAt = self._sentAt
        if host != self._last:
            sentAt.pop(host, None)
            self._last = host
        sentAt[host] = self._seconds()
        if len(sentAt) > MAXIMUM_HOSTS:
            self._isCompleteSince = self._forgetOldest()

    def recording(self, send: Send) -> Send:
        """Return a function that sends a datagram, and notes its host."""

        def recorded(datagram: bytes, address: HostPort) -> None:
            self.add(address[0])
            send(datagram, address)

        return recorded

    def has(self, host: str, since: float = float("-inf")) -> bool:
        """
        Whether something may have been sent to a host in the last `OPEN_FOR` seconds.

        :param since: what was sent earlier doesn't count, a time in seconds
        """
        since = max(since, self._seconds() - OPEN_FOR)
        return self._sentAt.get(host, self._isCompleteSince) >= since

    @property
    def isComplete(self) -> bool:
        """Whether no host of the last `OPEN_FOR` seconds was forgotten."""
        return self._isCompleteSince <= self._seconds() - OPEN_FOR

    def tidy(self) -> None:
        """Forget the hosts of long ago.  This is called from time to time."""
        longAgo = self._seconds() - OPEN_FOR
        while self._sentAt and next(iter(self._sentAt.values())) < longAgo:
            self._forgetOldest()

    def _forgetOldest(self) -> float:
        """Forget a host, and return the time when something was sent to it."""
        return self._sentAt.pop(next(iter(self._sentAt)))
