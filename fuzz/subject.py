"""
The fuzzed node, and the invariants that must hold for it.
"""

from __future__ import annotations

from collections import deque
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver, LogEvent, LogLevel, globalLogPublisher
from zope.interface import implementer

from dwdht_twisted import DHTNode, ICommandHandler, Request
from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import HostPort
from dwdht_twisted.interfaces import HandlerResult
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock
from dwdht_twisted.values import COMMAND as VALUES
from dwdht_twisted.values import MemoryStore, ValueHandler

from .population import PORT, Population
from .queries import ECHO, Queries

HOST = "5.0.0.1"

#: The time that a query may take, in simulated seconds; most take less than 3.  Larger: a query
#: that never ends is found later.  Smaller: slow queries count as endless.
QUERY_LIMIT = 60.0

#: The size of the node's store, in bytes: small, so that values are dropped during a campaign.
STORE_BYTES = 1_000_000

#: The number of requests that are kept for the forger, and also of responses.  Larger: more of
#: their transaction ids and tokens have expired.
HISTORY = 64

#: The number of peers that introduce themselves at the same time.  Larger: some of them don't
#: become contacts, because the node pings a limited number of newcomers at a time.
_INTRODUCED_TOGETHER = 50


class BrokenInvariant(AssertionError):
    """
    An invariant of the fuzzed node does not hold.
    """


@implementer(ILogObserver)
class ProblemLog:
    """
    Records the log events above debug level, and other problems.

    :ivar problems: a text for each
    """

    def __init__(self) -> None:
        self.problems: list[str] = []

    def __call__(self, event: LogEvent) -> None:
        """Record a log event."""
        if event["log_level"] > LogLevel.debug:
            failure = event.get("log_failure")
            text = str(event["log_format"]) if failure is None else failure.getTraceback()
            self.problems.append(text)


@implementer(ICommandHandler)
class Echo:
    """
    Returns the value of a request.

    A value of up to 99 bytes is returned at once.  Of a longer value, the first 1,000 bytes are
    returned after 50 ms.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def queryReceived(self, request: Request) -> HandlerResult:
        value = request.value
        if value is None or len(value) < 100:
            return value
        later: Deferred[bytes | None] = Deferred()
        self._reactor.callLater(0.05, later.callback, value[:1000])
        return later

    def updateReceived(self, request: Request) -> HandlerResult:
        return self.queryReceived(request)


class Subject:
    """
    A node with a full table and open queries, on a network in memory.

    :param seed: the seed of everything random in it
    :param contacts: the number of peers that introduce themselves to the node
    :param queries: the number of queries and updates that are open at any time

    :ivar node: the fuzzed node
    :ivar network: the network of the node
    :ivar clock: the simulated time
    :ivar population: the other nodes
    :ivar queries: the queries and updates of the node
    :ivar requests: the latest requests that the node has sent, with their destinations
    :ivar responses: the latest responses that the node has sent, with their destinations
    """

    def __init__(self, seed: int, contacts: int = 1000, queries: int = 8) -> None:
        self.clock = SimulatedClock()
        self.network = MemoryNetwork(self.clock, seed=seed, latency=0.01)
        self.population = Population(self.network, contacts)
        self.requests: deque[tuple[bytes, HostPort]] = deque(maxlen=HISTORY)
        self.responses: deque[tuple[bytes, HostPort]] = deque(maxlen=HISTORY)
        self._log = ProblemLog()
        reactor = self.network.reactor(HOST)
        self.node = DHTNode(reactor, random=Random(seed))
        store = MemoryStore(self.clock, maximumBytes=STORE_BYTES)
        self.node.register(ECHO, Echo(reactor))
        self.node.register(VALUES, ValueHandler(store))
        self.node.listen(PORT)
        self._introducePeers()
        self.network.onDatagram = self._record
        globalLogPublisher.addObserver(self._log)
        self.queries = Queries(
            self.node,
            queries,
            self.clock.seconds,
            Random(f"subject {seed}"),
            self._log.problems.append,
        )
        self.queries.refill()

    def _introducePeers(self) -> None:
        """Let the peers ping the node, so that it learns of them."""
        peers = self.population.peers
        for first in range(0, len(peers), _INTRODUCED_TOGETHER):
            for peer in peers[first : first + _INTRODUCED_TOGETHER]:
                peer.introduce((HOST, PORT))
            self.clock.runFor(1.0)

    def _record(self, source: HostPort, destination: HostPort, datagram: bytes) -> None:
        if source[0] == HOST:
            sent = self.requests if wire.isRequest(datagram) else self.responses
            sent.append((datagram, destination))

    # Events.

    def receive(self, datagram: bytes, source: HostPort) -> None:
        """Deliver a datagram to the node, at the present time."""
        self.node.datagramReceived(datagram, source)

    def run(self, seconds: float) -> None:
        """Let simulated time pass, then start a query for each that has ended."""
        self.clock.runFor(seconds)
        self.queries.refill()

    # Invariants.

    def check(self) -> None:
        """
        Require that there was no problem, and that no query is open for over 60 simulated seconds.

        :raises BrokenInvariant: with the first problem
        """
        problems = self._log.problems
        if problems:
            raise BrokenInvariant(f"{len(problems)} events above debug, first:\n{problems[0]}")
        if self.queries.oldest > QUERY_LIMIT:
            raise BrokenInvariant(f"a query has not ended after {QUERY_LIMIT} simulated seconds")

    def finish(self) -> None:
        """
        Let all queries end, destroy the node, and require that nothing is left.

        :raises BrokenInvariant: with the first problem
        """
        try:
            self.queries.stop()
            self.clock.runFor(QUERY_LIMIT)
            if len(self.queries):
                raise BrokenInvariant(f"{len(self.queries)} queries have not ended")
            self.clock.runUntil(self.node.destroy())
            self.clock.runFor(1.0)
            left = self.clock.getDelayedCalls()
            if left:
                raise BrokenInvariant(f"{len(left)} timers are left, first: {left[0]}")
            self.check()
        finally:
            globalLogPublisher.removeObserver(self._log)
