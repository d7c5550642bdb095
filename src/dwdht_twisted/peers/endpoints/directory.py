"""
The servers of a topic that a process knows: those that look-ups have found, and those that failed.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer
from twisted.python.failure import Failure
from zope.interface import implementer

from ..._core.limits import SharedMap
from ..._core.wire import Address
from ..bounds import SERVERS_PER_HOST, SERVERS_REMEMBERED
from ..stream import Peer, PeerStream

#: How long the servers of a look-up are remembered, in seconds.  Larger: a new server waits longer
#: until clients that connect all the time know it.  Smaller: such clients look up more often.
REMEMBERED_FOR = 30.0

#: How many nodes must have named servers, until these are remembered from look-ups that ended
#: early, because a connection was made.  Larger: a client looks up more often in its first seconds.
#: Smaller: a client may know only the few servers that one outdated node, or a liar, has named.
NODES_ENOUGH = 3

#: How long a server that has failed is tried after all others, in seconds.  Larger: a server that
#: was restarted gets no share for longer.  Smaller: more connections begin with a failure.
FAILED_FOR = 30.0


class Searcher(Protocol):
    """A connection that waits for a search."""

    def found(self, address: Address) -> None:
        """Take a server."""

    def searched(self, reason: Failure | None) -> None:
        """Note the end of the search, which has a reason if it failed."""


class PeerSource(Protocol):
    """
    The part of a network that a directory uses.

    :ivar clock: tells the time
    """

    clock: Any

    @property
    def reasonOfSilence(self) -> str:
        """What it may mean that no node answers, beside that none is there; may be empty."""

    def lookUp(self, topic: bytes) -> PeerStream:
        """Begin a look-up."""

    def release(self) -> Deferred[None]:
        """Note the end of a look-up."""


class Directory:
    """
    The servers of one topic.

    :param network: looks the topic up
    :param topic: 32 bytes
    :ivar topic: 32 bytes
    """

    def __init__(self, network: PeerSource, topic: bytes) -> None:
        self.topic = topic
        self._network = network
        self._known: list[Address] = []
        # The time of the look-up, or of the first of several that ended early, and how many nodes
        # have named servers in these.
        self._since = float("-inf")
        self._namers = 0.0
        self._failures: SharedMap[Address, bool] = SharedMap(SERVERS_REMEMBERED, FAILED_FOR)
        self._search: Search | None = None

    @property
    def _now(self) -> float:
        return float(self._network.clock.seconds())

    @property
    def reasonOfSilence(self) -> str:
        """What it may mean that no node answers, beside that none is there; may be empty."""
        return self._network.reasonOfSilence

    def remembered(self) -> list[Address]:
        """The servers that a recent look-up has found; empty if there was none."""
        isRecent = self._now - self._since < REMEMBERED_FOR
        return list(self._known) if isRecent and self._namers >= NODES_ENOUGH else []

    def everKnown(self) -> list[Address]:
        """The servers of the last look-up that has found any, however long ago it was."""
        return list(self._known)

    def search(self, searcher: Searcher) -> None:
        """Begin a look-up, or join the one that is under way."""
        if self._search is None:
            search = self._search = Search(self, self._network.lookUp(self.topic))
            search.add(searcher)
            search.start()
        else:
            self._search.add(searcher)

    def leave(self, searcher: Searcher) -> None:
        """Wait no more for the search, which ends if nobody else does."""
        if self._search is not None:
            self._search.remove(searcher)

    def searchEnded(self, found: list[Address], namers: float) -> None:
        """
        Note the end of the search.

        :param namers: how many nodes have named servers; infinite after a complete search
        """
        self._search = None
        self._network.release()
        if not found and namers != float("inf"):
            return
        if self._now - self._since < REMEMBERED_FOR and self._namers + namers < float("inf"):
            # Both this search and the one before have ended early.
            self._known = list(dict.fromkeys([*self._known, *found]))[:SERVERS_REMEMBERED]
            self._namers += namers
        else:
            self._known, self._namers, self._since = found, namers, self._now

    def hasFailed(self, address: Address) -> bool:
        """Whether a server has failed within the last `FAILED_FOR` seconds."""
        return self._failures.get(address, self._now) is not None

    def failed(self, address: Address) -> None:
        """Note that a connection to a server has failed."""
        self._failures.put(address, True, self._now)

    def succeeded(self, address: Address) -> None:
        """Note that a connection to a server was made."""
        self._failures.discard(address)


@implementer(IConsumer)
class Search:
    """
    A look-up for which one or more connections wait.

    It ends when none waits any more, and when it has found `SERVERS_REMEMBERED` servers, of which a
    host has `SERVERS_PER_HOST` at most.
    """

    def __init__(self, directory: Directory, peers: PeerStream) -> None:
        self._directory = directory
        self._peers = peers
        self._found: list[Address] = []
        self._perHost: Counter[str] = Counter()
        self._searchers: list[Searcher] = []
        self._hasEnded = False

    def start(self) -> None:
        """Begin the look-up."""
        self._peers.startProducing(self).addCallbacks(
            lambda _: self._end(None, float("inf")), self._failed
        )

    def add(self, searcher: Searcher) -> None:
        """Let a connection wait, and give it what was found."""
        self._searchers.append(searcher)
        for each in self._found:
            searcher.found(each)

    def remove(self, searcher: Searcher) -> None:
        """Let a connection wait no more."""
        if searcher in self._searchers:
            self._searchers.remove(searcher)
            if not self._searchers:
                self._stop()

    def _stop(self) -> None:
        self._end(None, float(self._peers.namers))
        self._peers.stopProducing()

    def _failed(self, reason: Failure) -> None:
        self._end(reason, 0.0)

    def _end(self, reason: Failure | None, namers: float) -> None:
        if self._hasEnded:
            return
        self._hasEnded = True
        self._directory.searchEnded(self._found, namers)
        searchers, self._searchers = self._searchers, []
        for each in searchers:
            each.searched(reason)

    # IConsumer.

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """Do nothing, because a search never pauses the look-up."""

    def unregisterProducer(self) -> None:
        """Do nothing: there is nothing to release."""

    def write(self, data: Peer) -> None:  # type: ignore[override]
        """Take a server."""
        host = data.address[0]
        if self._hasEnded or self._perHost[host] == SERVERS_PER_HOST:
            return
        self._perHost[host] += 1
        self._found.append(data.address)
        for each in list(self._searchers):
            each.found(data.address)
        if len(self._found) >= SERVERS_REMEMBERED:
            self._stop()


__all__ = ["Directory", "Searcher"]
