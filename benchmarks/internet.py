"""
Lookups on a simulated internet, by this package and by a model of the original's rules.

* Round trips are log-normal with a median of 80 ms, and always the same between two hosts.
* 3 % of the datagrams are lost.
* 20 % of the nodes are dead, and the tables of the others still name them.

See `benchmarks.population` for the tables and `benchmarks.original` for the model.

Both subjects look up the same targets from the same hosts, one lookup after the other.  Each
subject has a network of its own, built from the same seed.  All nodes but the askers are
`PlainNode` objects.  Each asker starts with the contacts of its drawn table, without the dead ones.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol

from dwdht_twisted import Contact, DHTError, DHTNode
from dwdht_twisted._core import wire
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import ID_BYTES, packAddress, unpackAddress
from dwdht_twisted.testing import LogNormalLatency, MemoryNetwork, SimulatedClock

from .original import OriginalNode
from .plan import Plan
from .population import PORT, Population
from .results import OURS, Quantity, Results, percentile

#: The name of the model in the tables.
ORIGINAL = "original's rules"

MEDIAN = Quantity("internet", "lookup p50", "s")
TAIL = Quantity("internet", "lookup p99", "s")
FOUND = Quantity("internet", "of the 20 closest live nodes found", "%", isCost=False)
SENT = Quantity("internet", "datagrams sent by the asker per lookup", "datagrams")
FAILED = Quantity("internet", "lookups without an answer", "%", isCost=False)

CASE = "a lookup"

ROUND_TRIP = 0.080
SIGMA = 0.5
LOSS = 0.03
DEAD = 0.20

#: The time between the start of an asker and its first lookup, in simulated seconds.
AGE = 60.0

#: The time between two lookups, in simulated seconds.
REST = 5.0

#: The time-out of a lookup, in simulated seconds.
LIMIT = 300.0

TOKEN = bytes(32)

#: Looks up a target, and returns the contacts that answered.
LookUp = Callable[[bytes], Awaitable[list[Contact]]]


class PlainNode(DatagramProtocol):
    """
    A simulated node that only answers from its drawn table and relays pings.
    """

    noisy = False

    def __init__(self, population: Population, number: int) -> None:
        self._population = population
        self._number = number
        self._id = population.contact(number).id

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Answer or relay a request; ignore a response."""
        if not wire.isRequest(datagram):
            return
        assert self.transport is not None
        message = wire.decodeRequest(datagram)
        if message.forwardRequest is not None:
            body = wire.requestBody(wire.PING, message.id, forwardResponse=packAddress(*addr))
            relayed = wire.frameRequest(message.transactionId, body)
            self.transport.write(relayed, unpackAddress(message.forwardRequest))
            return
        if message.forwardResponse is not None:
            addr = unpackAddress(message.forwardResponse)
        nodes = value = None
        if message.target is not None:
            nodes = self._population.table(self._number).closestCompact(message.target)
        else:
            value = packAddress(*addr)
        answer = wire.encodeResponse(message.transactionId, self._id, nodes, value, TOKEN)
        self.transport.write(answer, addr)


class Internet:
    """
    A simulated internet, and the lookups on it.

    :param size: the number of nodes, including dead ones
    :param seed: the seed of everything random
    """

    def __init__(self, size: int, seed: int) -> None:
        self._seed = seed
        self._population = Population(size, seed)
        random = Random(seed)
        self._dead = frozenset(random.sample(range(size), round(size * DEAD)))
        self._living = [number for number in range(size) if number not in self._dead]
        # One instance, so that both subjects have the same round trips.
        self._latency = LogNormalLatency(ROUND_TRIP / 2, SIGMA, stable=True)

    def measure(
        self,
        results: Results,
        subject: str,
        lookups: int,
        askers: int,
        begin: Callable[[Any, bytes, list[Contact], Random], LookUp],
    ) -> None:
        """
        Measure the lookups of one subject.

        :param lookups: the number of lookups
        :param askers: the number of nodes that take turns to make them
        :param begin: starts an asker from its reactor, its id, its contacts and a source of
            randomness, and returns its function to look up a target
        """
        clock = SimulatedClock()
        network = MemoryNetwork(clock, seed=self._seed, latency=self._latency, loss=LOSS)
        random = Random(self._seed)
        asking = random.sample(self._living, askers)
        for number in self._living:
            if number not in asking:
                host = self._population.contact(number).host
                network.reactor(host).listenUDP(PORT, PlainNode(self._population, number))
        begun = []
        for number in asking:
            contact = self._population.contact(number)
            assert contact.id is not None
            known = [
                each
                for each in self._population.table(number).contacts()
                if each.id is not None and self._isUp(each.id, asking)
            ]
            reactor = network.reactor(contact.host)
            begun.append((contact.host, begin(reactor, contact.id, known, Random(number))))
        clock.runFor(AGE)
        times, shares, sent = [], [], []
        failures = 0
        without = self._dead.union(asking)
        for number in range(lookups):
            host, lookUp = begun[number % askers]
            target = random.randbytes(ID_BYTES)
            clock.runFor(REST)
            counted = self._count(network, host)
            start = clock.seconds()
            try:
                found = clock.runUntil(Deferred.fromCoroutine(_run(lookUp, target)), LIMIT)
            except DHTError:
                failures += 1
                found = []
            times.append(clock.seconds() - start)
            sent.append(counted())
            ids = {contact.id for contact in found}
            closest = self._population.closest(target, K, without)
            hits = sum(self._population.contact(each).id in ids for each in closest)
            shares.append(hits / K)
        results.add(MEDIAN, CASE, subject, percentile(times, 50))
        results.add(TAIL, CASE, subject, percentile(times, 99))
        results.add(FOUND, CASE, subject, 100 * sum(shares) / lookups)
        results.add(SENT, CASE, subject, sum(sent) / lookups)
        results.add(FAILED, CASE, subject, 100 * failures / lookups)

    def _isUp(self, id: bytes, asking: list[int]) -> bool:
        number = self._population.number(id)
        return number not in self._dead and number not in asking

    def _count(self, network: MemoryNetwork, host: str) -> Callable[[], int]:
        count = 0

        def seen(source: tuple[str, int], destination: tuple[str, int], data: bytes) -> None:
            nonlocal count
            count += source[0] == host

        network.onDatagram = seen
        return lambda: count


async def _run(lookUp: LookUp, target: bytes) -> list[Contact]:
    return await lookUp(target)


def beginOurs(reactor: Any, id: bytes, contacts: list[Contact], random: Random) -> LookUp:
    """Start a node of this package."""
    node = DHTNode(reactor, id=id, contacts=contacts, random=random)
    node.listen(PORT)

    async def lookUp(target: bytes) -> list[Contact]:
        replies = await node.query("note", target).collect()
        return [reply.node for reply in replies]

    return lookUp


def beginOriginal(reactor: Any, id: bytes, contacts: list[Contact], random: Random) -> LookUp:
    """Start a node of the model of the original."""
    node = OriginalNode(reactor, id, contacts, random)
    reactor.listenUDP(PORT, node)
    return lambda target: node.query("note", target)


def run(plan: Plan, results: Results) -> None:
    """Measure both subjects on the same internets."""
    for number in range(plan.rounds):
        internet = Internet(plan.internetNodes, number)
        for subject, begin in ((OURS, beginOurs), (ORIGINAL, beginOriginal)):
            internet.measure(results, subject, plan.internetLookups, plan.internetAskers, begin)
