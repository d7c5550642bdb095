"""
The node that is fuzzed, and what must hold for it.
"""

from __future__ import annotations

from collections import Counter, deque
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver, LogEvent, LogLevel, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from dwdht_twisted import DHTError, DHTNode, ICommandHandler, Request
from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import HostPort
from dwdht_twisted.interfaces import HandlerResult
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock
from dwdht_twisted.values import COMMAND as VALUES
from dwdht_twisted.values import MemoryStore, ValueHandler

from .population import PORT, Population

HOST = "5.0.0.1"

#: A command whose handler gives the value back, at once or later.
ECHO = "echo"

#: The longest that a query may take, in simulated seconds.
QUERY_LIMIT = 60.0

#: How much the node keeps for others, in bytes.
STORE_BYTES = 1_000_000

#: How many datagrams of the node are kept for the forger, of each kind.
OVERHEARD = 64

#: How many contacts are offered in one moment.
_OFFERED = 50


class Broken(AssertionError):
    """
    Something that must hold does not.
    """


@implementer(ILogObserver)
class Eavesdropper:
    """
    Notes what is logged above debug.

    :ivar heard: one text for each event
    """

    def __init__(self) -> None:
        self.heard: list[str] = []

    def __call__(self, event: LogEvent) -> None:
        """Note an event."""
        if event["log_level"] > LogLevel.debug:
            failure = event.get("log_failure")
            text = str(event["log_format"]) if failure is None else failure.getTraceback()
            self.heard.append(text)


@implementer(ICommandHandler)
class Echo:
    """Gives values back: short ones at once, and long ones after a while."""

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

    :param seed: of all that is random in it
    :param contacts: how many peers there are, and are offered to its table
    :param queries: how many queries and updates are open at any time

    :ivar node: the node
    :ivar network: where it is
    :ivar clock: its time
    :ivar population: the other nodes
    :ivar asked: what it has asked lately: its requests, and whom it has sent them to
    :ivar answered: what it has answered lately: its responses, and to whom
    :ivar ended: how many of its queries have ended, by how
    :ivar longest: how long the longest of them took, in simulated seconds
    """

    def __init__(self, seed: int, contacts: int = 1000, queries: int = 8) -> None:
        self._random = Random(f"subject {seed}")
        self.clock = SimulatedClock()
        self.network = MemoryNetwork(self.clock, seed=seed, latency=0.01)
        self.population = Population(self.network, contacts)
        self.asked: deque[tuple[bytes, HostPort]] = deque(maxlen=OVERHEARD)
        self.answered: deque[tuple[bytes, HostPort]] = deque(maxlen=OVERHEARD)
        self.ended: Counter[str] = Counter()
        self.longest = 0.0
        self._wanted = queries
        self._open: dict[int, float] = {}
        self._opened = 0
        self._log = Eavesdropper()
        reactor = self.network.reactor(HOST)
        self.node = DHTNode(reactor, random=Random(seed))
        store = MemoryStore(self.clock.seconds, maximumBytes=STORE_BYTES)
        self.node.register(ECHO, Echo(reactor))
        self.node.register(VALUES, ValueHandler(store))
        self.node.listen(PORT)
        self._offer()
        self.network.onDatagram = self._overhear
        globalLogPublisher.addObserver(self._log)
        self._renew()

    def _offer(self) -> None:
        """Let the peers ask the node, so that it learns of them."""
        peers = self.population.peers
        for first in range(0, len(peers), _OFFERED):
            for peer in peers[first : first + _OFFERED]:
                peer.introduce((HOST, PORT))
            self.clock.runFor(1.0)

    def _overhear(self, source: HostPort, destination: HostPort, datagram: bytes) -> None:
        if source[0] == HOST:
            (self.asked if wire.isRequest(datagram) else self.answered).append(
                (datagram, destination)
            )

    # What happens.

    def receive(self, datagram: bytes, source: HostPort) -> None:
        """Let a datagram arrive, now."""
        self.node.datagramReceived(datagram, source)

    def run(self, seconds: float) -> None:
        """Let simulated time pass, then open a query for each that has ended."""
        self.clock.runFor(seconds)
        self._renew()

    def _renew(self) -> None:
        for _ in range(self._wanted - len(self._open)):
            self._opened += 1
            number = self._opened
            self._open[number] = self.clock.seconds()
            command = (ECHO, VALUES)[number % 2]
            ask = (self.node.query, self.node.update)[number // 2 % 2]
            value = self._random.randbytes(number % 50)
            stream = ask(
                command,
                self._random.randbytes(32),
                value,
                holepunching=number % 5 > 0,
            )
            stream.collect().addBoth(self._queryEnded, number)

    def _queryEnded(self, result: object, number: int) -> None:
        took = self.clock.seconds() - self._open.pop(number)
        self.longest = max(self.longest, took)
        if not isinstance(result, Failure):
            self.ended["ended well"] += 1
        elif result.check(DHTError):
            self.ended[type(result.value).__name__] += 1
        else:
            self._log.heard.append(result.getTraceback())

    # What must hold.

    def check(self) -> None:
        """
        See that nothing was logged, and that no query takes too long.

        :raises Broken: with what is wrong
        """
        heard = self._log.heard
        if heard:
            raise Broken(f"{len(heard)} events above debug, first:\n{heard[0]}")
        oldest = min(self._open.values(), default=self.clock.seconds())
        if self.clock.seconds() - oldest > QUERY_LIMIT:
            raise Broken(f"a query has not ended after {QUERY_LIMIT} simulated seconds")

    def finish(self) -> None:
        """
        Let all queries end, destroy the node, and see that nothing is left.

        :raises Broken: with what is wrong
        """
        try:
            self._wanted = 0
            self.clock.runFor(QUERY_LIMIT)
            if self._open:
                raise Broken(f"{len(self._open)} queries have not ended")
            self.clock.runUntil(self.node.destroy())
            self.clock.runFor(1.0)
            left = self.clock.getDelayedCalls()
            if left:
                raise Broken(f"{len(left)} timers are left, first: {left[0]}")
            self.check()
        finally:
            globalLogPublisher.removeObserver(self._log)
