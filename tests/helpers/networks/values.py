"""
A network in memory whose nodes store values, for tests of `dwdht_twisted.values` and of commands.
"""

from __future__ import annotations

from typing import Any

from zope.interface import implementer

from dwdht_twisted import DHTNode, ICommandHandler, Request, values
from dwdht_twisted.interfaces import HandlerResult
from dwdht_twisted.testing import HostReactor, MemoryNetwork, SimulatedClock
from dwdht_twisted.values import MemoryStore

#: The address of the bootstrap node.
BOOTSTRAP = "10.0.0.1:6620"

#: The seconds for which nodes store a value. They are few, so that tests can let a value expire.
MAXIMUM_AGE = 60.0


@implementer(ICommandHandler)
class CountingHandler:
    """
    A `values.ValueHandler` that counts queries.

    :ivar queries: the number of received queries
    """

    def __init__(self, store: MemoryStore) -> None:
        self.queries = 0
        self._handler = values.ValueHandler(store)

    def queryReceived(self, request: Request) -> HandlerResult:
        """Count the query and pass it on."""
        self.queries += 1
        return self._handler.queryReceived(request)

    def updateReceived(self, request: Request) -> HandlerResult:
        """Pass the update on."""
        return self._handler.updateReceived(request)


class ValueNetwork:
    """
    A bootstrap node at `BOOTSTRAP`, and nodes that store values. Each has its own host.

    :param options: the options of the nodes that store values
    :ivar clock: the clock of all nodes
    :ivar network: the network that carries their datagrams
    :ivar members: the nodes that store values
    :ivar stores: the store of each member, by the member's id
    :ivar handlers: the handlers of the members
    """

    def __init__(self, size: int, **options: Any) -> None:
        self._options = options
        self.clock = SimulatedClock()
        self.network = MemoryNetwork(self.clock, seed=5)
        self.members: list[DHTNode] = []
        self.stores: dict[bytes, MemoryStore] = {}
        self.handlers: list[CountingHandler] = []
        self.bootstrap = DHTNode(
            self.reactor(),
            ephemeral=True,
            random=self.network.random,
            networkKey=options.get("networkKey"),
        )
        self.bootstrap.listen(6620)
        for _ in range(size):
            self.join()

    def reactor(self) -> HostReactor:
        """Return the reactor of a new host."""
        return self.network.reactor()

    def visitor(self, reactor: HostReactor | None = None) -> DHTNode:
        """Return a new ephemeral node, on a new host by default."""
        return DHTNode(
            reactor or self.reactor(),
            ephemeral=True,
            bootstrap=[BOOTSTRAP],
            random=self.network.random,
        )

    def join(self) -> None:
        """Add a member, and wait until it has joined."""
        node = DHTNode(
            self.reactor(), bootstrap=[BOOTSTRAP], random=self.network.random, **self._options
        )
        store = MemoryStore(self.clock, maximumAge=MAXIMUM_AGE)
        handler = CountingHandler(store)
        node.register(values.COMMAND, handler)
        node.register(values.RECORDS, values.RecordHandler(store, seconds=self.clock.seconds))
        self.clock.runUntil(node.ready())
        self.members.append(node)
        self.stores[node.id] = store
        self.handlers.append(handler)

    def asked(self) -> int:
        """Return the number of queries that all members together have received."""
        return sum(handler.queries for handler in self.handlers)

    def closest(self, key: bytes) -> list[bytes]:
        """Return the ids of the 20 members closest to a key, closest first."""
        target = int.from_bytes(key, "big")
        return sorted(self.stores, key=lambda id: int.from_bytes(id, "big") ^ target)[:20]

    def holders(self, key: bytes) -> set[bytes]:
        """Return the ids of the members that store the value of a key."""
        return {id for id, store in self.stores.items() if store.get(key) is not None}
