"""
One connection to a topic, for which several servers are tried (RFC 8305, "Happy Eyeballs").

The servers are tried in this order, each group at random:

1. those that a recent look-up has found;
2. those that a new look-up finds, as they come;
3. those that have failed within the last 30 seconds;
4. if the look-up failed: those of an earlier one.

In each group, hosts are drawn and not servers, because one host may have announced many ports.  The
first attempt goes to any host, and a later one to a host of a /24 network that was tried least
often.  So if all servers of n networks are dead, whatever these have announced, the first n + 1
attempts include a server of another network.

The next attempt begins 250 ms after the last one, or at once when one fails.  The first that
connects wins, and the others are cancelled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IProtocol
from twisted.python.failure import Failure

from ..._core.wire import Address, subnet
from ...errors import DHTError, NoResponse, NoServerReached, RequestTimeout
from ..bounds import ATTEMPTS_PER_CONNECTION
from .directory import Directory

#: The time between the begin of two attempts, in seconds (RFC 8305, section 5).  Larger: a server
#: that is silent delays a connection for longer.  Smaller: distant servers get connections that are
#: given up again.
ATTEMPT_DELAY = 0.25


class Race:
    """
    The attempts of one connection.

    :param directory: knows the servers
    :param clock: provides time
    :param connect: connects to a server
    :ivar result: fires with the protocol of the first connection; fails with `NoServerReached`.
        Its ``cancel`` cancels all attempts and the look-up.
    """

    def __init__(
        self,
        directory: Directory,
        clock: Any,
        connect: Callable[[Address], Deferred[IProtocol]],
        *,
        random: Random,
    ) -> None:
        self.result: Deferred[IProtocol] = Deferred(lambda _: self._cleanUp())
        self._directory = directory
        self._clock = clock
        self._connect = connect
        self._random = random
        self._servers = Servers(random)
        self._attempts: dict[Address, Deferred[IProtocol]] = {}
        self._failures: list[tuple[Address, Exception]] = []
        # None before the search, True while it is under way.
        self._isSearching: bool | None = None
        self._searchFailure: Exception | None = None
        self._timer: IDelayedCall | None = None
        self._hasEnded = False

    def start(self) -> Deferred[IProtocol]:
        """Begin the first attempt, or the look-up."""
        for each in self._directory.remembered():
            self._servers.add(each, isLast=self._directory.hasFailed(each))
        self._next()
        return self.result

    # The search.

    def found(self, address: Address) -> None:
        """Take a server that the look-up has found."""
        if self._servers.add(address, isLast=self._directory.hasFailed(address)):
            # Wait for the other servers that the same answer names.
            self._schedule(0.0)

    def searched(self, reason: Failure | None) -> None:
        """Note the end of the look-up."""
        self._isSearching = False
        if reason is not None:
            self._searchFailure = reason.value  # type: ignore[assignment]
            for each in self._directory.everKnown():
                self._servers.add(each, isLast=True)
        self._schedule(0.0)

    # The attempts.

    def _schedule(self, delay: float) -> None:
        """Begin an attempt later, unless one will begin anyway."""
        if self._timer is None and not self._hasEnded:
            self._timer = self._clock.callLater(delay, self._timeOut)

    def _timeOut(self) -> None:
        self._timer = None
        self._next()

    def _next(self) -> None:
        """Begin an attempt if there is a server for it, or else the look-up."""
        if self._isSearching is None and not self._servers.first:
            self._isSearching = True
            try:
                self._directory.search(self)
            except DHTError as error:
                self._isSearching = False
                self._searchFailure = error
        mayTry = len(self._failures) + len(self._attempts) < ATTEMPTS_PER_CONNECTION
        address = self._servers.draw(mayDrawLast=not self._isSearching) if mayTry else None
        if address is not None:
            self._attempt(address)
        elif not self._attempts and (not mayTry or not self._isSearching):
            self._end(None)

    def _attempt(self, address: Address) -> None:
        # A connect that raises is an attempt that has failed.
        attempt = maybeDeferred(self._connect, address)
        self._attempts[address] = attempt
        self._schedule(ATTEMPT_DELAY)
        attempt.addCallbacks(
            self._connected, self._failed, callbackArgs=(address,), errbackArgs=(address,)
        )

    def _connected(self, protocol: IProtocol, address: Address) -> None:
        self._attempts.pop(address, None)
        self._directory.succeeded(address)
        self._end(protocol)

    def _failed(self, reason: Failure, address: Address) -> None:
        self._attempts.pop(address, None)
        if self._hasEnded:
            return
        self._directory.failed(address)
        self._failures.append((address, reason.value))  # type: ignore[arg-type]
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._next()

    # The end.

    def _end(self, protocol: IProtocol | None) -> None:
        self._cleanUp()
        if protocol is not None:
            self.result.callback(protocol)
        else:
            failure = self._searchFailure
            isSilent = isinstance(failure, (NoResponse, RequestTimeout))
            reason = self._directory.reasonOfSilence if isSilent else ""
            self.result.errback(
                NoServerReached(
                    self._directory.topic, self._failures, failure, reasonOfSilence=reason
                )
            )

    def _cleanUp(self) -> None:
        self._hasEnded = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._directory.leave(self)
        for attempt in list(self._attempts.values()):
            attempt.cancel()


class Servers:
    """
    The servers that a connection has not tried yet.

    :ivar first: those that have not failed lately, by their host
    """

    def __init__(self, random: Random) -> None:
        self.first: dict[str, list[Address]] = {}
        self._last: dict[str, list[Address]] = {}
        self._known: set[Address] = set()
        # How many servers of each host and of each /24 network were drawn.
        self._drawn: Counter[str] = Counter()
        self._random = random

    def add(self, address: Address, *, isLast: bool) -> bool:
        """Add a server, and return whether it is new."""
        if address in self._known:
            return False
        self._known.add(address)
        (self._last if isLast else self.first).setdefault(address[0], []).append(address)
        return True

    def draw(self, *, mayDrawLast: bool) -> Address | None:
        """Remove a server, and return it; None if there is none."""
        among = self.first or (self._last if mayDrawLast else {})
        if not among:
            return None
        drawn = self._drawn
        counts = {host: (drawn[subnet(host)], drawn[host]) for host in among}
        least = min(counts.values())
        host = self._random.choice([each for each in among if counts[each] == least])
        servers = among[host]
        address = servers.pop(self._random.randrange(len(servers)))
        if not servers:
            del among[host]
        drawn[host] += 1
        drawn[subnet(host)] += 1
        return address


__all__ = ["Race"]
