"""
Nodes that keep values and hand them on, on a network in memory.
"""

from __future__ import annotations

from random import Random

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from dwdht_twisted import Address, DHTNode, values
from dwdht_twisted._core import wire
from dwdht_twisted.interfaces import ICommandHandler, Request
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock
from dwdht_twisted.values import HandOver, MemoryStore
from dwdht_twisted.values.keeping.handover import PASS_EVERY
from dwdht_twisted.values.keeping.payloads import HAND_OVER, decodeOffer, encodeLacking

BOOTSTRAP = Address("10.0.0.1", 6620)

#: The seconds in which every node has made a pass after a node has joined.
SOON = 1.5 * PASS_EVERY


class Holder:
    """
    A node that keeps values and hands them on.

    :param isOriginal: whether it lacks the hand-over command, like a node of ``dht-rpc``
    """

    def __init__(self, network: MemoryNetwork, seed: int, *, isOriginal: bool = False) -> None:
        reactor = network.reactor()
        self.host = reactor.host
        self.node = DHTNode(reactor, bootstrap=[BOOTSTRAP], random=Random(seed))
        self.store = MemoryStore(network.clock)
        self.node.register(values.COMMAND, values.ValueHandler(self.store))
        self.service = HandOver(self.node, self.store, reactor, random=Random(-seed))
        if not isOriginal:
            self.service.startService()
        self.node.listen(6620)

    def lifetime(self, key: bytes) -> float:
        """Return the remaining lifetime of a value in seconds, 0 when it is not there."""
        return self.store.remaining(key) or 0.0


@implementer(ICommandHandler)
class Greedy:
    """Claims to lack each value that it is offered, and takes none."""

    def queryReceived(self, request: Request) -> bytes | None:
        """Claim to lack everything."""
        keys = decodeOffer(request.value)
        return encodeLacking([True] * len(keys)) if keys else None

    def updateReceived(self, request: Request) -> Deferred[None]:
        """Never answer."""
        return Deferred()


class HandOverTestCase(SynchronousTestCase):
    """
    A base for tests with holders on a network in memory.

    :ivar holders: the holders that are up
    :ivar joined: the number of holders that have joined so far
    :ivar requests: of each request of the hand-over command: the time, the hosts of its sender and
        its receiver, its bytes, and whether it is an update
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.network = MemoryNetwork(self.clock, seed=4, latency=0.02)
        self.bootstrap = DHTNode(self.network.reactor(), ephemeral=True, random=Random(0))
        self.bootstrap.listen(6620)
        self.holders: list[Holder] = []
        self.joined = 0
        self.random = Random(12)
        self.requests: list[tuple[float, str, str, int, bool]] = []
        self.network.onDatagram = self.sent
        self.addCleanup(self.leaveAll)

    def sent(self, source: tuple[str, int], to: tuple[str, int], datagram: bytes) -> None:
        """Note a request of the hand-over command."""
        message = wire.decode(datagram)
        if isinstance(message, wire.RequestMessage) and message.command == HAND_OVER:
            self.requests.append(
                (
                    self.clock.seconds(),
                    source[0],
                    to[0],
                    len(datagram),
                    message.roundtripToken is not None,
                )
            )

    def handedTo(self, host: str) -> int:
        """Return how many values were handed to a host."""
        return sum(isUpdate and to == host for _, _, to, _, isUpdate in self.requests)

    def join(self, count: int = 1, *, isOriginal: bool = False) -> Holder:
        """Add holders, and return the last."""
        for _ in range(count):
            self.joined += 1
            holder = Holder(self.network, self.joined, isOriginal=isOriginal)
            self.clock.runUntil(holder.node.ready())
            self.holders.append(holder)
        return holder

    def leave(self, holder: Holder) -> None:
        """End a holder without a notice to the others."""
        self.holders.remove(holder)
        self.clock.runUntil(holder.service.stopService())
        self.clock.runUntil(holder.node.destroy())

    def leaveAll(self) -> None:
        """End all nodes, and require that no timer is left."""
        for holder in list(self.holders):
            self.leave(holder)
        self.clock.runUntil(self.bootstrap.destroy())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def put(self, *contents: bytes) -> list[bytes]:
        """Put values through a holder, and return their keys."""
        node = self.holders[0].node
        return [self.clock.runUntil(values.put(node, content)) for content in contents]

    def holding(self, key: bytes) -> list[Holder]:
        """Return the holders of a value."""
        return [holder for holder in self.holders if holder.lifetime(key)]
